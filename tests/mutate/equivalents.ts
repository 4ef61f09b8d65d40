/** Mutants that change nothing that anybody could see. */
import type { Mutant } from "./mutants.ts";

/** One of them. A line number would be another one soon. */
export interface Equivalent extends Pick<Mutant, "file" | "kind" | "text" | "sourceLine"> {
  /** Why nobody could see it. */
  readonly reason: string;
}

/** All that are known. */
export const equivalents: readonly Equivalent[] = [
  {
    file: "src/session/fifo.ts",
    kind: "negated",
    text: "this.#places.length > KEPT_PLACES",
    sourceLine: "if (--this.#length === 0 && this.#places.length > KEPT_PLACES) this.#clear();",
    reason: "when an empty ring is given up is a matter of memory alone",
  },
  {
    file: "src/session/fifo.ts",
    kind: "dropped",
    text: "this.#clear();",
    sourceLine: "if (--this.#length === 0 && this.#places.length > KEPT_PLACES) this.#clear();",
    reason: "when an empty ring is given up is a matter of memory alone",
  },
  {
    file: "src/session/deadlines.ts",
    kind: "dropped",
    text: "this.#mostBeforeSifting = 2 * this.#heap.length + SPARE;",
    sourceLine: "this.#mostBeforeSifting = 2 * this.#heap.length + SPARE;",
    reason: "how often the heap is sifted is a matter of time alone",
  },
  {
    file: "src/session/retained_promises.ts",
    kind: "dropped",
    text: "return false;",
    sourceLine: "if (this.#promised.size === 0) return false;",
    reason: "where nothing is promised the loop below finds nothing either",
  },
  {
    file: "src/session/identifier_map.ts",
    kind: "dropped",
    text: "this.#shift = Math.clz32(slots) + 1;",
    sourceLine: "this.#shift = Math.clz32(slots) + 1;",
    reason: "all identifiers then want the same two slots, and are found all the same, slowly",
  },
  {
    file: "src/topics/match_memory.ts",
    kind: "dropped",
    text: "return;",
    sourceLine: "return;",
    reason: "no topic name has a wildcard, so that nothing is found by such a filter's text",
  },
];

/** Whether a mutant is one of those. */
export function isEquivalent(mutant: Mutant, among: readonly Equivalent[] = equivalents): boolean {
  return among.some(({ file, kind, text, sourceLine }) =>
    file === mutant.file && kind === mutant.kind && text === mutant.text && sourceLine === mutant.sourceLine
  );
}
