/** A client that always has something to read gets no more than its turn. */
import { assertEquals, assertLess } from "@std/assert";
import type { Transport } from "../../src/transport/transport.ts";
import { concat, encodeClientPacket } from "../support/client_codec.ts";
import { connectPacket, publishPacket } from "../support/client_packets.ts";
import { systemMachine } from "../../src/runtime/machine.ts";
import { startBroker } from "../support/test_broker.ts";

/** A second or so of the broker's time: many turns. */
const MOST_READS = 1000;

/** The broker's end of a connection whose client never stops to publish: each read is answered at once, and filled. */
class Flood implements Transport {
  readonly kind = "stream";
  readonly secure = false;
  readonly remote = {};
  readonly acceptedAt = performance.now();
  reads = 0;
  readonly #onRead: () => void;
  readonly #packet = encodeClientPacket(publishPacket(0, "flood", "0123456789"), 4);
  #next = concat(encodeClientPacket(connectPacket({ clientIdentifier: "flood" }), 4));
  #at = 0;
  #isOver = false;

  /** @param onRead called when the broker asks for more */
  constructor(onRead: () => void) {
    this.#onRead = onRead;
  }

  read(into: Uint8Array): Promise<number | null> {
    this.#onRead();
    if (this.#isOver || this.reads === MOST_READS) return Promise.resolve(null);
    this.reads++;
    for (let i = 0; i < into.length; i++) {
      into[i] = this.#next[this.#at++]!;
      if (this.#at < this.#next.length) continue;
      this.#next = this.#packet;
      this.#at = 0;
    }
    return Promise.resolve(into.length);
  }

  write(): Promise<void> {
    return Promise.resolve();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#isOver = true;
  }
}

Deno.test("A client that pours messages in lets the runtime look at the others before it is through", async () => {
  await using broker = await startBroker();
  const { promise: othersTurn, resolve } = Promise.withResolvers<number>();
  const flood: Flood = new Flood(() => {
    // Timers and sockets have their turn together.
    if (flood.reads === 1) setTimeout(() => resolve(flood.reads), 0);
  });
  const served = broker.broker.accept(flood, { listener: "memory" });
  const readsBefore = await othersTurn;
  flood.close();
  await served;
  assertLess(readsBefore, MOST_READS);
});

/** What is done between two looks at the clock, as the budget counts, with what is looked at in one go. */
const MOST_STEPS = 2000;

/** The machine as it is, with the most steps that were ever done between two looks at the clock. */
function countingMachine() {
  const machine = systemMachine();
  const most = { steps: 0 };
  const now = (steps: number) => {
    most.steps = Math.max(most.steps, steps);
    return machine.now(steps);
  };
  return { most, machine: { ...machine, now } };
}

for (const sessionExpiryIntervalSeconds of [0, 1000]) {
  const session = sessionExpiryIntervalSeconds === 0 ? "whose session ends" : "whose session stays";
  Deno.test(`A share member ${session} leaves its messages to mates that are busy in turns`, async () => {
    const [messages, mates] = [2000, 60];
    const { most, machine } = countingMachine();
    await using broker = await startBroker({ queueLimit: 10_000 }, machine);
    const options = { receiveMaximum: 1, sessionExpiryIntervalSeconds };
    const leaver = await broker.connect5({ ...options, clientIdentifier: "leaver" });
    await leaver.subscribe("$share/s/x", 1);
    for (let i = 0; i < messages; i++) await broker.broker.publish("x", `${i}`, { qos: 1 });
    for (let i = 0; i < mates; i++) {
      const mate = await broker.connect5({ ...options, clientIdentifier: `mate${i}` });
      await mate.subscribe("$share/s/x", 1);
      await broker.broker.publish("x", "", { qos: 1 });
    }
    most.steps = 0;
    await broker.lose(leaver);
    const waiting = () =>
      Array.from(broker.broker.sessions()).reduce((sum, { clientIdentifier, messagesQueued }) => {
        return clientIdentifier === "leaver" ? sum : sum + messagesQueued;
      }, 0);
    // What is under way to a client that has gone stays its own, unless its session ends.
    const all = sessionExpiryIntervalSeconds === 0 ? messages : messages - 1;
    while (waiting() < all) await new Promise((resolve) => setTimeout(resolve, 0));
    // The broker's next work counts what was done before.
    await (await broker.connect()).expectNothing();
    assertEquals(waiting(), all);
    assertLess(most.steps, MOST_STEPS);
  });
}

Deno.test("A message to thousands of subscriptions at QoS 2 comes once to each, in turns, and a PUBLISH of others between", async () => {
  const { most, machine } = countingMachine();
  await using broker = await startBroker({}, machine);
  const inside = Array.from({ length: 20_000 }, () => broker.broker.subscribe("x"));
  const [publisher, other] = [await broker.connect5(), await broker.connect5()];
  await publisher.subscribe("x", 2);
  most.steps = 0;
  const outcome = publisher.publish("x", "all", { qos: 2 });
  await other.publish("y", "meanwhile", { qos: 1 });
  await outcome;
  await publisher.takeMessage({ topicName: "x", payload: "all", qos: 2 });
  for (const one of inside) {
    assertEquals((await one.next()).value?.topicName, "x");
    await one.return!();
  }
  assertLess(most.steps, MOST_STEPS);
});
