/**
 * The thread that computes SHA-crypt: WebCrypto has no such function, and one hash as aMQTT makes them (656,000 rounds)
 * takes half a second. Both ends of the thread are in this one file, because a module that is imported is part of
 * a compiled binary, and one that only a worker names is not.
 */
import { startThread, type Thread, type ThreadScope, threadScope } from "../../runtime/host.ts";
import { shaCrypt, type ShaCryptJob } from "./sha_crypt.ts";

interface Request {
  readonly id: number;
  readonly job: ShaCryptJob;
}

interface Answer {
  readonly id: number;
  readonly digest: string;
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
  #worker: Thread | undefined;
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

  #start(): Thread {
    this.#beforeStart();
    const worker = startThread(import.meta.url, THREAD_NAME);
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      this.#pending.get(data.id)?.resolve(data.digest);
      this.#pending.delete(data.id);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new Error(`cannot compute a password hash: ${event.message}`));
    };
    return worker;
  }

  #end(reason: Error): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    for (const { reject } of this.#pending.values()) reject(reason);
    this.#pending.clear();
  }
}

function serve(scope: ThreadScope): void {
  scope.onmessage = async ({ data: { id, job } }: MessageEvent<Request>) => {
    scope.postMessage({ id, digest: await shaCrypt(job) } satisfies Answer);
  };
}

const scope = threadScope(THREAD_NAME);
if (scope) serve(scope);
