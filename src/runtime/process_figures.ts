import process from "node:process";

/** What the process takes of the machine. */
export interface ProcessFigures {
  /** Memory that is in the machine's, in bytes. */
  readonly residentBytes: number;
  /** JavaScript objects, garbage among them, in bytes. */
  readonly heapUsedBytes: number;
  /** What the engine has taken for objects, in bytes. */
  readonly heapSizeBytes: number;
  /** Buffers outside of the heap, in bytes. */
  readonly externalBytes: number;
  /** Processor time in the program itself, in seconds. */
  readonly userSeconds: number;
  /** Processor time in the system on its behalf, in seconds. */
  readonly systemSeconds: number;
}

/** As of now. */
export function processFigures(): ProcessFigures {
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  const { user, system } = process.cpuUsage();
  return {
    residentBytes: rss,
    heapUsedBytes: heapUsed,
    heapSizeBytes: heapTotal,
    externalBytes: external,
    userSeconds: user / 1e6,
    systemSeconds: system / 1e6,
  };
}

/** The version of the runtime, by its name, and that of its engine. */
export function runtimeVersions(): Readonly<Record<string, string>> {
  const { deno, node, v8 } = process.versions;
  // Deno tells a version of Node, too.
  return deno === undefined ? { node, v8 } : { deno, v8 };
}
