import { Fifo } from "../session/fifo.ts";

/** How a {@linkcode ProgramQueue} is bounded. */
export interface ProgramQueueOptions<Item> {
  /** Items that may wait. */
  readonly limit: number;
  /** Bytes that may wait. @default any number */
  readonly limitBytes?: number;
  /** What an item takes. @default nothing */
  sizeBytes?(item: Item): number;
  /** `drop`: the oldest goes; `throw`: nothing more comes, and the reader is told. */
  readonly onOverflow: "drop" | "throw";
  /** Makes the error of `throw`. */
  overflow(): Error;
  /** Told of each item that goes. */
  onDrop?(item: Item): void;
  /** Called once, when nothing more comes. */
  onEnd(): void;
}

/** A bounded queue between what happens in the broker and a loop of the host program. */
export class ProgramQueue<Item, Given> implements AsyncIterableIterator<Given>, AsyncDisposable {
  readonly #options: ProgramQueueOptions<Item>;
  readonly #give: (item: Item, place: number) => Given;
  readonly #queue = new Fifo<Item>();
  readonly #waiting = new Fifo<PromiseWithResolvers<IteratorResult<Given>>>();
  #bytes = 0;
  /** Of the item that is next. */
  #place = 0;
  #dropped = 0;
  #ended = false;
  #fault: Error | undefined;

  /** @param give makes what the program gets; it is told how many items came before this one */
  constructor(options: ProgramQueueOptions<Item>, give: (item: Item, place: number) => Given) {
    this.#options = options;
    this.#give = give;
  }

  /** Items that were given up since the program did not take them in time. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Nothing more comes. */
  get ended(): boolean {
    return this.#ended;
  }

  /** False: nothing comes any longer. */
  push(item: Item): boolean {
    if (this.#ended) return false;
    const taker = this.#waiting.shift();
    if (taker) {
      taker.resolve({ done: false, value: this.#give(item, this.#place++) });
      return true;
    }
    this.#queue.push(item);
    this.#bytes += this.#sizeOf(item);
    const { limit, limitBytes = Infinity } = this.#options;
    while (this.#queue.length > limit || this.#bytes > limitBytes) {
      if (this.#options.onOverflow === "throw") return this.#overflow(item);
      this.#drop(this.#take()!);
    }
    return true;
  }

  next(): Promise<IteratorResult<Given>> {
    const item = this.#take();
    if (item !== undefined) return Promise.resolve({ done: false, value: this.#give(item, this.#place - 1) });
    if (this.#fault) {
      const fault = this.#fault;
      this.#fault = undefined;
      return Promise.reject(fault);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    const taker = Promise.withResolvers<IteratorResult<Given>>();
    this.#waiting.push(taker);
    return taker.promise;
  }

  return(): Promise<IteratorResult<Given>> {
    while (this.#take() !== undefined);
    this.#fault = undefined;
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Nothing more comes; what waits can still be taken. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onEnd();
    for (let taker = this.#waiting.shift(); taker; taker = this.#waiting.shift()) {
      taker.resolve({ done: true, value: undefined });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The newest goes, since those before it are still to be taken. */
  #overflow(newest: Item): boolean {
    this.#queue.extract((item) => item === newest);
    this.#bytes -= this.#sizeOf(newest);
    this.#drop(newest);
    this.#fault = this.#options.overflow();
    this.end();
    return false;
  }

  #drop(item: Item): void {
    this.#dropped++;
    this.#options.onDrop?.(item);
  }

  #take(): Item | undefined {
    const item = this.#queue.shift();
    if (item === undefined) return undefined;
    this.#place++;
    this.#bytes -= this.#sizeOf(item);
    return item;
  }

  #sizeOf(item: Item): number {
    return this.#options.sizeBytes?.(item) ?? 0;
  }
}

/** @throws {Error} if a queue cannot have this limit */
export function checkLimit(limit: unknown): void {
  if (Number.isInteger(limit) && Number(limit) >= 1) return;
  throw new Error(`limit must be a whole number from 1: got ${String(limit)}`);
}
