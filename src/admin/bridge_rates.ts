import type { BridgeSnapshot } from "../hooks/plugin.ts";

/** What has crossed a bridge a second. */
export interface BridgeRate {
  readonly sentPerSecond: number;
  readonly receivedPerSecond: number;
}

type Totals = Pick<BridgeSnapshot, "messagesSent" | "messagesReceived"> & { readonly atMs: number };

const NOTHING: Totals = { atMs: 0, messagesSent: 0, messagesReceived: 0 };

/** How much crosses each bridge a second: since the step before the last, so that there is always something to look at. */
export class BridgeRates {
  #before: ReadonlyMap<string, Totals> = new Map();
  #last: ReadonlyMap<string, Totals> = new Map();

  /** Called at intervals. */
  step(bridges: readonly BridgeSnapshot[], atMs: number): void {
    this.#before = this.#last;
    this.#last = new Map(
      bridges.map(({ name, messagesSent, messagesReceived }) => [name, { atMs, messagesSent, messagesReceived }]),
    );
  }

  /** @param startedAtMs when the bridge's counts were 0 */
  of({ name, messagesSent, messagesReceived }: BridgeSnapshot, startedAtMs: number, nowMs: number): BridgeRate {
    const before = this.#before.get(name) ?? this.#last.get(name) ?? { ...NOTHING, atMs: startedAtMs };
    const seconds = Math.max(1, (nowMs - before.atMs) / 1000);
    return {
      sentPerSecond: (messagesSent - before.messagesSent) / seconds,
      receivedPerSecond: (messagesReceived - before.messagesReceived) / seconds,
    };
  }
}
