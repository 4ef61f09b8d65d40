import type { Ledger } from "./ledger.ts";
import type { Random } from "../support/random.ts";

/** What the parts of a run share. */
export interface Stage {
  readonly ledger: Ledger;
  readonly random: Random;
}

/** One kind of promise that is put to the test over all kills. */
export interface Part {
  /** The broker is new and empty. */
  setUp(port: number): Promise<void>;
  /** The broker will be killed some time after this has ended. */
  prepare?(port: number, round: number): Promise<void>;
  /** The broker is killed while this runs; it resolves once it has nothing left to do. */
  run(port: number, round: number): Promise<void>;
  /** The broker is gone. Resolves when it may be started again. */
  lost(round: number): Promise<void>;
  /** The broker is there again, and is not killed before this has ended. */
  verify(port: number, round: number): Promise<void>;
  /** No more kills: everything that is still under way is to be brought to its end. */
  drain(port: number): Promise<void>;
  /** Breaks off what is still connected. */
  close(): Promise<void>;
}

export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asks again and again, for at most `patienceMs`, and tells whether it became true. */
export async function eventually(isTrue: () => boolean, patienceMs: number): Promise<boolean> {
  for (const start = performance.now(); performance.now() - start < patienceMs;) {
    if (isTrue()) return true;
    await delay(50);
  }
  return isTrue();
}
