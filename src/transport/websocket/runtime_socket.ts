/** Transports over WebSockets that the host program's own web server has accepted. */
import { ByteQueue } from "../byte_queue.ts";
import type { RemoteAddress, Transport } from "../transport.ts";
import { judgeUpgrade, type UpgradeRefusal, type UpgradeRules } from "./upgrade.ts";
import { host } from "../../runtime/host.ts";

const DEFAULT_OUTBOUND_BYTES = 1_048_576;
const DRAIN_POLL_MILLISECONDS = 20;
const NORMAL_CLOSURE = 1000;
const UNSUPPORTED_DATA = 1003;
const MESSAGE_TOO_BIG = 1009;

/** Limits and facts of a WebSocket that the runtime handles. */
export interface WebSocketTransportOptions {
  /** Bytes received and not read yet; more closes the socket, as the runtime offers no way to read less. */
  readonly maxInboundBytes: number;
  /** Bytes waiting to go out above which a `write` waits. @default 1048576 */
  readonly maxOutboundBytes?: number;
  /** The other end's address, which a WebSocket does not tell. @default unknown */
  readonly remote?: RemoteAddress;
  /** Whether the connection is encrypted. @default what the request's or socket's URL says */
  readonly secure?: boolean;
}

/** What an upgrade checks, beside the limits of the transport it makes. */
export interface UpgradeOptions extends WebSocketTransportOptions, UpgradeRules {}

/** The response for the host program's web server, and the connection if there is one. */
export interface UpgradeResult {
  /** For the web server to return. */
  readonly response: Response;
  /** `undefined`: the request was refused, and `response` says why. */
  readonly transport?: Transport;
  /** Why the request was refused, for the log; `undefined`: it was not. */
  readonly refusal?: UpgradeRefusal;
}

/**
 * Turns a request that the host program's `Deno.serve` got into a transport, or refuses it: another path 404, an origin
 * that is not let in 403, no subprotocol `mqtt` or `mqttv3.1` 400, no WebSocket at all 426.
 */
export function upgradeRequest(request: Request, options: UpgradeOptions): UpgradeResult {
  const url = new URL(request.url);
  const { method, headers } = request;
  const verdict = judgeUpgrade({ method, target: url.pathname, headers }, options);
  if ("status" in verdict) {
    const { status, text } = verdict;
    return { response: new Response(`${text}\n`, { status, headers: verdict.headers }), refusal: verdict };
  }
  if (!host.upgradeWebSocket) {
    const reason =
      "this runtime cannot upgrade a Request: use upgradeSocket with node:http, or let the broker listen itself";
    return {
      response: new Response(`${reason}\n`, { status: 501 }),
      refusal: { status: 501, text: reason, kind: "http", reason },
    };
  }
  const { socket, response } = host.upgradeWebSocket(request, { protocol: verdict.subprotocol });
  const secure = options.secure ?? url.protocol === "https:";
  return { response, transport: webSocketTransport(socket, { ...options, secure }) };
}

/** Makes a transport of a WebSocket that the host program has accepted, open or about to be. */
export function webSocketTransport(socket: WebSocket, options: WebSocketTransportOptions): Transport {
  return new WebSocketTransport(socket, options);
}

class WebSocketTransport implements Transport {
  readonly kind = "ws";
  readonly secure: boolean;
  readonly remote: RemoteAddress;
  readonly acceptedAt: number = performance.now();
  readonly #socket: WebSocket;
  readonly #maxInboundBytes: number;
  readonly #maxOutboundBytes: number;
  readonly #inbound = new ByteQueue();
  readonly #opened = Promise.withResolvers<void>();
  #givenBytes = 0;
  #fault: Error | undefined;
  #poll: { readonly timer: ReturnType<typeof setTimeout>; wake(): void } | undefined;

  constructor(socket: WebSocket, options: WebSocketTransportOptions) {
    this.#socket = socket;
    this.#maxInboundBytes = options.maxInboundBytes;
    this.#maxOutboundBytes = options.maxOutboundBytes ?? DEFAULT_OUTBOUND_BYTES;
    this.remote = options.remote ?? {};
    this.secure = options.secure ?? socket.url.startsWith("wss:");
    socket.binaryType = "arraybuffer";
    socket.addEventListener("open", () => this.#opened.resolve());
    socket.addEventListener("message", (event: MessageEvent<unknown>) => this.#receive(event.data));
    socket.addEventListener("error", (event) => this.#fail(new Error(messageOf(event))));
    socket.addEventListener("close", () => this.#end());
    if (socket.readyState !== WebSocket.CONNECTING) this.#opened.resolve();
  }

  get takenBytes(): number {
    return this.#givenBytes - this.#socket.bufferedAmount;
  }

  get bufferedBytes(): number {
    return this.#inbound.length + (this.#socket.bufferedAmount ?? 0);
  }

  read(into: Uint8Array): Promise<number | null> {
    return this.#inbound.read(into);
  }

  async write(bytes: Uint8Array): Promise<void> {
    await this.#opened.promise;
    this.#requireOpen();
    if (bytes.length > 0) this.#socket.send(new Uint8Array(bytes));
    this.#givenBytes += bytes.length;
    await this.#drain(this.#maxOutboundBytes);
    if (this.#fault) throw this.#fault;
  }

  async closeWrite(): Promise<void> {
    await this.#opened.promise;
    await this.#drain(0);
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(NORMAL_CLOSURE);
  }

  close(): void {
    this.#leave(NORMAL_CLOSURE, new Error("Cannot use the stream: it was closed"));
  }

  #receive(data: unknown): void {
    if (!(data instanceof ArrayBuffer)) {
      const reason = "MQTT is carried by binary frames only, got a text frame";
      return this.#leave(UNSUPPORTED_DATA, new Error(`Closed the WebSocket with ${UNSUPPORTED_DATA}: ${reason}`));
    }
    this.#inbound.push(new Uint8Array(data));
    if (this.#inbound.length <= this.#maxInboundBytes) return;
    const reason = `${this.#maxInboundBytes} bytes may wait to be read, got ${this.#inbound.length}`;
    this.#leave(MESSAGE_TOO_BIG, new Error(`Closed the WebSocket with ${MESSAGE_TOO_BIG}: ${reason}`));
  }

  /** Waits until at most `limitBytes` wait to go out; a WebSocket has no event for that. */
  async #drain(limitBytes: number): Promise<void> {
    while (this.#isOpen && this.#socket.bufferedAmount > limitBytes) {
      await new Promise<void>((wake) => this.#poll = { timer: setTimeout(wake, DRAIN_POLL_MILLISECONDS), wake });
    }
  }

  get #isOpen(): boolean {
    return this.#fault === undefined && this.#socket.readyState === WebSocket.OPEN;
  }

  #requireOpen(): void {
    if (!this.#isOpen) throw this.#fault ?? new Error("Cannot write: the WebSocket was closed");
  }

  #leave(code: number, fault: Error): void {
    this.#fail(fault);
    if (this.#socket.readyState < WebSocket.CLOSING) this.#socket.close(code);
  }

  #fail(fault: Error): void {
    this.#fault ??= fault;
    this.#inbound.fail(this.#fault);
    this.#release();
  }

  #end(): void {
    this.#inbound.end();
    this.#release();
  }

  #release(): void {
    this.#opened.resolve();
    if (!this.#poll) return;
    clearTimeout(this.#poll.timer);
    this.#poll.wake();
  }
}

function messageOf(event: Event): string {
  return event instanceof ErrorEvent && event.message ? event.message : "The WebSocket broke";
}
