/** Handshakes that run beside each other, each within its time. */
import type { Logger } from "../logger.ts";
import { formatAddress } from "./address.ts";
import { HandshakeRefusal, type HandshakeRefusalKind, type OnRefused } from "./refusal.ts";
import type { Transport } from "./transport.ts";

/** A timer that is so late was held up by a stall of the process. */
const STALL_MS = 100;

/** How connections become transports that can be given out. */
export interface HandshakeOptions {
  /** What is shaken, for the log: `TLS handshake`. */
  readonly name: string;
  /** Seconds from TCP accept that the handshake may take. */
  readonly timeoutSeconds: number;
  readonly logger: Logger;
  /** Told of who is refused. @default the log, at `debug` */
  readonly onRefused?: OnRefused;
  /**
   * Speaks the handshake; throws if it fails.
   *
   * @param refuse may be called before a farewell that takes its time; what is thrown afterwards is not told again
   */
  shake(raw: Transport, refuse: (refusal: HandshakeRefusal) => void): Promise<Transport>;
}

/** Turns raw connections into ready ones; a slow or failing handshake holds nobody up. */
export class Handshakes {
  readonly #options: HandshakeOptions;
  readonly #underWay = new Set<Transport>();
  readonly #ready: Transport[] = [];
  #closed = false;
  /** Why there will be no more. */
  #fault: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};

  constructor(options: HandshakeOptions) {
    this.#options = options;
  }

  /**
   * Begins the handshakes of all that `source` yields.
   *
   * @returns those whose handshake succeeded, in the order in which they got done, until {@linkcode close}; it throws what
   * `source` throws
   */
  run(source: AsyncIterable<Transport>): AsyncGenerator<Transport, void, undefined> {
    this.#beginAll(source);
    return this.#results();
  }

  /** Cuts everybody who was not given out yet. */
  close(): void {
    this.#closed = true;
    for (const raw of this.#underWay) raw.close();
    for (const transport of this.#ready.splice(0)) transport.close();
    this.#wake();
  }

  async *#results(): AsyncGenerator<Transport, void, undefined> {
    while (!this.#closed) {
      const next = this.#ready.shift();
      if (next) yield next;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
    if (this.#fault) throw this.#fault.error;
  }

  async #beginAll(source: AsyncIterable<Transport>): Promise<void> {
    try {
      for await (const raw of source) this.#begin(raw);
    } catch (error) {
      this.#fault = { error };
    }
    this.close();
  }

  /** Never throws: what fails is logged and closed. */
  async #begin(raw: Transport): Promise<void> {
    if (this.#closed) return raw.close();
    const { timeoutSeconds, shake } = this.#options;
    let late = false;
    let told = false;
    const refuse = ({ kind, message }: HandshakeRefusal) => {
      if (!told) this.#refused(raw, kind, message);
      told = true;
    };
    let timer: ReturnType<typeof setTimeout>;
    const wait = (ms: number) => {
      const dueMs = performance.now() + ms;
      timer = setTimeout(() => {
        // After a stall what the peer sent is still to be read.
        if (performance.now() - dueMs > STALL_MS) return wait(Math.min(STALL_MS, ms));
        late = true;
        raw.close();
      }, ms);
    };
    wait(raw.acceptedAt + 1000 * timeoutSeconds - performance.now());
    this.#underWay.add(raw);
    try {
      this.#give(await shake(raw, refuse));
    } catch (error) {
      raw.close();
      if (error instanceof HandshakeRefusal) refuse(error);
      else if (late) refuse(new HandshakeRefusal("handshake-timeout", `not done within ${timeoutSeconds} s`));
      else if (!told) this.#log(raw, messageOf(error));
    } finally {
      clearTimeout(timer!);
      this.#underWay.delete(raw);
    }
  }

  #give(transport: Transport): void {
    if (this.#closed) return transport.close();
    this.#ready.push(transport);
    this.#wake();
  }

  #refused(raw: Transport, kind: HandshakeRefusalKind, reason: string): void {
    if (this.#closed) return;
    const { name, onRefused } = this.#options;
    if (onRefused) onRefused(kind, raw.remote, `${name}: ${reason}`);
    else this.#log(raw, reason);
  }

  #log(raw: Transport, reason: string): void {
    if (this.#closed) return;
    const { hostname, port } = raw.remote;
    const peer = hostname === undefined ? "a peer" : formatAddress(hostname, port ?? 0);
    this.#options.logger.debug(`Refused ${peer} in the ${this.#options.name}: ${reason}`);
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
