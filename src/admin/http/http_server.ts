/**
 * HTTP over transports of the broker's own, so that the admin API accepts, encrypts, renews certificates and survives a
 * shortage of descriptors as MQTT does. `Deno.serve` does none of that, has no deadline for a request's head, and no limit
 * to its connections. HTTP/1.1 only: nobody can make many requests of one connection at a time.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { TransportDuplex } from "../../transport/tls/transport_duplex.ts";
import type { Transport } from "../../transport/transport.ts";
import { sendResponse, toRequest } from "./exchange.ts";
import { type Answer, MAXIMUM_CONNECTIONS, Peer } from "./peer.ts";

/** What a request's head may take. */
const MAXIMUM_HEAD_BYTES = 16_384;
/** Requests of one connection whose answers it has not read. */
const MAXIMUM_PIPELINED = 8;

/** What an {@linkcode HttpServer} works with. */
export interface HttpParts {
  /** Calls something once in some milliseconds, unless what it returns is called before. */
  after(ms: number, run: () => void): () => void;
  /** A request failed in a way that nobody foresaw. */
  failed(error: unknown): void;
}

/** See the module. */
export class HttpServer {
  readonly #parts: HttpParts;
  /** In the order in which they came, or have last been answered. */
  readonly #peers = new Map<TransportDuplex, Peer>();
  readonly #server: Server;

  constructor(parts: HttpParts) {
    this.#parts = parts;
    const options = { maxHeaderSize: MAXIMUM_HEAD_BYTES, keepAliveTimeout: 0 };
    this.#server = createServer(options, (incoming, outgoing) => void this.#exchange(incoming, outgoing));
    // Of a server that does not listen Node keeps no connection for a second request.
    Object.defineProperty(this.#server, "listening", { value: true });
  }

  /** Connections that are open. */
  get connections(): number {
    return this.#peers.size;
  }

  /** Answers what comes over a connection, which belongs to this from now on. */
  serve(transport: Transport, answer: Answer): void {
    if (this.#peers.size >= MAXIMUM_CONNECTIONS && !this.#dropIdle()) return transport.close();
    const stream = new TransportDuplex(transport);
    const peer = new Peer({ stream, transport, answer, after: this.#parts.after });
    this.#peers.set(stream, peer);
    stream.once("close", () => {
      this.#peers.delete(stream);
      peer.closed();
    });
    this.#server.emit("connection", stream);
  }

  /** Closes every connection. */
  close(): void {
    for (const stream of this.#peers.keys()) stream.destroy();
  }

  async #exchange(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const stream = incoming.socket as unknown as TransportDuplex;
    const peer = this.#peers.get(stream);
    if (!peer) return;
    peer.begin();
    if (peer.underWay > MAXIMUM_PIPELINED) return void stream.destroy();
    try {
      const request = toRequest(incoming, peer.transport.secure);
      const { hostname } = peer.transport.remote;
      const response = request ? await peer.answer(request, { hostname }) : badRequest();
      await sendResponse(response, { incoming, outgoing, peer });
    } catch (error) {
      this.#parts.failed(error);
      stream.destroy();
    }
    peer.end();
    // The one that has been idle for longest stays first.
    if (this.#peers.delete(stream)) this.#peers.set(stream, peer);
  }

  #dropIdle(): boolean {
    for (const [stream, { underWay }] of this.#peers) {
      if (underWay > 0) continue;
      this.#peers.delete(stream);
      stream.destroy();
      return true;
    }
    return false;
  }
}

function badRequest(): Response {
  return new Response("Bad request\n", { status: 400 });
}
