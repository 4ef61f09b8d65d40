import type { ResolvedListener } from "../config/config.ts";
import type { ClientSnapshot, DisconnectProperties } from "../hooks/plugin.ts";
import { ConnectError, decode } from "../packet/decode.ts";
import { FrameReader } from "../packet/frame_reader.ts";
import {
  type AckPacket,
  type ConnackProperties,
  type ConnectPacket,
  type InboundPacket,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
  type ReasonProperties,
  type Will,
} from "../packet/packets.ts";
import { ProtocolError, protocolError } from "../packet/protocol_error.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { Fifo } from "../session/fifo.ts";
import type { Session } from "../session/session.ts";
import type { InboundTopicAliases } from "../session/topic_aliases.ts";
import { formatAddress } from "../transport/address.ts";
import type { Transport } from "../transport/transport.ts";
import type { Core } from "./core.ts";
import type { EnhancedAuthentication } from "./enhanced_authentication.ts";
import { Outbox } from "./outbox.ts";
import { PacketWriter } from "./packet_writer.ts";
import { within } from "./within.ts";

/** Largest packet before sign-in, in bytes: a CONNECT with its will. */
const MAXIMUM_CONNECT_BYTES = 128 * 1024;
/** How long a connection over the limit may take for its CONNECT, and a closing one to take what was said last. */
const GRACE_MS = 1000;

/** A signed-in client's part of a connection. */
export interface Open {
  readonly at: "open";
  readonly session: Session;
  readonly client: ClientSnapshot;
  readonly version: ProtocolVersion;
  /** `undefined`: there is none, or it is spent. */
  will: Will | undefined;
  readonly topicAliases: InboundTopicAliases;
  /** The client proves anew who it is; `undefined`: it does not. */
  reAuthentication: EnhancedAuthentication | undefined;
  /** QoS 2 messages over `max-inflight`, which wait for a PUBREL to make room; 3.x clients only. */
  readonly held: Fifo<PublishPacket>;
  heldBytes: number;
}

interface SigningIn {
  readonly at: "signing-in";
  readonly gone: AbortController;
  /** The client is asked for its next AUTH; `undefined`: it is to wait. */
  authentication: EnhancedAuthentication | undefined;
}

type State = { readonly at: "awaiting-connect" } | SigningIn | Open | { readonly at: "closed" };

/** How and why a connection is ended. */
export interface Ending {
  readonly reasonCode: ReasonCode;
  /** For the log, and for a 5.0 client if `properties` say nothing else. */
  readonly reason: string;
  /** The client said goodbye: there is no will. */
  readonly clean?: boolean;
  /** The client has gone or knows already: nothing is said to it. */
  readonly silent?: boolean;
  /** What a 5.0 client is told beside the reason code. */
  readonly properties?: DisconnectProperties;
}

/** Why a CONNECT is refused. */
export interface ConnectRefusal {
  readonly reasonCode: ReasonCode;
  /** For the log. */
  readonly reason: string;
  /** What a 5.0 client is told beside the reason code. */
  readonly properties?: ConnackProperties;
}

/** What is said of a connection when it is handed over. */
export interface ConnectionOptions {
  readonly listener: ResolvedListener;
  /** The listener is full: CONNECT is answered with "server unavailable". */
  readonly refusing: boolean;
}

