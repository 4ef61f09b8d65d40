import type { ResolvedConfig } from "../config/config.ts";
import { ConfigError, formatFault, formatPosition } from "../config/config_error.ts";
import { loadConfigFile, type LoadedConfig } from "../config/load.ts";
import { withLog } from "../config/log.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PluginLoadError } from "../hooks/loader.ts";
import { formatAddress } from "./address.ts";
import type { CliIo, CliSignal } from "./io.ts";
import { cliLogger, Log, type LogFlags } from "./log.ts";
import { ExitCode } from "./exit_code.ts";
import { Systemd } from "./systemd.ts";
import type { CliServices, ServedBroker } from "./services.ts";
import { host } from "../runtime/host.ts";

/** Flags of a run. */
export interface RunOptions extends LogFlags {
  /** Config file; `undefined`: the defaults. */
  readonly file?: string;
}

/** A config that is right, from a file or not. */
type Source = Pick<LoadedConfig, "notes" | "resolved"> & Partial<Pick<LoadedConfig, "locate">>;

/** Runs a broker until a signal ends it. @returns the exit code */
export async function run(options: RunOptions, io: CliIo, services: CliServices): Promise<number> {
  const log = new Log(io, options);
  log.open();
  try {
    return await serve(options, io, services, log);
  } finally {
    await log.close();
  }
}

async function serve(options: RunOptions, io: CliIo, services: CliServices, log: Log): Promise<number> {
  let source: Source | undefined;
  const signals = watchSignals(io);
  const systemd = new Systemd({ ...io.supervisor, warn: (text) => cliLogger().warn(text) });
  try {
    source = await readSource(options);
    log.open(source.resolved.log);
    for (const note of source.notes) log.say("info", note);
    const broker = await services.createBroker(withFlags(source.resolved, options));
    const ended = signals.ended.then(() => "ended" as const);
    if (await Promise.race([broker.start(), ended]) === "ended") {
      await systemd.stopping();
      await broker.shutdown();
      return ExitCode.Success;
    }
    for (const [name, address] of Object.entries(broker.addresses)) io.out(formatAddress(name, address));
    if (broker.adminUrl !== undefined) io.out(`admin: ${broker.adminUrl}`);
    const serving = Object.keys(broker.addresses).join(", ");
    await systemd.ready(`serving ${serving}`);
    const stopReloading = io.onSignal("SIGHUP", reloader(broker, options, { log, io }));
    await ended;
    stopReloading();
    await systemd.stopping();
    await broker.shutdown();
    return ExitCode.Success;
  } catch (error) {
    return reportFailure(error, source, log);
  } finally {
    systemd.close();
    signals.close();
  }
}

async function readSource({ file }: RunOptions): Promise<Source> {
  if (file !== undefined) return await loadConfigFile(file);
  const notes = ["No config file given: the defaults hold, serving 127.0.0.1:1883"];
  const resolved = resolveConfig({ admin: { bind: "127.0.0.1:9883" } }, { baseDirectory: host.cwd() });
  return { notes, resolved: { ...resolved, admin: { ...resolved.admin, isDefault: true } } };
}

/** With `--debug` packets are logged whatever the config lists. */
function withFlags(resolved: ResolvedConfig, { debug }: RunOptions): ResolvedConfig {
  if (!debug) return resolved;
  return { ...resolved, plugins: withLog(resolved.plugins, { ...resolved.log, packets: "headers" }) };
}

/** Resolves `ended` at the first SIGINT or SIGTERM; the second ends the process at once. */
function watchSignals(io: CliIo): { readonly ended: Promise<void>; close(): void } {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  let asked = false;
  const watch = (signal: CliSignal, exitCode: number) =>
    io.onSignal(signal, () => {
      if (asked) io.exit(exitCode);
      asked = true;
      resolve();
    });
  // As a shell reports a process that a signal ended: 128 and the signal's number.
  const stops = [watch("SIGINT", 130), watch("SIGTERM", 143)];
  return { ended, close: () => stops.forEach((stop) => stop()) };
}

/** Reads the config again and says what has come of it; one reload at a time, and a fault changes nothing. */
function reloader(
  broker: ServedBroker,
  options: RunOptions,
  { log, io }: { readonly log: Log; readonly io: CliIo },
): () => void {
  const logger = cliLogger();
  let last = Promise.resolve();
  const reload = async () => {
    try {
      const source = await readSource(options);
      const { certificates, plugins, needsRestart, failed } = await broker.reload(withFlags(source.resolved, options));
      if (broker.adminUrl?.includes("#")) io.out(`admin: ${broker.adminUrl}`);
      log.open(source.resolved.log);
      const read = [...certificates.map((name) => `certificates of listeners.${name}`), ...plugins, "log"];
      logger.info(`reload: read again: ${read.join(", ")}`);
      if (failed.length > 0) logger.error(`reload: the old stays: ${failed.map(({ place }) => place).join(", ")}`);
      if (needsRestart.length > 0) logger.warn(`reload: needs a restart: ${needsRestart.join(", ")}`);
      else logger.info("reload: nothing that has changed needs a restart");
    } catch (error) {
      for (const line of messageOf(error).split("\n")) logger.error(`reload: ${line}`);
    }
  };
  return () => {
    last = last.then(reload);
  };
}

function reportFailure(error: unknown, source: Source | undefined, log: Log): number {
  if (error instanceof ConfigError) {
    for (const fault of error.faults) {
      log.say("error", formatFault({ ...fault, position: fault.position ?? source?.locate?.(fault.path) }));
    }
    return ExitCode.Usage;
  }
  const line = messageOf(error).replaceAll(/\s*\n\s*/g, " ");
  if (!(error instanceof PluginLoadError)) {
    log.say("error", line);
    return ExitCode.Failure;
  }
  // Its message begins with the plugin's place in the config.
  const position = source?.locate?.(line);
  log.say("error", position === undefined ? line : `${formatPosition(position)}: ${line}`);
  return ExitCode.Usage;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
