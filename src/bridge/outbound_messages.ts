import type { PacketWriter } from "../connection/packet_writer.ts";
import type { DropReason } from "../message.ts";
import type { Clock } from "../runtime/environment.ts";
import type { Delivery } from "../session/delivery.ts";
import type { Sender } from "../session/sender.ts";
import type { Crossings, RemoteCapabilities } from "./crossing.ts";
import type { Later } from "./later.ts";

/** What {@linkcode OutboundMessages} works with. */
export interface OutboundMessagesOptions {
  /** Holds what is under way. */
  readonly sender: Sender;
  readonly writer: PacketWriter;
  readonly remote: RemoteCapabilities;
  readonly crossings: Crossings;
  readonly counts: { sent: number };
  /** Nothing was ever sent in the remote's session. */
  readonly isNew: boolean;
  readonly clock: Pick<Clock, "now">;
  readonly later: Later;
}

/** Sends the remote what is for it, in the form that it takes. What it takes at a lower QoS is settled here, as it would be. */
export class OutboundMessages {
  readonly #options: OutboundMessagesOptions;

  constructor(options: OutboundMessagesOptions) {
    this.#options = options;
  }

  /** Why the remote cannot be given it; `undefined`: it can. */
  refusal(delivery: Delivery): DropReason | undefined {
    const { crossings, remote, writer, clock } = this.#options;
    const refusal = writer.refusal(crossings.deliveryFor(delivery, remote));
    const { message } = delivery;
    if (refusal !== undefined || message.expiresAtMs === undefined || message.isForNow) return refusal;
    return message.isExpired(clock.now()) ? "message-expired" : undefined;
  }

  sendPublish(delivery: Delivery, packetIdentifier: number, dup: boolean): void {
    const { crossings, remote, writer, counts, isNew, later } = this.#options;
    const rewritten = crossings.deliveryFor(delivery, remote);
    counts.sent++;
    if (rewritten.qos > 0) return writer.sendPublish(rewritten, packetIdentifier, dup && !isNew);
    writer.sendPublish(rewritten, 0, false);
    // The remote takes no more than QoS 0, and answers nothing.
    if (delivery.qos > 0) later.add(() => this.#settle(delivery.qos, packetIdentifier));
  }

  sendPubrel(packetIdentifier: number): void {
    const { remote, writer, later, sender } = this.#options;
    if (remote.maximumQoS === 2) return writer.sendPubrel(packetIdentifier);
    // The remote has got it at a lower QoS and knows nothing of this.
    later.add(() => sender.pubcomp(packetIdentifier));
  }

  /** It was sent, and that is all there is to be known. */
  #settle(qos: number, packetIdentifier: number): void {
    const { sender } = this.#options;
    if (qos === 1) sender.puback(packetIdentifier);
    else sender.pubrec(packetIdentifier);
  }
}
