import type { BridgeSnapshot } from "../hooks/figures.ts";
import type { Figures, ListenerFigures, StoreFigures } from "../metrics/figures.ts";
import { makeObservability, type Observability } from "../metrics/observability.ts";
import { processFigures } from "../runtime/process_figures.ts";
import type { BrokerParts } from "./broker_parts.ts";
import { brokerCeilings, clientLoad } from "./ceilings.ts";
import type { Listeners, ListenerState } from "./listeners.ts";

/** The store is taken for one that does not store if a batch takes longer, in milliseconds. */
const STORE_PATIENCE_MS = 10_000;

/** What is looked at; each as it is when it is asked for, as a broker may be started again. */
export interface Observed {
  brokerParts(): BrokerParts;
  listeners(): Pick<Listeners, "states">;
  adminListeners(): Pick<Listeners, "states">;
  bridges(): readonly BridgeSnapshot[];
  /** Where the broker is between its start and its shutdown. */
  state(): "new" | "starting" | "started" | "stopping" | "stopped";
}

/** Tells how a broker is. */
export function observe(observed: Observed): Observability {
  return makeObservability({
    collect: () => collect(observed),
    live: () => observed.state() !== "stopped",
    ready: () => isReady(observed),
  });
}

function isReady(observed: Observed): boolean {
  const isUp = observed.state() === "started" && listenerFigures(observed).every(({ up }) => up);
  return isUp && (storeFigures(observed.brokerParts())?.up ?? true);
}

function collect(observed: Observed): Figures {
  const brokerParts = observed.brokerParts();
  const { statistics, clock, config, connections, connectionBySession, sessions, eventLoopDelay } = brokerParts;
  const clients = clientLoad(connectionBySession, sessions.holdersOffline(), config.limits);
  return {
    statistics: statistics.snapshot(),
    epochSeconds: clock.epoch() / 1000,
    connections: connections.size,
    socketWaitingBytes: clients.waitingBytes,
    listeners: listenerFigures(observed),
    adminCertificates: observed.adminListeners().states().flatMap(({ name, certificateExpirySeconds }) =>
      certificateExpirySeconds === undefined ? [] : [{ name, certificateExpirySeconds }]
    ),
    ceilings: [...brokerCeilings(brokerParts), ...clients.ceilings],
    bridges: observed.bridges(),
    cluster: brokerParts.context.cluster?.snapshot(),
    store: storeFigures(brokerParts),
    process: processFigures(),
    routingLatency: statistics.routingLatency,
    eventLoopDelay: eventLoopDelay.histogram,
  };
}

/** Those of the config, and those by whose name the program hands connections in. */
function listenerFigures({ brokerParts, listeners, state }: Observed): readonly ListenerFigures[] {
  const { statistics, connectionBySession, config } = brokerParts();
  const isStarted = state() === "started";
  const states = new Map<string, ListenerState>(listeners().states().map((its) => [its.name, its]));
  const withSocket = new Set(config.listeners.filter(({ type }) => type !== "external").map(({ name }) => name));
  return Array.from(statistics.listeners, ([name, { accepted, refused }]) => ({
    name,
    up: withSocket.has(name) ? states.get(name)?.up ?? false : isStarted,
    clients: connectionBySession.ofListener(name),
    accepted,
    refused,
    certificateExpirySeconds: states.get(name)?.certificateExpirySeconds,
  }));
}

function storeFigures({ context, clock }: BrokerParts): StoreFigures | undefined {
  const writeQueue = context.persistence?.writeQueue;
  return writeQueue && {
    up: writeQueue.fault === undefined && writeQueue.underWayMs(clock.now()) < STORE_PATIENCE_MS,
    changes: writeQueue.storedChanges,
    waitingChanges: writeQueue.position - writeQueue.committed,
    waitingBytes: writeQueue.unstoredBytes,
    commitLatency: writeQueue.latency,
  };
}
