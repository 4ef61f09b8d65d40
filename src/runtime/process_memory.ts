import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ProcessMemory } from "./environment.ts";

/**
 * The process has to have grown by so much of the ceiling before garbage is collected by force, and so much has to be garbage:
 * a collection holds everybody up, so that it is for when the process would otherwise outgrow the ceiling.
 */
const WORTHWHILE = 0.75;
const GARBAGE = 0.15;
/** Time between two collections, in times of what the last one took. */
const PAUSES = 3;
/** A ceiling up to this goes with a smaller young generation: three times a semi-space. */
const SMALL_BYTES = 256 * 2 ** 20;
const SMALL_SEMI_SPACE_MIB = 4;
/** The process is beyond the ceiling by so much of it. */
const BEYOND = 1.1;

/**
 * The memory of a process that does nothing but run one broker. The engine lets garbage lie for as long as the machine has
 * room, of which the ceiling knows nothing: when the process comes near the ceiling, though what is held does not, garbage is collected.
 *
 * @param maximumBytes `max-total-bytes`
 */
export function processMemory(maximumBytes: number): ProcessMemory {
  // Where the young generation would take a large part of the ceiling.
  if (maximumBytes <= SMALL_BYTES) setFlagsFromString(`--max-semi-space-size=${SMALL_SEMI_SPACE_MIB}`);
  let emptyBytes: number | undefined;
  let collect: (() => void) | undefined;
  let notBeforeMs = 0;
  return {
    look(heldBytes) {
      let grownBytes = usedBytes() - (emptyBytes ??= usedBytes() - heldBytes);
      const isWorthwhile = grownBytes > maximumBytes * WORTHWHILE && grownBytes - heldBytes > maximumBytes * GARBAGE;
      const nowMs = performance.now();
      if (isWorthwhile && nowMs >= notBeforeMs) {
        collect ??= collector();
        collect();
        notBeforeMs = nowMs + (PAUSES + 1) * (performance.now() - nowMs);
        grownBytes = usedBytes() - emptyBytes;
      }
      return grownBytes > maximumBytes * BEYOND;
    },
  };
}

/** With garbage, but without what the system has not got back: that would look like garbage for ever. */
function usedBytes(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** The engine's collector, which is there for who asks with a flag. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
