/** Mutants that change nothing that anybody could see. */
import type { Mutant } from "./mutants.ts";

/** One of them. A line number would be another one soon. */
export interface Equivalent extends Pick<Mutant, "file" | "member" | "kind" | "text"> {
  /** Why nobody could see it. */
  readonly reason: string;
}

/** All that are known. */
export const equivalents: readonly Equivalent[] = [];

/** Whether a mutant is one of those. */
export function isEquivalent(mutant: Mutant, among: readonly Equivalent[] = equivalents): boolean {
  return among.some(({ file, member, text, kind }) =>
    file === mutant.file && member === mutant.member && text === mutant.text && kind === mutant.kind
  );
}
