import type { BrokerStatistics } from "../hooks/plugin.ts";
import { Ring } from "./ring.ts";

/** How far the points of the last hour lie apart. */
export const STEP_SECONDS = 10;
const POINTS = 3600 / STEP_SECONDS;

/** Figures of one step; the first three are per second. */
export interface OverviewPoint {
  readonly atMs: number;
  readonly received: number;
  readonly sent: number;
  readonly dropped: number;
  readonly connected: number;
  readonly queued: number;
}

/** The broker's figures over the last hour. */
export class OverviewHistory {
  readonly #statistics: BrokerStatistics;
  readonly #points = new Ring<OverviewPoint>(POINTS);
  #before: Totals;

  constructor(statistics: BrokerStatistics, nowMs: number) {
    this.#statistics = statistics;
    this.#before = totalsOf(statistics, nowMs);
  }

  /** Called once in {@linkcode STEP_SECONDS}. */
  step(nowMs: number): void {
    const { clientsConnected: connected, messagesQueued: queued } = this.#statistics;
    this.#points.push({ atMs: nowMs, ...this.rates(nowMs), connected, queued });
    this.#before = totalsOf(this.#statistics, nowMs);
  }

  /** What has happened a second since the last step. */
  rates(nowMs: number): Pick<OverviewPoint, "received" | "sent" | "dropped"> {
    const now = totalsOf(this.#statistics, nowMs);
    const seconds = Math.max(1, (nowMs - this.#before.atMs) / 1000);
    const per = (key: "received" | "sent" | "dropped") => (now[key] - this.#before[key]) / seconds;
    return { received: per("received"), sent: per("sent"), dropped: per("dropped") };
  }

  /** Oldest first. */
  points(): readonly OverviewPoint[] {
    return this.#points.oldestFirst();
  }
}

interface Totals {
  readonly atMs: number;
  readonly received: number;
  readonly sent: number;
  readonly dropped: number;
}

function totalsOf(statistics: BrokerStatistics, atMs: number): Totals {
  const { publishesReceived: received, publishesSent: sent } = statistics;
  return { atMs, received, sent, dropped: totalDropped(statistics) };
}

/** Messages given up, for whatever reason. */
export function totalDropped({ messagesDropped }: BrokerStatistics): number {
  return Object.values(messagesDropped).reduce((sum, messages) => sum + messages, 0);
}
