/** What a mutation run changes, and that it changes nothing else. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { root } from "./checkout.ts";
import { equivalents, isEquivalent } from "./equivalents.ts";
import { mutantsOf, withSwitches } from "./mutants.ts";

const source = `export class Range {
  #calls = 0;
  readonly size = (from: number, to: number) => from < to ? to - from : 0;
  /** Both ends belong to it. */
  has(at: number, [from, to]: readonly [number, number]): boolean {
    this.#calls++;
    if (!(at >= from && at <= to) || from > to) return false; else if (at === 13) throw new Error("thirteen");
    return true;
  }
  get calls(): number {
    for (;;) if (this.#calls > 0) break; else return 0;
    return this.#calls;
  }
}
`;

Deno.test("Conditions are negated one by one, and statements dropped, each with its place", () => {
  const found = mutantsOf("range.ts", source).map(({ line, member, kind, text }) =>
    `${line} ${member} ${kind}: ${text}`
  );
  assertEquals(found, [
    "3 size negated: from < to",
    "6 has dropped: this.#calls++;",
    "7 has negated: at >= from",
    "7 has negated: at <= to",
    "7 has negated: from > to",
    "7 has dropped: return false;",
    "7 has negated: at === 13",
    '7 has dropped: throw new Error("thirteen");',
    "8 has dropped: return true;",
    "11 calls negated: this.#calls > 0",
    "11 calls dropped: break;",
    "11 calls dropped: return 0;",
    "12 calls dropped: return this.#calls;",
  ]);
});

Deno.test("Types, declarations, what a constructor must do and debug lines are left as they are", () => {
  const kept = `class A extends B<C extends D ? E : F> {
    constructor() {
      super();
      const value = 1;
      this.logger.debug("made");
    }
  }`;
  assertEquals(mutantsOf("a.ts", kept), []);
});

/** The class of the source with this mutant switched on; 0: none. */
async function rangeWith(active: number) {
  const mutants = mutantsOf("range.ts", source);
  const kept = `export const $kept = (mutant) => mutant !== ${active};`;
  const negated = `export const $negated = (mutant, value) => mutant === ${active} ? !value : value;`;
  const switches = `data:text/javascript,${encodeURIComponent(kept + negated)}`;
  const text = withSwitches(source, mutants, { numberOf: (mutant) => mutants.indexOf(mutant) + 1, switches });
  assertEquals(text.split("\n").length, source.split("\n").length);
  const { Range } = await import(`data:application/typescript,${encodeURIComponent(text)}`);
  return new Range();
}

function tried(
  range: { has: (at: number, range: unknown) => unknown; size: (...ends: number[]) => number; calls: number },
) {
  const attempts = [[2, 1, 3], [0, 1, 3], [4, 1, 3], [2, 3, 1], [13, 1, 20]].map(([at, ...ends]) => {
    try {
      return range.has(at!, ends);
    } catch (error) {
      return (error as Error).message;
    }
  });
  return [range.size(1, 3), range.size(3, 1), ...attempts, range.calls];
}

Deno.test("With no switch on the text does what it did, and with any one of them something else", async () => {
  const right = [2, 0, true, false, false, false, "thirteen", 5];
  assertEquals(tried(await rangeWith(0)), right);
  const mutants = mutantsOf("range.ts", source);
  for (const [index, { kind, text }] of mutants.entries()) {
    // Without them the loop has no end, or they are never come by here.
    if (text === "break;" || text === "return 0;") continue;
    const got = tried(await rangeWith(index + 1));
    assert(JSON.stringify(got) !== JSON.stringify(right), `${kind}: ${text}`);
  }
});

Deno.test("Each mutant that is said to change nothing is still there, and has a reason", async () => {
  for (const equivalent of equivalents) {
    const mutants = mutantsOf(equivalent.file, await Deno.readTextFile(join(root, equivalent.file)));
    const { file, kind, text } = equivalent;
    assert(mutants.some((mutant) => isEquivalent(mutant, [equivalent])), `${file}: ${kind}: ${text}`);
    assert(equivalent.reason.length > 20, `${file}: ${kind}: ${text}: no reason`);
  }
});
