/** What the journal takes down of retained messages is what is retained, whatever one batch holds. */
import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { noteRetained } from "../../src/durability/retained_notes.ts";
import { Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { RetainedMessages } from "../../src/topics/retained.ts";
import type { Change } from "../../src/store/store.ts";
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
      const { store, journal } = await journalOf();
      const retained = new RetainedMessages({ maximumMessages: 10, maximumBytes: 1_000_000 });
      retained.onChange = noteRetained(journal);
      for (const [index, { topic, clear, commit }] of steps.entries()) {
        const payload = clear ? new Uint8Array() : Uint8Array.of(index);
        const before = journal.position;
        retained.set(new Message({ topicName: parseTopicName(topic), payload, retain: true }));
        assertEquals(journal.position > before, true, "there is something to wait for");
        if (commit === 0) await journal.settled();
      }
      await journal.settled();
      const kept = Object.fromEntries(Array.from(retained, ({ topicName, payload }) => [topicName, payload[0]]));
      assertEquals(retainedBy(store.changes), kept);
    }),
    { seed, numRuns: 200 },
  );
});
