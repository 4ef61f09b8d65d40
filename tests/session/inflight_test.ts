/** What is under way to one client, against a plain model of it, and what a store has of it. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { QoS } from "../../src/packet/packets.ts";
import { parseTopicFilter } from "../../src/packet/topic.ts";
import type { Delivery } from "../../src/session/delivery.ts";
import type { RestoredDelivery } from "../../src/session/delivery.ts";
import { DELIVERY_BYTES, Inflight } from "../../src/session/inflight.ts";
import { ShareGroup } from "../../src/topics/share_group.ts";
import { FakeSessionJournal } from "./fake_session_journal.ts";
import { delivery } from "./support.ts";

const share = new ShareGroup("g", parseTopicFilter("#"));

/** What an inflight is by its description: a map in the order of sending. */
class Model {
  readonly entries = new Map<number, { readonly delivery: Delivery; released: boolean }>();
  again: number[] = [];

  settle(packetIdentifier: number): void {
    this.entries.delete(packetIdentifier);
    this.forgetAgain(packetIdentifier);
  }

  forgetAgain(packetIdentifier: number): void {
    this.again = this.again.filter((one) => one !== packetIdentifier);
  }

  get bytes(): number {
    let bytes = 0;
    for (const { delivery, released } of this.entries.values()) if (!released) bytes += delivery.message.sizeBytes;
    return bytes;
  }
}

/** An inflight, its model, and everything that can be done to both. */
class Pair {
  readonly inflight = new Inflight();
  readonly model = new Model();
  #made = 0;

  act(act: string, number: number): void {
    const known = [...this.model.entries.keys()];
    const one = known[number % Math.max(1, known.length)];
    // Nothing new is sent while something is to be sent again.
    if (act === "enter" && this.model.again.length === 0) this.#enter(1 + number % 2 as QoS);
    else if (act === "restore" && this.model.again.length === 0) this.#restore(1 + number % 65_535, number % 3 === 0);
    else if (act === "settle" && one !== undefined) this.#settle(one);
    else if (act === "release" && one !== undefined) this.#release(one);
    else if (act === "connect") {
      this.inflight.beginAgain();
      this.model.again = known;
    } else if (act === "detach") {
      this.inflight.detach();
      this.model.again = [];
    } else if (act === "resend") this.#resend();
  }

  check(): void {
    const { inflight, model } = this;
    const { entries, again } = model;
    assertEquals([inflight.size, inflight.bytes], [entries.size, model.bytes]);
    assertEquals([inflight.isResending, inflight.nextAgain()], [again.length > 0, again[0]]);
    assertEquals(inflight.outstanding, entries.size - again.length);
    for (const [packetIdentifier, { delivery, released }] of entries) {
      assertEquals(inflight.message(packetIdentifier), released ? undefined : delivery);
      assertEquals(inflight.messageAt(delivery.qos, packetIdentifier) === delivery, !released);
      assertEquals(inflight.messageAt(delivery.qos === 1 ? 2 : 1, packetIdentifier), undefined);
      assertEquals(inflight.released(packetIdentifier)?.sequence, released ? delivery.sequence : undefined);
    }
  }

  #make(qos: QoS): Delivery {
    return { ...delivery("a", qos, this.#made), sequence: ++this.#made };
  }

  #enter(qos: QoS): void {
    const entered = this.#make(qos);
    const packetIdentifier = this.inflight.enter(entered);
    assert(packetIdentifier >= 1 && packetIdentifier <= 65_535 && !this.model.entries.has(packetIdentifier));
    this.model.entries.set(packetIdentifier, { delivery: entered, released: false });
  }

  #restore(packetIdentifier: number, released: boolean): void {
    if (this.model.entries.has(packetIdentifier)) return;
    const restored = this.#make(2);
    this.inflight.restore([
      released
        ? { packetIdentifier, delivery: undefined, released: restored }
        : { packetIdentifier, delivery: restored, released: undefined },
    ]);
    this.model.entries.set(packetIdentifier, { delivery: restored, released });
  }

  #settle(packetIdentifier: number): void {
    const { inflight } = this;
    inflight.remove(packetIdentifier, inflight.message(packetIdentifier) ?? inflight.released(packetIdentifier)!);
    this.model.settle(packetIdentifier);
  }

  #release(packetIdentifier: number): void {
    const entry = this.model.entries.get(packetIdentifier)!;
    if (entry.released || entry.delivery.qos === 1) return;
    this.inflight.release(packetIdentifier, entry.delivery);
    entry.released = true;
    this.model.forgetAgain(packetIdentifier);
  }

  #resend(): void {
    const [first] = this.model.again;
    if (first === undefined) return;
    this.inflight.sentAgain(first);
    this.model.forgetAgain(first);
  }
}

Deno.test("[MQTT-4.6.0-1] 3.1.1, [MQTT-4.6.0-1] 5.0: an inflight agrees with a plain model, order of resending included", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const act = fc.constantFrom(
    "enter",
    "enter",
    "enter",
    "settle",
    "settle",
    "release",
    "connect",
    "detach",
    "resend",
    "restore",
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(act, fc.nat(200_000)), { maxLength: 200 }), (steps) => {
      const pair = new Pair();
      for (const [name, number] of steps) {
        pair.act(name, number);
        pair.check();
      }
      const messages = [...pair.model.entries.values()].filter(({ released }) => !released);
      assertEquals(pair.inflight.end(), messages.map(({ delivery }) => delivery));
      assertEquals([pair.inflight.size, pair.inflight.bytes, pair.inflight.isResending], [0, 0, false]);
    }),
    { seed, numRuns: 300 },
  );
});

