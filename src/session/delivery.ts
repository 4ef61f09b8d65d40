import type { QoS } from "../packet/packets.ts";
import type { Message } from "../message.ts";
import type { Share } from "../topics/subscriber.ts";

/** A message on its way to one subscriber. */
export interface Delivery {
  readonly message: Message;
  /** The lower of the message's and the subscription's. */
  readonly qos: QoS;
  /** The RETAIN flag it is sent with. */
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  /** The shared subscription that it comes from; `undefined`: it is for this subscriber alone. */
  readonly share: Share | undefined;
  /** Its place among the session's deliveries; 0: it has none yet. */
  sequence: number;
  /** The log's own note of it. */
  note: unknown;
}

/**
 * A delivery that has no place yet. It is a class since the engine puts literals of one place straight into old memory in
 * half of all runs, where those that are long over lie until all memory is gone through.
 */
export class NewDelivery implements Delivery {
  readonly message: Message;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly subscriptionIdentifiers: readonly number[] | undefined;
  readonly share: Share | undefined;
  sequence = 0;
  note: unknown = undefined;

  /** @param route how it goes to its subscriber */
  constructor(
    message: Message,
    qos: QoS,
    retain: boolean,
    route: Pick<Delivery, "subscriptionIdentifiers"> & { readonly share?: Share },
  ) {
    this.message = message;
    this.qos = qos;
    this.retain = retain;
    this.subscriptionIdentifiers = route.subscriptionIdentifiers;
    this.share = route.share;
  }
}

/** What is left of a delivery when its message is needed no longer. */
export type DeliveryNote = Pick<Delivery, "sequence" | "note">;

/** What a store has of a session's messages under way: a message, or the note of one that the client has (QoS 2). */
export interface RestoredDelivery {
  readonly packetIdentifier: number;
  readonly delivery: Delivery | undefined;
  readonly released: DeliveryNote | undefined;
}
