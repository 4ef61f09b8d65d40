import type { QoS } from "../../src/packet/packets.ts";

/** QoS of a subscription; `undefined`: there is none. */
export type Subscribed = QoS | undefined;

/** Accounts for one session's subscriptions: what may hold, given the requests and their answers in order. */
export class SubscriptionLedger {
  readonly #states = new Map<string, { settled: Subscribed; asked: Subscribed[] }>();

  /** The client asks for a subscription with this QoS, or for its end. Returns what to call at SUBACK or UNSUBACK. */
  asked(topicFilter: string, wanted: Subscribed): () => void {
    const state = this.#states.get(topicFilter) ?? { settled: undefined, asked: [] };
    this.#states.set(topicFilter, state);
    state.asked.push(wanted);
    return () => {
      state.settled = wanted;
      state.asked = [];
    };
  }

  /** What is wrong with the QoS at which messages came that were published at QoS 2, by topic filter. */
  faults(seen: ReadonlyMap<string, QoS>): string[] {
    return [...this.#states].flatMap(([topicFilter, { settled, asked }]) => {
      const found = seen.get(topicFilter);
      if ([settled, ...asked].includes(found)) return [];
      return [`${topicFilter}: subscribed at ${show(found)}, not at ${[settled, ...asked].map(show).join(" or ")}`];
    });
  }
}

function show(subscribed: Subscribed): string {
  return subscribed === undefined ? "nothing" : `QoS ${subscribed}`;
}
