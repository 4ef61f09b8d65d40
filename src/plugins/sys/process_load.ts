import process from "node:process";

/** What the process uses, as `$SYS` has it. */
export interface ProcessFigures {
  readonly "heap/size": string;
  readonly "heap/maximum": string;
  readonly "cpu/percent": string;
  readonly "cpu/maximum": string;
}

const MEBIBYTE = 1024 * 1024;

/** Measures memory and processor time of the process, and remembers the most it has seen. */
export class ProcessLoad {
  #usageMicroseconds: number;
  #measuredAtMs: number;
  #heapMaximumBytes = 0;
  #cpuMaximumPercent = 0;

  constructor() {
    this.#usageMicroseconds = usedMicroseconds();
    this.#measuredAtMs = performance.now();
  }

  /** JavaScript objects in memory. */
  get heapBytes(): number {
    return process.memoryUsage().heapUsed;
  }

  /** Heap in MiB, and processor time since the last call (or the making) in percent of one core. */
  measure(): ProcessFigures {
    const heapBytes = process.memoryUsage().heapUsed;
    const cpuPercent = this.#cpuPercent();
    this.#heapMaximumBytes = Math.max(this.#heapMaximumBytes, heapBytes);
    this.#cpuMaximumPercent = Math.max(this.#cpuMaximumPercent, cpuPercent);
    return {
      "heap/size": (heapBytes / MEBIBYTE).toFixed(1),
      "heap/maximum": (this.#heapMaximumBytes / MEBIBYTE).toFixed(1),
      "cpu/percent": cpuPercent.toFixed(1),
      "cpu/maximum": this.#cpuMaximumPercent.toFixed(1),
    };
  }

  #cpuPercent(): number {
    const usage = usedMicroseconds();
    const now = performance.now();
    const elapsedMicroseconds = (now - this.#measuredAtMs) * 1000;
    const percent = elapsedMicroseconds <= 0 ? 0 : (usage - this.#usageMicroseconds) / elapsedMicroseconds * 100;
    this.#usageMicroseconds = usage;
    this.#measuredAtMs = now;
    return Math.max(0, percent);
  }
}

function usedMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}