/** One network connection: reads packets, hands them to their handlers one at a time, and ends. */
export class Connection {
  readonly core: Core;
  readonly transport: Transport;
  readonly listener: ResolvedListener;
  readonly refusing: boolean;
  readonly #reader = new FrameReader({ maximumPacketSizeBytes: MAXIMUM_CONNECT_BYTES });
  readonly #outbox: Outbox;
  readonly #writer: PacketWriter;
  #state: State = { at: "awaiting-connect" };
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
    this.#writer = new PacketWriter(core, this.#outbox, () => this.open?.client);
  }

  /** The signed-in client's part; `undefined` before sign-in and after the end. */
  get open(): Open | undefined {
    return this.#state.at === "open" ? this.#state : undefined;
  }

  /** The part of a client that is signing in. */
  get signingIn(): SigningIn | undefined {
    return this.#state.at === "signing-in" ? this.#state : undefined;
  }

  get closed(): boolean {
    return this.#state.at === "closed";
  }

  /** Serves the connection to its end. Never throws. */
  async run(): Promise<void> {
    try {
      await this.#readPackets();
      const reason = "the client closed the connection";
      this.close({ reasonCode: ReasonCode.UnspecifiedError, reason, silent: true });
    } catch (error) {
      this.#fail(error);
    }
    await this.#linger();
    this.#cut();
  }

  /** Called by the broker's coarse timer. */
  tick(nowMs: number): void {
    const state = this.#state;
    if (state.at === "open" && state.reAuthentication && nowMs >= state.reAuthentication.deadlineMs) {
      const reason = "re-authentication was not finished in time (connect-timeout)";
      return this.close({ reasonCode: ReasonCode.NotAuthorized, reason });
    }
    if (nowMs < this.#deadlineMs) return;
    if (state.at === "closed") return this.#cut();
    if (state.at === "signing-in") return this.#refuseLate(state);
    const reason = state.at === "open"
      ? "nothing was heard of the client in time (keep-alive)"
      : "no CONNECT in time (connect-timeout)";
    this.close({ reasonCode: ReasonCode.KeepAliveTimeout, reason });
  }

  /**
   * CONNECT has come and is being decided on, for as long as it could take to come.
   *
   * @returns aborted when the connection ends before it is decided
   */
  beginSignIn(packet: ConnectPacket): AbortController {
    // [MQTT-3.1.0-2] 3.1.1 and 5.0
    if (this.#state.at !== "awaiting-connect") throw protocolError("a second CONNECT");
    const gone = new AbortController();
    const { limits } = this.listener;
    this.#state = { at: "signing-in", gone, authentication: undefined };
    this.#writer.agree(packet, limits.topicAliasMaximum);
    this.#deadlineMs = this.core.clock.now() + limits.connectTimeout * 1000;
    return gone;
  }

  /** The client is signed in and its session belongs to this connection. */
  welcome(open: Open, sessionPresent: boolean, properties?: ConnackProperties): void {
    const { limits } = this.listener;
    this.#state = open;
    this.#reader.maximumPacketSizeBytes = limits.maxPacketSize;
    this.#silenceMs = silenceMs(open.client.keepAliveSeconds, limits.timeoutDisconnectDelay);
    this.#expectClientWithin(this.#silenceMs);
    this.core.owners.set(open.session, this);
    this.send({ type: PacketType.Connack, sessionPresent, reasonCode: ReasonCode.Success, properties });
    // Hooks may cut the client off again, here and below.
    if (this.open === open) open.session.attach(this.#writer);
    if (this.open === open) this.core.hooks.clientConnected?.(open.client);
  }

  /** Answers a CONNECT with a refusal and ends the connection. */
  refuse({ reasonCode, reason, properties }: ConnectRefusal): void {
    this.send({ type: PacketType.Connack, sessionPresent: false, reasonCode, properties });
    this.core.statistics.connectionsRefused++;
    this.core.logger.warn(`connection refused: ${this.#where()}: ${reason}`);
    this.close({ reasonCode, reason, silent: true });
  }

  /** Appends a packet to what leaves at the end of this turn. */
  send(packet: OutboundPacket): void {
    if (!this.closed) this.#writer.send(packet);
  }

  /** Appends an acknowledgement. */
  acknowledge(
    type: AckPacket["type"],
    packetIdentifier: number,
    reasonCode: ReasonCode = ReasonCode.Success,
    properties?: ReasonProperties,
  ): void {
    this.#writer.acknowledge(type, packetIdentifier, reasonCode, properties);
  }

  /** Ends the connection at once as far as the broker is concerned: session, will, owners. What was said still leaves. */
  close(ending: Ending): void {
    const state = this.#state;
    if (state.at === "closed") return;
    // [MQTT-3.14.0-1] 5.0: only who has been sent a CONNACK is sent a DISCONNECT.
    if (state.at === "open" && !ending.silent) this.#sayGoodbye(ending);
    this.#state = { at: "closed" };
    this.#deadlineMs = this.core.clock.now() + GRACE_MS;
    this.core.logger.debug(`connection ended: ${this.#where(state)}: ${ending.reason}`);
    if (state.at === "open") this.#leave(state, ending);
    if (state.at === "signing-in") state.gone.abort();
    this.#interrupt?.();
    // Somebody else ends it while it waits for the client; otherwise linger() gives what was said its time.
    if (!this.#serving) void this.finish();
  }

  /** Takes the will out, so that it is published once. */
  takeWill(): { will: Will; client: ClientSnapshot; session: Session } | undefined {
    const { open } = this;
    if (!open?.will) return undefined;
    const { will, client, session } = open;
    open.will = undefined;
    return { will, client, session };
  }

  /** Gives what was written up to `GRACE_MS` of the system's time to leave, then cuts. */
  async finish(): Promise<void> {
    await within(GRACE_MS, this.#outbox.drained());
    this.#cut();
  }

  #refuseLate({ authentication }: SigningIn): void {
    // The plugins have not answered, or the client has not.
    const reasonCode = authentication ? ReasonCode.NotAuthorized : ReasonCode.ServerBusy;
    const reason = "sign-in was not decided in time (connect-timeout)";
    this.refuse({ reasonCode, reason, properties: { reasonString: reason } });
  }

  #sayGoodbye({ reasonCode, reason, properties }: Ending): void {
    this.send({ type: PacketType.Disconnect, reasonCode, properties: { reasonString: reason, ...properties } });
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
    this.#expectClientWithin(this.listener.limits.stallTimeout * 1000);
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
        const packet = decode(frame, this.#state.at === "awaiting-connect" ? undefined : this.#writer.version);
        this.#received(packet);
        const pending = this.core.handlePacket(this, packet);
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

  #fail(error: unknown): void {
    if (error instanceof ConnectError && this.#state.at === "awaiting-connect") {
      // [MQTT-3.1.2-2] 3.1.1 and 5.0; [MQTT-4.13.2-1] 5.0
      this.#writer.speak(error.respondAs);
      const { reasonCode, message } = error;
      return this.refuse({ reasonCode, reason: message, properties: { reasonString: message } });
    }
    if (error instanceof ProtocolError) {
      this.core.logger.warn(`protocol error: ${this.#where()}: ${error}`);
      return this.close({ reasonCode: error.reasonCode, reason: error.message });
    }
    const reason = `connection lost: ${errorText(error)}`;
    this.close({ reasonCode: ReasonCode.UnspecifiedError, reason, silent: true });
  }

  #leave(state: Open, ending: Ending): void {
    const { core } = this;
    const { session, client, will } = state;
    core.owners.delete(session);
    session.detach(core.clock.now());
    state.will = undefined;
    state.reAuthentication?.gone.abort();
    // [MQTT-3.14.4-3] 3.1.1 and 5.0
    if (will && !ending.clean) core.wills.lost(session, client, will);
    if (session.expiryIntervalSeconds === 0) core.sessions.end(session);
    const { reasonCode, reason, clean = false } = ending;
    core.hooks.clientDisconnected?.(client, Object.freeze({ reasonCode, reason, clean }));
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

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
