/** The log in memory: the contract, and the faults that tests may ask for. */
import { assertEquals, assertRejects } from "@std/assert";
import { LogError } from "../../src/log/log.ts";
import { type AppendFault, MemoryEngine, MemoryLog } from "../../src/log/memory_log.ts";
import { patiently } from "../support/patience.ts";
import { numbered, numberOf, take, testLog } from "./contract.ts";

testLog("the memory log", () => {
  const place = () => {
    const engine = new MemoryEngine(() => Date.now());
    return { connect: () => Promise.resolve(new MemoryLog(engine)) };
  };
  return Promise.resolve({ place, [Symbol.asyncDispose]: () => Promise.resolve() });
});

const faults: [AppendFault, { heard: boolean; landed: number[]; later: number[] }][] = [
  ["lost", { heard: false, landed: [], later: [] }],
  ["unacknowledged", { heard: false, landed: [5], later: [5] }],
  ["late", { heard: false, landed: [], later: [5] }],
  ["twice", { heard: true, landed: [5, 5], later: [5, 5] }],
];

for (const [fault, expected] of faults) {
  Deno.test(`memory log: an append may be ${fault}`, async () => {
    const engine = new MemoryEngine(() => 1);
    const log = new MemoryLog(engine);
    engine.fault = () => fault;
    if (expected.heard) await log.append(numbered(5));
    else assertEquals((await assertRejects(() => log.append(numbered(5)), LogError)).fault, "unreachable");
    assertEquals((await take(log, 1, engine.end)).map(numberOf), expected.landed);
    engine.landLate();
    assertEquals((await take(log, 1, engine.end)).map(numberOf), expected.later);
    assertEquals(engine.late, 0);
  });
}

Deno.test("memory log: a tail may stop, and goes on where it was", async () => {
  const engine = new MemoryEngine(() => 1);
  const log = new MemoryLog(engine);
  engine.stopTails();
  let read = 0;
  const taken = take(log, 1, 2).then((records) => {
    read = records.length;
    return records.map(numberOf);
  });
  await log.append(numbered(1));
  await log.append(numbered(2));
  assertEquals(read, 0);
  engine.letTailsRun();
  assertEquals(await patiently("two records", taken), [1, 2]);
});
