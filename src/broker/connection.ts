import type { ResolvedListener } from "../config/config.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import { Message } from "../message.ts";
import { decode, UnsupportedVersionError } from "../packet/decode.ts";
import { encode, encodeAck, encodePublish } from "../packet/encode.ts";
import { FrameReader } from "../packet/frame_reader.ts";
import {
  type AckPacket,
  type ConnackPacket,
  type InboundPacket,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
  type Will,
} from "../packet/packets.ts";
import { ProtocolError } from "../packet/protocol_error.ts";
import { describeReasonCode, ReasonCode } from "../packet/reason_code.ts";
import type { Fifo } from "../session/fifo.ts";
import type { Delivery } from "../session/message_queue.ts";
import type { OutboundLink } from "../session/sender.ts";
import type { Session } from "../session/session.ts";
import { formatAddress } from "../transport/address.ts";
import type { Transport } from "../transport/transport.ts";
import type { Core } from "./core.ts";
import { handlePacket } from "./handlers/handle_packet.ts";
import { Outbox } from "./outbox.ts";
import { within } from "./within.ts";

/** Largest packet before sign-in, in bytes: a CONNECT with its will. */
const MAXIMUM_CONNECT_BYTES = 128 * 1024;
/** How long a connection over the limit may take for its CONNECT, and a closing one to take what was said last. */
const GRACE_MS = 1000;
/** How long a client may take nothing at all of what waits for it before it is read again. */
const STALL_MS = 60_000;

/** A signed-in client's part of a connection. */
export interface Open {
  readonly at: "open";
  readonly session: Session;
  readonly client: ClientSnapshot;
  readonly version: ProtocolVersion;
  /** `undefined`: there is none, or it is spent. */
  will: Will | undefined;
  /** QoS 2 messages over `max-inflight`, which wait for a PUBREL to make room. */
  readonly held: Fifo<PublishPacket>;
  heldBytes: number;
}

type State =
  | { readonly at: "awaiting-connect" }
  | { readonly at: "signing-in"; readonly gone: AbortController }
  | Open
  | { readonly at: "closed" };

/** How and why a connection is ended. */
export interface Ending {
  readonly reasonCode: ReasonCode;
  /** For the log. */
  readonly reason: string;
  /** The client said goodbye: there is no will. */
  readonly clean?: boolean;
}

/** What is said of a connection when it is handed over. */
export interface ConnectionOptions {
  readonly listener: ResolvedListener;
  /** The listener is full: CONNECT is answered with "server unavailable". */
  readonly refusing: boolean;
}

/** One network connection: reads packets, hands them to their handlers one at a time, and ends. */
export class Connection implements OutboundLink {
  readonly core: Core;
  readonly transport: Transport;
  readonly listener: ResolvedListener;
  readonly refusing: boolean;
  readonly #reader = new FrameReader({ maximumPacketSizeBytes: MAXIMUM_CONNECT_BYTES });
  readonly #outbox: Outbox;
  #state: State = { at: "awaiting-connect" };
  #version: ProtocolVersion = 4;
  /** By when the client has to be heard of, in milliseconds of the clock; `Infinity`: never. */
  #deadlineMs: number;
  #silenceMs = Infinity;
  /** Frames are being handled: the connection finds out by itself that it was closed. */
  #serving = false;
  /** Ends the wait for a handler. */
  #interrupt: (() => void) | undefined;

