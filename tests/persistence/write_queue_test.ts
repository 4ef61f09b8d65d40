/** Group commit: what is stored together, who is told when, and what a fault does. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { CommitWaiter, Journal } from "../../src/persistence/write_queue.ts";
import { type Change, StoreError } from "../../src/store/store.ts";
import { Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { until } from "../support/durable_broker.ts";
import { broken, change, journalOf } from "./support.ts";

const numbers = (changes: readonly Change[]) =>
  changes.map((change) => change.type === "accept" ? change.packetIdentifier : 0);

/** Writes down what a journal tells. */
function watch(journal: Journal): number[] {
  const told: number[] = [];
  const waiter: CommitWaiter = { committed: (position) => void told.push(position) };
  journal.subscribe(waiter);
  return told;
}

Deno.test("What one turn changes is one batch, and what comes while it is stored is the next", async () => {
  const { store, journal } = await journalOf();
  const told = watch(journal);
  store.hold();
  for (const number of [1, 2, 3]) journal.append(change(number));
  await until("the store to be asked", () => store.held === 1);
  for (const number of [4, 5]) journal.append(change(number));
  assertEquals([journal.position, journal.committed, store.held], [5, 0, 1]);
  store.release();
  await journal.settled();
  assertEquals([told, journal.committed, numbers(store.changes)], [[3, 5], 5, [1, 2, 3, 4, 5]]);
});

Deno.test("Nothing is given to a store that is still being read", async () => {
  const opened = Promise.withResolvers<void>();
  const { store, journal } = await journalOf({ opened: opened.promise });
  for (const number of [1, 2]) journal.append(change(number));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([store.changes, journal.committed], [[], 0]);
  opened.resolve();
  await journal.settled();
  journal.append(change(3));
  await journal.settled();
  assertEquals([numbers(store.changes), journal.committed], [[1, 2, 3], 3]);
});

Deno.test("What is taken back is not stored, and its position is committed in its turn", async () => {
  const { store, journal } = await journalOf();
  store.hold();
  journal.append(change(1));
  await until("the store to be asked", () => store.held === 1);
  const index = journal.append(change(2));
  journal.append(change(3));
  journal.takeBack(index);
  assertEquals(journal.position, 4);
  store.release();
  await journal.settled();
  assertEquals([journal.committed, numbers(store.changes)], [4, [1, 3]]);
});

Deno.test("A batch of which all is taken back is committed without the store", async () => {
  const { store, journal } = await journalOf();
  store.hold();
  journal.takeBack(journal.append(change(1)));
  await journal.settled();
  assertEquals([journal.committed, store.held, store.changes], [2, 0, []]);
});

Deno.test("A fault is told of once, nothing is committed meanwhile, and all is stored in order afterwards", async () => {
  const { store, journal, faults, logger } = await journalOf();
  const told = watch(journal);
  store.failing = broken();
  journal.append(change(1));
  await until("the fault to be seen", () => journal.fault !== undefined);
  journal.append(change(2));
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals([told, journal.committed, faults.length], [[], 0, 1]);
  store.failing = undefined;
  await journal.settled();
  assertEquals([numbers(store.changes), told, journal.fault, faults.at(-1)], [[1, 2], [1, 2], undefined, undefined]);
  assertEquals(faults.length, 2);
  assertEquals(logger.lines.filter((line) => line.startsWith("error")).length, 1);
});

for (const error of [new StoreError("damaged", "corrupt"), new StoreError("broken by it", "rejected")]) {
  Deno.test(`A store that is or says "${error.fault}" is asked again rarely, and the log says so`, async () => {
    const { store, journal, faults, logger } = await journalOf({ retryMs: 0, lastingRetryMs: 2 ** 30 });
    let asked = 0;
    store.append = () => {
      asked++;
      return Promise.reject(error);
    };
    journal.append(change(1));
    await until("the fault to be seen", () => journal.fault !== undefined);
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
    assertEquals([asked, journal.committed, journal.fault, faults], [1, 0, error, [error]]);
    const said = `nothing is acknowledged until it can be stored: ${error.message} (this will not pass by itself; `;
    assert(logger.lines.some((line) => line.includes(said)), logger.lines.join("\n"));
    journal.close();
  });
}

Deno.test("An error that is no store's word counts as rejected", async () => {
  const { store, journal } = await journalOf({ lastingRetryMs: 2 ** 30 });
  store.append = () => Promise.reject(new TypeError("x is undefined"));
  journal.append(change(1));
  await until("the fault to be seen", () => journal.fault !== undefined);
  assertEquals(journal.fault?.fault, "rejected");
  assert(journal.fault?.message.includes("x is undefined"), journal.fault?.message);
  journal.close();
});

