/** Group commit: what is stored together, who is told when, and what a fault does. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { CommitWaiter, WriteQueue } from "../../src/persistence/write_queue.ts";
import { type Change, type ClockChange, StoreError } from "../../src/store/store.ts";
import { Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { until } from "../support/durable_broker.ts";
import { broken, change, delivery, journalOf, message, notesOf } from "./support.ts";

const numbers = (changes: readonly Change[]) =>
  changes.map((change) => change.type === "accept" ? change.packetIdentifier : 0);

/** Writes down what a write queue tells. */
function watch(writeQueue: WriteQueue): number[] {
  const told: number[] = [];
  const waiter: CommitWaiter = { committed: (position) => void told.push(position) };
  writeQueue.subscribe(waiter);
  return told;
}

Deno.test("What one turn changes is one batch, and what comes while it is stored is the next", async () => {
  const { store, writeQueue } = await journalOf();
  const told = watch(writeQueue);
  store.hold();
  for (const number of [1, 2, 3]) writeQueue.append(change(number));
  await until("the store to be asked", () => store.held === 1);
  for (const number of [4, 5]) writeQueue.append(change(number));
  assertEquals([writeQueue.position, writeQueue.committed, store.held], [5, 0, 1]);
  store.release();
  await writeQueue.settled();
  assertEquals([told, writeQueue.committed, numbers(store.changes)], [[3, 5], 5, [1, 2, 3, 4, 5]]);
});

Deno.test("Of two steps of the clock in one batch the later one is what the store knows", async () => {
  const clock = { type: "clock", at: 1000, epoch: 0 } as const;
  const now: { clock?: ClockChange } = {};
  const { store, writeQueue } = await journalOf({ retryMs: 0, clock: () => now.clock });
  store.hold();
  writeQueue.append(change(1));
  await until("the store to be asked", () => store.held === 1);
  writeQueue.append({ ...clock, epoch: 10_000 });
  now.clock = { ...clock, at: 1100, epoch: 70_100 };
  store.release();
  await writeQueue.settled();
  assertEquals(store.changes.filter(({ type }) => type === "clock").at(-1), now.clock);
});

Deno.test("What is noted while somebody holds the write queue back is one batch, which the next holder waits for", async () => {
  const { store, writeQueue } = await journalOf();
  const told = watch(writeQueue);
  writeQueue.append(change(1));
  const release = writeQueue.hold();
  await new Promise((resolve) => setTimeout(resolve, 0));
  writeQueue.append(change(2));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([store.changes, writeQueue.committed], [[], 0]);
  release();
  const ready = writeQueue.whenHeldIsTaken();
  assert(ready);
  await ready;
  assertEquals(writeQueue.whenHeldIsTaken(), undefined);
  await writeQueue.settled();
  assertEquals([told, numbers(store.changes)], [[2], [1, 2]]);
});

Deno.test("Who holds the write queue back and notes nothing need not be waited for", async () => {
  const { writeQueue } = await journalOf();
  writeQueue.hold()();
  assertEquals(writeQueue.whenHeldIsTaken(), undefined);
});

Deno.test("A write queue that is closed while it is held back holds up nobody", async () => {
  const { writeQueue } = await journalOf();
  writeQueue.hold();
  writeQueue.append(change(1));
  const ready = writeQueue.whenHeldIsTaken();
  const settled = writeQueue.settled();
  await new Promise((resolve) => setTimeout(resolve, 0));
  writeQueue.close();
  await Promise.all([ready, settled]);
  assertEquals(writeQueue.committed, 0);
});

Deno.test("Nothing is given to a store that is still being read", async () => {
  const opened = Promise.withResolvers<void>();
  const { store, writeQueue } = await journalOf({ opened: opened.promise });
  for (const number of [1, 2]) writeQueue.append(change(number));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([store.changes, writeQueue.committed], [[], 0]);
  opened.resolve();
  await writeQueue.settled();
  writeQueue.append(change(3));
  await writeQueue.settled();
  assertEquals([numbers(store.changes), writeQueue.committed], [[1, 2, 3], 3]);
});

Deno.test("What is taken back is not stored, and its position is committed in its turn", async () => {
  const { store, writeQueue } = await journalOf();
  store.hold();
  writeQueue.append(change(1));
  await until("the store to be asked", () => store.held === 1);
  const index = writeQueue.append(change(2));
  writeQueue.append(change(3));
  writeQueue.takeBack(index);
  assertEquals(writeQueue.position, 4);
  store.release();
  await writeQueue.settled();
  assertEquals([writeQueue.committed, numbers(store.changes)], [4, [1, 3]]);
});

