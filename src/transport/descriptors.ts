/** How many more connections the process can take before it runs out of file descriptors. */
import { host } from "../runtime/host.ts";

/** Descriptors that stay free: files that are opened now and then, and a thread (six) that has to be started anew. */
const RESERVE = 24;
/** Parts of all descriptors that stay free besides, and for how many the last look counts at least. */
const RESERVE_PARTS = 32;
const STEP_PARTS = 128;

/** What the system says of this process's descriptors. */
export interface DescriptorSource {
  /** How many the process may have open; `undefined`: nobody knows. */
  limit(): number | undefined;
  /** How many are open. */
  open(): number;
}

/** Keeps some descriptors free for what the broker itself has to open; shared by all listeners of a process. */
export class Descriptors {
  readonly #source: DescriptorSource;
  readonly #limit: number | undefined;
  /** Connections that may be accepted before the system is asked again, so that asking costs next to nothing. */
  #sure = 0;

  constructor(source: DescriptorSource = procfs) {
    this.#source = source;
    this.#limit = source.limit();
  }

  /** Counts one more connection. @returns the reason why it should rather wait; `undefined`: there is room */
  take(): string | undefined {
    if (this.#limit === undefined || this.#sure-- > 0) return undefined;
    const open = this.#count();
    const free = this.#limit - RESERVE - Math.ceil(this.#limit / RESERVE_PARTS) - open;
    this.#sure = 0;
    if (free <= 0) {
      return `${open} of ${this.#limit} file descriptors are in use, and the rest is kept for the broker's files`;
    }
    this.#sure = Math.max(free >> 1, Math.floor(this.#limit / STEP_PARTS));
    return undefined;
  }

  /** What cannot even be counted is as good as used up. */
  #count(): number {
    try {
      return this.#source.open();
    } catch {
      return this.#limit ?? 0;
    }
  }
}

/** Linux tells this to a process that may read everything; elsewhere the system's own error has to do. */
const procfs: DescriptorSource = {
  limit() {
    try {
      if (host.permissions.querySync({ name: "read", path: FOLDER }).state !== "granted") return undefined;
      const soft = /^Max open files\s+(\d+)/m.exec(host.readTextFileSync("/proc/self/limits"))?.[1];
      procfs.open();
      return soft === undefined ? undefined : Number(soft);
    } catch {
      return undefined;
    }
  },
  // Linux before 6.2 tells no size.
  open: () => host.statSync(FOLDER).size || [...host.readDirSync(FOLDER)].length,
};

const FOLDER = "/proc/self/fd";
