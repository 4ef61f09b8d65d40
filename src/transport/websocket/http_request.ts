/** Just enough of HTTP/1.1 (RFC 9112) for the one request that a WebSocket begins with. */
import { createHash } from "node:crypto";
import { describeHello } from "../hello.ts";
import { HandshakeRefusal } from "../refusal.ts";
import type { UpgradeRequest } from "./upgrade.ts";
import type { WorkBudget } from "../../work_budget.ts";
import type { Transport } from "../transport.ts";

const FIRST_ROOM_BYTES = 2048;
/** A request must come to its end within so many bytes. */
export const LONGEST_HEAD_BYTES = 16_384;
/** Browsers send some twenty header fields, and proxies add a few; each costs far more than its bytes. */
export const MOST_FIELDS = 100;
/** Appended to the client's key before it is hashed (RFC 6455 §1.3). */
const ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

/** A request, and what came behind it. */
export interface ReceivedRequest {
  /** `malformed`: it was not HTTP; `too-large`: its head has no end within what is read of it, or too many fields. */
  readonly request: UpgradeRequest | "malformed" | "too-large";
  readonly rest: Uint8Array;
}

/**
 * Reads one request without a body.
 *
 * @param work where the time for it is taken from. @default nobody looks at it
 * @throws {HandshakeRefusal} if the peer speaks something else
 * @throws if the peer goes away before its end
 */
export async function readRequest(transport: Transport, work?: WorkBudget): Promise<ReceivedRequest> {
  let bytes = new Uint8Array(FIRST_ROOM_BYTES);
  for (let length = 0;;) {
    if (length === bytes.length) {
      if (length >= LONGEST_HEAD_BYTES) return { request: "too-large", rest: new Uint8Array(0) };
      const larger = new Uint8Array(2 * length);
      larger.set(bytes);
      bytes = larger;
    }
    const count = await transport.read(bytes.subarray(length));
    if (count === null) throw new Error("the peer closed the connection before its request was complete");
    work?.begin();
    if (length === 0) requireHttp(bytes.subarray(0, count));
    const end = findEnd(bytes, Math.max(0, length - 3), length + count);
    length += count;
    if (end !== undefined) return { request: parseHead(bytes.subarray(0, end)), rest: bytes.subarray(end, length) };
  }
}

/** Who speaks something else would wait for an answer that cannot come. */
function requireHttp(firstBytes: Uint8Array): void {
  const spoken = describeHello(firstBytes);
  if (spoken === undefined || spoken === "an HTTP request") return;
  const expected = spoken === "a TLS hello" ? "has no TLS (ssl)" : "expects WebSockets (type: ws)";
  throw new HandshakeRefusal("wrong-protocol", `${spoken}, but this listener ${expected}`);
}

/** Writes a final response with a sentence, and waits until the peer has had the chance to read it. */
export async function respond(
  transport: Transport,
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  await transport.write(encodeResponse(status, text, headers));
  await transport.closeWrite();
  // Closing while bytes of the peer are unread would reset the connection, and the response with it.
  const scratch = new Uint8Array(1024);
  while (await transport.read(scratch) !== null);
}

/** A final response with a sentence. */
export function encodeResponse(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Uint8Array {
  const body = `${text}\n`;
  const fields = {
    "Content-Type": "text/plain; charset=utf-8",
    "Content-Length": `${body.length}`,
    ...headers,
    Connection: [headers.Connection, "close"].filter(Boolean).join(", "),
  };
  return new TextEncoder().encode(encodeHead(status, fields) + body);
}

/** What makes a WebSocket of the connection (RFC 6455 §4.2.2). */
export function encodeUpgrade(request: UpgradeRequest, subprotocol: string): Uint8Array {
  const key = request.headers.get("sec-websocket-key");
  const head = encodeHead(101, {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Accept": createHash("sha1").update(`${key}${ACCEPT_SUFFIX}`).digest("base64"),
    "Sec-WebSocket-Protocol": subprotocol,
  });
  return new TextEncoder().encode(head);
}

/** Status line and header fields with the empty line behind them. */
function encodeHead(status: number, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${REASONS[status] ?? "Error"}\r\n${lines.join("")}\r\n`;
}

const REASONS: Readonly<Record<number, string>> = {
  101: "Switching Protocols",
  400: "Bad Request",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  426: "Upgrade Required",
  431: "Request Header Fields Too Large",
  503: "Service Unavailable",
};

function findEnd(bytes: Uint8Array, from: number, to: number): number | undefined {
  for (let at = bytes.indexOf(LINE_FEED, from); at >= 0 && at < to; at = bytes.indexOf(LINE_FEED, at + 1)) {
    const blank = bytes[at - 1] === CARRIAGE_RETURN && bytes[at - 2] === LINE_FEED && bytes[at - 3] === CARRIAGE_RETURN;
    if (blank) return at + 1;
  }
  return undefined;
}

function parseHead(head: Uint8Array): UpgradeRequest | "malformed" | "too-large" {
  const [first = "", ...lines] = String.fromCharCode(...head).split("\r\n").slice(0, -2);
  const [, method, target] = /^([A-Z]+) ([!-~]+) HTTP\/1\.1$/.exec(first) ?? [];
  if (!method || !target) return "malformed";
  if (lines.length > MOST_FIELDS) return "too-large";
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? [];
    if (!name || value === undefined || (isSingle(name) && headers.has(name))) return "malformed";
    headers.append(name, value);
  }
  // RFC 9112 §3.2: a request without a host, or with two, is malformed; and this one must not have a body.
  if (!headers.has("host") || headers.has("transfer-encoding")) return "malformed";
  if ((headers.get("content-length") ?? "0") !== "0") return "malformed";
  return { method, target, headers };
}

/** Fields that decide something and must therefore not have two values. */
function isSingle(name: string): boolean {
  return /^(host|origin|sec-websocket-(key|version))$/i.test(name);
}
