import type { LatencySummary } from "./statistics.ts";

/**
 * What a load generator tells of one run, as one line of JSON. The names are those of `mqttload`, so that either
 * generator can be used. Memory is in KiB and that of the broker's process; times are in seconds, latencies in microseconds.
 */
export interface LoadResult {
  readonly scenario: string;
  /** Messages published, warm-up included, as are the next five. */
  readonly sent?: number;
  /** Deliveries that what was sent must cause. */
  readonly expected?: number;
  /** Deliveries that came, each counted once. */
  readonly received?: number;
  /** Deliveries that did not come. */
  readonly lost?: number;
  readonly duplicate?: number;
  readonly out_of_order?: number;
  readonly stray?: number;
  readonly measured_s?: number;
  readonly sent_per_s?: number;
  /** Deliveries a second in the measured time. */
  readonly msgs_per_s?: number;
  /** The same with nobody beside the traffic: the mean of before and after. */
  readonly msgs_per_s_alone?: number;
  /** Processor time of the broker for each of those, in microseconds. */
  readonly broker_cpu_us_alone?: number;
  /** Messages a second of the traffic beside it. */
  readonly carried_per_s?: number;
  /** From sending, or from when it was due, to arrival. */
  readonly latency_us?: LatencySummary;
  readonly subs_per_s?: number;
  readonly publish_per_s?: number;
  readonly connections?: number;
  readonly connected?: number;
  readonly connects_per_s?: number;
  readonly connack_us?: LatencySummary;
  readonly broker_rss_kb_before?: number;
  readonly broker_rss_kb_subscribed?: number;
  readonly broker_rss_kb_after?: number;
  readonly broker_rss_kb_held?: number;
  readonly broker_rss_kb_closed?: number;
  readonly broker_bytes_per_connection?: number;
  readonly broker_bytes_per_retained?: number;
  readonly broker_cpu_util?: number;
  /** Above 0 the run is worth nothing. */
  readonly errors: number;
  readonly first_error: string;
}

/** Processor time of the broker for each message that arrived, in microseconds; `undefined`: the system does not tell. */
export function cpuMicrosecondsOf({ broker_cpu_util: share, msgs_per_s: messages }: LoadResult): number | undefined {
  return share && messages ? share / messages * 1e6 : undefined;
}
