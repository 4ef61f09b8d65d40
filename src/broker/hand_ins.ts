/** Connections and WebSocket requests that the host program hands in. */
import type { ResolvedListener } from "../config/config.ts";
import { errorText } from "../error_text.ts";
import { showValue } from "../hooks/fault.ts";
import { describeAddress } from "../routing/describe.ts";
import type { DuplexSocket } from "../runtime/duplex.ts";
import { type ByteStream, streamTransport } from "../transport/stream.ts";
import type { RemoteAddress, Transport } from "../transport/transport.ts";
import type { UpgradeHead } from "../transport/websocket/handed_socket.ts";
import { upgradeRequest } from "../transport/websocket/runtime_socket.ts";
import type { UpgradeRefusal } from "../transport/websocket/upgrade.ts";
import type { BrokerParts } from "./broker_parts.ts";
import type { Reception } from "./reception.ts";

/**
 * Which listener's attributes a connection gets that the program hands in.
 *
 * @category Broker
 */
export interface HandInOptions {
  /** Name of a listener. @default the only one of type `external`; if there is none, what `default` says */
  readonly listener?: string;
}

/**
 * What is said of a WebSocket request that the program hands in.
 *
 * @category Broker
 */
export interface UpgradeOptions extends HandInOptions {
  /** Where the client is, as `Deno.serve` tells in `info.remoteAddr`. @default not known; of a socket, what that tells */
  readonly remote?: RemoteAddress;
}

/**
 * A connection that was handed in.
 *
 * @category Broker
 */
export interface Accepted {
  /** Resolves when the connection has ended; never rejects. */
  readonly closed: Promise<void>;
}

/** Who takes in what is handed in. */
export interface HandInPlace {
  readonly brokerParts: BrokerParts;
  readonly reception: Reception;
}

/** As {@linkcode Broker.accept}, for a broker that may be in another state. */
export function acceptStream(
  place: HandInPlace | string,
  connection: ByteStream | Transport,
  options: HandInOptions,
): Accepted {
  const action = "Cannot accept a connection";
  const transport = orThrow(action, () => isTransport(connection) ? connection : streamTransport(connection));
  try {
    if (typeof place === "string") throw new Error(`${action}: the broker is ${place}`);
    const listener = orThrow(action, () => place.reception.handedIn(options.listener));
    return { closed: place.reception.serve(transport, listener) };
  } catch (error) {
    transport.close();
    throw error;
  }
}

/** As {@linkcode Broker.upgrade}; without a place the broker does not run. */
export function upgradeWebRequest(place: HandInPlace | undefined, request: Request, options: UpgradeOptions): Response {
  if (typeof request?.headers?.get !== "function") {
    throw new Error(
      `Cannot upgrade a request: it must be a Request, as Deno.serve gives it: got ${showValue(request)}`,
    );
  }
  if (!place) return new Response(`${NOT_RUNNING}\n`, { status: 503 });
  const listener = orThrow("Cannot upgrade a request", () => place.reception.handedIn(options.listener));
  const { maxInboundBytes, maxOutboundBytes } = listener.limits;
  const remote = remoteOf(options) ?? Object.freeze({});
  const limits = { maxInboundBytes, maxOutboundBytes };
  const { response, transport, refusal } = upgradeRequest(request, { ...rulesOf(listener), ...limits, remote });
  if (refusal) tellRefusal(place, listener, remote, refusal);
  if (transport) place.reception.serve(transport, listener);
  return response;
}

/** What the event `upgrade` of a web server of Node tells. */
export interface HandedOver {
  readonly request: UpgradeHead;
  readonly socket: DuplexSocket;
  readonly head: Uint8Array;
}

/** As {@linkcode Broker.upgradeSocket}; `place` says `undefined` while the broker does not run. */
export async function upgradeNodeSocket(
  place: () => HandInPlace | undefined,
  { request, socket, head }: HandedOver,
  options: UpgradeOptions,
): Promise<Accepted | undefined> {
  if (typeof socket?.on !== "function" || typeof request?.headers !== "object") {
    const expected = "it must be given the request, the socket and the head of the event upgrade of node:http";
    throw new Error(`Cannot upgrade a socket: ${expected}: got ${showValue(request)} and ${showValue(socket)}`);
  }
  // A socket that breaks before anybody listens to that would end the program.
  socket.on("error", () => {});
  const { HandedSocket } = await import("../transport/websocket/handed_socket.ts");
  const handed = new HandedSocket(socket);
  const now = place();
  if (!now) return void handed.refuse(503, NOT_RUNNING);
  try {
    const listener = orThrow("Cannot upgrade a socket", () => now.reception.handedIn(options.listener));
    const { maxInboundBytes, maxPacketSize } = listener.limits;
    const transport = handed.upgrade(request, new Uint8Array(head), {
      ...rulesOf(listener),
      remote: remoteOf(options),
      // A frame may hold a whole packet, and clients may gather several in one.
      longestFrameBytes: Math.max(maxInboundBytes, maxPacketSize + 5),
      work: now.brokerParts.work,
    });
    if (isTransport(transport)) return { closed: now.reception.serve(transport, listener) };
    const { remoteAddress: hostname, remotePort: port } = socket;
    tellRefusal(now, listener, remoteOf(options) ?? { hostname, port }, transport);
    return undefined;
  } catch (error) {
    handed.close();
    throw error;
  }
}

const NOT_RUNNING = "The broker is not running";

function rulesOf({ origins, hosts, name }: ResolvedListener) {
  return { origins, hosts, place: `listeners.${name}` };
}

function remoteOf({ remote }: UpgradeOptions): RemoteAddress | undefined {
  if (!remote) return undefined;
  const { hostname, port } = remote;
  return Object.freeze({ ...(hostname !== undefined && { hostname }), ...(port !== undefined && { port }) });
}

function tellRefusal(
  { brokerParts }: HandInPlace,
  { name }: ResolvedListener,
  remote: RemoteAddress,
  { kind, reason }: UpgradeRefusal,
): void {
  const from = remote.hostname === undefined ? "a request" : describeAddress(remote);
  brokerParts.refuse(name, kind, remote, `${from}, listener ${name}: ${reason}`);
}

function isTransport(connection: ByteStream | Transport | UpgradeRefusal): connection is Transport {
  return typeof connection === "object" && connection !== null && "acceptedAt" in connection;
}

/** Says in front of what is thrown what could not be done. */
function orThrow<Result>(place: string, make: () => Result): Result {
  try {
    return make();
  } catch (cause) {
    throw new Error(`${place}: ${errorText(cause)}`, { cause });
  }
}