Deno.test("A batch of which all is taken back is committed without the store", async () => {
  const { store, writeQueue } = await journalOf();
  store.hold();
  writeQueue.takeBack(writeQueue.append(change(1)));
  await writeQueue.settled();
  assertEquals([writeQueue.committed, store.held, store.changes], [2, 0, []]);
});

Deno.test("A message that nobody needed when it was stored is stored again with what needs it later", async () => {
  const { store, writeQueue, notes } = await notesOf();
  const kept = message();
  const [first, second] = [delivery(kept, 1), delivery(kept, 1)];
  // The same batch has all that comes of it, so that the store has forgotten the message by the end of it.
  notes(1).queued(first);
  notes(1).released(first);
  await writeQueue.settled();
  assertEquals([store.messages, kept.storedId], [0, 0]);
  notes(2).queued(second);
  await writeQueue.settled();
  assertEquals([store.messages, kept.storedId > 0], [1, true]);
  const [read] = await store.deliveries(2, { underWay: false, after: 0, maximumMessages: 1, maximumBytes: 1 });
  assertEquals(read?.message?.payload, kept.payload);
});

Deno.test("A fault is told of once, nothing is committed meanwhile, and all is stored in order afterwards", async () => {
  const { store, writeQueue, faults, logger } = await journalOf();
  const told = watch(writeQueue);
  store.failing = broken();
  writeQueue.append(change(1));
  await until("the fault to be seen", () => writeQueue.fault !== undefined);
  writeQueue.append(change(2));
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals([told, writeQueue.committed, faults.length], [[], 0, 1]);
  store.failing = undefined;
  await writeQueue.settled();
  assertEquals([numbers(store.changes), told, writeQueue.fault, faults.at(-1)], [[1, 2], [1, 2], undefined, undefined]);
  assertEquals(faults.length, 2);
  assertEquals(logger.lines.filter((line) => line.startsWith("error")).length, 1);
});

for (const error of [new StoreError("damaged", "corrupt"), new StoreError("broken by it", "rejected")]) {
  Deno.test(`A store that is or says "${error.fault}" is asked again rarely, and the log says so`, async () => {
    const { store, writeQueue, faults, logger } = await journalOf({ retryMs: 0, lastingRetryMs: 2 ** 30 });
    let asked = 0;
    store.append = () => {
      asked++;
      return Promise.reject(error);
    };
    writeQueue.append(change(1));
    await until("the fault to be seen", () => writeQueue.fault !== undefined);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals([asked, writeQueue.committed, writeQueue.fault, faults], [1, 0, error, [error]]);
    const said = `nothing is acknowledged until it can be stored: ${error.message} (this will not pass by itself; `;
    assert(logger.lines.some((line) => line.includes(said)), logger.lines.join("\n"));
    writeQueue.close();
  });
}

Deno.test("An error that is no store's word counts as rejected", async () => {
  const { store, writeQueue } = await journalOf({ lastingRetryMs: 2 ** 30 });
  store.append = () => Promise.reject(new TypeError("x is undefined"));
  writeQueue.append(change(1));
  await until("the fault to be seen", () => writeQueue.fault !== undefined);
  assertEquals(writeQueue.fault?.fault, "rejected");
  assert(writeQueue.fault?.message.includes("x is undefined"), writeQueue.fault?.message);
  writeQueue.close();
});

Deno.test("A fault that turns out to last is told of again, and what was repaired is stored", async () => {
  const { store, writeQueue, faults, logger } = await journalOf({ retryMs: 0, lastingRetryMs: 0 });
  store.failing = broken();
  writeQueue.append(change(1));
  await until("the fault to be seen", () => writeQueue.fault !== undefined);
  store.failing = new StoreError("damaged", "corrupt");
  await until("the other to be seen", () => writeQueue.fault?.lasting === true);
  const errors = () => logger.lines.filter((line) => line.startsWith("error")).length;
  assertEquals([errors(), faults.length], [2, 1]);
  store.failing = undefined;
  await writeQueue.settled();
  assertEquals([numbers(store.changes), faults.at(-1), errors()], [[1], undefined, 2]);
});

Deno.test("A fault that becomes another one of its kind is told of again, each once", async () => {
  const { store, writeQueue, faults, logger } = await journalOf({ retryMs: 0 });
  const told = [
    new StoreError("full", "full"),
    new StoreError("broken", "io"),
    new StoreError("broken otherwise", "io"),
  ];
  let asked = 0;
  // Each of them comes three times.
  store.append = () => asked < 9 ? Promise.reject(told[Math.floor(asked++ / 3)]) : Promise.resolve();
  writeQueue.append(change(1));
  await writeQueue.settled();
  const errors = logger.lines.filter((line) => line.startsWith("error"));
  const expected = told.map(({ message }) => `error: nothing is acknowledged until it can be stored: ${message}`);
  assertEquals([errors, faults], [expected, [told[0], undefined]]);
});

