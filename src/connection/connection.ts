import type { ResolvedListener } from "../config/config.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import { ConnectError, plain, receive, type ReceivedPacket } from "../packet/decode.ts";
import { FrameReader } from "../packet/frame_reader.ts";
import {
  type AckPacket,
  type ConnackProperties,
  type ConnectPacket,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type ReasonProperties,
  type SubackPacket,
  type Will,
} from "../packet/packets.ts";
import { ProtocolError, protocolError } from "../packet/protocol_error.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { TopicFilter } from "../packet/topic.ts";
import type { Session } from "../session/session.ts";
import type { Transport } from "../transport/transport.ts";
import { brokenProtocol, silence } from "./connect_faults.ts";
import { tellEnd, tellFault, tellGivenUp, tellNotClosing, tellNotLetIn, tellRefusal } from "./connection_notices.ts";
import {
  type ConnectionState,
  type ConnectRefusal,
  type Ending,
  type SignedIn,
  type SigningIn,
  toldRefusal,
} from "./connection_state.ts";
import { ClientView } from "./client_view.ts";
import type { ClientConnection, ConnectionContext } from "./connection_context.ts";
import { Deadline } from "./deadline.ts";
import { errorText } from "../error_text.ts";
import { leave } from "./leave.ts";
import { Outbox, type OutboxOwner } from "./outbox.ts";
import { PacketWriter } from "./packet_writer.ts";
import { GRACE_MS, GracefulClose } from "./graceful_close.ts";
import { Throttle } from "./throttle.ts";
import type { WorkParty } from "../work_budget.ts";

export type { ConnectRefusal, Ending, SignedIn } from "./connection_state.ts";

/** Largest packet before sign-in, in bytes: a CONNECT with its will. */
const MAXIMUM_CONNECT_BYTES = 128 * 1024;

/** What a sign-in takes, under way or over, beside its CONNECT; and each user property beside its text. */
const CONNECT_BYTES = 2048;
const USER_PROPERTY_BYTES = 200;

/** One PUBLISH of so many is timed on its way; a power of two. */
const TIMED_PUBLISHES = 256;

/** A KiB of a packet is a step of work, as the packet itself is. */
const STEP_BYTES_SHIFT = 10;

/**
 * Serves a packet.
 *
 * @returns a promise only if the packet has to be waited for before the next one
 * @throws {ProtocolError} if it must not come now
 */
export type PacketHandler = (connection: Connection, packet: ReceivedPacket) => void | Promise<void>;

/** What is said of a connection when it is handed over. */
export interface ConnectionOptions {
  readonly listener: ResolvedListener;
  /** There are more connections than may sign in: CONNECT has to come soon. */
  readonly hurried: boolean;
  readonly handlePacket: PacketHandler;
}

/** Whose a {@linkcode Connection} is. */
export interface ConnectionOwner {
  /** The connection is over, and holds nothing any longer. */
  ended(connection: Connection): void;
}

