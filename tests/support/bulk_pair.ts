/** A publisher and a subscriber that move large messages at QoS 1 as fast as it goes, and account for each. */
import { PacketType } from "../../src/packet/packets.ts";
import { encodeClientPacket } from "./client_codec.ts";
import { connectPacket, publishPacket, subscribePacket } from "./client_packets.ts";

export interface BulkOptions {
  readonly port: number;
  readonly topicName: string;
  readonly payloadBytes: number;
  /** Messages that are under way at once from the publisher to the subscriber. @default 16 */
  readonly window?: number;
}

/** When the publisher stops. */
export interface BulkEnd {
  readonly messages?: number;
  readonly afterMs?: number;
}

export interface BulkResult {
  /** Messages that were acknowledged to the publisher and came to the subscriber, each once and in order. */
  readonly messages: number;
  /** Longest time for which the subscriber got no message, in milliseconds. */
  readonly longestGapMs: number;
}

const READ_BYTES = 256 * 1024;
const PUBACK_BYTES = 4;

/** Connects with MQTT 3.1.1 and subscribes; nothing but what it was subscribed to is read or answered. */
export async function openSubscriber(
  port: number,
  { clientIdentifier, topicFilter, qos, clean = true }: {
    readonly clientIdentifier: string;
    readonly topicFilter: string;
    readonly qos: 0 | 1;
    readonly clean?: boolean;
  },
): Promise<Deno.TcpConn> {
  const connection = await openClient(port, clientIdentifier, clean);
  await writeAll(connection, encodeClientPacket(subscribePacket(1, [[topicFilter, qos]]), 4));
  const suback = await readExactly(connection, 5);
  if (suback[0] !== 0x90 || suback[4] !== qos) {
    throw new Error(`SUBACK for ${topicFilter} at QoS ${qos}: got ${suback}`);
  }
  return connection;
}

/** The two are connected; see {@linkcode BulkPair.run}. */
export class BulkPair {
  readonly #publisher: Deno.TcpConn;
  readonly #subscriber: Deno.TcpConn;
  readonly #frame: Uint8Array;
  readonly #window: number;
  /** Where the packet identifier is in a frame; the number of the message is behind it. */
  readonly #identifierAt: number;
  #sent = 0;
  #acknowledged = 0;
  #received = 0;
  #ended = false;
  #onTaken: () => void = () => {};

  private constructor(publisher: Deno.TcpConn, subscriber: Deno.TcpConn, options: BulkOptions) {
    const { topicName, payloadBytes, window = 16 } = options;
    this.#publisher = publisher;
    this.#subscriber = subscriber;
    this.#window = window;
    this.#frame = encodeClientPacket(publishPacket(1, topicName, new Uint8Array(payloadBytes), { qos: 1 }), 4);
    this.#identifierAt = this.#frame.length - payloadBytes - 2;
  }

  static async open(options: BulkOptions): Promise<BulkPair> {
    const { port, topicName } = options;
    const subscriber = await openSubscriber(port, { clientIdentifier: "bulk-sub", topicFilter: topicName, qos: 1 });
    return new BulkPair(await openClient(port, "bulk-pub", true), subscriber, options);
  }

