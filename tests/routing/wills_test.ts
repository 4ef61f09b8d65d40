/** Many wills at once. */
import { assert, assertEquals, assertLess, assertLessOrEqual } from "@std/assert";
import { parseTopicName } from "../../src/packet/topic.ts";
import { Wills } from "../../src/routing/wills.ts";
import { Chores } from "../../src/work_budget.ts";
import { SteppedBudget } from "../support/stepped_budget.ts";

const MANY = 5000;
const MOST_STEPS = 600;
const times = { toStored: (ms: number) => ms, fromStored: (ms: number) => ms };
const silent = { debugEnabled: false, debug() {}, info() {}, warn() {}, error() {} };

function willsOf() {
  const budget = new SteppedBudget();
  const chores = new Chores(budget.work);
  const published: string[] = [];
  const wills = new Wills({
    pipeline: {
      fromClient: ({ clientIdentifier }, _, { onRouted } = {}) => {
        published.push(clientIdentifier);
        onRouted?.(1);
        return 1;
      },
    },
    clock: { now: () => 1000, epoch: () => 0, every: () => () => {} },
    logger: silent,
    refusals: { mention() {} },
    chores,
    work: budget.work,
    persistence: () => undefined,
  });
  for (let i = 0; i < MANY; i++) {
    const will = { topicName: parseTopicName("w"), payload: new Uint8Array(1), qos: 1, retain: false } as const;
    wills.restore({ clientIdentifier: `${i}`, will: { ...will, delayIntervalSeconds: 5 } }, undefined, times);
  }
  return { budget, chores, published, wills };
}

Deno.test("Wills that are due together are published in turns, each once", async () => {
  const { budget, chores, published, wills } = willsOf();
  wills.tick(1000);
  assertLess(published.length, MANY);
  wills.tick(1000);
  await chores.done();
  assertEquals([published.length, new Set(published).size, wills.heldBytes], [MANY, MANY, 0]);
  assertLessOrEqual(budget.longestPiece, MOST_STEPS);
  assert(budget.polls > 2, `${budget.polls} looks at the sockets`);
});

Deno.test("Wills that are not due are looked at in turns, and published when they are due", async () => {
  const { budget, chores, published, wills } = willsOf();
  wills.tick(999);
  await chores.done();
  assertEquals(published, []);
  assertLessOrEqual(budget.longestPiece, MOST_STEPS);
  wills.tick(1000);
  await chores.done();
  assertEquals(published.length, MANY);
});

Deno.test("The last wills are published in turns, and waited for", async () => {
  const { budget, published, wills } = willsOf();
  await wills.publishLast([]);
  assertEquals([published.length, wills.heldBytes], [MANY, 0]);
  assertLessOrEqual(budget.longestPiece, MOST_STEPS);
});
