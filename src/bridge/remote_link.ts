import type { ResolvedBridge, ResolvedListener } from "../config/config.ts";
import type { ClientConnection, ConnectionContext } from "../connection/connection_context.ts";
import type { Ending, SignedIn } from "../connection/connection_state.ts";
import { sendRetained } from "../connection/handlers/retained_delivery.ts";
import { Outbox } from "../connection/outbox.ts";
import { PacketWriter } from "../connection/packet_writer.ts";
import { Throttle } from "../connection/throttle.ts";
import { type LocalSession, PROGRAM, signedIn } from "../embedding/local_session.ts";
import { errorText } from "../error_text.ts";
import { receiveFromServer, type ServerPacket } from "../packet/decode_server.ts";
import { encodeGoodbye, encodePingreq } from "../packet/encode_client.ts";
import type { FrameReader } from "../packet/frame_reader.ts";
import { type ConnackProperties, PacketType, type ProtocolVersion, type QoS } from "../packet/packets.ts";
import { protocolError } from "../packet/protocol_error.ts";
import { describeReasonCode, ReasonCode } from "../packet/reason_code.ts";
import { quote } from "../quote.ts";
import type { OutboundLink } from "../session/sender.ts";
import type { Transport } from "../transport/transport.ts";
import type { WorkParty } from "../work_budget.ts";
import type { Crossings, RemoteCapabilities } from "./crossing.ts";
import { InboundMessages } from "./inbound_messages.ts";
import { Later } from "./later.ts";
import { LoweringLink } from "./lowering_link.ts";
import { OutboundAnswers } from "./outbound_answers.ts";
import type { RemoteSubscriptions } from "./remote_subscriptions.ts";
import { RemoteView } from "./remote_view.ts";
import { RemoteWatch } from "./remote_watch.ts";

/** What a {@linkcode RemoteLink} is made with. */
export interface RemoteLinkOptions {
  readonly bridge: ResolvedBridge;
  readonly local: LocalSession;
  readonly transport: Transport;
  /** Where what the remote says is read; something may be in it already. */
  readonly reader: FrameReader;
  readonly version: ProtocolVersion;
  /** What the remote has said in CONNACK. */
  readonly granted: ConnackProperties;
  readonly crossings: Crossings;
  readonly subscriptions: RemoteSubscriptions;
  /** Messages that have come. */
  readonly counts: { received: number };
  /** Told what the remote refuses. */
  readonly onRefused: (text: string) => void;
}

/**
 * One connection to a remote. The bridge's session is on both sides of it: what waits and what is under way to the remote is
 * the session's, under the packet identifiers that the remote knows, and so are the remote's own QoS 2 identifiers. What
 * outlives the process is stored before the other side hears of it.
 */
export class RemoteLink implements ClientConnection {
  readonly context: ConnectionContext;
  readonly listener: ResolvedListener;
  readonly work: WorkParty;
  readonly #options: RemoteLinkOptions;
  readonly #remote: RemoteCapabilities;
  readonly #outbox: Outbox;
  /** What the remote sees of messages. */
  readonly #view: RemoteView;
  readonly #writer: PacketWriter;
  readonly #throttle: Throttle;
  readonly #inbound: InboundMessages;
  readonly #answers: OutboundAnswers;
  readonly #watch: RemoteWatch;
  readonly #ended = Promise.withResolvers<string>();
  #open: SignedIn | undefined;

