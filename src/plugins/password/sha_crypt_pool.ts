import type { ShaCryptJob } from "./sha_crypt.ts";
import { type ShaCryptComputer, ShaCryptThread } from "./sha_crypt_thread.ts";
import { host } from "../../runtime/host.ts";

/** What a thread needs, with some to spare. */
const DESCRIPTORS_OF_A_THREAD = 12;

/** Small enough to take no time. */
const NO_WORK: ShaCryptJob = {
  algorithm: "sha512",
  password: new Uint8Array(1),
  salt: new Uint8Array(1),
  rounds: 1,
};

/**
 * Threads that compute SHA-crypt, as many as hashes are computed at once. They are started before they are needed and
 * kept, since a thread that is started when no file descriptor is left ends the whole process.
 */
export class ShaCryptPool implements ShaCryptComputer {
  readonly #threads: ShaCryptThread[] = [];
  readonly #retiring = new Set<ShaCryptThread>();
  readonly #probe: () => void;

  /**
   * @param size threads, at least 1
   * @param probe see {@linkcode ShaCryptThread}
   */
  constructor(size: number, probe: () => void) {
    this.#probe = probe;
    this.resize(size);
  }

  /** Takes another number of threads; what those that go are computing is finished. */
  resize(size: number): void {
    while (this.#threads.length < size) this.#threads.push(new ShaCryptThread(this.#probe));
    for (const thread of this.#threads.splice(size)) {
      this.#retiring.add(thread);
      thread.retire().then(() => this.#retiring.delete(thread));
    }
  }

  /** Starts the threads that do not run yet; rejects if one cannot be started. */
  async start(): Promise<void> {
    for (const thread of [...this.#threads]) await thread.compute(NO_WORK);
  }

  /** Computes one digest on the thread that has least to do. */
  compute(job: ShaCryptJob): Promise<string> {
    return this.#threads.reduce((best, thread) => thread.pending < best.pending ? thread : best).compute(job);
  }

  /** Ends the threads; the next digest starts one anew. */
  close(): void {
    for (const thread of [...this.#threads, ...this.#retiring]) thread.close();
  }
}

/**
 * Tries whether as many file descriptors are left as a thread takes.
 *
 * @param file one that may be opened; if it is not there, nothing is known
 * @throws {Error} if not
 */
export function probeDescriptors(file: string): void {
  const opened: { close(): void }[] = [];
  try {
    while (opened.length < DESCRIPTORS_OF_A_THREAD) opened.push(host.openSync(file));
  } catch (cause) {
    if (cause instanceof host.errors.NotFound || cause instanceof host.errors.PermissionDenied) return;
    throw new Error(`cannot start a thread for password hashes: ${(cause as Error).message}`, { cause });
  } finally {
    for (const handle of opened) handle.close();
  }
}