  constructor(core: Core, transport: Transport, { listener, refusing }: ConnectionOptions) {
    this.core = core;
    this.transport = transport;
    this.listener = listener;
    this.refusing = refusing;
    const sinceAcceptMs = performance.now() - transport.acceptedAt;
    const patienceMs = refusing ? GRACE_MS : listener.limits.connectTimeout * 1000;
    this.#deadlineMs = core.clock.now() - sinceAcceptMs + patienceMs;
    this.#outbox = new Outbox(transport, {
      maximumBytes: listener.limits.maxOutboundBytes,
      onSent: (bytes) => core.statistics.bytesSent += bytes,
      onRelief: () => this.#state.at === "open" && this.#state.session.sender.pump(),
    });
  }

  /** The signed-in client's part; `undefined` before sign-in and after the end. */
  get open(): Open | undefined {
    return this.#state.at === "open" ? this.#state : undefined;
  }

  get closed(): boolean {
    return this.#state.at === "closed";
  }

  /** Serves the connection to its end. Never throws. */
  async run(): Promise<void> {
    try {
      await this.#readPackets();
      this.close({ reasonCode: ReasonCode.UnspecifiedError, reason: "the client closed the connection" });
    } catch (error) {
      this.#fail(error);
    }
    await this.#linger();
    this.#cut();
  }

  /** Called by the broker's coarse timer. */
  tick(nowMs: number): void {
    if (nowMs < this.#deadlineMs) return;
    if (this.#state.at === "closed") return this.#cut();
    if (this.#state.at === "signing-in") {
      return this.refuse(ReasonCode.ServerBusy, "sign-in was not decided in time (connect-timeout)");
    }
    const reason = this.#state.at === "open"
      ? "nothing was heard of the client in time (keep-alive)"
      : "no CONNECT in time (connect-timeout)";
    this.close({ reasonCode: ReasonCode.KeepAliveTimeout, reason });
    this.#cut();
  }

  /**
   * CONNECT has come and is being decided on, for as long as it could take to come.
   *
   * @returns aborted when the connection ends before it is decided
   */
  beginSignIn(version: ProtocolVersion): AbortSignal {
    if (this.#state.at !== "awaiting-connect") {
      // [MQTT-3.1.0-2] 3.1.1 and 5.0
      throw new ProtocolError(ReasonCode.ProtocolError, "a second CONNECT");
    }
    const gone = new AbortController();
    this.#state = { at: "signing-in", gone };
    this.#version = version;
    this.#deadlineMs = this.core.clock.now() + this.listener.limits.connectTimeout * 1000;
    return gone.signal;
  }

  /** The client is signed in and its session belongs to this connection. */
  welcome(open: Open, sessionPresent: boolean): void {
    const { limits } = this.listener;
    this.#state = open;
    this.#reader.maximumPacketSizeBytes = limits.maxPacketSize;
    this.#silenceMs = silenceMs(open.client.keepAliveSeconds, limits.timeoutDisconnectDelay);
    this.#expectClientWithin(this.#silenceMs);
    this.core.owners.set(open.session, this);
    this.send({ type: PacketType.Connack, sessionPresent, reasonCode: ReasonCode.Success });
    // Hooks may cut the client off again, here and below.
    if (this.open === open) open.session.attach(this);
    if (this.open === open) this.core.hooks.clientConnected?.(open.client);
  }

  /** Answers a CONNECT with a refusal and ends the connection. */
  refuse(reasonCode: ReasonCode, reason: string): void {
    const connack: ConnackPacket = { type: PacketType.Connack, sessionPresent: false, reasonCode };
    this.send(connack);
    this.core.statistics.connectionsRefused++;
    this.core.logger.warn(`connection refused: ${this.#where()}: ${reason}`);
    this.close({ reasonCode, reason });
  }

  /** Appends a packet to what leaves at the end of this turn. */
  send(packet: OutboundPacket): void {
    if (this.closed) return;
    if (encode(this.#outbox.open(), packet, this.#version)) this.#sent(packet);
  }

  /** Appends an acknowledgement. */
  acknowledge(type: AckPacket["type"], packetIdentifier: number, reasonCode: ReasonCode = ReasonCode.Success): void {
    encodeAck(this.#outbox.open(), type, packetIdentifier, reasonCode, this.#version);
    this.core.statistics.packetsSent++;
    this.core.hooks.packetSent?.(this.open?.client, { type, packetIdentifier, reasonCode });
  }

  get congested(): boolean {
    return this.#outbox.congested;
  }

  mayReceive(message: Message): boolean {
    const { authorizeReceive } = this.core.hooks;
    return !authorizeReceive || (this.open !== undefined && authorizeReceive(this.open.client, message.snapshot()));
  }

  sendPublish(delivery: Delivery, packetIdentifier: number, dup: boolean): void {
    const { message, qos, retain, subscriptionIdentifiers } = delivery;
    const { topicName, payload, properties } = message;
    const fields = { topicName, payload, qos, retain, dup, packetIdentifier, properties, subscriptionIdentifiers };
    encodePublish(this.#outbox.open(), fields, this.#version);
    this.core.statistics.packetsSent++;
    this.core.statistics.publishesSent++;
    this.core.hooks.packetSent?.(this.open?.client, { type: PacketType.Publish, ...fields });
  }

  sendPubrel(packetIdentifier: number): void {
    this.acknowledge(PacketType.Pubrel, packetIdentifier);
  }

  /** Ends the connection at once as far as the broker is concerned: session, will, owners. What was said still leaves. */
  close(ending: Ending): void {
    const state = this.#state;
    if (state.at === "closed") return;
    this.#state = { at: "closed" };
    this.#deadlineMs = this.core.clock.now() + GRACE_MS;
    this.core.logger.debug(`connection ended: ${this.#where(state)}: ${ending.reason}`);
    if (state.at === "open") this.#leave(state, ending);
    if (state.at === "signing-in") state.gone.abort();
    this.#interrupt?.();
    // Somebody else ends it while it waits for the client; otherwise linger() gives what was said its time.
    if (!this.#serving) void this.finish();
  }

  /** Publishes the will now, if there is one left; resolves when it is routed. */
  async publishWill(): Promise<void> {
    if (this.#state.at === "open") await this.#publishWill(this.#state);
  }

  /** Gives what was written up to `GRACE_MS` of the system's time to leave, then cuts. */
  async finish(): Promise<void> {
    await within(GRACE_MS, this.#outbox.drained());
    this.#cut();
  }

  #cut(): void {
    try {
      this.transport.close();
    } catch (error) {
      this.core.logger.debug(`connection did not close: ${this.#where()}: ${errorText(error)}`);
    }
  }

  async #readPackets(): Promise<void> {
    while (!this.closed) {
      const count = await this.transport.read(this.#reader.space());
      if (count === null || this.closed) return;
      this.core.statistics.bytesReceived += count;
      this.#reader.filled(count);
      await this.#handleFrames();
      // A client that does not take its answers is not read until it does.
      if (this.#outbox.congested) await this.#waitForOutbox();
      this.#expectClientWithin(this.#silenceMs);
    }
  }

  async #waitForOutbox(): Promise<void> {
    this.#expectClientWithin(STALL_MS);
    await this.#outbox.drained();
  }

  /** Sets the deadline of a signed-in client; before sign-in and after the end others hold. */
  #expectClientWithin(ms: number): void {
    if (this.#state.at === "open") this.#deadlineMs = this.core.clock.now() + ms;
  }

  async #handleFrames(): Promise<void> {
    this.#serving = true;
    try {
      for (let frame = this.#reader.next(); frame && !this.closed; frame = this.#reader.next()) {
        const packet = decode(frame, this.#state.at === "awaiting-connect" ? undefined : this.#version);
        this.#received(packet);
        const pending = handlePacket(this, packet);
        if (!pending) continue;
        // The keep-alive does not run while the client is not read.
        this.#expectClientWithin(Infinity);
        await this.#untilClosed(pending);
      }
    } finally {
      this.#serving = false;
    }
  }

  /** Waits for a handler, but not longer than the connection lasts: a plugin may never answer. */
  #untilClosed(pending: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#interrupt = resolve;
      pending.then(resolve, reject);
    });
  }

  #received(packet: InboundPacket): void {
    this.core.statistics.packetsReceived++;
    if (packet.type === PacketType.Publish) this.core.statistics.publishesReceived++;
    this.core.hooks.packetReceived?.(this.open?.client, packet);
  }

  #sent(packet: OutboundPacket): void {
    this.core.statistics.packetsSent++;
    this.core.hooks.packetSent?.(this.open?.client, packet);
  }

  #fail(error: unknown): void {
    if (error instanceof UnsupportedVersionError && this.#state.at === "awaiting-connect") {
      // [MQTT-3.1.2-2] 3.1.1 and 5.0
      this.#version = error.respondAs;
      return this.refuse(error.reasonCode, error.message);
    }
    if (error instanceof ProtocolError) {
      this.core.logger.warn(`protocol error: ${this.#where()}: ${error}`);
      return this.close({ reasonCode: error.reasonCode, reason: error.message });
    }
    this.close({ reasonCode: ReasonCode.UnspecifiedError, reason: `connection lost: ${errorText(error)}` });
  }

  #leave(state: Open, ending: Ending): void {
    const { core } = this;
    const { session, client } = state;
    core.owners.delete(session);
    session.detach(core.clock.now());
    // [MQTT-3.14.4-3] 3.1.1 and 5.0
    if (ending.clean) state.will = undefined;
    this.#publishWill(state);
    if (session.expiryIntervalSeconds === 0) core.sessions.end(session);
    const { reasonCode, reason, clean = false } = ending;
    core.hooks.clientDisconnected?.(client, Object.freeze({ reasonCode, reason, clean }));
  }

  async #publishWill(state: Open): Promise<void> {
    const { will } = state;
    if (!will) return;
    // Spent before anything is awaited: a will is published once.
    state.will = undefined;
    const { clientIdentifier } = state.client;
    try {
      await this.core.pipe.fromClient(state.client, willMessage(will, clientIdentifier));
    } catch (error) {
      this.core.logger.error(`will of client ${clientIdentifier} was not published: ${errorText(error)}`);
    }
  }

  /** Lets the peer take what was said last; an end with unread bytes would otherwise destroy it on its way. */
  async #linger(): Promise<void> {
    if (this.core.signal.aborted) return this.finish();
    const rest = new Uint8Array(2048);
    try {
      await this.#outbox.drained();
      await this.transport.closeWrite();
      while (await this.transport.read(rest) !== null);
    } catch {
      // The peer has gone already, or the coarse timer has cut it off.
    }
  }

  #where(state: State = this.#state): string {
    const { hostname, port } = this.transport.remote;
    const address = hostname === undefined ? this.transport.kind : formatAddress(hostname, port ?? 0);
    const who = state.at === "open" ? `client ${state.client.clientIdentifier}, ` : "";
    return `${who}${address}, listener ${this.listener.name}`;
  }
}

/** How long a client may be silent: one and a half keep-alive intervals ([MQTT-3.1.2-24] 3.1.1), or sooner by aMQTT's rule. */
function silenceMs(keepAliveSeconds: number, delaySeconds: number): number {
  if (keepAliveSeconds === 0) return Infinity;
  const longestMs = keepAliveSeconds * 1500;
  return delaySeconds > 0 ? Math.min(longestMs, (keepAliveSeconds + delaySeconds) * 1000) : longestMs;
}

/** The message that a will becomes. */
export function willMessage(will: Will, publisher: string): Message {
  const { topicName, payload, qos, retain, properties } = will;
  return new Message({ topicName, payload, qos, retain, properties, publisher });
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : describeReasonCode(ReasonCode.UnspecifiedError);
}
