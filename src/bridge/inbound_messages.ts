import type { ResolvedListener } from "../config/config.ts";
import type { ConnectionContext } from "../connection/connection_context.ts";
import type { Ending } from "../connection/connection_state.ts";
import type { PacketWriter } from "../connection/packet_writer.ts";
import { type PublishingConnection, QoS2Publication } from "../connection/qos2_publication.ts";
import { ReceiptGate } from "../connection/receipt_gate.ts";
import type { Message } from "../message.ts";
import type { ReceivedPublish } from "../packet/decode.ts";
import { PacketType } from "../packet/packets.ts";
import { protocolError } from "../packet/protocol_error.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { PublishCallbacks, PublishOutcome } from "../routing/publish_pipeline.ts";
import type { Session } from "../session/session.ts";
import type { Crossings } from "./crossing.ts";

/** What a message comes through. */
interface Inlet extends PublishingConnection {
  readonly closed: boolean;
  readonly listener: Pick<ResolvedListener, "limits">;
  close(ending: Ending): void;
}

/**
 * Publishes here what the remote sends. It is acknowledged when that is routed and stored: the writer sees to the latter. A
 * QoS 2 identifier is entered in the same turn, and so in the same commit, as its message is routed. In a cluster the other
 * nodes have to have it, too.
 */
export class InboundMessages {
  readonly #context: ConnectionContext;
  readonly #session: Session;
  readonly #crossings: Crossings;
  readonly #counts: { received: number };
  readonly #now: () => number;
  /** What every message is published with that comes through the one inlet. */
  #common: PublishCallbacks | undefined;

  constructor(context: ConnectionContext, session: Session, crossings: Crossings, counts: { received: number }) {
    this.#context = context;
    this.#session = session;
    this.#crossings = crossings;
    this.#counts = counts;
    this.#now = () => context.clock.now();
  }

  /** PUBLISH. */
  take(packet: ReceivedPublish, writer: PacketWriter, inlet: Inlet): void | Promise<void> {
    const { receiver, clientIdentifier } = this.#session;
    const { qos, packetIdentifier } = packet;
    // The bridge has allowed none.
    if (packet.topicAlias !== undefined) throw protocolError(`topic alias must not be used: got ${packet.topicAlias}`);
    if (qos === 2 && receiver.has(packetIdentifier)) return this.#acknowledgeAgain(packet, writer, inlet);
    const fault = this.#context.persistence?.writeQueue.fault;
    if (fault && qos > 0) {
      // The remote keeps it until it can be stored.
      const reason = `messages cannot be stored: ${fault.message}`;
      return inlet.close({ reasonCode: ReasonCode.UnspecifiedError, reason });
    }
    const message = this.#crossings.in(packet, clientIdentifier, this.#now);
    if (!message) return this.#ignore(packet, writer, inlet);
    this.#counts.received++;
    const { cluster } = this.#context;
    if (cluster === undefined) return this.#publish(message, packet, writer, inlet);
    return gateOf(inlet).inTurn({
      way: cluster.goesByLog(message) ? "log" : "link",
      mostHeld: inlet.listener.limits.maxInflight,
      isOver: () => inlet.closed,
      publish: () => this.#publish(message, packet, writer, inlet),
    });
  }

  #publish(message: Message, packet: ReceivedPublish, writer: PacketWriter, inlet: Inlet): void | Promise<void> {
    const outcome = this.#context.pipeline.publish(message, this.#callbacksFor(packet, inlet));
    if (outcome instanceof Promise) {
      return outcome.then((outcome) => {
        if (!inlet.closed) this.#answer(packet, writer, inlet, outcome);
      });
    }
    this.#answer(packet, writer, inlet, outcome);
  }

  /** Not before other nodes have it that must: the connection that brought it may be over. */
  #acknowledgeAgain(packet: ReceivedPublish, writer: PacketWriter, inlet: Inlet): void | Promise<void> {
    const receipt = this.#session.receiver.receiptOf(packet.packetIdentifier);
    if (receipt !== undefined) gateOf(inlet).tookAgain(receipt);
    acknowledge(packet, writer, inlet);
    return inlet.open?.receipts?.pause(inlet.listener.limits.maxInflight);
  }

  /** PUBREL. */
  release(packetIdentifier: number, writer: PacketWriter): void {
    const known = this.#session.receiver.release(packetIdentifier);
    const reasonCode = known ? ReasonCode.Success : ReasonCode.PacketIdentifierNotFound;
    writer.acknowledge(PacketType.Pubcomp, packetIdentifier, reasonCode);
  }

  #callbacksFor({ qos, packetIdentifier }: ReceivedPublish, inlet: Inlet): PublishCallbacks {
    // The remote may send it again before it is routed to the end, and it goes on in any case.
    if (qos === 2) return new QoS2Publication(inlet, inlet.open!, packetIdentifier);
    return this.#common ??= {
      party: inlet.work,
      stillConnected: () => !inlet.closed,
      onReceipt: (receipt) => inlet.open?.receipts?.took(receipt),
    };
  }

  /** A remote of 3.x knows no word for what was not taken, so that it is acknowledged and dropped. */
  #answer(packet: ReceivedPublish, writer: PacketWriter, inlet: Inlet, outcome: PublishOutcome): void {
    if (outcome === "abandoned") return;
    const reasonCode = refusalOf(outcome);
    if (reasonCode === undefined) return acknowledge(packet, writer, inlet);
    if (writer.version !== 5) return this.#ignore(packet, writer, inlet);
    acknowledge(packet, writer, inlet, reasonCode);
  }

  /** What does not cross is done with. */
  #ignore(packet: ReceivedPublish, writer: PacketWriter, inlet: Inlet): void {
    if (packet.qos === 2) this.#session.receiver.accept(packet.packetIdentifier);
    acknowledge(packet, writer, inlet);
  }
}

function gateOf({ open }: Inlet): ReceiptGate {
  return open!.receipts ??= new ReceiptGate();
}

function refusalOf(outcome: PublishOutcome): ReasonCode | undefined {
  if (outcome === "full") return ReasonCode.QuotaExceeded;
  return typeof outcome === "object" && !outcome.allowed ? outcome.reasonCode : undefined;
}

function acknowledge(
  { qos, packetIdentifier }: ReceivedPublish,
  writer: PacketWriter,
  inlet: Inlet,
  reasonCode?: ReasonCode,
): void {
  if (qos === 0) return;
  const type = qos === 1 ? PacketType.Puback : PacketType.Pubrec;
  const gate = inlet.open?.receipts;
  if (gate === undefined) return writer.acknowledge(type, packetIdentifier, reasonCode);
  gate.acknowledge(() => {
    if (!inlet.closed) writer.acknowledge(type, packetIdentifier, reasonCode);
  });
}
