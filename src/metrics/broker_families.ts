/** Metrics about the broker as a whole: ceilings, store, process. */
import denoJson from "../../deno.json" with { type: "json" };
import { runtimeVersions } from "../runtime/process_figures.ts";
import { byLabel, counter, type Family, gauge, histogram, type Sample } from "./family.ts";
import type { CeilingFigures, Figures, StoreFigures } from "./figures.ts";

const CEILING = ["ceiling", "listener"];

export const brokerFamilies: readonly Family[] = [
  gauge(
    "amqtt_ceiling_used",
    "What is used of a limit. Of a limit of each client: by the one that is nearest to it.",
    ofCeilings(({ used }) => used),
    CEILING,
  ),
  gauge("amqtt_ceiling_limit", "The limit, a key of the config.", ofCeilings(({ limit }) => limit), CEILING),
  gauge("amqtt_store_up", "1 if what has to be stored is stored, and in time.", ofStore(({ up }) => Number(up))),
  counter("amqtt_store_commits", "Commits.", ofStore(({ commitLatency }) => commitLatency.count)),
  counter("amqtt_store_rows", "Changes that were stored, in all commits.", ofStore(({ changes }) => changes)),
  gauge(
    "amqtt_store_waiting_rows",
    "Changes that are not stored yet.",
    ofStore(({ waitingChanges }) => waitingChanges),
  ),
  gauge(
    "amqtt_store_waiting_bytes",
    "What messages that are not stored yet take in memory.",
    ofStore(({ waitingBytes }) => waitingBytes),
  ),
  histogram("amqtt_store_commit_seconds", "What a commit takes.", ({ store }) => store?.commitLatency),
  histogram(
    "amqtt_event_loop_delay_seconds",
    "How late a timer comes that is due four times a second.",
    ({ eventLoopDelay }) => eventLoopDelay,
  ),
  gauge("amqtt_process_resident_memory_bytes", "Memory of the process.", ({ process }) => process.residentBytes),
  gauge("amqtt_process_heap_used_bytes", "JavaScript objects.", ({ process }) => process.heapUsedBytes),
  gauge("amqtt_process_heap_size_bytes", "What is taken for objects.", ({ process }) => process.heapSizeBytes),
  gauge("amqtt_process_external_memory_bytes", "Buffers outside of the heap.", ({ process }) => process.externalBytes),
  counter("amqtt_process_cpu_seconds", "Processor time.", ({ process }) => {
    return byLabel("mode", { user: process.userSeconds, system: process.systemSeconds });
  }, ["mode"]),
  gauge("amqtt_start_time_seconds", "When the broker started, in seconds since 1970.", ({ statistics }) => {
    return statistics.startedAt.getTime() / 1000;
  }),
  gauge("amqtt_uptime_seconds", "Time since the start.", uptimeSeconds),
  gauge("amqtt_build_info", "1; the labels tell what runs, under Deno or Node.", build, [
    "version",
    "deno",
    "node",
    "v8",
  ]),
];

/** Time since the start. */
export function uptimeSeconds({ statistics, epochSeconds }: Figures): number {
  return Math.max(0, epochSeconds - statistics.startedAt.getTime() / 1000);
}

function ofCeilings(of: (ceiling: CeilingFigures) => number): (figures: Figures) => readonly Sample[] {
  return ({ ceilings }) =>
    ceilings.map((figures) => {
      const { ceiling, listener } = figures;
      return { labels: { ceiling, ...listener !== undefined && { listener } }, value: of(figures) };
    });
}

/** Where nothing is stored there is nothing to tell. */
function ofStore(of: (store: StoreFigures) => number): (figures: Figures) => readonly Sample[] {
  return ({ store }) => store ? [{ value: of(store) }] : [];
}

function build(): readonly Sample[] {
  return [{ labels: { version: denoJson.version, ...runtimeVersions() }, value: 1 }];
}
