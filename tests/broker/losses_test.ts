import { assert, assertEquals } from "@std/assert";
import { Losses } from "../../src/broker/losses.ts";

Deno.test("Losses are counted by session and reason, until the session ends", () => {
  const losses = new Losses(() => true);
  losses.count("a", "queue-limit", 1);
  losses.count("a", "queue-limit", 2);
  losses.count("a", "message-expired", 5);
  losses.count("b", "queue-limit", 1);
  assertEquals(losses.of("a"), { "queue-limit": 3, "message-expired": 5 });
  losses.forget("a");
  assertEquals([losses.of("a"), losses.of("b")], [{}, { "queue-limit": 1 }]);
});

Deno.test("What was asked for once does not change any longer, and cannot be changed", () => {
  const losses = new Losses(() => true);
  losses.count("a", "queue-limit", 1);
  const counts = losses.of("a");
  losses.count("a", "queue-limit", 1);
  assertEquals(counts, { "queue-limit": 1 });
  assert(Object.isFrozen(counts) && Object.isFrozen(losses.of("b")));
});

Deno.test("What a session loses after its end is not held against the next one of its name", () => {
  let there = false;
  const losses = new Losses(() => there);
  losses.count("a", "session-ended", 7);
  there = true;
  assertEquals(losses.of("a"), {});
});