/** One network connection: reads packets, hands them to their handlers one at a time, and ends. */
export class Connection implements ClientConnection, OutboxOwner {
  readonly context: ConnectionContext;
  readonly transport: Transport;
  readonly listener: ResolvedListener;
  readonly #handlePacket: PacketHandler;
  readonly #reader = new FrameReader({
    maximumPacketSizeBytes: MAXIMUM_CONNECT_BYTES,
    limitedBy: "before sign-in",
  });
  readonly #outbox: Outbox;
  readonly #writer: PacketWriter;
  readonly #deadline: Deadline;
  readonly #throttle: Throttle;
  /** `undefined`: its end has not begun. */
  #end: GracefulClose | undefined;
  /** The broker's work for this client. */
  readonly work: WorkParty;
  #state: ConnectionState = { at: "awaiting-connect" };
  #frameBytes = 0;
  /** When the bytes that are being handled came, in milliseconds of the machine. */
  #cameAtMs = 0;
  #publishesReceived = 0;
  /** What its CONNECT has made the broker hold. */
  #connectBytes = 0;
  /** Frames are being handled: the connection finds out by itself that it was closed. */
  #serving = false;
  /** Ends the wait for a handler; `undefined`: nothing is waited for but the client. */
  #interrupt: (() => void) | undefined;

  constructor(
    context: ConnectionContext,
    transport: Transport,
    { listener, hurried, handlePacket }: ConnectionOptions,
  ) {
    this.context = context;
    this.transport = transport;
    this.work = context.work.newcomer();
    this.listener = listener;
    this.#handlePacket = handlePacket;
    const sinceAcceptMs = context.machine.now(0) - transport.acceptedAt;
    const patienceMs = hurried ? GRACE_MS : listener.limits.connectTimeout * 1000;
    this.#deadline = new Deadline(context.clientTime, patienceMs - sinceAcceptMs);
    this.#outbox = new Outbox(transport, {
      maximumBytes: listener.limits.maxOutboundBytes,
      pool: context.buffers,
      work: context.work,
      party: this.work,
      owner: this,
    });
    this.#writer = new PacketWriter(context, this.#outbox, this, this.work);
    this.#throttle = new Throttle(context, this.#outbox, this.#writer);
  }

  /** What closes it, once it is to end. */
  get #gracefulClose(): GracefulClose {
    const onFault = (reason: string) => tellNotClosing(this, this.#state, reason);
    return this.#end ??= new GracefulClose(this.context.machine, this.transport, this.#outbox, onFault);
  }

  /** So many bytes were taken by the client's socket. */
  sent(bytes: number): void {
    this.context.statistics.bytesSent += bytes;
  }

  /** There is room again for what waits for the client. */
  relieved(): void {
    this.open?.session.sender.pump();
  }

  /** The signed-in client's part; `undefined` before sign-in and after the end. */
  get open(): SignedIn | undefined {
    return this.#state.at === "open" ? this.#state : undefined;
  }

  /** Who is signed in; `undefined`: nobody is. */
  get client(): ClientSnapshot | undefined {
    return this.open?.client;
  }

  /** The part of a client that is signing in. */
  get signingIn(): SigningIn | undefined {
    return this.#state.at === "signing-in" ? this.#state : undefined;
  }

  get closed(): boolean {
    return this.#state.at === "closed";
  }

  /**
   * What it holds in memory, roughly: what is read and not whole, what its CONNECT said, what waits to be handled and what
   * waits for the socket. The session's is not among it.
   */
  get heldBytes(): number {
    const { open } = this;
    const waits = this.#outbox.waitingBytes + (this.transport.bufferedBytes ?? 0);
    if (this.closed) return waits;
    const inbound = open ? (open.held?.bytes ?? 0) + open.topicAliases.heldBytes : 0;
    return waits + this.#reader.capacityBytes + this.#connectBytes + this.#writer.heldBytes + inbound;
  }

  get waitingBytes(): number {
    return this.#outbox.waitingBytes;
  }

  /** As {@linkcode Outbox.sharedBytes}. */
  sharedBytes(known: Set<ArrayBufferLike>): number {
    return this.#outbox.sharedBytes(known);
  }

  /**
   * Serves the connection to its end. Never throws.
   *
   * @param owner told of the end
   */
  async run(owner: ConnectionOwner): Promise<void> {
    const { work, statistics, memory } = this.context;
    try {
      // Here and not in a function of its own: while a client is idle, each one that waits takes half a KiB.
      while (!this.closed) {
        const count = await this.transport.read(this.#reader.space());
        if (count === null || this.closed) break;
        statistics.bytesReceived += count;
        this.#reader.filled(count);
        memory.received(count);
        this.#cameAtMs = work.begin();
        if (work.mustWait(this.work)) await this.#turn();
        await this.#handleFrames();
        const sliceIsOver = work.lookAfter(this.work, this.#cameAtMs);
        for (const pause of this.#throttle.pauses()) {
          this.#unread();
          await this.#untilClosed(pause);
          if (this.closed) break;
        }
        this.#heard();
        if (sliceIsOver) await this.#turn();
        this.#interrupt = undefined;
      }
      const reason = "the client closed the connection";
      this.close({ reasonCode: ReasonCode.UnspecifiedError, reason, silent: true });
    } catch (error) {
      this.#fail(error);
    } finally {
      await this.#leave().finally(() => owner.ended(this));
    }
  }

  /** What was said last still leaves; then nothing is held any longer. */
  async #leave(): Promise<void> {
    if (!this.context.signal.aborted) await this.#gracefulClose.linger();
    else await this.finish();
    this.cut();
    this.#reader.release();
  }

  /**
   * Called by the broker's coarse timer.
   *
   * @param nowMs by the clients' time
   */
  tick(nowMs: number): void {
    const state = this.#state;
    if (state.at === "open" && state.reAuthentication && nowMs >= state.reAuthentication.deadlineMs) {
      const reason = "re-authentication was not finished in time (connect-timeout)";
      return this.close({ reasonCode: ReasonCode.NotAuthorized, reason });
    }
    if (state.at === "open" && this.#outbox.stalledMs(nowMs) >= this.listener.limits.stallTimeout * 1000) {
      return this.#giveUp();
    }
    // It may have begun to wait after the store began to fail.
    if (this.context.persistence?.writeQueue.fault) this.storeFailed();
    if (!this.#deadline.passed(nowMs)) return;
    if (state.at === "closed") return this.cut();
    if (state.at === "signing-in") return this.#refuseLate(state);
    if (state.at !== "open") return this.#refuseSilent();
    const reason = "nothing was heard of the client in time (keep-alive)";
    this.close({ reasonCode: ReasonCode.KeepAliveTimeout, reason });
  }

  /** CONNECT has come and is being decided on, for as long as it could take to come. */
  beginSignIn(attempt: SigningIn, packet: ConnectPacket): void {
    // [MQTT-3.1.0-2] 3.1.1 and 5.0
    if (this.#state.at !== "awaiting-connect") throw protocolError("a second CONNECT");
    const { limits } = this.listener;
    this.#connectBytes = CONNECT_BYTES + 2 * this.#frameBytes +
      USER_PROPERTY_BYTES * (packet.userProperties?.length ?? 0);
    this.#state = attempt;
    this.#reader.version = packet.protocolVersion;
    this.#writer.agree(packet, limits.outboundTopicAliasMaximum);
    this.#deadline.extend(limits.connectTimeout * 1000);
  }

  /** The client is signed in and its session belongs to this connection; it is not told yet. */
  own(open: SignedIn): void {
    this.#state = open;
    this.#writer.serve(open.session, ClientView.of(this.context, open));
    this.#reader.maximumPacketSizeBytes = this.listener.limits.maxPacketSize;
    this.#reader.limitedBy = "max-packet-size";
    this.context.connectionBySession.set(open.session, this);
    // It is not read before it is welcome.
    this.#deadline.suspend();
  }

  /** The client is told that it is signed in, and given what is its. */
  welcome(open: SignedIn, sessionPresent: boolean, properties?: ConnackProperties): void {
    const { limits } = this.listener;
    this.#deadline.agree(open.client.keepAliveSeconds, limits.timeoutDisconnectDelay);
    this.#heard();
    this.send({ type: PacketType.Connack, sessionPresent, reasonCode: ReasonCode.Success, properties });
    open.greeted = true;
    open.session.attach(this.#writer);
    this.context.hooks.clientConnected?.(open.client);
  }

  /** Answers a CONNECT with a refusal and ends the connection. */
  refuse(refusal: ConnectRefusal): void {
    const { reasonCode, reason, properties } = refusal;
    this.send({ type: PacketType.Connack, sessionPresent: false, reasonCode, properties });
    tellRefusal(this, this.#state, refusal);
    this.close({ reasonCode, reason, silent: true });
  }

  /** Appends a packet to what leaves at the end of this turn. */
  send(packet: OutboundPacket): void {
    if (!this.closed) this.#writer.send(packet);
  }

  /** Appends a SUBACK; what is subscribed to by these filters comes after it. */
  sendSuback(packet: SubackPacket, topicFilters: readonly TopicFilter[]): void {
    if (!this.closed) this.#writer.sendSuback(packet, topicFilters);
  }

  /** Appends an acknowledgement. */
  acknowledge(
    type: AckPacket["type"],
    packetIdentifier: number,
    reasonCode: ReasonCode = ReasonCode.Success,
    properties?: ReasonProperties,
  ): void {
    if (!this.closed) this.#writer.acknowledge(type, packetIdentifier, reasonCode, properties);
  }

  /** Ends the connection at once as far as the broker is concerned: session and will. What was said still leaves. */
  close(ending: Ending): void {
    const state = this.#state;
    if (state.at === "closed") return;
    // [MQTT-3.14.0-1] 5.0: only who has been sent a CONNACK is sent a DISCONNECT.
    if (state.at === "open" && state.greeted && !ending.silent) {
      const { reasonCode, reason, properties } = ending;
      this.send({ type: PacketType.Disconnect, reasonCode, properties: { reasonString: reason, ...properties } });
    }
    this.#state = { at: "closed" };
    this.#deadline.extend(GRACE_MS);
    tellEnd(this, state, ending);
    if (state.at === "open") {
      this.#writer.close();
      leave(this.context, state, ending);
    }
    if (state.at === "signing-in") state.gone.abort();
    this.#interrupt?.();
    // Somebody else ends it while it waits for the client; otherwise linger() gives what was said its time.
    if (!this.#serving) void this.finish();
  }

  /** The store fails: a client that waits for it is refused, or cut off if there is no word for it. */
  storeFailed(): void {
    const { open } = this;
    const reason = "what the client has changed cannot be stored";
    if (open && !open.greeted) this.refuse({ reasonCode: ReasonCode.ServerUnavailable, reason });
    else if (open && open.version !== 5 && this.#writer.waits) {
      this.close({ reasonCode: ReasonCode.ServerUnavailable, reason });
    }
  }

  /** Takes the will out, so that it is published once. */
  takeWill(): { will: Will; client: ClientSnapshot; session: Session } | undefined {
    const { open } = this;
    if (!open?.will) return undefined;
    const { will, client, session } = open;
    open.will = undefined;
    return { will, client, session };
  }

  get acceptedAtMs(): number {
    return this.transport.acceptedAt;
  }

  get publishesReceived(): number {
    return this.#publishesReceived;
  }

  get publishesSent(): number {
    return this.#writer.publishesSent;
  }

  /** Gives what was written up to `GRACE_MS` of the system's time to leave, then cuts. */
  finish(): Promise<void> {
    return this.#gracefulClose.finish();
  }

  /** What was said last would not be taken either. */
  #giveUp(): void {
    const reason = "the client took nothing of what waits for it in time (stall-timeout)";
    tellGivenUp(this, this.#state, reason);
    this.close({ reasonCode: ReasonCode.QuotaExceeded, reason, silent: true });
    this.cut();
  }

  /** A client that has not said who it is. */
  #refuseSilent(): void {
    const fault = silence(this.#reader);
    tellNotLetIn(this, this.#state, fault);
    this.close({ reasonCode: ReasonCode.KeepAliveTimeout, reason: fault.reason });
  }

  #refuseLate({ authentication }: SigningIn): void {
    // The plugins have not answered, or the client has not.
    const reasonCode = authentication ? ReasonCode.NotAuthorized : ReasonCode.ServerBusy;
    const reason = "sign-in was not decided in time (connect-timeout)";
    this.refuse(toldRefusal(reasonCode, reason));
  }

  /** Breaks the connection off; what was not said is lost. */
  cut(): void {
    this.#gracefulClose.cut();
  }

  /** The keep-alive of a signed-in client begins anew; before sign-in and after the end other deadlines hold. */
  #heard(): void {
    if (this.#state.at === "open") this.#deadline.heard();
  }

  /** The keep-alive does not run while a client is not read. */
  #unread(): void {
    if (this.#state.at === "open") this.#deadline.suspend();
  }

  async #handleFrames(): Promise<void> {
    this.#serving = true;
    try {
      for (let wait = this.#handleSome(); wait; wait = this.#handleSome()) await wait;
    } finally {
      this.#serving = false;
    }
  }

  /**
   * Handles packets until one has to be waited for. The engine inlines only so much into one function: this one waits for
   * nothing itself and leaves what is seldom to others, so that what each packet needs fits.
   *
   * @returns what has to be waited for before the next packet; `undefined`: there is none
   */
  #handleSome(): Promise<void> | undefined {
    for (;;) {
      const frame = this.#reader.next();
      if (frame === undefined || this.closed) return undefined;
      const size = frame.end - frame.start;
      this.#frameBytes = size;
      const packet = receive(frame, this.#version, this.context.topicNames, this.listener.limits);
      const isTimed = this.#received(packet);
      this.#writer.begin();
      const pending = this.#handlePacket(this, packet);
      if (pending !== undefined) return this.#whenHandled(pending, size, isTimed);
      if (this.#handled(size, isTimed)) return this.#turn();
    }
  }

  async #whenHandled(pending: Promise<void>, size: number, isTimed: boolean): Promise<void> {
    this.#unread();
    await this.#untilClosed(pending);
    this.context.work.begin();
    if (this.#handled(size, isTimed)) await this.#turn();
  }

  /** @returns whether others must have their turn before the next packet */
  #handled(size: number, isTimed: boolean): boolean {
    const { work } = this.context;
    if (isTimed) this.#observeLatency();
    work.steps += 1 + (size >> STEP_BYTES_SHIFT);
    return work.isDue && work.look(this.work);
  }

  #observeLatency(): void {
    const { machine, statistics } = this.context;
    statistics.routingLatency.observe((machine.now(0) - this.#cameAtMs) / 1000);
  }

  /** `undefined`: CONNECT has not come. */
  get #version(): ProtocolVersion | undefined {
    return this.#state.at === "awaiting-connect" ? undefined : this.#writer.version;
  }

  /** Lets the others have their turn. The client was heard of, and is read no further before. */
  async #turn(): Promise<void> {
    this.#heard();
    await this.#untilClosed(this.context.work.turn(this.work));
    this.#heard();
  }

  /** Waits for a handler, but not longer than the connection lasts: a plugin may never answer. */
  #untilClosed(pending: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#interrupt = resolve;
      pending.then(resolve, reject);
    });
  }

  /** @returns whether its way is to be timed */
  #received(packet: ReceivedPacket): boolean {
    const { statistics, hooks } = this.context;
    const { type } = packet;
    const count = ++statistics.received.running[type]!;
    if (hooks.packetReceived !== undefined) hooks.packetReceived(this.client, plain(packet));
    if (type !== PacketType.Publish) return false;
    this.#publishesReceived++;
    this.#throttle.fills();
    return (count & TIMED_PUBLISHES - 1) === 0;
  }

  #fail(error: unknown): void {
    if (error instanceof ConnectError && this.#state.at === "awaiting-connect") {
      // [MQTT-3.1.2-2] 3.1.1 and 5.0; [MQTT-4.13.2-1] 5.0
      this.#writer.speak(error.respondAs);
      return this.refuse(toldRefusal(error.reasonCode, error.message));
    }
    if (error instanceof ProtocolError) {
      const reader = this.#state.at === "awaiting-connect" ? this.#reader : undefined;
      tellFault(this, this.#state, brokenProtocol(error, reader));
      return this.close({ reasonCode: error.reasonCode, reason: error.message });
    }
    const reason = `connection lost: ${errorText(error)}`;
    this.close({ reasonCode: ReasonCode.UnspecifiedError, reason, silent: true });
  }
}