Deno.test("65,534 messages are under way at once, and one that is over makes room for another", () => {
  const inflight = new Inflight();
  const given = new Set(Array.from({ length: 65_534 }, () => inflight.enter(delivery("a", 1))));
  assertEquals([given.size, inflight.size], [65_534, 65_534]);
  inflight.remove(700, inflight.message(700)!);
  assertEquals([65_535, 700], [inflight.enter(delivery("b", 1)), inflight.enter(delivery("c", 1))]);
});

/** Messages a to e, of which b is released and c comes from a shared subscription; all are noted. */
function filled() {
  const log = new FakeSessionJournal();
  const inflight = new Inflight(log);
  for (const [name, qos] of [["a", 1], ["b", 2], ["c", 1], ["d", 2], ["e", 1]] as const) {
    const entered = { ...delivery(name, qos, 100), ...(name === "c" && { share }), sequence: 10 - inflight.size };
    log.queued(entered);
    inflight.enter(entered);
  }
  inflight.release(2, inflight.message(2)!);
  return { log, inflight };
}

/** What would be sent again. */
function resent(inflight: Inflight): string[] {
  const sent: string[] = [];
  inflight.beginAgain();
  for (let next = inflight.nextAgain(); next !== undefined; next = inflight.nextAgain()) {
    sent.push(`${inflight.message(next)?.message.topicName ?? "pubrel"}#${next}`);
    inflight.sentAgain(next);
  }
  return sent;
}

Deno.test("What was let out of memory comes back in the order of sending, whatever the order in the store", async () => {
  const { log, inflight } = filled();
  const before = inflight.bytes;
  inflight.spill();
  assertEquals([inflight.isUnread, inflight.size, inflight.stored, inflight.bytes], [true, 5, 3, before / 4]);
  assertEquals(log.forgottenNames, ["a", "d", "e"]);
  await inflight.read();
  assertEquals([inflight.isUnread, inflight.size, inflight.stored, inflight.bytes], [false, 5, 0, before]);
  assertEquals(resent(inflight), ["a#1", "pubrel#2", "c#3", "d#4", "e#5"]);
});

Deno.test("A message of a shared subscription stays in memory for other members, unless it is under way at QoS 2", () => {
  const log = new FakeSessionJournal();
  const inflight = new Inflight(log);
  for (const [name, qos] of [["a", 1], ["b", 2]] as const) inflight.enter({ ...delivery(name, qos), share });
  inflight.spill();
  assertEquals([inflight.message(1)?.message.topicName, inflight.message(2)], ["a", undefined]);
});

Deno.test("Without a log, or without a message, nothing is let out of memory", () => {
  const inflight = new Inflight();
  inflight.enter(delivery("a", 1));
  inflight.spill();
  assertEquals([inflight.isUnread, inflight.message(1)?.qos], [false, 1]);
  const empty = new Inflight(new FakeSessionJournal());
  empty.spill();
  assertEquals(empty.isUnread, false);
});

Deno.test("What was let out of memory is not acknowledged before it has been read, and its identifier stays in use", () => {
  const { inflight } = filled();
  inflight.spill();
  assertEquals([inflight.messageAt(1, 1), inflight.released(1), inflight.messageAt(2, 4)], [
    undefined,
    undefined,
    undefined,
  ]);
  assertEquals(inflight.enter(delivery("f", 1)), 6);
});

Deno.test("A read that fails can be tried again, and what comes back after the end is not taken in", async () => {
  const { log, inflight } = filled();
  inflight.spill();
  log.failing = new Error("no page");
  assertEquals(await inflight.read().catch((error: Error) => error.message), "no page");
  assertEquals(inflight.isUnread, true);
  log.failing = undefined;
  const reading = inflight.read();
  inflight.end();
  await reading;
  assertEquals([inflight.size, inflight.bytes], [0, 0]);
});

Deno.test("What the store does not have any longer is not waited for", () => {
  const { inflight } = filled();
  inflight.spill();
  const kept: RestoredDelivery = { packetIdentifier: 5, delivery: delivery("e", 1), released: undefined };
  inflight.restore([kept]);
  assertEquals(resent(inflight), ["pubrel#2", "c#3", "e#5"]);
});

Deno.test("What is under way counts with the objects around it, and the newest of all is known when it is over", () => {
  const inflight = new Inflight();
  const deliveries = [3, 9, 5].map((sequence) => ({ ...delivery(`${sequence}`, 1, 100), sequence }));
  const identifiers = deliveries.map((one) => inflight.enter(one));
  assertEquals([inflight.newest, inflight.memoryBytes], [9, inflight.bytes + 3 * DELIVERY_BYTES]);
  for (const [index, packetIdentifier] of identifiers.entries()) inflight.remove(packetIdentifier, deliveries[index]!);
  assertEquals([inflight.newest, inflight.memoryBytes], [9, 0]);
});

Deno.test("What a store has of an earlier run is counted until it has been read", () => {
  const inflight = new Inflight(new FakeSessionJournal());
  inflight.expect(2);
  assertEquals([inflight.stored, inflight.isUnread], [2, true]);
  const stored = { ...delivery("a", 2, 100), sequence: 7 };
  inflight.restore([
    { packetIdentifier: 4, delivery: stored, released: undefined },
    { packetIdentifier: 5, delivery: undefined, released: { sequence: 8, note: undefined } },
  ]);
  assertEquals([inflight.stored, inflight.isUnread, inflight.size, inflight.newest], [0, false, 2, 8]);
  assertEquals([inflight.message(4), inflight.released(5)?.sequence], [stored, 8]);
});
