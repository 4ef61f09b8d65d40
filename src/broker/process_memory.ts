import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** What the process as a whole takes. */
export interface ProcessMemory {
  /** Makes sure that garbage is not left lying while what is held nears the ceiling of so many bytes. */
  look(maximumBytes: number): void;
}

/** Memory beyond what is held may be so much of the ceiling before garbage is looked for. */
const SLACK = 0.2;
/** Time between two collections, in times of what the last one took. */
const PAUSES = 10;

/**
 * The memory of a process that does nothing but run one broker. The engine lets garbage lie for as long as the machine has
 * room, of which the ceiling knows nothing: when the process has grown by more than the ceiling, garbage is collected.
 */
export function processMemory(): ProcessMemory {
  const emptyBytes = Deno.memoryUsage().rss;
  let collect: (() => void) | undefined;
  let notBeforeMs = 0;
  return {
    look(maximumBytes) {
      const nowMs = performance.now();
      if (nowMs < notBeforeMs) return;
      if (Deno.memoryUsage().rss - emptyBytes < maximumBytes * (1 + SLACK)) return;
      collect ??= collector();
      collect();
      notBeforeMs = nowMs + (PAUSES + 1) * (performance.now() - nowMs);
    },
  };
}

/** The engine's collector, which is there for who asks with a flag. */
function collector(): () => void {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc");
}