  /**
   * Publishes until the end, and waits until all has come.
   *
   * @throws {Error} if a message is lost, comes twice or out of order, or a connection ends
   */
  async run(end: BulkEnd): Promise<BulkResult> {
    const [longestGapMs] = await Promise.all([this.#receive(), this.#publish(end)]);
    return { messages: this.#received, longestGapMs };
  }

  close(): void {
    this.#publisher.close();
    this.#subscriber.close();
  }

  async #publish({ messages = Infinity, afterMs = Infinity }: BulkEnd): Promise<void> {
    const endMs = performance.now() + afterMs;
    while (!this.#ended) {
      while (this.#sent - this.#acknowledged >= this.#window) await this.#readAcknowledgements();
      while (this.#sent - this.#received >= this.#window) await this.#taken();
      // Known in the same turn as the last message is on its way, so that the subscriber knows which one it is.
      this.#ended = this.#sent + 1 >= messages || performance.now() >= endMs;
      await this.#send();
    }
    while (this.#acknowledged < this.#sent) await this.#readAcknowledgements();
  }

  async #send(): Promise<void> {
    const view = new DataView(this.#frame.buffer, this.#frame.byteOffset + this.#identifierAt);
    this.#sent++;
    view.setUint16(0, (this.#sent - 1) % 65_535 + 1);
    view.setUint32(2, this.#sent);
    await writeAll(this.#publisher, this.#frame);
  }

  async #readAcknowledgements(): Promise<void> {
    const into = new Uint8Array(PUBACK_BYTES * this.#window);
    const count = await this.#publisher.read(into);
    if (count === null) throw new Error("the publisher's connection has ended");
    const torn = count % PUBACK_BYTES;
    if (torn > 0) into.set(await readExactly(this.#publisher, PUBACK_BYTES - torn), count);
    for (let at = 0; at < count; at += PUBACK_BYTES) {
      const identifier = into[at + 2]! << 8 | into[at + 3]!;
      const expected = this.#acknowledged % 65_535 + 1;
      if (into[at] !== 0x40 || identifier !== expected) {
        throw new Error(`expected PUBACK ${expected}: got packet ${into[at]! >> 4} with identifier ${identifier}`);
      }
      this.#acknowledged++;
    }
  }

  /** Resolves when the subscriber has got more. */
  #taken(): Promise<void> {
    return new Promise((resolve) => this.#onTaken = resolve);
  }

  async #receive(): Promise<number> {
    const bytes = new Uint8Array(READ_BYTES + this.#frame.length);
    let filled = 0;
    let longestGapMs = 0;
    for (let lastMs = performance.now(); !this.#ended || this.#received < this.#sent;) {
      const count = await this.#subscriber.read(bytes.subarray(filled));
      if (count === null) throw new Error("the subscriber's connection has ended");
      filled += count;
      const whole = Math.floor(filled / this.#frame.length);
      if (whole === 0) continue;
      const nowMs = performance.now();
      longestGapMs = Math.max(longestGapMs, nowMs - lastMs);
      lastMs = nowMs;
      await writeAll(this.#subscriber, this.#take(bytes, whole));
      bytes.copyWithin(0, whole * this.#frame.length, filled);
      filled -= whole * this.#frame.length;
    }
    return longestGapMs;
  }

  /** Checks messages and makes their PUBACKs. */
  #take(bytes: Uint8Array, messages: number): Uint8Array {
    const acknowledgements = new Uint8Array(messages * PUBACK_BYTES);
    for (let index = 0; index < messages; index++) {
      const at = index * this.#frame.length + this.#identifierAt;
      const view = new DataView(bytes.buffer, at);
      const number = view.getUint32(2);
      if (number !== this.#received + 1) throw new Error(`expected message ${this.#received + 1}: got ${number}`);
      this.#received = number;
      acknowledgements.set([0x40, 2, bytes[at]!, bytes[at + 1]!], index * PUBACK_BYTES);
    }
    this.#onTaken();
    return acknowledgements;
  }
}

async function openClient(port: number, clientIdentifier: string, clean: boolean): Promise<Deno.TcpConn> {
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await writeAll(connection, encodeClientPacket(connectPacket({ clientIdentifier, clean }), 4));
  const connack = await readExactly(connection, 4);
  if (connack[0] !== PacketType.Connack << 4 || connack[3] !== 0) throw new Error(`CONNACK: got ${connack}`);
  return connection;
}

async function readExactly(connection: Deno.TcpConn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const count = await connection.read(bytes.subarray(filled));
    if (count === null) throw new Error("the broker closed the connection");
    filled += count;
  }
  return bytes;
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}
