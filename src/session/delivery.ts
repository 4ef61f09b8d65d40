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

/** What is left of a delivery when its message is needed no longer. */
export type DeliveryNote = Pick<Delivery, "sequence" | "note">;

/** What a store has of a session's messages under way: a message, or the note of one that the client has (QoS 2). */
export interface RestoredDelivery {
  readonly packetIdentifier: number;
  readonly delivery: Delivery | undefined;
  readonly released: DeliveryNote | undefined;
}