Deno.test("A fault that turns out to last is told of again, and what was repaired is stored", async () => {
  const { store, journal, faults, logger } = await journalOf({ retryMs: 0, lastingRetryMs: 0 });
  store.failing = broken();
  journal.append(change(1));
  await until("the fault to be seen", () => journal.fault !== undefined);
  store.failing = new StoreError("damaged", "corrupt");
  await until("the other to be seen", () => journal.fault?.lasting === true);
  const errors = () => logger.lines.filter((line) => line.startsWith("error")).length;
  assertEquals([errors(), faults.length], [2, 1]);
  store.failing = undefined;
  await journal.settled();
  assertEquals([numbers(store.changes), faults.at(-1), errors()], [[1], undefined, 2]);
});

Deno.test("A fault that becomes another one of its kind is told of again, each once", async () => {
  const { store, journal, faults, logger } = await journalOf({ retryMs: 0 });
  const told = [
    new StoreError("full", "full"),
    new StoreError("broken", "io"),
    new StoreError("broken otherwise", "io"),
  ];
  let asked = 0;
  // Each of them comes three times.
  store.append = () => asked < 9 ? Promise.reject(told[Math.floor(asked++ / 3)]) : Promise.resolve();
  journal.append(change(1));
  await journal.settled();
  const errors = logger.lines.filter((line) => line.startsWith("error"));
  const expected = told.map(({ message }) => `error: nothing is acknowledged until it can be stored: ${message}`);
  assertEquals([errors, faults], [expected, [told[0], undefined]]);
});

Deno.test("A journal that is closed during a fault ends, and tells nobody that anything was stored", async () => {
  const { store, journal } = await journalOf();
  const told = watch(journal);
  store.failing = broken();
  journal.append(change(1));
  const settled = journal.settled();
  await until("the fault to be seen", () => journal.fault !== undefined);
  journal.close();
  await settled;
  assertEquals([journal.committed, store.changes], [0, []]);
  assert(told.every((position) => position === 0));
});

Deno.test("A journal that was closed takes nothing any more, and nobody waits for it", async () => {
  const { store, journal } = await journalOf();
  for (const number of [1, 2]) journal.append(change(number));
  await journal.settled();
  journal.close();
  journal.append(change(3));
  await journal.settled();
  assertEquals([journal.committed, numbers(store.changes)], [2, [1, 2]]);
});

Deno.test("Who unsubscribes is told no more, even by another that is told first", async () => {
  const { journal } = await journalOf();
  const told = watch(journal);
  const once: CommitWaiter = { committed: () => journal.unsubscribe(once) };
  journal.subscribe(once);
  journal.append(change(1));
  await journal.settled();
  journal.append(change(2));
  await journal.settled();
  assertEquals(told, [1, 2]);
});

Deno.test("Under any sequence of steps all that was not taken back is stored, once and in order", async () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const step = fc.constantFrom("append", "append", "take back", "turn", "hold", "release", "fail", "work");
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      const { store, journal } = await journalOf();
      const told = watch(journal);
      const wanted = new Set<number>();
      let present: { batch: number; index: number; number: number }[] = [];
      let last = 0;
      for (const step of steps) {
        present = present.filter(({ batch }) => batch === journal.batch);
        if (step === "append") {
          const [number, batch] = [++last, journal.batch];
          wanted.add(number);
          present.push({ number, batch, index: journal.append(change(number)) });
        } else if (step === "take back") {
          const one = present.pop();
          if (!one) continue;
          journal.takeBack(one.index);
          wanted.delete(one.number);
        } else if (step === "turn") await new Promise((resolve) => setTimeout(resolve));
        else if (step === "hold" || step === "release") store[step]();
        else store.failing = step === "fail" ? broken() : undefined;
        assert(journal.committed <= journal.position);
      }
      store.failing = undefined;
      store.release();
      await journal.settled();
      assertEquals(numbers(store.changes), [...wanted]);
      assertEquals(journal.committed, journal.position);
      assertEquals(told, told.toSorted((a, b) => a - b));
      journal.close();
    }),
    { seed, numRuns: 60 },
  );
});

Deno.test("The bytes of messages count until they are stored or taken back", async () => {
  const { store, journal } = await journalOf();
  const message = new Message({ topicName: parseTopicName("a"), payload: new Uint8Array(1000), qos: 1 });
  const retain = () => ({
    message,
    change: { type: "retain" as const, topicName: message.topicName, messageId: 0, serial: 1 },
  });
  store.hold();
  message.storedReferences++;
  journal.append(retain());
  await until("the store to be asked", () => store.held === 1);
  const index = journal.append(retain());
  assertEquals(journal.unstoredBytes, 2 * message.sizeBytes);
  journal.replace(index, change(1));
  assertEquals(journal.unstoredBytes, message.sizeBytes);
  journal.takeBack(journal.append(retain()));
  assertEquals(journal.unstoredBytes, message.sizeBytes);
  store.release();
  await journal.settled();
  assertEquals(journal.unstoredBytes, 0);
});
