import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { ProcessMemory } from "./environment.ts";
import { host } from "./host.ts";

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
  // What the last collection left beside what is held: to collect again for that would be in vain.
  let inVainBytes = 0;
  return {
    look(heldBytes, makeGarbage) {
      emptyBytes ??= memory().usedBytes - heldBytes;
      let { usedBytes, takenBytes } = memory();
      const besideBytes = takenBytes - emptyBytes - heldBytes;
      inVainBytes = Math.min(inVainBytes, besideBytes);
      const isNear = takenBytes - emptyBytes > maximumBytes * WORTHWHILE;
      const isWorthwhile = isNear && besideBytes - inVainBytes > maximumBytes * GARBAGE;
      const nowMs = performance.now();
      if (isWorthwhile && nowMs >= notBeforeMs) {
        makeGarbage();
        collect ??= collector();
        collect();
        notBeforeMs = nowMs + (PAUSES + 1) * (performance.now() - nowMs);
        ({ usedBytes, takenBytes } = memory());
        inVainBytes = takenBytes - emptyBytes - heldBytes;
      }
      return usedBytes - emptyBytes > maximumBytes * BEYOND;
    },
  };
}

/** What objects and buffers use, garbage among them; and with what the engine has taken from the system beyond that. */
function memory(): { usedBytes: number; takenBytes: number } {
  const { heapUsed, heapTotal, external } = host.memoryUsage();
  return { usedBytes: heapUsed + external, takenBytes: heapTotal + external };
}

/** The engine's collector, which is there for who asks with a flag. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
