import { assertEquals } from "@std/assert";
import { Ledger } from "./load/ledger.ts";

Deno.test("What did not come is lost, however much was sent", () => {
  const ledger = new Ledger(1, 1);
  for (let i = 0; i < 100; i++) ledger.send(1);
  for (let i = 0; i < 100; i += 2) ledger.arrive(0, 0, i);
  assertEquals([ledger.sent, ledger.expected, ledger.received, ledger.lost], [100, 100, 50, 50]);
});

Deno.test("What comes twice is counted once, and said to be a duplicate", () => {
  const ledger = new Ledger(1, 1);
  ledger.send(1);
  ledger.send(1);
  assertEquals([0, 0, 0].map((sequence) => ledger.arrive(0, 0, sequence)), ["in order", "duplicate", "duplicate"]);
  assertEquals([ledger.received, ledger.duplicate, ledger.lost], [1, 2, 1]);
});

Deno.test("What comes behind its successor is late, and not lost", () => {
  const ledger = new Ledger(1, 1);
  for (let i = 0; i < 3; i++) ledger.send(1);
  assertEquals([0, 2, 1].map((sequence) => ledger.arrive(0, 0, sequence)), ["in order", "in order", "late"]);
  assertEquals([ledger.outOfOrder, ledger.lost], [1, 0]);
});
