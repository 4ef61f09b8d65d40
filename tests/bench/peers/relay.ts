/**
 * What is left of a broker without its state: a message is copied to whoever subscribed to its topic name, and that is
 * all. No sessions, no packet identifiers kept, no checks, no QoS 2, MQTT 3.1.1 only. It shows how fast the runtime's
 * sockets let a broker be. Prints its port.
 *
 *     deno run -A relay.ts
 */
import { Buffer } from "node:buffer";

const CONNACK = Uint8Array.of(0x20, 2, 0, 0);
const PINGRESP = Uint8Array.of(0xd0, 0);
const FIRST_IN_BYTES = 2048;
const BUSY_IN_BYTES = 64 * 1024;
const OUT_BYTES = 64 * 1024;
const MOST_SPARES = 64;

/** Who takes which topic name; filters that end in `#` are taken for `#`. */
const takersOf = new Map<string, Set<Link>>();
const takersOfAll = new Set<Link>();
const spares: Uint8Array<ArrayBuffer>[] = [];
let waiting: Link[] = [];

function flushWaiting(): void {
  const links = waiting;
  waiting = [];
  for (const link of links) link.flush();
}

/** One connection. What is appended within a turn leaves in one write; the next write waits for the one before. */
class Link {
  qos = 0;
  readonly #conn: Deno.TcpConn;
  #out: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  #length = 0;
  #isWaiting = false;
  #isWriting = false;
  #packetIdentifier = 0;

  constructor(conn: Deno.TcpConn) {
    this.#conn = conn;
  }

  send(packet: Uint8Array): void {
    const at = this.#extend(packet.length);
    this.#out.set(packet, at);
  }

  acknowledge(high: number, low: number): void {
    const at = this.#extend(4);
    const out = this.#out;
    out[at] = 0x40;
    out[at + 1] = 2;
    out[at + 2] = high;
    out[at + 3] = low;
  }

  /** @param topic the topic name with its two bytes of length */
  publish(topic: Uint8Array, payload: Uint8Array, messageQos: number): void {
    const qos = Math.min(messageQos, this.qos);
    const bodyBytes = topic.length + payload.length + (qos > 0 ? 2 : 0);
    let at = this.#extend(1 + sizeOfLength(bodyBytes) + bodyBytes);
    const out = this.#out;
    out[at++] = 0x30 | qos << 1;
    let rest = bodyBytes;
    for (; rest > 127; rest >>>= 7) out[at++] = rest & 127 | 128;
    out[at++] = rest;
    out.set(topic, at);
    at += topic.length;
    if (qos > 0) {
      this.#packetIdentifier = this.#packetIdentifier % 65_535 + 1;
      out[at++] = this.#packetIdentifier >> 8;
      out[at++] = this.#packetIdentifier & 255;
    }
    out.set(payload, at);
  }

