/** A WebSocket on a socket that a web server of `node:http` or `node:https` has handed over with its event `upgrade`. */
import { DuplexConnection, type DuplexSocket } from "../../runtime/duplex.ts";
import type { WorkBudget } from "../../work_budget.ts";
import { SocketTransport } from "../socket_transport.ts";
import type { RemoteAddress, Transport } from "../transport.ts";
import { FramedTransport } from "./framed_transport.ts";
import { encodeResponse, encodeUpgrade } from "./http_request.ts";
import { judgeUpgrade, type UpgradeRefusal, type UpgradeRules } from "./upgrade.ts";

/**
 * The head of a request as `node:http` tells it: an `IncomingMessage`.
 *
 * @category Broker
 */
export interface UpgradeHead {
  /** Such as GET. */
  readonly method?: string;
  /** Path with query. */
  readonly url?: string;
  /** By names in small letters. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** What is checked, and the limits of the transport. */
export interface HandedSocketOptions extends UpgradeRules {
  /** Where the client is. @default what the socket says */
  readonly remote?: RemoteAddress;
  /** A frame that claims more bytes closes the socket. */
  readonly longestFrameBytes: number;
  /** Where the time for frames without data is taken from. */
  readonly work: WorkBudget;
}

/** What the rules look at. */
const FIELDS = [
  "connection",
  "host",
  "origin",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "upgrade",
];

/** What a web server has handed over. */
export class HandedSocket {
  readonly #connection: DuplexConnection;
  readonly #socket: DuplexSocket;

  /** From now on it is looked after: what happens to it does not end the program. */
  constructor(socket: DuplexSocket) {
    this.#socket = socket;
    this.#connection = new DuplexConnection(socket);
  }

  /** Makes the WebSocket, or answers why not. */
  upgrade(head: UpgradeHead, rest: Uint8Array, options: HandedSocketOptions): Transport | UpgradeRefusal {
    const request = { method: head.method ?? "GET", target: head.url ?? "/", headers: decidingHeaders(head) };
    const verdict = judgeUpgrade(request, options);
    if ("status" in verdict) {
      this.refuse(verdict.status, verdict.text, verdict.headers);
      return verdict;
    }
    const secure = this.#socket.encrypted === true;
    const raw = new SocketTransport(this.#connection, "tcp", options.remote ?? this.#remote, undefined, secure);
    this.#connection.setNoDelay(true);
    // Whoever reads or writes next hears of a failure.
    raw.write(encodeUpgrade(request, verdict.subprotocol)).catch(() => {});
    return new FramedTransport(raw, { ...options, rest });
  }

  /** Answers with a sentence and closes the connection. */
  refuse(status: number, text: string, headers?: Readonly<Record<string, string>>): void {
    const connection = this.#connection;
    connection.write(encodeResponse(status, text, headers))
      .then(() => connection.closeWrite())
      .catch(() => {})
      .finally(() => connection.close());
  }

  close(): void {
    this.#connection.close();
  }

  get #remote(): RemoteAddress {
    const { remoteAddress: hostname, remotePort: port } = this.#socket;
    return Object.freeze({ ...hostname !== undefined && { hostname }, ...port !== undefined && { port } });
  }
}

function decidingHeaders({ headers }: UpgradeHead): Headers {
  const deciding = new Headers();
  for (const name of FIELDS) {
    const value = headers[name];
    if (value !== undefined) deciding.append(name, String(value));
  }
  return deciding;
}
