/** So many subscribers inside the broker that no message to them is routed in one piece. */
import type { Broker } from "../../src/broker/broker.ts";

/** Subscribes them all at once; each must get the same messages of each topic, in the same order. */
export class Crowd {
  readonly #members: Map<string, string[]>[];

  constructor(broker: Broker, size: number) {
    this.#members = Array.from({ length: size }, () => new Map());
    for (const member of this.#members) void listen(broker, member);
  }

  /** What is not as it should be; nothing may be under way. */
  faults(): string[] {
    const [first, ...others] = this.#members.map((topics) => JSON.stringify([...topics].sort()));
    const different = others.findIndex((one) => one !== first);
    return different < 0 ? [] : [`two of a crowd have not got the same: ${first} and ${others[different]}`];
  }
}

async function listen(broker: Broker, topics: Map<string, string[]>): Promise<void> {
  for await (const { topicName, payload } of broker.subscribe("#")) {
    const texts = topics.get(topicName) ?? [];
    topics.set(topicName, texts);
    texts.push(new TextDecoder().decode(payload).replace(/\.+$/, ""));
  }
}
