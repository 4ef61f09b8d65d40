import { assert, assertEquals } from "@std/assert";
import { EVENTS_OF_A_CLIENT, Timelines } from "../../src/admin/timeline.ts";

Deno.test("a client's last hundred events are remembered, oldest first", () => {
  const timelines = new Timelines({ maximumClients: 10, maximumBytes: 1e6 });
  for (let at = 1; at <= 150; at++) timelines.add("subscribed", "c", `event ${at}`, at);
  const events = timelines.of("c")!;
  assertEquals(events.length, EVENTS_OF_A_CLIENT);
  assertEquals([events[0]!.text, events.at(-1)!.text], ["event 51", "event 150"]);
  assertEquals([...timelines.summaries()].map(({ events }) => events), [150]);
});

Deno.test("the client to whom nothing has happened for longest is forgotten first", () => {
  const timelines = new Timelines({ maximumClients: 2, maximumBytes: 1e6 });
  for (const name of ["a", "b", "a", "c"]) timelines.add("connected", name, "connected", 0);
  assertEquals(["a", "b", "c"].map((name) => timelines.of(name)?.length), [2, undefined, 1]);
  assertEquals(timelines.forgotten, 1);
});

Deno.test("what is remembered stays within its bytes, whatever clients are called, and nothing is counted that is gone", () => {
  const timelines = new Timelines({ maximumClients: 1000, maximumBytes: 100_000 });
  for (let at = 0; at < 500; at++) {
    timelines.add("refused", `${at}`.padEnd(20_000, "x"), "y".repeat(5000), at);
    timelines.drop("z", "t".repeat(5000), "queue-limit", at);
    assert(timelines.bytes <= 100_000, `${timelines.bytes} after ${at}`);
  }
  assert(timelines.clients > 0 && timelines.forgotten > 400);
});

Deno.test("drops for one client and reason, one after the other, are one event that counts them", () => {
  const timelines = new Timelines({ maximumClients: 10, maximumBytes: 1e6 });
  for (let at = 1; at <= 1500; at++) timelines.drop("c", `t/${at}`, "queue-limit", at);
  timelines.drop("c", "t", "message-expired", 1501);
  timelines.drop("c", "t", "queue-limit", 1502);
  assertEquals(timelines.of("c")!.map(({ text }) => text), [
    '1,500 messages dropped: queue-limit (last topic "t/1500")',
    '1 message dropped: message-expired (topic "t")',
    '1 message dropped: queue-limit (topic "t")',
  ]);
});
