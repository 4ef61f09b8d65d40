/** What a start would fail at or warn of, found out without listening, opening a store or serving anybody. */
import { readTokens } from "../admin/access/tokens.ts";
import type { ResolvedConfig, ResolvedListener } from "../config/config.ts";
import { formatKeyPath } from "../config/key_path.ts";
import { buildHookChain } from "../hooks/chain.ts";
import type { LoadedPlugin } from "../hooks/loader.ts";
import type { Logger } from "../logger.ts";
import { loadTlsMaterial } from "../transport/tls/material.ts";
import { adminListeners } from "./admin_listeners.ts";
import { BrokerParts } from "./broker_parts.ts";
import { certificateProblem, certificateWarning } from "./certificate_problem.ts";
import { checkAddresses } from "./check_addresses.ts";
import { emptyPasswordFiles } from "./empty_password_files.ts";
import { errorText } from "../error_text.ts";
import { InProcess } from "../embedding/in_process.ts";
import { pluginLoader } from "./plugin_loader.ts";
import { PLUGIN_PATIENCE_MS } from "./shutdown.ts";
import { createStore } from "./stores.ts";
import { within } from "../runtime/within.ts";

/** One thing that a start would fail at. */
export interface StartFault {
  /** Key path in the config. */
  readonly place: string;
  /** What is wrong, and what was expected. */
  readonly problem: string;
}

/** What {@linkcode checkStart} finds. */
export interface StartFindings {
  readonly faults: readonly StartFault[];
  /** What plugins and the store have warned of. */
  readonly warnings: readonly string[];
}

/**
 * Goes through a start by the code of the start: looks up addresses and the places of sockets, reads and matches
 * certificates, keys and authorities, calls the plugins' factories, which read the password file, and makes the store. Everything that was made is ended again.
 */
export async function checkStart(config: ResolvedConfig): Promise<StartFindings> {
  const warnings: string[] = [];
  const logger = warningLogger(warnings);
  const faults: StartFault[] = [];
  const admin = adminListeners(config);
  const isAdmin = new Set(admin.map(({ listener }) => listener.name));
  const all = [...config.listeners, ...admin.map(({ listener }) => listener)];
  for (const { listener, problem, certain } of await checkAddresses(all)) {
    const place = isAdmin.has(listener) ? "admin.bind" : formatKeyPath(["listeners", listener, "bind"]);
    if (certain) faults.push({ place, problem });
    else warnings.push(`${place}: ${problem}`);
  }
  const places = [
    ...config.listeners.map(({ name, tls }) => ({ place: formatKeyPath(["listeners", name]), tls })),
    ...adminListeners(config).map(({ place, listener: { tls } }) => ({ place, tls })),
    { place: "cluster", tls: config.cluster?.tls },
  ];
  for (const { place, tls } of places) await checkTlsMaterial(place, tls, faults, warnings);
  await checkTokens(config, faults);
  await checkPlugins(config, logger, faults);
  warnings.push(...await emptyPasswordFiles(config));
  try {
    await createStore(config, logger);
  } catch (error) {
    faults.push(faultAt("persistence.type", error));
  }
  return { faults, warnings };
}

async function checkTlsMaterial(
  place: string,
  tls: ResolvedListener["tls"],
  faults: StartFault[],
  warnings: string[],
): Promise<void> {
  if (tls === undefined) return;
  try {
    const { validity } = await loadTlsMaterial(tls);
    const problem = certificateProblem(validity, Date.now());
    if (problem) warnings.push(certificateWarning(place, tls, problem));
  } catch (error) {
    // Its message begins with the key that is at fault, if it is one.
    const key = /^Cannot read ([a-z]+) /.exec(errorText(error))?.[1];
    faults.push(faultAt(key === undefined ? place : `${place}.${key}`, error));
  }
}

async function checkTokens({ admin: { tokensFile } }: ResolvedConfig, faults: StartFault[]): Promise<void> {
  if (tokensFile === undefined) return;
  try {
    await readTokens(tokensFile);
  } catch (error) {
    faults.push(faultAt("admin.tokens-file", error));
  }
}

async function checkPlugins(config: ResolvedConfig, logger: Logger, faults: StartFault[]): Promise<void> {
  const brokerParts = new BrokerParts(config, { logger });
  const load = pluginLoader(config.baseDirectory, new InProcess(brokerParts).powers());
  const loaded: LoadedPlugin[] = [];
  for (const entry of config.plugins) {
    try {
      loaded.push(await load(entry));
    } catch (error) {
      faults.push(faultAt(entry.place, error));
    }
  }
  brokerParts.ending.abort();
  brokerParts.stopTimers();
  await within(PLUGIN_PATIENCE_MS, buildHookChain(loaded, logger).afterShutdown(), brokerParts.machine);
  await brokerParts.close();
}

/** The place is told beside the problem, and each problem is one line. */
function faultAt(place: string, error: unknown): StartFault {
  const text = errorText(error).replaceAll(/\s*\n\s*/g, " ");
  const prefix = `${place}: `;
  return { place, problem: text.startsWith(prefix) ? text.slice(prefix.length) : text };
}

function warningLogger(lines: string[]): Logger {
  const keep = (text: string) => void lines.push(text);
  return { debug: () => {}, info: () => {}, warn: keep, error: keep };
}
