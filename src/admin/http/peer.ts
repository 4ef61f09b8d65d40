import type { TransportDuplex } from "../../transport/tls/transport_duplex.ts";
import type { Transport } from "../../transport/transport.ts";

/** Connections at once. Above it the one goes that has asked for nothing for longest; if all are busy, the new one. */
export const MAXIMUM_CONNECTIONS = 256;
/** How long a connection may stay without a whole request head, from its beginning or the last answer. */
export const HEAD_MS = 30_000;
/** How long an answer may wait for a peer that takes nothing of it. */
export const STALL_MS = 60_000;
/** How long the rest of a request that nobody reads is let come, so that the answer is not lost with it. */
const LINGER_MS = 1000;

/** Answers one request. */
export type Answer = (request: Request, from: { readonly hostname: string | undefined }) => Promise<Response>;

/** What a {@linkcode Peer} is made of. */
export interface PeerParts {
  readonly stream: TransportDuplex;
  readonly transport: Transport;
  readonly answer: Answer;
  after(ms: number, run: () => void): () => void;
}

/** One connection with its deadlines. */
export class Peer {
  readonly transport: Transport;
  readonly answer: Answer;
  /** Requests that are not answered. */
  underWay = 0;
  readonly #parts: PeerParts;
  #cancel: () => void;

  constructor(parts: PeerParts) {
    this.#parts = parts;
    this.transport = parts.transport;
    this.answer = parts.answer;
    this.#cancel = this.#limit(HEAD_MS);
  }

  /** A request's head is there. */
  begin(): void {
    this.underWay++;
    this.#cancel();
  }

  /** A request is answered. */
  end(): void {
    if (--this.underWay > 0 || this.#parts.stream.destroyed) return;
    this.#cancel();
    this.#cancel = this.#limit(HEAD_MS);
  }

  /** Cuts the peer off if it takes nothing, until the returned function is called. */
  watchStall(): () => void {
    return this.#limit(STALL_MS);
  }

  /** The answer has left, and what else comes is not wanted. */
  linger(): void {
    this.#cancel();
    this.#cancel = this.#limit(LINGER_MS);
  }

  /** The connection has ended. */
  closed(): void {
    this.#cancel();
  }

  #limit(ms: number): () => void {
    return this.#parts.after(ms, () => this.#parts.stream.destroy());
  }
}
