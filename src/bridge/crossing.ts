import { Message } from "../message.ts";
import type { ReceivedPublish } from "../packet/decode.ts";
import type { ProtocolVersion, QoS } from "../packet/packets.ts";
import { PublishBody } from "../packet/publish_body.ts";
import type { TopicName } from "../packet/topic.ts";
import { expiryTime } from "../message.ts";
import type { Delivery } from "../session/delivery.ts";
import { hopsOf, withHops } from "./hops.ts";
import type { TopicMap } from "./topic_map.ts";

/** What the remote takes. */
export interface RemoteCapabilities {
  readonly version: ProtocolVersion;
  readonly maximumQoS: QoS;
  readonly retainAvailable: boolean;
}

interface Rewriting {
  readonly delivery: Delivery;
  readonly remote: RemoteCapabilities;
  readonly rewritten: Delivery | undefined;
}

/** Rewrites messages for the other side. */
export class Crossings {
  readonly #map: TopicMap;
  readonly #maxHops: number;
  /** The last that was rewritten: it is looked at before it is sent. */
  #last: Rewriting | undefined;

  constructor(map: TopicMap, maxHops: number) {
    this.#map = map;
    this.#maxHops = maxHops;
  }

  /** Whether a message that was published here is for the remote; with a maximum age it gets its end. */
  admit(message: Message, nowMs: number): Message | undefined {
    const crossing = this.#map.out(message.topicName);
    if (!crossing || this.#hasGoneFar(message)) return undefined;
    const { maximumAge } = crossing.topic;
    const endsAtMs = nowMs + maximumAge * 1000;
    if (maximumAge === 0 || endsAtMs >= (message.expiresAtMs ?? Infinity)) return message;
    const { topicName, body: payload, qos, retain, publisher } = message;
    return Message.of({ topicName, payload, qos, retain, publisher, expiresAtMs: endsAtMs });
  }

  /** A delivery as the remote gets it; `undefined`: it is not for the remote, by the topics as they are now. */
  out(delivery: Delivery, remote: RemoteCapabilities): Delivery | undefined {
    let last = this.#last;
    if (last?.delivery !== delivery || last.remote !== remote) {
      this.#last = last = { delivery, remote, rewritten: this.#rewrite(delivery, remote) };
    }
    return last.rewritten;
  }

  /** The connection has ended, and what was sent last need not stay in memory for it. */
  forgetLast(): void {
    this.#last = undefined;
  }

  /**
   * A message of the remote's as it is published here; `undefined`: it does not cross.
   *
   * @param publisher the bridge's session
   */
  in(packet: ReceivedPublish, publisher: string, nowMs: number): Message | undefined {
    const crossing = this.#map.in(packet.topicName as TopicName);
    const { properties } = packet;
    const hops = hopsOf(properties);
    if (!crossing || hops >= this.#maxHops) return undefined;
    const { topicName, topic } = crossing;
    return Message.of({
      topicName,
      // Properties make it a copy, which outlives the read buffer.
      payload: PublishBody.of(packet.payload, withHops(properties, hops + 1)),
      qos: packet.qos,
      retain: packet.retain && topic.retain === "keep",
      publisher,
      expiresAtMs: expiryTime(packet.messageExpiryIntervalSeconds, nowMs),
    });
  }

  #hasGoneFar(message: Message): boolean {
    return message.body.propertiesSizeBytes > 0 && hopsOf(message.properties) >= this.#maxHops;
  }

  #rewrite(delivery: Delivery, remote: RemoteCapabilities): Delivery | undefined {
    const { message, sequence, note } = delivery;
    const crossing = this.#map.out(message.topicName);
    if (!crossing || this.#hasGoneFar(message)) return undefined;
    const { topicName, topic } = crossing;
    return {
      message: this.#renamed(message, topicName, remote.version),
      qos: Math.min(delivery.qos, remote.maximumQoS) as QoS,
      retain: delivery.retain && topic.retain === "keep" && remote.retainAvailable,
      subscriptionIdentifiers: undefined,
      share: undefined,
      sequence,
      note,
    };
  }

  #renamed(message: Message, topicName: TopicName, version: ProtocolVersion): Message {
    const { qos, retain, properties } = message;
    // A large payload is not copied by whoever writes it, so that it must not be in a read buffer.
    if (message.body.isLarge) message.keep();
    const hops = version === 5 ? withHops(properties, hopsOf(properties) + 1) : undefined;
    // Without the name that it came with, by which it could be passed on as it is.
    const payload = PublishBody.of(message.payload, hops);
    const endsByItself = properties?.messageExpiryIntervalSeconds !== undefined;
    return Message.of({
      topicName,
      payload,
      qos,
      retain,
      expiresAtMs: endsByItself ? message.expiresAtMs : undefined,
    });
  }
}
