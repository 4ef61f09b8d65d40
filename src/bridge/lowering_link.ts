import type { PacketWriter } from "../connection/packet_writer.ts";
import type { DropReason } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import { type Delivery, NewDelivery } from "../session/delivery.ts";
import type { OutboundLink, Sender } from "../session/sender.ts";
import type { Later } from "./later.ts";

/** What {@linkcode LoweringLink} works with. */
export interface LoweringLinkOptions {
  /** Holds what is under way. */
  readonly sender: Sender;
  readonly writer: PacketWriter;
  /** The highest that the remote takes: less than 2. */
  readonly maximumQoS: QoS;
  readonly later: Later;
}

/** A session's way to a remote that does not take every QoS: what it takes at a lower one is settled as it would be. */
export class LoweringLink implements OutboundLink {
  readonly #options: LoweringLinkOptions;

  constructor(options: LoweringLinkOptions) {
    this.#options = options;
  }

  get congested(): boolean {
    return this.#options.writer.congested;
  }

  get receiveMaximum(): number {
    return this.#options.writer.receiveMaximum;
  }

  get isSelective(): boolean {
    return this.#options.writer.isSelective;
  }

  refusal(delivery: Delivery): DropReason | undefined {
    return this.#options.writer.refusal(this.#lowered(delivery));
  }

  sendPublish(delivery: Delivery, packetIdentifier: number, dup: boolean): void {
    const { writer, later } = this.#options;
    const lowered = this.#lowered(delivery);
    if (lowered.qos > 0) return writer.sendPublish(lowered, packetIdentifier, dup);
    writer.sendPublish(lowered, 0, false);
    // The remote takes no more than QoS 0, and answers nothing.
    if (delivery.qos > 0) later.add(() => this.#settle(delivery.qos, packetIdentifier));
  }

  pauses(sent: number, resume: () => void): boolean {
    return this.#options.writer.pauses(sent, resume);
  }

  /** The remote has got it at a lower QoS and knows nothing of this. */
  sendPubrel(packetIdentifier: number): void {
    const { later, sender } = this.#options;
    later.add(() => sender.pubcomp(packetIdentifier));
  }

  #lowered(delivery: Delivery): Delivery {
    const { maximumQoS } = this.#options;
    const { message, qos, retain } = delivery;
    return qos <= maximumQoS ? delivery : new NewDelivery(message, maximumQoS, retain, delivery);
  }

  /** It was sent, and that is all there is to be known. */
  #settle(qos: QoS, packetIdentifier: number): void {
    const { sender } = this.#options;
    if (qos === 1) sender.puback(packetIdentifier);
    else sender.pubrec(packetIdentifier);
  }
}
