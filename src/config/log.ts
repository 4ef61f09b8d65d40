/** The section `log`: what is logged, and how. */
import type { PluginEntry, ResolvedLog } from "./config.ts";
import type { KeyPath } from "./key_path.ts";
import { defaultLog } from "./keys.ts";
import type { Report } from "./report.ts";
import { type BrokerValues, logSchema } from "./schema.ts";
import { readSection, type Section } from "./section.ts";

/** Reads `log`. */
export function resolveLog(broker: Section<BrokerValues>, report: Report): ResolvedLog {
  const { log: input = {} } = broker.values;
  const path: KeyPath = broker.pathOf("log");
  const { values } = readSection(logSchema, input, path, report);
  return { ...defaultLog, ...values };
}

/** The plugins that write packets and messages to the log, as the section wants them. */
export function withLog(plugins: readonly PluginEntry[], { packets, excludeSys }: ResolvedLog): PluginEntry[] {
  const all = [...plugins];
  if (packets === "headers" && !all.some(({ specifier }) => specifier === "packet_logger")) {
    all.push({ specifier: "packet_logger", options: undefined, place: "log.packets" });
  }
  if (excludeSys) return all;
  return all.map((entry) => {
    if (entry.specifier !== "packet_logger" && entry.specifier !== "event_logger") return entry;
    return { ...entry, options: { excludeSys, ...entry.options as object | undefined } };
  });
}
