/** What lives from a start of the broker to its shutdown. */
import type { Bridges } from "../bridge/bridges.ts";
import { LogTap } from "../admin/log_tap.ts";
import type { ResolvedConfig } from "../config/config.ts";
import { InProcess } from "../embedding/in_process.ts";
import type { ProgramEvents } from "../embedding/program_events.ts";
import { loggerOf } from "../logger.ts";
import { describeAddress } from "../routing/describe.ts";
import type { Observability } from "../metrics/observability.ts";
import { type BrokerEnvironment, libraryLogger, systemClock } from "../runtime/environment.ts";
import { host } from "../runtime/host.ts";
import { Administration } from "./administration.ts";
import { BrokerParts, TICK_MS } from "./broker_parts.ts";
import { emptyPasswordFiles } from "./empty_password_files.ts";
import { Listeners } from "./listeners.ts";
import type { ReloadReport } from "./reload.ts";
import { Reception } from "./reception.ts";

/** How often the files of certificates are looked at, in milliseconds. */
const CERTIFICATE_LOOK_MS = 2000;
const DAY_MS = 86_400_000;

/** What lives from a start to the shutdown. */
export interface Run {
  readonly brokerParts: BrokerParts;
  readonly listeners: Listeners;
  readonly reception: Reception;
  readonly inProcess: InProcess;
  readonly administration: Administration;
  /** `undefined` before the store is open, and where there are none. */
  bridges: Bridges | undefined;
}

/** What a run has of the broker, which outlives it. */
export interface RunOwner {
  readonly events: ProgramEvents;
  /** Reads certificates, passwords and permissions again. */
  reload(): Promise<ReloadReport>;
  observability(): Observability;
}

/** The parts of a run; nothing is opened yet. */
export function makeRun(config: ResolvedConfig, environment: BrokerEnvironment, owner: RunOwner): Run {
  const { events, reload, observability } = owner;
  const log = new LogTap(() => (environment.clock ?? systemClock).epoch());
  const logger = log.wrap(environment.logger ?? libraryLogger());
  const brokerParts = new BrokerParts(config, { ...environment, logger }, events);
  const listeners = new Listeners(
    loggerOf(brokerParts.logger, "listeners"),
    brokerParts.work,
    (listener, kind, remote, reason) => {
      const where = `${describeAddress(remote)}, listener ${listener}`;
      brokerParts.refuse(listener, kind, remote, `${where}: ${reason}`);
    },
  );
  const inProcess = new InProcess(brokerParts);
  const bridges = () => run.bridges;
  const parts = { brokerParts, listeners, inProcess, log, observability, bridges };
  const run: Run = {
    brokerParts,
    listeners,
    reception: new Reception(brokerParts),
    inProcess,
    administration: new Administration(parts, reload),
    bridges: undefined,
  };
  return run;
}

function tick(brokerParts: BrokerParts): void {
  const { clock, clientTime, connections, context, wills, memory, retained, refusals, statistics } = brokerParts;
  const nowMs = clock.now();
  brokerParts.eventLoopDelay.tick(nowMs);
  statistics.tick(nowMs);
  if (clientTime.tick()) {
    const clientNowMs = clientTime.now();
    for (const connection of connections) connection.tick(clientNowMs);
  }
  context.persistence?.tick();
  wills.tick(nowMs);
  refusals.tick(nowMs);
  brokerParts.readAgain(nowMs);
  brokerParts.expireSessions(nowMs);
  retained.expire(nowMs);
  memory.look();
}

/** Loads what speaks to other brokers, if somebody wants it. */
async function makeBridges({ brokerParts, administration }: Run): Promise<Bridges | undefined> {
  const { config, context, logger } = brokerParts;
  if (config.bridges.length === 0) return undefined;
  const { Bridges } = await import("../bridge/bridges.ts");
  return new Bridges(context, logger, {
    hostname: () => host.hostname(),
    onEvent: (clientIdentifier, { kind, text }) => administration.happened(kind, clientIdentifier, text),
  });
}

function watchCertificates(brokerParts: BrokerParts, sockets: readonly Listeners[]): void {
  const { clock } = brokerParts;
  for (const listeners of sockets.filter(({ certificates }) => certificates.size > 0)) {
    listeners.warnOfCertificates(clock.epoch());
    brokerParts.every(CERTIFICATE_LOOK_MS, () => listeners.refresh(clock.epoch()));
    brokerParts.every(DAY_MS, () => listeners.warnOfCertificates(clock.epoch()));
  }
}

/**
 * Loads the plugins and opens the listeners.
 *
 * @throws {Error} if a plugin does not load or a listener cannot be opened
 */
export async function openRun(run: Run): Promise<void> {
  const { brokerParts, listeners, reception, inProcess, administration } = run;
  const { config, logger, statistics } = brokerParts;
  for (const warning of config.warnings) logger.warn(warning);
  await brokerParts.open(inProcess.powers());
  for (const warning of await emptyPasswordFiles(config)) logger.warn(warning);
  const bridges = run.bridges = await makeBridges(run);
  await bridges?.open();
  if (config.admin.binds.length > 0) void administration.recorder;
  await brokerParts.hooks.beforeStart();
  statistics.startedAt = new Date();
  await listeners.start(config.listeners, (transport, listener) => {
    reception.serve(transport, listener);
  });
  await administration.open();
  brokerParts.every(TICK_MS, () => {
    tick(brokerParts);
    bridges?.tick(brokerParts.clock.now());
  });
  bridges?.start();
  watchCertificates(brokerParts, [listeners, administration.listeners]);
}
