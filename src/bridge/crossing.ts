import type { Shown } from "../connection/client_view.ts";
import { expiryTime, Message } from "../message.ts";
import type { ReceivedPublish } from "../packet/decode.ts";
import type { ProtocolVersion, QoS } from "../packet/packets.ts";
import type { TopicName } from "../packet/topic.ts";
import { hopsOf, ONE_HOP, withHops } from "./hops.ts";
import type { Crossing, TopicMap } from "./topic_map.ts";

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
    return crossing.topic.maximumAge === 0 ? message : endingBy(message, now() + crossing.topic.maximumAge * 1000);
  }

  /** A message as the remote gets it; `undefined`: it is not for the remote, by the topics as they are now. */
  out(message: Message, remote: RemoteCapabilities): Shown | undefined {
    const crossing = this.#map.out(message.topicName);
    const hops = hopsOf(message.body);
    if (!crossing || hops >= this.#maxHops) return undefined;
    // With nothing changed it can be passed on as it was received.
    const isAsItIs = remote.version !== 5 && crossing.topicName === message.topicName && !message.retain;
    return isAsItIs ? message : rewritten(message, crossing, hops, remote);
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

/** The message with an end, if it has none that is earlier. */
function endingBy(message: Message, endsAtMs: number): Message {
  const { topicName, body: payload, qos, retain, publisher, expiresAtMs = Infinity } = message;
  if (endsAtMs >= expiresAtMs) return message;
  return Message.of({ topicName, payload, qos, retain, publisher, expiresAtMs: endsAtMs });
}

function rewritten(
  { body, retain, expiresAtMs }: Message,
  { topicName, topic }: Crossing,
  hops: number,
  { version, retainAvailable }: RemoteCapabilities,
): Shown {
  return {
    topicName,
    body: version !== 5 || hops === 0 ? body : withHops(body, hops + 1),
    extraProperties: version === 5 && hops === 0 ? ONE_HOP : undefined,
    isUnretained: retain && !(retainAvailable && topic.retain === "keep"),
    // Its maximum age is this broker's own business.
    hidesExpiry: expiresAtMs !== undefined && !body.hasExpiry,
  };
}
