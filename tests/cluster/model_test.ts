/** The model by seed: with the five rules every promise is kept, and without any of them some are not. */
import { assert } from "@std/assert";
import { type Rules, rules } from "../../src/cluster/cluster_state.ts";
import { runModel } from "./model.ts";

const SEEDS = 300;

Deno.test(`with the rules nothing is lost, twice or out of order in the models 1 to ${SEEDS}`, () => {
  let [changes, messages] = [0, 0];
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { faults, changesOfOwner, messages: queued } = runModel(seed);
    assert(faults.length === 0, `${faults.join("\n")}\nagain: deno task model --seed ${seed}`);
    changes += changesOfOwner;
    messages += queued;
  }
  // A model in which nothing happens shows nothing.
  assert(changes > 5 * SEEDS && messages > 20 * SEEDS, `${changes} changes of owner, ${messages} messages`);
});

/** What happens without a rule, or a part of it, and in how many seeds that shows at the latest. */
const without: [string, Partial<Rules>, RegExp, number][] = [
  ["rule 1", { lives: () => true }, /out of order/, 100],
  ["the incarnations of rule 1", { lives: ({ live }) => live }, /out of order/, 100],
  ["rule 2", { isNext: () => true }, /lost/, 20],
  ["the gaps of rule 2", { isNext: ({ next }, n) => n >= next }, /out of order/, 20],
  ["rule 3", { claims: () => true }, /did not know of/, 20],
  ["rule 4", { owns: () => true }, /twice/, 20],
  [
    "the epochs of rule 4",
    { owns: ({ owner }, writer) => owner?.node === writer.node && owner.incarnation === writer.incarnation },
    /twice|lost/,
    200,
  ],
  ["rule 5", { isNew: () => true }, /twice/, 20],
];

for (const [name, changed, promise, seeds] of without) {
  Deno.test(`without ${name} a promise is broken within ${seeds} seeds`, () => {
    for (let seed = 1; seed <= seeds; seed++) {
      if (runModel(seed, { ...rules, ...changed }).faults.some((fault) => promise.test(fault))) return;
    }
    throw new Error(`${seeds} seeds without ${name}, and nothing that says ${promise}`);
  });
}
