/** Mutants that change nothing that anybody could see. */
import type { Mutant } from "./mutants.ts";

/** One of them. A line number would be another one soon. */
export interface Equivalent extends Pick<Mutant, "file" | "member" | "kind" | "text"> {
  /** Why nobody could see it. */
  readonly reason: string;
}

/** All that are known. */
export const equivalents: readonly Equivalent[] = [
  {
    file: "src/session/fifo.ts",
    member: "shift",
    kind: "negated",
    text: "this.#places.length > KEPT_PLACES",
    reason: "when an empty ring is given up is a matter of memory alone",
  },
  {
    file: "src/session/fifo.ts",
    member: "shift",
    kind: "dropped",
    text: "this.#clear();",
    reason: "when an empty ring is given up is a matter of memory alone",
  },
  {
    file: "src/session/identifier_map.ts",
    member: "#grow",
    kind: "dropped",
    text: "this.#shift = Math.clz32(slots) + 1;",
    reason: "all identifiers then want the same two slots, and are found all the same, slowly",
  },
  {
    file: "src/session/message_queue.ts",
    member: "returnShared",
    kind: "dropped",
    text: "continue;",
    reason: "where nothing goes nothing is extracted: this saves looking through the rest",
  },
  {
    file: "src/topics/match_memory.ts",
    member: "forget",
    kind: "dropped",
    text: "return;",
    reason: "no topic name has a wildcard, so that nothing is found by such a filter's text",
  },
];

/** Whether a mutant is one of those. */
export function isEquivalent(mutant: Mutant, among: readonly Equivalent[] = equivalents): boolean {
  return among.some(({ file, member, text, kind }) =>
    file === mutant.file && member === mutant.member && text === mutant.text && kind === mutant.kind
  );
}
