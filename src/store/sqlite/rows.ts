/** Rows of the tables and what they stand for. */
import type { QoS, Will } from "../../packet/packets.ts";
import type { TopicFilter, TopicName } from "../../packet/topic.ts";
import { decodeProperties } from "./properties_text.ts";
import { stringOf } from "./text.ts";
import type { DeliveryState, RestoredSubscription, StoredDelivery, StoredMessage, StoredWill } from "../store.ts";

/** States in the order of their numbers in the table `delivery`. */
export const deliveryStates: readonly DeliveryState[] = ["queued", "sent", "released"];

/** A row of `message`; in a join its `qos` and `retain` have other names than those of the delivery. */
export interface MessageRow {
  readonly id: number;
  readonly topic: TopicName | Uint8Array;
  readonly payload: Uint8Array;
  readonly published_qos: QoS;
  readonly published_retain: number;
  readonly properties: string | null;
  readonly publisher: string | Uint8Array | null;
  readonly expires_at: number | null;
}

/** The columns of {@linkcode MessageRow}, for a table `message` that is called `m`. */
export const MESSAGE_COLUMNS =
  "m.id, m.topic, m.payload, m.qos AS published_qos, m.retain AS published_retain, m.properties, m.publisher, " +
  "m.expires_at";

/** A row of `delivery` with its message, if that is there. */
export type DeliveryRow =
  & { readonly [Column in keyof MessageRow]: MessageRow[Column] | null }
  & {
    readonly sequence: number;
    readonly message: number;
    readonly qos: 1 | 2;
    readonly retain: number;
    readonly identifiers: string | null;
    readonly share: TopicFilter | Uint8Array | null;
    readonly state: number;
    readonly packet: number;
  };

/** A row of `subscription`. */
export interface SubscriptionRow {
  readonly session: number;
  readonly filter: TopicFilter | Uint8Array;
  readonly qos: QoS;
  readonly no_local: number;
  readonly retain_as_published: number;
  readonly identifier: number | null;
  /** With the next: `null` if it has nothing more to bring of the retained messages. */
  readonly retained_after: number | null;
  readonly retained_up_to: number | null;
}

/** A row of `will`. */
export interface WillRow {
  readonly client: string | Uint8Array;
  readonly username: string | Uint8Array | null;
  readonly topic: TopicName | Uint8Array;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly retain: number;
  readonly properties: string | null;
  readonly delay: number;
  readonly due_at: number | null;
}

/** What a row of `message` stands for. */
export function messageOf(row: MessageRow): StoredMessage {
  const properties = decodeProperties(row.properties);
  return {
    id: row.id,
    topicName: stringOf(row.topic),
    payload: row.payload,
    qos: row.published_qos,
    retain: row.published_retain === 1,
    ...properties !== undefined && { properties },
    ...row.publisher !== null && { publisher: stringOf(row.publisher) },
    ...row.expires_at !== null && { expiresAt: row.expires_at },
  };
}

/** What a row of `delivery` stands for. */
export function deliveryOf(row: DeliveryRow): StoredDelivery {
  return {
    sequence: row.sequence,
    message: row.id === null ? undefined : messageOf(row as MessageRow),
    qos: row.qos,
    retain: row.retain === 1,
    ...row.identifiers !== null && { subscriptionIdentifiers: JSON.parse(row.identifiers) as number[] },
    ...row.share !== null && { share: stringOf(row.share) },
    state: deliveryStates[row.state],
    packetIdentifier: row.packet,
  };
}

/** What a row of `subscription` stands for. */
export function subscriptionOf(row: SubscriptionRow): RestoredSubscription {
  const { retained_after: after, retained_up_to: upTo } = row;
  return {
    topicFilter: stringOf(row.filter),
    qos: row.qos,
    noLocal: row.no_local === 1,
    retainAsPublished: row.retain_as_published === 1,
    ...row.identifier !== null && { identifier: row.identifier },
    ...after !== null && upTo !== null && { retained: { after, upTo } },
  };
}

/** What a row of `will` stands for. */
export function willOf(row: WillRow): StoredWill {
  const properties = decodeProperties(row.properties);
  const will: Will = {
    topicName: stringOf(row.topic),
    payload: row.payload,
    qos: row.qos,
    retain: row.retain === 1,
    ...properties !== undefined && { properties },
    delayIntervalSeconds: row.delay,
  };
  return {
    clientIdentifier: stringOf(row.client),
    ...row.username !== null && { username: stringOf(row.username) },
    will,
    ...row.due_at !== null && { dueAt: row.due_at },
  };
}
