/**
 * The thread that computes SHA-crypt: WebCrypto has no such function, and one hash as aMQTT makes them (656,000 rounds)
 * takes half a second. Both ends of the thread are in this one file, because a module that is imported is part of
 * a compiled binary, and one that only a worker names is not.
 */
import { shaCrypt, type ShaCryptJob } from "./sha_crypt.ts";

interface Request {
  readonly id: number;
  readonly job: ShaCryptJob;
}

interface Answer {
  readonly id: number;
  readonly digest: string;
}

/** What this file needs of a worker's global scope. */
interface WorkerScope {
  readonly name?: string;
  postMessage(answer: Answer): void;
  addEventListener(type: "message", listener: (event: MessageEvent<Request>) => void): void;
}

const THREAD_NAME = "amqtt:sha-crypt";

/** Whoever computes SHA-crypt digests off the event loop. */
export interface ShaCryptComputer {
  /** Computes one digest. */
  compute(job: ShaCryptJob): Promise<string>;
}

/** Computes SHA-crypt digests one after the other on a thread of its own, which starts with the first one. */
export class ShaCryptThread implements ShaCryptComputer {
  readonly #beforeStart: () => void;
  readonly #pending = new Map<number, PromiseWithResolvers<string>>();
  #worker: Worker | undefined;
  #lastId = 0;

  /** @param beforeStart called whenever a thread is about to be started; it throws if that must not be */
  constructor(beforeStart: () => void = () => {}) {
    this.#beforeStart = beforeStart;
  }

  /** Digests that are asked for and not there yet. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Computes one digest; rejects if the thread cannot be started or is closed meanwhile. */
  // deno-lint-ignore require-await -- so that a thread that cannot be started rejects
  async compute(job: ShaCryptJob): Promise<string> {
    const worker = this.#worker ??= this.#start();
    const id = ++this.#lastId;
    const pending = Promise.withResolvers<string>();
    this.#pending.set(id, pending);
    worker.postMessage({ id, job } satisfies Request);
    return pending.promise;
  }

  /** Ends the thread as soon as it has computed what it was asked for. */
  async retire(): Promise<void> {
    await Promise.allSettled([...this.#pending.values()].map(({ promise }) => promise));
    this.close();
  }

  /** Ends the thread; the next digest starts another one. */
  close(): void {
    this.#end(new Error("cannot compute a password hash: the thread was closed"));
  }

  #start(): Worker {
    this.#beforeStart();
    const worker = new Worker(import.meta.url, { type: "module", name: THREAD_NAME });
    worker.addEventListener("message", ({ data }: MessageEvent<Answer>) => {
      this.#pending.get(data.id)?.resolve(data.digest);
      this.#pending.delete(data.id);
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      this.#end(new Error(`cannot compute a password hash: ${event.message}`));
    });
    return worker;
  }

  #end(reason: Error): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }
}

function serve(scope: WorkerScope): void {
  scope.addEventListener(
    "message",
    async ({ data: { id, job } }) => scope.postMessage({ id, digest: await shaCrypt(job) }),
  );
}

const scope = globalThis as unknown as WorkerScope;
if (scope.name === THREAD_NAME) serve(scope);