  async flush(): Promise<void> {
    this.#isWaiting = false;
    if (this.#isWriting) return;
    this.#isWriting = true;
    try {
      while (this.#length > 0) await this.#writeOut();
    } catch {
      // The read side notices the end.
    }
    this.#isWriting = false;
  }

  /** Makes room; returns where it is. */
  #extend(count: number): number {
    const at = this.#length;
    if (at + count > this.#out.length) {
      const isSmall = at + count <= OUT_BYTES;
      const grown = isSmall ? spares.pop() ?? new Uint8Array(OUT_BYTES) : new Uint8Array(2 * (at + count));
      grown.set(this.#out.subarray(0, at));
      this.#out = grown;
    }
    this.#length = at + count;
    if (!this.#isWaiting && !this.#isWriting) {
      this.#isWaiting = true;
      if (waiting.push(this) === 1) queueMicrotask(flushWaiting);
    }
    return at;
  }

  async #writeOut(): Promise<void> {
    const bytes = this.#out;
    const end = this.#length;
    this.#out = new Uint8Array(0);
    this.#length = 0;
    for (let at = 0; at < end;) at += await this.#conn.write(bytes.subarray(at, end));
    if (bytes.length === OUT_BYTES && spares.length < MOST_SPARES) spares.push(bytes);
  }
}

/** How many bytes a Remaining Length takes. */
function sizeOfLength(value: number): number {
  return value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : 4;
}

/** Does what the whole packets in `bytes` up to `filled` ask for; returns how many bytes they took. */
function takePackets(link: Link, bytes: Buffer, filled: number): number {
  let at = 0;
  while (filled - at >= 2) {
    let start = at + 1;
    let remaining = 0;
    for (let shift = 0;; shift += 7) {
      if (start >= filled) return at;
      const byte = bytes[start++]!;
      remaining |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    const end = start + remaining;
    if (end > filled) return at;
    takePacket(link, bytes, { firstByte: bytes[at]!, start, end });
    at = end;
  }
  return at;
}

/** Where the body of a packet is. */
interface Place {
  readonly firstByte: number;
  readonly start: number;
  readonly end: number;
}

function takePacket(link: Link, bytes: Buffer, place: Place): void {
  const type = place.firstByte >> 4;
  if (type === 3) relay(link, bytes, place);
  else if (type === 1) link.send(CONNACK);
  else if (type === 8) subscribe(link, bytes, place);
  else if (type === 12) link.send(PINGRESP);
}

function textEnd(bytes: Uint8Array, at: number): number {
  return at + 2 + (bytes[at]! << 8 | bytes[at + 1]!);
}

function relay(from: Link, bytes: Buffer, { firstByte, start, end }: Place): void {
  const qos = firstByte >> 1 & 3;
  const topicEnd = textEnd(bytes, start);
  if (qos > 0) from.acknowledge(bytes[topicEnd]!, bytes[topicEnd + 1]!);
  const topic = new Uint8Array(bytes.buffer, start, topicEnd - start);
  const payloadStart = qos > 0 ? topicEnd + 2 : topicEnd;
  const payload = new Uint8Array(bytes.buffer, payloadStart, end - payloadStart);
  const takers = takersOf.get(bytes.toString("latin1", start + 2, topicEnd));
  if (takers !== undefined) { for (const link of takers) link.publish(topic, payload, qos); }
  for (const link of takersOfAll) link.publish(topic, payload, qos);
}

function subscribe(link: Link, bytes: Buffer, { start, end }: Place): void {
  const codes: number[] = [];
  for (let at = start + 2; at < end;) {
    const filterEnd = textEnd(bytes, at);
    const filter = bytes.toString("latin1", at + 2, filterEnd);
    link.qos = Math.min(1, bytes[filterEnd]!);
    codes.push(link.qos);
    if (filter.endsWith("#")) takersOfAll.add(link);
    else takersOf.set(filter, (takersOf.get(filter) ?? new Set()).add(link));
    at = filterEnd + 1;
  }
  link.send(Uint8Array.of(0x90, 2 + codes.length, bytes[start]!, bytes[start + 1]!, ...codes));
}

async function serve(conn: Deno.TcpConn): Promise<void> {
  conn.setNoDelay(true);
  const link = new Link(conn);
  try {
    await readAll(link, conn);
  } catch {
    // The client is gone, or reset its connection.
  }
  takersOfAll.delete(link);
  for (const takers of takersOf.values()) takers.delete(link);
  conn.close();
}

async function readAll(link: Link, conn: Deno.TcpConn): Promise<void> {
  // `alloc` takes no part of a shared pool, so offsets in `bytes` are those in its buffer.
  let bytes = Buffer.alloc(FIRST_IN_BYTES);
  let filled = 0;
  for (;;) {
    const read = await conn.read(filled === 0 ? bytes : bytes.subarray(filled));
    if (read === null) return;
    filled += read;
    const taken = takePackets(link, bytes, filled);
    const wasFull = filled === bytes.length;
    bytes.copyWithin(0, taken, filled);
    filled -= taken;
    if (!wasFull || (bytes.length >= BUSY_IN_BYTES && filled < bytes.length)) continue;
    const grown = Buffer.alloc(Math.max(BUSY_IN_BYTES, 2 * filled));
    grown.set(bytes.subarray(0, filled));
    bytes = grown;
  }
}

const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(listener.addr.port);
for await (const conn of listener) serve(conn);
