/** As much of MQTT 5.0 as a page needs that subscribes and publishes. */

/** Types of packets, as in the first four bits of a packet. */
export const Type = {
  Connect: 1,
  Connack: 2,
  Publish: 3,
  Puback: 4,
  Pubrec: 5,
  Pubrel: 6,
  Pubcomp: 7,
  Subscribe: 8,
  Suback: 9,
  Pingreq: 12,
  Pingresp: 13,
  Disconnect: 14,
} as const;

const encoder = new TextEncoder();

/** Numbers of variable length hold seven bits a byte. */
function variable(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low | 0x80 : low);
  } while (rest > 0);
  return bytes;
}

const short = (value: number) => [value >> 8, value & 0xff];

function binary(text: string): number[] {
  const bytes = encoder.encode(text);
  return [...short(bytes.length), ...bytes];
}

/** @param flags the last four bits of the first byte */
function packet(
  type: number,
  flags: number,
  body: readonly number[],
  payload = new Uint8Array(0),
): Uint8Array<ArrayBuffer> {
  const head = [type << 4 | flags, ...variable(body.length + payload.length), ...body];
  const bytes = new Uint8Array(head.length + payload.length);
  bytes.set(head);
  bytes.set(payload, head.length);
  return bytes;
}

export interface ConnectOptions {
  readonly clientIdentifier: string;
  readonly username: string;
  readonly password: string;
}

export const KEEP_ALIVE_SECONDS = 30;

export function connect({ clientIdentifier, username, password }: ConnectOptions): Uint8Array<ArrayBuffer> {
  const flags = 0x02 | (username === "" ? 0 : 0x80) | (password === "" ? 0 : 0x40);
  return packet(Type.Connect, 0, [
    ...binary("MQTT"),
    5,
    flags,
    ...short(KEEP_ALIVE_SECONDS),
    0,
    ...binary(clientIdentifier),
    ...username === "" ? [] : binary(username),
    ...password === "" ? [] : binary(password),
  ]);
}

export interface Publish {
  readonly topicName: string;
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly qos: number;
  readonly retain: boolean;
}

export function publish({ topicName, payload, qos, retain }: Publish, identifier: number): Uint8Array<ArrayBuffer> {
  const body = [...binary(topicName), ...qos > 0 ? short(identifier) : [], 0];
  return packet(Type.Publish, qos << 1 | Number(retain), body, payload);
}

export function subscribe(topicFilter: string, qos: number, identifier: number): Uint8Array<ArrayBuffer> {
  return packet(Type.Subscribe, 2, [...short(identifier), 0, ...binary(topicFilter), qos]);
}

/** PUBACK, PUBREC, PUBREL or PUBCOMP for a packet identifier. */
export function acknowledge(type: number, identifier: number): Uint8Array<ArrayBuffer> {
  return packet(type, type === Type.Pubrel ? 2 : 0, short(identifier));
}

export function pingreq(): Uint8Array<ArrayBuffer> {
  return packet(Type.Pingreq, 0, []);
}

export function disconnect(): Uint8Array<ArrayBuffer> {
  return packet(Type.Disconnect, 0, []);
}

/** A packet from the broker. */
export interface Received {
  readonly type: number;
  /** 0 where there is none. */
  readonly identifier: number;
  readonly reasonCode: number;
  /** The client identifier that the broker has chosen; in CONNACK alone. */
  readonly assigned?: string;
  readonly publish?: Publish;
}

class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  #at = 0;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** 0 at the end: what is left out stands for success. */
  byte(): number {
    return this.#bytes[this.#at++] ?? 0;
  }

  short(): number {
    return this.byte() << 8 | this.byte();
  }

  variable(): number {
    let value = 0;
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    return value;
  }

  take(length: number): Uint8Array<ArrayBuffer> {
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  text(): string {
    return new TextDecoder().decode(this.take(this.short()));
  }
}

/** Lengths of properties that are numbers; the rest are texts or bytes with a length in front. */
const PROPERTY_BYTES: Readonly<Record<number, number>> = {
  0x11: 4,
  0x13: 2,
  0x21: 2,
  0x22: 2,
  0x24: 1,
  0x25: 1,
  0x27: 4,
  0x28: 1,
  0x29: 1,
  0x2a: 1,
};
const ASSIGNED = 0x12;
const USER_PROPERTY = 0x26;

function assignedIn(properties: Reader): string | undefined {
  while (properties.left > 0) {
    const identifier = properties.byte();
    const length = PROPERTY_BYTES[identifier];
    if (length !== undefined) properties.take(length);
    else {
      const text = properties.text();
      if (identifier === ASSIGNED) return text;
      if (identifier === USER_PROPERTY) properties.text();
    }
  }
  return undefined;
}

function readBody(first: number, body: Reader): Received {
  const type = first >> 4;
  if (type === Type.Publish) {
    const qos = first >> 1 & 3;
    const topicName = body.text();
    const identifier = qos > 0 ? body.short() : 0;
    body.take(body.variable());
    const payload = body.take(body.left).slice();
    return { type, identifier, reasonCode: 0, publish: { topicName, payload, qos, retain: (first & 1) === 1 } };
  }
  if (type === Type.Connack) {
    body.byte();
    const reasonCode = body.byte();
    const assigned = assignedIn(new Reader(body.take(body.variable())));
    return { type, identifier: 0, reasonCode, assigned };
  }
  if (type === Type.Disconnect) return { type, identifier: 0, reasonCode: body.byte() };
  if (type === Type.Pingresp) return { type, identifier: 0, reasonCode: 0 };
  const identifier = body.short();
  if (type === Type.Suback) body.take(body.variable());
  return { type, identifier, reasonCode: body.byte() };
}

/** Cuts what comes into packets: they need not come as they were sent. */
export class Receiver {
  #rest: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  *push(chunk: Uint8Array<ArrayBuffer>): Generator<Received> {
    const bytes = new Uint8Array(this.#rest.length + chunk.length);
    bytes.set(this.#rest);
    bytes.set(chunk, this.#rest.length);
    this.#rest = bytes;
    while (this.#rest.length >= 2) {
      const found = this.#length();
      if (found === undefined) return;
      const [start, end] = found;
      const first = this.#rest[0]!;
      const body = new Reader(this.#rest.subarray(start, end));
      this.#rest = this.#rest.subarray(end);
      yield readBody(first, body);
    }
  }

  /** Where the body of the first packet begins and ends; `undefined`: it is not all there. */
  #length(): readonly [number, number] | undefined {
    let length = 0;
    for (let at = 1; at <= 4; at++) {
      const byte = this.#rest[at];
      if (byte === undefined) return undefined;
      length |= (byte & 0x7f) << 7 * (at - 1);
      if (byte < 0x80) {
        const end = at + 1 + length;
        return this.#rest.length >= end ? [at + 1, end] : undefined;
      }
    }
    return undefined;
  }
}