  /** @param context in which no plugin is asked */
  constructor(context: ConnectionContext, options: RemoteLinkOptions) {
    const { bridge, local, transport, version, granted } = options;
    this.context = context;
    this.listener = { ...context.config.handedIn, name: PROGRAM, maxConnections: 0 };
    this.work = context.work.newcomer();
    this.#options = options;
    this.#remote = {
      version,
      maximumQoS: Math.min(granted.maximumQoS ?? 2, bridge.maximumQos) as QoS,
      retainAvailable: granted.retainAvailable ?? true,
    };
    this.#open = signedIn(local);
    this.#outbox = new Outbox(transport, {
      maximumBytes: this.listener.limits.maxOutboundBytes,
      pool: context.buffers,
      work: context.work,
      party: this.work,
      owner: this,
    });
    this.#watch = new RemoteWatch(this.#outbox, {
      keepAliveSeconds: granted.serverKeepAliveSeconds ?? bridge.keepAlive,
      stallTimeoutSeconds: this.listener.limits.stallTimeout,
      subscribeTimeoutSeconds: context.config.limits.connectTimeout,
      nowMs: context.clock.now(),
    });
    this.#view = new RemoteView(options.crossings, this.#remote);
    this.#writer = this.#makeWriter();
    this.#throttle = new Throttle(context, this.#outbox, this.#writer);
    this.#inbound = new InboundMessages(context, local.session, options.crossings, options.counts);
    this.#answers = new OutboundAnswers({
      sender: local.session.sender,
      maximumQoS: this.#remote.maximumQoS,
      now: () => context.clock.now(),
      random: () => context.machine.random(),
      sendPubrel: (packetIdentifier) => this.#writer.sendPubrel(packetIdentifier),
      onRefused: options.onRefused,
    });
    context.connectionBySession.set(local.session, this);
  }

  /** Resolves when it has ended, to why. */
  get ended(): Promise<string> {
    return this.#ended.promise;
  }

  get open(): SignedIn | undefined {
    return this.#open;
  }

  get closed(): boolean {
    return this.#open === undefined;
  }

  get heldBytes(): number {
    const { transport, reader } = this.#options;
    return this.#outbox.waitingBytes + (transport.bufferedBytes ?? 0) + reader.capacityBytes + this.#writer.heldBytes;
  }

  /** Messages that were sent. */
  get publishesSent(): number {
    return this.#writer.publishesSent;
  }

  get waitingBytes(): number {
    return this.#outbox.waitingBytes;
  }

  sharedBytes(known: Set<ArrayBufferLike>): number {
    return this.#outbox.sharedBytes(known);
  }

  /** Reads what the remote says, to the end. */
  async serve(): Promise<void> {
    try {
      await this.#handleFrames();
      await this.#read();
    } catch (error) {
      this.close({ reasonCode: ReasonCode.ProtocolError, reason: errorText(error), silent: true });
    }
    this.#options.transport.close();
    this.#options.reader.release();
  }

  /** Subscribes at the remote, and sends what waits when that is answered. */
  async begin(): Promise<void> {
    const { subscriptions, local: { session: { sender } } } = this.#options;
    try {
      await subscriptions.bring(this.#outbox, this.#remote, (packetIdentifier) => sender.uses(packetIdentifier));
      this.#watch.subscribed();
      this.#open?.session.attach(this.#way());
      if (this.#open) void sendRetained(this, this.#open);
    } catch (error) {
      this.#giveUp(errorText(error));
    }
  }

  /** Called by the broker's coarse timer. */
  tick(nowMs: number): void {
    if (this.closed) return;
    const due = this.#watch.due(nowMs, this.#answers.tick(nowMs) === "stuck");
    if (due === "ask") this.#ping();
    else if (due) this.#giveUp(due.over);
  }

  #ping(): void {
    this.context.statistics.sent.running[PacketType.Pingreq]!++;
    encodePingreq(this.#outbox.open());
  }

  close({ reasonCode, reason, silent }: Ending): void {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    this.#writer.close();
    this.#options.subscriptions.stop();
    this.#view.forget();
    const { connectionBySession, sessions, clock } = this.context;
    if (connectionBySession.get(open.session) === this) connectionBySession.delete(open.session);
    sessions.detach(open.session, clock.now());
    if (!silent) encodeGoodbye(this.#outbox.open(), goodbye(reasonCode), this.#remote.version);
    void this.#finish(silent ?? false);
    this.#ended.resolve(reason);
  }

  cut(): void {
    this.#giveUp("the connection was cut");
  }

  /** The session's way to the remote: that of any client, if the remote takes all that one takes. */
  #way(): OutboundLink {
    if (this.#remote.maximumQoS === 2) return this.#writer;
    return new LoweringLink({
      sender: this.#options.local.session.sender,
      writer: this.#writer,
      maximumQoS: this.#remote.maximumQoS,
      later: new Later(this.context.work, this, (reason) => this.#giveUp(reason)),
    });
  }

  #makeWriter(): PacketWriter {
    const { local, version, granted } = this.#options;
    const writer = new PacketWriter(this.context, this.#outbox, local, this.work);
    writer.agree({
      protocolVersion: version,
      receiveMaximum: granted.receiveMaximum ?? 65_535,
      maximumPacketSizeBytes: granted.maximumPacketSizeBytes,
      requestProblemInformation: true,
      topicAliasMaximum: granted.topicAliasMaximum ?? 0,
    }, this.listener.limits.outboundTopicAliasMaximum);
    writer.serve(local.session, this.#view);
    return writer;
  }

  /** So many bytes were taken by the remote's socket. */
  sent(bytes: number): void {
    this.context.statistics.bytesSent += bytes;
    this.#watch.said(this.context.clock.now());
  }

  /** There is room again for what waits for the remote. */
  relieved(): void {
    this.#open?.session.sender.pump();
  }

  async #read(): Promise<void> {
    const { transport, reader } = this.#options;
    const { work, statistics, memory, clock } = this.context;
    while (!this.closed) {
      const count = await transport.read(reader.space());
      if (this.closed) return;
      if (count === null) return this.#giveUp("the remote closed the connection");
      this.#watch.heard(clock.now());
      statistics.bytesReceived += count;
      reader.filled(count);
      memory.received(count);
      const beganAtMs = work.begin();
      if (work.mustWait(this.work)) await work.turn(this.work);
      await this.#handleFrames();
      const sliceIsOver = work.lookAfter(this.work, beganAtMs);
      for (const pause of this.#throttle.pauses()) await Promise.race([pause, this.ended]);
      if (sliceIsOver) await work.turn(this.work);
    }
  }

  async #handleFrames(): Promise<void> {
    const { reader, version } = this.#options;
    const { work, statistics, topicNames } = this.context;
    for (let frame = reader.next(); frame && !this.closed; frame = reader.next()) {
      const packet = receiveFromServer(frame, version, topicNames);
      statistics.received.running[packet.type]!++;
      this.#writer.begin();
      const pending = this.#handle(packet);
      if (pending) {
        await pending;
        work.begin();
      }
      work.steps += 1 + (frame.end - frame.start >> 10);
      if (work.isDue && work.look(this.work)) await work.turn(this.work);
    }
  }

  #handle(packet: ServerPacket): void | Promise<void> {
    const { sender } = this.#open!.session;
    switch (packet.type) {
      case PacketType.Publish:
        this.#throttle.fills();
        return this.#inbound.take(packet, this.#writer, this);
      case PacketType.Pubrel:
        return this.#inbound.release(packet.packetIdentifier, this.#writer);
      case PacketType.Puback:
        return this.#answers.puback(packet);
      case PacketType.Pubrec:
        return this.#answers.pubrec(packet);
      case PacketType.Pubcomp:
        sender.pubcomp(packet.packetIdentifier);
        return;
      case PacketType.Suback:
      case PacketType.Unsuback:
        return this.#options.subscriptions.answered(packet);
      case PacketType.Pingresp:
        return;
      case PacketType.Disconnect: {
        const words = packet.properties?.reasonString;
        const said = words === undefined ? "" : `: ${quote(words)}`;
        const reason = `the remote ended the connection: ${describeReasonCode(packet.reasonCode)}${said}`;
        return this.close({ reasonCode: ReasonCode.Success, reason, silent: true });
      }
      case PacketType.Connack:
        throw protocolError("CONNACK must be sent once: got a second one");
    }
  }

  #giveUp(reason: string): void {
    this.close({ reasonCode: ReasonCode.UnspecifiedError, reason, silent: true });
  }

  /** What was said last has a moment to leave. */
  async #finish(silent: boolean): Promise<void> {
    const { transport } = this.#options;
    if (!silent) {
      const patience = Promise.withResolvers<void>();
      const cancel = this.context.machine.after(GOODBYE_MS, patience.resolve);
      await Promise.race([this.#outbox.drained().then(() => transport.closeWrite()), patience.promise]).catch(() => {});
      cancel();
    }
    transport.close();
  }
}

const GOODBYE_MS = 1000;

/** A client has fewer reasons to give than a server (MQTT 5.0 §3.14.2.1). */
function goodbye(reasonCode: ReasonCode): ReasonCode {
  return reasonCode === ReasonCode.ProtocolError ? reasonCode : ReasonCode.Success;
}
