/** What is written of deliveries and of the messages that they refer to. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { noteRetained } from "../../src/persistence/retained_recorder.ts";
import { until } from "../support/durable_broker.ts";
import { change, delivery, message, notesOf } from "./support.ts";

const typesOf = (changes: readonly { readonly type: string }[]) => changes.map(({ type }) => type);

Deno.test("A message is stored once for all that refer to it, with an id above the highest", async () => {
  const { store, writeQueue, notes } = await notesOf();
  const one = message();
  for (const session of [1, 2, 3]) notes(session).queued(delivery(one, 1));
  noteRetained(writeQueue)(one.topicName, one, undefined);
  await writeQueue.settled();
  assertEquals(typesOf(store.changes), ["message", "delivery", "delivery", "delivery", "retain"]);
  assertEquals([one.storedId, one.storedReferences], [101, 4]);
});

Deno.test("A message that nothing refers to any longer is stored again when something does", async () => {
  const { store, writeQueue, notes } = await notesOf();
  const one = message();
  const [first, second] = [delivery(one, 1), delivery(one, 2)];
  const session = notes(1);
  session.queued(first);
  await writeQueue.settled();
  session.settled(first);
  assertEquals([one.storedId, one.storedReferences], [0, 0]);
  session.queued(second);
  await writeQueue.settled();
  assertEquals(typesOf(store.changes), ["message", "delivery", "settled", "message", "delivery"]);
  assertEquals([one.storedId, store.messages], [102, 1]);
});

Deno.test("A retained message that is replaced before it is stored, and is needed later, is stored again", async () => {
  const { store, writeQueue, notes } = await notesOf();
  const [old, now] = [message("old"), message("new")];
  const note = noteRetained(writeQueue);
  note(old.topicName, old, undefined);
  note(now.topicName, now, old);
  await writeQueue.settled();
  notes(1).queued(delivery(old, 1));
  await writeQueue.settled();
  assertEquals(store.messages, 2);
  const [loaded] = await notes(1).load(0);
  assertEquals(loaded && new TextDecoder().decode(loaded.message.payload), "old");
});

Deno.test("A delivery that is settled in its batch is taken back; with it, a message that nobody else needs", async () => {
  const { store, writeQueue, notes } = await notesOf();
  store.hold();
  writeQueue.append(change(1));
  await until("the store to be asked", () => store.held === 1);
  const [alone, shared] = [message(), message()];
  const deliveries = [delivery(alone, 1), delivery(shared, 2)];
  for (const one of deliveries) notes(1).queued(one);
  notes(2).queued(delivery(shared, 1));
  for (const one of deliveries) notes(1).settled(one);
  store.release();
  await writeQueue.settled();
  assertEquals(typesOf(store.changes), ["accept", "message", "delivery"]);
  assertEquals([alone.storedId, shared.storedReferences], [0, 1]);
});

Deno.test("What is sent in its batch is written as sent, later as a change", async () => {
  const { store, writeQueue, notes } = await notesOf();
  const [early, late] = [delivery(message(), 1, 2), delivery(message(), 2, 2)];
  const session = notes(1);
  session.queued(early);
  session.sent(early, 7);
  session.queued(late);
  await writeQueue.settled();
  session.sent(late, 8);
  session.released(early);
  await writeQueue.settled();
  assertEquals(typesOf(store.changes), ["message", "delivery", "message", "delivery", "sent", "released"]);
  const found = await session.loadInflight();
  assertEquals(found.map(({ packetIdentifier, released }) => [packetIdentifier, released !== undefined]), [
    [7, true],
    [8, false],
  ]);
  assertEquals(store.messages, 1);
});

Deno.test("A QoS 0 delivery is not noted", async () => {
  const { writeQueue, notes } = await notesOf();
  const one = delivery(message(), 1, 0);
  notes(1).queued(one);
  notes(1).settled(one);
  assertEquals(writeQueue.position, 0);
});

Deno.test("What is read sees everything that was noted before", async () => {
  const { store, writeQueue, notes } = await notesOf();
  const session = notes(1);
  store.hold();
  writeQueue.append(change(1));
  await until("the store to be asked", () => store.held === 1);
  const deliveries = [1, 2, 3].map((sequence) => delivery(message(`${sequence}`), sequence));
  for (const one of deliveries) session.queued(one);
  const loading = session.load(1);
  store.release();
  assertEquals((await loading).map(({ sequence }) => sequence), [2, 3]);
});

Deno.test("Whatever comes and goes, every delivery that is not settled has its message in the store", async () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ queue: fc.nat(3), session: fc.integer({ min: 1, max: 2 }) }) },
    { weight: 2, arbitrary: fc.record({ settle: fc.nat(20) }) },
    { weight: 2, arbitrary: fc.record({ retain: fc.nat(4) }) },
    { weight: 2, arbitrary: fc.constantFrom("turn" as const, "hold" as const, "release" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      const { store, writeQueue, notes } = await notesOf();
      const messages = ["0", "1", "2", "3"].map((payload) => message(payload));
      const sessions = [notes(1), notes(2)];
      const note = noteRetained(writeQueue);
      const open: { session: number; delivery: ReturnType<typeof delivery> }[] = [];
      let [retained, sequence]: [number, number] = [4, 0];
      for (const step of steps) {
        if (step === "turn") await new Promise((resolve) => setTimeout(resolve));
        else if (typeof step === "string") store[step]();
        else if ("queue" in step) {
          const one = { session: step.session, delivery: delivery(messages[step.queue]!, ++sequence) };
          open.push(one);
          sessions[one.session - 1]!.queued(one.delivery);
        } else if ("settle" in step) {
          const [one] = open.splice(step.settle, 1);
          if (one) sessions[one.session - 1]!.settled(one.delivery);
        } else {
          const topicName = messages[0]!.topicName;
          if (retained !== step.retain) note(topicName, messages[step.retain], messages[retained]);
          retained = step.retain;
        }
      }
      store.release();
      await writeQueue.settled();
      for (const session of [1, 2]) {
        const expected = open.filter((one) => one.session === session).map(({ delivery }) => delivery);
        const found = await sessions[session - 1]!.load(0);
        assertEquals(
          found.map((one) => [one.sequence, one.message.payload]),
          expected.map((one) => [one.sequence, one.message.payload]),
        );
      }
      const needed = new Set(open.map(({ delivery }) => delivery.message));
      if (messages[retained]) needed.add(messages[retained]!);
      assertEquals(store.messages >= needed.size, true);
      for (const { delivery, session } of open) sessions[session - 1]!.settled(delivery);
      note(messages[0]!.topicName, undefined, messages[retained]);
      await writeQueue.settled();
      assertEquals(store.messages, 0);
    }),
    { seed, numRuns: 60 },
  );
});
