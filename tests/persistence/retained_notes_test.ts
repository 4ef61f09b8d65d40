/** What the write queue takes down of retained messages is what is retained, whatever one batch holds. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { noteRetained } from "../../src/persistence/retained_recorder.ts";
import { Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { RetainedMessages } from "../../src/topics/retained.ts";
import type { Change } from "../../src/store/store.ts";
import { until } from "../support/durable_broker.ts";
import { journalOf } from "./support.ts";

/** The payload's first byte that each topic retains by these changes. */
function retainedBy(changes: readonly Change[]): Record<string, number> {
  const bodies = new Map<number, number>();
  const retained: Record<string, number> = {};
  for (const change of changes) {
    if (change.type === "message") bodies.set(change.message.id, change.message.payload[0]!);
    if (change.type === "retain") retained[change.topicName] = bodies.get(change.messageId)!;
    if (change.type === "clear") delete retained[change.topicName];
  }
  return retained;
}

Deno.test("The notes of any settings and clearings, in any batches, leave what is retained", async () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const step = fc.record({ topic: fc.constantFrom("a", "b", "c"), clear: fc.boolean(), commit: fc.nat(4) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { store, writeQueue } = await journalOf();
      const retained = new RetainedMessages({ maximumMessages: 10, maximumBytes: 1_000_000 });
      retained.onChange = noteRetained(writeQueue);
      for (const [index, { topic, clear, commit }] of steps.entries()) {
        const payload = clear ? new Uint8Array() : Uint8Array.of(index);
        const before = writeQueue.position;
        retained.set(Message.of({ topicName: parseTopicName(topic), payload, retain: true }));
        assertEquals(writeQueue.position > before, true, "there is something to wait for");
        if (commit === 0) await writeQueue.settled();
      }
      await writeQueue.settled();
      const kept = Object.fromEntries(Array.from(retained, ({ topicName, payload }) => [topicName, payload[0]]));
      assertEquals(retainedBy(store.changes), kept);
    }),
    { seed, numRuns: 200 },
  );
});

Deno.test("What is retained and cleared again while the store does not store leaves nothing that waits for it", async () => {
  const { store, writeQueue } = await journalOf();
  const retained = new RetainedMessages({ maximumMessages: 10, maximumBytes: 1_000_000 });
  retained.onChange = noteRetained(writeQueue);
  const set = (topic: string, payload: Uint8Array) =>
    retained.set(Message.of({ topicName: parseTopicName(topic), payload, retain: true }));
  set("stays", Uint8Array.of(1));
  await writeQueue.settled();
  store.hold();
  set("stays", Uint8Array.of(2));
  await until("the store to be asked", () => store.held === 1);
  for (let index = 0; index < 100; index++) {
    set(`comes/and/goes/${index}`, Uint8Array.of(3));
    set(`comes/and/goes/${index}`, new Uint8Array());
  }
  set("stays", new Uint8Array());
  assertEquals(writeQueue.unstoredBytes < 1000, true);
  store.release();
  await writeQueue.settled();
  const topics = store.changes.flatMap((change) => "topicName" in change ? [`${change.type} ${change.topicName}`] : []);
  assertEquals(topics, ["retain stays", "retain stays", "clear stays"]);
});
