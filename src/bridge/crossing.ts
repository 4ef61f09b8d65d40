import type { Shown } from "../connection/client_view.ts";
import { expiryTime, Message } from "../message.ts";
import type { ReceivedPublish } from "../packet/decode.ts";
import type { ProtocolVersion, QoS } from "../packet/packets.ts";
import type { TopicName } from "../packet/topic.ts";
import { type Delivery, NewDelivery } from "../session/delivery.ts";
import { hopsOf, ONE_HOP, withHops } from "./hops.ts";
import type { TopicMap } from "./topic_map.ts";

/** What the remote takes. */
export interface RemoteCapabilities {
  readonly version: ProtocolVersion;
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
}

/** Rewrites messages for the other side. */
export class Crossings {
  readonly #map: TopicMap;
  readonly #maxHops: number;

  constructor(map: TopicMap, maxHops: number) {
    this.#map = map;
    this.#maxHops = maxHops;
  }

  /** Whether a message that was published here is for the remote; with a maximum age it gets its end. */
  admit(message: Message, now: () => number): Message | undefined {
    const crossing = this.#map.out(message.topicName);
    if (!crossing || hopsOf(message.body) >= this.#maxHops) return undefined;
    const { maximumAge } = crossing.topic;
    if (maximumAge === 0) return message;
    const endsAtMs = now() + maximumAge * 1000;
    if (endsAtMs >= (message.expiresAtMs ?? Infinity)) return message;
    const { topicName, body: payload, qos, retain, publisher } = message;
    return Message.of({ topicName, payload, qos, retain, publisher, expiresAtMs: endsAtMs });
  }

  /** A message as the remote gets it; `undefined`: it is not for the remote, by the topics as they are now. */
  out(message: Message, version: ProtocolVersion): Shown | undefined {
    const { body } = message;
    const crossing = this.#map.out(message.topicName);
    const hops = hopsOf(body);
    if (!crossing || hops >= this.#maxHops) return undefined;
    const { topicName } = crossing;
    // With nothing changed it can be passed on as it was received.
    if (version !== 5) return topicName === message.topicName ? message : { topicName, body };
    if (hops === 0) return { topicName, body, extraProperties: ONE_HOP };
    return { topicName, body: withHops(body, hops + 1) };
  }

  /** A delivery of what {@linkcode Crossings.out} shows, with the flags and the QoS that the remote takes. */
  deliveryFor(delivery: Delivery, { maximumQoS, retainAvailable }: RemoteCapabilities): Delivery {
    const { message, qos, retain } = delivery;
    // Its maximum age is this broker's own business.
    const hasOwnEnd = message.expiresAtMs === undefined || message.body.hasExpiry;
    const isRetained = retain && retainAvailable && this.#map.out(message.topicName)?.topic.retain === "keep";
    if (hasOwnEnd && qos <= maximumQoS && retain === isRetained) return delivery;
    const endless = hasOwnEnd ? message : new Message(message.topicName, message.body, message.qos, message.retain);
    const common = { subscriptionIdentifiers: undefined };
    return new NewDelivery(endless, Math.min(qos, maximumQoS) as QoS, isRetained, common);
  }

  /**
   * A message of the remote's as it is published here; `undefined`: it does not cross.
   *
   * @param publisher the bridge's session
   */
  in(packet: ReceivedPublish, publisher: string, now: () => number): Message | undefined {
    const crossing = this.#map.in(packet.topicName as TopicName);
    const { body, messageExpiryIntervalSeconds: seconds } = packet;
    const hops = hopsOf(body);
    if (!crossing || hops >= this.#maxHops) return undefined;
    const { topicName, topic } = crossing;
    const retain = packet.retain && topic.retain === "keep";
    const expiresAtMs = seconds === undefined ? undefined : expiryTime(seconds, now());
    // The copy outlives the read buffer.
    return new Message(topicName, withHops(body, hops + 1), packet.qos, retain, publisher, expiresAtMs);
  }
}
