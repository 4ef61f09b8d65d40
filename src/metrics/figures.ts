import type { Histogram } from "../histogram.ts";
import type { BridgeSnapshot, BrokerStatistics, ClusterSnapshot } from "../hooks/figures.ts";
import type { ProcessFigures } from "../runtime/process_figures.ts";

/** One listener as it is now. */
export interface ListenerFigures {
  readonly name: string;
  /** It accepts connections; one without a socket does as long as the broker runs. */
  readonly up: boolean;
  /** Clients that are signed in. */
  readonly clients: number;
  /** Connections that were taken in, and those that were not, since the start. */
  readonly accepted: number;
  readonly refused: number;
  /** Seconds since 1970 at which its certificate expires; `undefined`: it has none. */
  readonly certificateExpirySeconds: number | undefined;
}

/** How near a limit is. */
export interface CeilingFigures {
  /** The key of the config. */
  readonly ceiling: string;
  /** `undefined`: it is not one of a listener's. */
  readonly listener?: string;
  /** Messages, sessions or bytes, as the key counts. */
  readonly used: number;
  readonly limit: number;
}

/** The store as it is now. */
export interface StoreFigures {
  /** It stores, and does so in time. */
  readonly up: boolean;
  /** Changes that were stored. */
  readonly changes: number;
  /** Changes that are not stored yet, and what their messages take in memory. */
  readonly waitingChanges: number;
  readonly waitingBytes: number;
  /** What commits take, in seconds. */
  readonly commitLatency: Histogram;
}

/** All that is told of a broker in figures, as of one moment. */
export interface Figures {
  readonly statistics: BrokerStatistics;
  readonly epochSeconds: number;
  /** Connections, signed in or not. */
  readonly connections: number;
  /** Bytes that wait for the clients' sockets. */
  readonly socketWaitingBytes: number;
  readonly listeners: readonly ListenerFigures[];
  /** Of the admin API's addresses that have one. */
  readonly adminCertificates: readonly Pick<ListenerFigures, "name" | "certificateExpirySeconds">[];
  readonly ceilings: readonly CeilingFigures[];
  readonly bridges: readonly BridgeSnapshot[];
  /** `undefined`: the broker is on its own. */
  readonly cluster: ClusterSnapshot | undefined;
  /** `undefined`: nothing outlives the process. */
  readonly store: StoreFigures | undefined;
  readonly process: ProcessFigures;
  /** In seconds. */
  readonly routingLatency: Histogram;
  /** In seconds. */
  readonly eventLoopDelay: Histogram;
}