Deno.test("A writeQueue that is closed during a fault ends, and tells nobody that anything was stored", async () => {
  const { store, writeQueue } = await journalOf();
  const told = watch(writeQueue);
  store.failing = broken();
  writeQueue.append(change(1));
  const settled = writeQueue.settled();
  await until("the fault to be seen", () => writeQueue.fault !== undefined);
  writeQueue.close();
  await settled;
  assertEquals([writeQueue.committed, store.changes], [0, []]);
  assert(told.every((position) => position === 0));
});

Deno.test("A writeQueue that was closed takes nothing any more, and nobody waits for it", async () => {
  const { store, writeQueue } = await journalOf();
  for (const number of [1, 2]) writeQueue.append(change(number));
  await writeQueue.settled();
  writeQueue.close();
  writeQueue.append(change(3));
  await writeQueue.settled();
  assertEquals([writeQueue.committed, numbers(store.changes)], [2, [1, 2]]);
});

Deno.test("Who unsubscribes is told no more, even by another that is told first", async () => {
  const { writeQueue } = await journalOf();
  const told = watch(writeQueue);
  const once: CommitWaiter = { committed: () => writeQueue.unsubscribe(once) };
  writeQueue.subscribe(once);
  writeQueue.append(change(1));
  await writeQueue.settled();
  writeQueue.append(change(2));
  await writeQueue.settled();
  assertEquals(told, [1, 2]);
});

Deno.test("Under any sequence of steps all that was not taken back is stored, once and in order", async () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const step = fc.constantFrom("append", "append", "take back", "turn", "hold", "release", "fail", "work");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      const { store, writeQueue } = await journalOf();
      const told = watch(writeQueue);
      const wanted = new Set<number>();
      let present: { batch: number; index: number; number: number }[] = [];
      let last = 0;
      for (const step of steps) {
        present = present.filter(({ batch }) => batch === writeQueue.batch);
        if (step === "append") {
          const [number, batch] = [++last, writeQueue.batch];
          wanted.add(number);
          present.push({ number, batch, index: writeQueue.append(change(number)) });
        } else if (step === "take back") {
          const one = present.pop();
          if (!one) continue;
          writeQueue.takeBack(one.index);
          wanted.delete(one.number);
        } else if (step === "turn") await new Promise((resolve) => setTimeout(resolve));
        else if (step === "hold" || step === "release") store[step]();
        else store.failing = step === "fail" ? broken() : undefined;
        assert(writeQueue.committed <= writeQueue.position);
      }
      store.failing = undefined;
      store.release();
      await writeQueue.settled();
      assertEquals(numbers(store.changes), [...wanted]);
      assertEquals(writeQueue.committed, writeQueue.position);
      assertEquals(told, told.toSorted((a, b) => a - b));
      writeQueue.close();
    }),
    { seed, numRuns: 60 },
  );
});

Deno.test("The bytes of messages count until they are stored or taken back", async () => {
  const { store, writeQueue } = await journalOf();
  const message = Message.of({ topicName: parseTopicName("a"), payload: new Uint8Array(1000), qos: 1 });
  const retain = () => ({
    message,
    change: { type: "retain" as const, topicName: message.topicName, messageId: 0, serial: 1 },
  });
  store.hold();
  message.storedReferences++;
  writeQueue.append(retain());
  await until("the store to be asked", () => store.held === 1);
  const index = writeQueue.append(retain());
  assertEquals(writeQueue.unstoredBytes, 2 * message.sizeBytes);
  writeQueue.replace(index, change(1));
  assertEquals(writeQueue.unstoredBytes, message.sizeBytes);
  writeQueue.takeBack(writeQueue.append(retain()));
  assertEquals(writeQueue.unstoredBytes, message.sizeBytes);
  store.release();
  await writeQueue.settled();
  assertEquals(writeQueue.unstoredBytes, 0);
});

Deno.test("A commit is timed from when its batch is given to the store, tries that fail included", async () => {
  let nowMs = 1000;
  const { store, writeQueue } = await journalOf({ retryMs: 0, now: () => nowMs });
  assertEquals(writeQueue.underWayMs(nowMs), 0);
  store.hold();
  for (const number of [1, 2]) writeQueue.append(change(number));
  await until("the store to be asked", () => store.held === 1);
  nowMs = 1500;
  assertEquals(writeQueue.underWayMs(nowMs), 500);
  store.failing = broken();
  store.release();
  await until("the store to fail", () => writeQueue.fault !== undefined);
  nowMs = 3000;
  store.failing = undefined;
  await writeQueue.settled();
  assertEquals([writeQueue.latency.count, writeQueue.latency.sum, writeQueue.storedChanges], [1, 2, 2]);
  assertEquals(writeQueue.underWayMs(nowMs), 0);
});
