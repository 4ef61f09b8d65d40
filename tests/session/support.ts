/** What the tests of sessions share. */
import { type DropReason, Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import type { QoS } from "../../src/packet/packets.ts";
import type { Delivery } from "../../src/session/delivery.ts";
import type { OutboundLink, SenderOptions } from "../../src/session/sender.ts";
import { RetainedMessages } from "../../src/topics/retained.ts";

/** A message whose topic name tells it from others. */
export function message(name: string, qos: QoS = 0, payloadBytes = 0): Message {
  return Message.of({ topicName: parseTopicName(name), payload: new Uint8Array(payloadBytes), qos });
}

/** A delivery of such a message. */
export function delivery(name: string, qos: QoS = 0, payloadBytes = 0): Delivery {
  return {
    message: message(name, qos, payloadBytes),
    qos,
    retain: false,
    subscriptionIdentifiers: undefined,
    share: undefined,
    sequence: 0,
    note: undefined,
  };
}

/** Writes down what is sent: `a#1`, `a#1 dup`, `pubrel 1`. */
export class FakeLink implements OutboundLink {
  congested = false;
  receiveMaximum = 65_535;
  /** Why messages must not be given to the client, by topic name. */
  readonly refused = new Map<string, DropReason>();
  readonly asked: string[] = [];
  #sent: string[] = [];

  refusal({ message: { topicName } }: Delivery): DropReason | undefined {
    this.asked.push(topicName);
    return this.refused.get(topicName);
  }

  sendPublish({ message }: Delivery, packetIdentifier: number, dup: boolean): void {
    this.#sent.push(`${message.topicName}#${packetIdentifier}${dup ? " dup" : ""}`);
  }

  sendPubrel(packetIdentifier: number): void {
    this.#sent.push(`pubrel ${packetIdentifier}`);
  }

  /** What was sent since the last call. */
  take(): string[] {
    return this.#sent.splice(0);
  }
}

/** Options of a sender that writes down what it is told, `a queue-limit`, and what begins to wait. */
export function senderOptions(changes: Partial<SenderOptions> = {}) {
  const dropped: string[] = [];
  const waiting: string[] = [];
  const options: SenderOptions = {
    maximumInflight: 10,
    queue: { maximumMessages: 100, maximumBytes: 1_000_000, policy: "oldest" },
    queueQoS0: false,
    retained: new RetainedMessages({ maximumMessages: 1_000_000, maximumBytes: 1_000_000_000 }),
    now: () => 0,
    onDrop: ({ topicName }, reason) => dropped.push(`${topicName} ${reason}`),
    onQueue: ({ topicName }) => waiting.push(topicName),
    onFault: (error) => {
      throw error;
    },
    onReturn: () => false,
    ...changes,
  };
  return { options, dropped, waiting };
}
