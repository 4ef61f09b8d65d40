import type { Random } from "../support/random.ts";

/** Kinds of what may happen, each with how often it does in comparison. */
export type Weighted<Happening> = readonly (readonly [weight: number, draw: () => Happening])[];

/** Draws one of them. @returns `undefined`: none has any weight */
export function drawWeighted<Happening>(random: Random, kinds: Weighted<Happening>): Happening | undefined {
  let rest = random.next() * kinds.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, draw] of kinds) {
    rest -= weight;
    if (rest < 0) return draw();
  }
  return undefined;
}
