/** What the admin API stands on: the broker as it is seen from here. */
import type { ResolvedConfig } from "../config/config.ts";
import type { RetainedDeletion } from "../embedding/inspection.ts";
import type { Inspection } from "../embedding/inspection.ts";
import type { Observers } from "../hooks/observe.ts";
import type {
  BridgeSnapshot,
  BrokerStatistics,
  ClusterSnapshot,
  PublishOptions,
  PublishResult,
  SessionSnapshot,
} from "../hooks/plugin.ts";

import type { Logger } from "../logger.ts";
import type { ApplicationMessage } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import type { ReasonCode } from "../packet/reason_code.ts";

/** Figures and health for machines. */
export interface Observability {
  /** The page `/metrics` in the format that a header `Accept` asks for. */
  metrics(accept: string | null): { readonly contentType: string; readonly body: string };
  /** The process works. */
  live(): boolean;
  /** Clients are let in, and what they are promised can be kept. */
  ready(): boolean;
}

/** A listener as it is shown. */
export interface ListenerView {
  readonly name: string;
  readonly type: string;
  readonly secure: boolean;
  /** `undefined`: it has no socket. */
  readonly address: string | undefined;
  readonly maxConnections: number;
  readonly certificate: { readonly from: Date; readonly to: Date } | undefined;
}

/** What was read again. */
export interface Reloaded {
  readonly certificates: readonly string[];
  readonly plugins: readonly string[];
  /** Keys that hold after a restart only. */
  readonly needsRestart: readonly string[];
  readonly failed: readonly { readonly place: string; readonly reason: string }[];
}

/** A name and a password that somebody signs in with. */
export interface PasswordAttempt {
  readonly username: string;
  readonly password: string;
  /** `undefined`: not known. */
  readonly hostname: string | undefined;
  readonly signal: AbortSignal;
}

/** What a bridge can be told to do. */
export type BridgeAction = "pause" | "resume" | "reconnect";

/** See the module. */
export interface AdminHost {
  readonly config: ResolvedConfig;
  readonly logger: Logger;
  readonly statistics: BrokerStatistics;
  readonly inspection: Inspection;
  /** Of what clients make the broker hold. */
  readonly heldBytes: number;
  /** How often the store was committed, and how many seconds that took in all; `undefined`: nothing is stored. */
  readonly commits: { readonly count: number; readonly sum: number } | undefined;
  /** `undefined`: nobody makes figures for machines. */
  readonly observability?: Observability;
  /** The broker runs. */
  readonly running: boolean;
  /** Milliseconds that only grow. */
  now(): number;
  /** Milliseconds since the Unix epoch. */
  epoch(): number;
  /** Calls `tick` at intervals until the broker ends. */
  every(ms: number, tick: () => void): void;
  /** Calls `run` once, unless the returned function is called before. */
  after(ms: number, run: () => void): () => void;
  /** Resolves after everything that is ready to run has run. */
  letRun(): Promise<void>;
  listeners(): readonly ListenerView[];
  bridges(): readonly BridgeSnapshot[];
  /** False: there is no bridge of this name. */
  tellBridge(name: string, action: BridgeAction): boolean;
  /** `undefined`: the broker is on its own. */
  cluster(): ClusterSnapshot | undefined;
  sessions(): IterableIterator<SessionSnapshot>;
  session(clientIdentifier: string): SessionSnapshot | undefined;
  /** Tells what happens until the returned function is called. */
  observe(observers: Observers): () => void;
  /** Whether that is a user's password; `undefined`: nobody knows passwords. */
  checkPassword(attempt: PasswordAttempt): Promise<boolean> | undefined;
  /** What tells a user's password of now from others, without telling it; `undefined`: there is none. */
  passwordMark(username: string): string | undefined;
  disconnect(clientIdentifier: string, reasonCode?: ReasonCode, reasonString?: string): boolean;
  endSession(clientIdentifier: string): boolean;
  subscribeClient(clientIdentifier: string, topicFilter: string, qos: QoS): boolean;
  unsubscribeClient(clientIdentifier: string, topicFilter: string): boolean;
  publish(topicName: string, payload: Uint8Array, options: PublishOptions): Promise<PublishResult>;
  deleteRetained(filter: string, options: { readonly dryRun: boolean }): Promise<RetainedDeletion>;
  subscribe(topicFilter: string): AsyncIterableIterator<ApplicationMessage>;
  reload(): Promise<Reloaded>;
}
