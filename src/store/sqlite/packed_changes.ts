/**
 * Changes in the form in which they cross to the worker. Cloning the objects themselves costs the event loop several
 * times as much, and a payload that is a part of a large read buffer would take the whole buffer along.
 */
import type { MessageProperties } from "../../packet/packets.ts";
import type { Change, StoredMessage } from "../store.ts";

type Field = number | boolean | string | undefined | MessageProperties | readonly number[] | Change;
type Delivery = Extract<Change, { type: "delivery" }>;

/** What {@linkcode ChangePacker.take} gives and {@linkcode unpackChanges} reads. */
export interface PackedChanges {
  /** For each change its kind, then its fields in their order. */
  readonly fields: readonly Field[];
  /** The payloads, one after the other. */
  readonly payloads: Uint8Array<ArrayBuffer>;
}

const RARE = 0;
const MESSAGE = 1;
const DELIVERY = 2;
const SENT = 3;
const RELEASED = 4;
const SETTLED = 5;
const ACCEPT = 6;
const RELEASE = 7;

/** Packs the changes of one transaction. What it was given may be altered afterwards: payloads are copied. */
export class ChangePacker {
  readonly #fields: Field[] = [];
  #payloads: Uint8Array<ArrayBuffer> = new Uint8Array(256);
  #sizeBytes = 0;

  /** Adds changes behind those that are there. */
  add(changes: readonly Change[]): void {
    for (const change of changes) this.#add(change);
  }

  /** All that was added. The packer is of no use afterwards. */
  take(): PackedChanges {
    return { fields: this.#fields, payloads: this.#payloads.subarray(0, this.#sizeBytes) };
  }

  #add(change: Change): void {
    const fields = this.#fields;
    switch (change.type) {
      case "message":
        return this.#addMessage(change.message);
      case "delivery":
        return this.#addDelivery(change);
      case "sent":
        return void fields.push(SENT, change.session, change.sequence, change.packetIdentifier);
      case "released":
        return void fields.push(RELEASED, change.session, change.sequence);
      case "settled":
        return void fields.push(SETTLED, change.session, change.sequence);
      case "accept":
        return void fields.push(ACCEPT, change.session, change.packetIdentifier);
      case "release":
        return void fields.push(RELEASE, change.session, change.packetIdentifier);
      case "will": {
        const { payload, properties } = change.will;
        const will = { ...change.will, payload: payload.slice(), properties: ownProperties(properties) };
        return void fields.push(RARE, { ...change, will });
      }
      default:
        return void fields.push(RARE, change);
    }
  }

  #addMessage({ id, topicName, payload, qos, retain, properties, publisher, expiresAt }: StoredMessage): void {
    const own = ownProperties(properties);
    this.#fields.push(MESSAGE, id, topicName, payload.length, qos, retain, own, publisher, expiresAt);
    const end = this.#sizeBytes + payload.length;
    if (end > this.#payloads.length) {
      const larger = new Uint8Array(Math.max(end, this.#payloads.length * 2));
      larger.set(this.#payloads.subarray(0, this.#sizeBytes));
      this.#payloads = larger;
    }
    this.#payloads.set(payload, this.#sizeBytes);
    this.#sizeBytes = end;
  }

  #addDelivery(change: Delivery): void {
    const { session, sequence, messageId, sizeBytes, qos, retain, state, packetIdentifier } = change;
    this.#fields.push(DELIVERY, session, sequence, messageId, sizeBytes, qos, retain);
    this.#fields.push(change.subscriptionIdentifiers, change.share, state, packetIdentifier);
  }
}

/** The changes that were packed, in their order. */
export function* unpackChanges({ fields, payloads }: PackedChanges): Generator<Change> {
  let at = 0;
  let offset = 0;
  const next = <T extends Field>(): T => fields[at++] as T;
  const payload = (sizeBytes: number) => payloads.subarray(offset, offset += sizeBytes);
  while (at < fields.length) {
    const kind = next<number>();
    if (kind === RARE) yield next<Change>();
    else if (kind === MESSAGE) yield { type: "message", message: readMessage(next, payload) };
    else if (kind === DELIVERY) yield readDelivery(next);
    else yield readStep(kind, next);
  }
}

type Next = <T extends Field>() => T;

function readMessage(next: Next, payload: (sizeBytes: number) => Uint8Array): StoredMessage {
  return {
    id: next(),
    topicName: next<StoredMessage["topicName"]>(),
    payload: payload(next()),
    qos: next<StoredMessage["qos"]>(),
    retain: next(),
    properties: next<MessageProperties | undefined>(),
    publisher: next<string | undefined>(),
    expiresAt: next<number | undefined>(),
  };
}

function readDelivery(next: Next): Delivery {
  return {
    type: "delivery",
    session: next(),
    sequence: next(),
    messageId: next(),
    sizeBytes: next(),
    qos: next<Delivery["qos"]>(),
    retain: next(),
    subscriptionIdentifiers: next<Delivery["subscriptionIdentifiers"]>(),
    share: next<Delivery["share"]>(),
    state: next<Delivery["state"]>(),
    packetIdentifier: next(),
  };
}

function readStep(kind: number, next: Next): Change {
  const session = next<number>();
  switch (kind) {
    case SENT:
      return { type: "sent", session, sequence: next(), packetIdentifier: next() };
    case RELEASED:
      return { type: "released", session, sequence: next() };
    case SETTLED:
      return { type: "settled", session, sequence: next() };
    case ACCEPT:
      return { type: "accept", session, packetIdentifier: next() };
    case RELEASE:
      return { type: "release", session, packetIdentifier: next() };
    default:
      throw new Error(`packed changes must begin with a kind from ${RARE} to ${RELEASE}: got ${kind}`);
  }
}

/** Correlation data may be a part of a large buffer, too. */
function ownProperties(properties: MessageProperties | undefined): MessageProperties | undefined {
  if (properties?.correlationData === undefined) return properties;
  return { ...properties, correlationData: properties.correlationData.slice() };
}
