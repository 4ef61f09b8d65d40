/** A simulated disk: it takes its time, fails, and loses what it has not confirmed when its process dies. */
import {
  type Change,
  type DeliveryRange,
  type Store,
  type StoredDelivery,
  type StoredState,
  StoreError,
} from "../../src/store/store.ts";
import { MemoryStore } from "../support/memory_store.ts";
import type { Random } from "../support/random.ts";
import type { Process } from "./world.ts";

/** What a disk does at present. */
export interface DiskFault {
  readonly kind: "full" | "io";
  /** What was reported as failed was written all the same. */
  readonly written: boolean;
}

/** What outlives the processes. */
export class Disk {
  readonly contents = new MemoryStore();
  /** Milliseconds that a commit takes at most. */
  latencyMs = 0;
  fault: DiskFault | undefined;
  constructor(readonly random: Random) {}
}

interface Job {
  /** Also for a process that has died meanwhile. */
  readonly apply: () => Promise<unknown>;
  readonly run: () => Promise<void>;
  readonly isAppend: boolean;
}

/** The disk as one process uses it. */
export class ProcessStore implements Store {
  readonly #disk: Disk;
  readonly #process: Process;
  readonly #jobs: Job[] = [];
  #isBusy = false;
  #isStarting = true;

  constructor(disk: Disk, process: Process) {
    this.#disk = disk;
    this.#process = process;
  }

  /** The broker is up: what it reads from now on takes its time, which a start would wait for in vain. */
  started(): void {
    this.#isStarting = false;
  }

  open(): Promise<StoredState> {
    return this.#disk.contents.open();
  }

  append(changes: readonly Change[]): Promise<void> {
    const { contents } = this.#disk;
    return this.#enter(() => contents.append(changes), true, async () => {
      const { fault } = this.#disk;
      if (!fault) return await contents.append(changes);
      if (fault.written) await contents.append(changes);
      throw new StoreError(
        fault.kind === "full" ? "no room is left" : "the disk does not answer",
        fault.kind === "full",
      );
    });
  }

  deliveries(session: number, range: DeliveryRange): Promise<readonly StoredDelivery[]> {
    const { contents } = this.#disk;
    if (this.#isStarting) return contents.deliveries(session, range);
    return this.#enter(() => Promise.resolve(), false, () => {
      if (this.#disk.fault?.kind === "io") throw new StoreError("the disk cannot be read", false);
      return contents.deliveries(session, range);
    });
  }

  async close(): Promise<void> {
    await this.#enter(() => Promise.resolve(), false, () => Promise.resolve());
    if (this.#process.alive) await this.#disk.contents.close();
  }

  /** The process is gone: of what was not confirmed the disk has the beginning, or nothing. */
  async crash(): Promise<void> {
    const { contents, random } = this.#disk;
    const waiting = this.#jobs.filter(({ isAppend }) => isAppend);
    for (const job of waiting.slice(0, random.between(0, waiting.length))) await job.apply();
    contents.crash();
  }

  #enter<T>(apply: () => Promise<unknown>, isAppend: boolean, answer: () => T | Promise<T>): Promise<T> {
    const done = Promise.withResolvers<T>();
    const run = async () => {
      try {
        done.resolve(await answer());
      } catch (error) {
        done.reject(error);
      }
    };
    this.#jobs.push({ apply, run, isAppend });
    this.#serve();
    return done.promise;
  }

  #serve(): void {
    const [job] = this.#jobs;
    if (!job || this.#isBusy) return;
    this.#isBusy = true;
    this.#process.world.after(this.#disk.random.between(0, this.#disk.latencyMs), () => {
      if (!this.#process.alive) return;
      this.#isBusy = false;
      this.#jobs.shift();
      void job.run();
      this.#serve();
    });
  }
}
