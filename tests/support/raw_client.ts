/** A client for tests that shows each packet as it comes and sends whatever it is told, right or wrong. */
import { assertEquals } from "@std/assert";
import {
  type AckPacket,
  type ConnackPacket,
  type InboundPacket,
  type OutboundPacket,
  PacketType,
  type PingrespPacket,
  type PublishPacket,
  type QoS,
  type SubackPacket,
  type UnsubackPacket,
} from "../../src/packet/packets.ts";
import type { TopicFilter, TopicName } from "../../src/packet/topic.ts";
import { concat, decodeServerPackets, encodeClientPacket } from "./client_codec.ts";
import { patiently } from "./patience.ts";

/** What carries the client's bytes: a `Deno.Conn` or one end of a memory pair. */
export interface Duplex {
  read(into: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number | void>;
  close(): void;
}

/** What a test wants to say in CONNECT; all else has harmless defaults. */
export interface ConnectOptions {
  readonly protocolVersion?: 3 | 4;
  /** @default "test" */
  readonly clientIdentifier?: string;
  /** @default true */
  readonly clean?: boolean;
  /** @default 0 */
  readonly keepAliveSeconds?: number;
  readonly username?: string;
  readonly password?: string;
  readonly will?: { topicName: string; payload?: string; qos?: QoS; retain?: boolean };
}

export interface PublishFlags {
  readonly qos?: QoS;
  readonly retain?: boolean;
  readonly dup?: boolean;
  /** @default the next one */
  readonly packetIdentifier?: number;
}

/** A received PUBLISH with its payload as text; `packetIdentifier` is 0 at QoS 0. */
export interface ReceivedMessage {
  readonly topicName: string;
  readonly payload: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly packetIdentifier: number;
}

interface ServerPackets {
  Connack: ConnackPacket;
  Publish: PublishPacket;
  Puback: AckPacket;
  Pubrec: AckPacket;
  Pubrel: AckPacket;
  Pubcomp: AckPacket;
  Suback: SubackPacket;
  Unsuback: UnsubackPacket;
  Pingresp: PingrespPacket;
}

type Acknowledgement = "Puback" | "Pubrec" | "Pubrel" | "Pubcomp";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

export class RawClient {
  readonly #duplex: Duplex;
  readonly #arrived: OutboundPacket[] = [];
  readonly #ended: Promise<void>;
  #protocolVersion: 3 | 4 = 4;
  #closed = false;
  #fault: Error | undefined;
  #wake: (() => void) | undefined;
  #lastPacketIdentifier = 0;

  constructor(duplex: Duplex) {
    this.#duplex = duplex;
    this.#ended = this.#readAll();
  }

  /** Sends bytes as they are. A connection that the broker has closed swallows them. */
  async send(bytes: Uint8Array | readonly number[]): Promise<void> {
    let rest = Uint8Array.from(bytes);
    try {
      while (rest.length > 0) rest = rest.subarray(await this.#duplex.write(rest) ?? rest.length);
    } catch {
      // The broker has closed the connection; the test sees that when it waits for the next packet.
    }
  }

  sendPacket(...packets: InboundPacket[]): Promise<void> {
    return this.send(this.encode(...packets));
  }

  /** The bytes of packets, to be changed or cut by a test. */
  encode(...packets: InboundPacket[]): Uint8Array {
    return concat(...packets.map((packet) => encodeClientPacket(packet, this.#protocolVersion)));
  }

  /** Sends CONNECT and returns the CONNACK, whatever its code. */
  async connect(options: ConnectOptions = {}): Promise<ConnackPacket> {
    await this.sendConnect(options);
    return await this.expect("Connack");
  }

  sendConnect(options: ConnectOptions = {}): Promise<void> {
    this.#protocolVersion = options.protocolVersion ?? 4;
    return this.sendPacket(connectPacket(options));
  }

  /**
   * Sends PUBLISH and waits until the broker has taken it on, at QoS 0 with a PINGREQ behind it. Other packets that come
   * meanwhile are kept for later.
   */
  async publish(topicName: string, payload: string | Uint8Array = "", flags: PublishFlags = {}): Promise<void> {
    const packetIdentifier = await this.sendPublish(topicName, payload, flags);
    if (flags.qos === 1) await this.#pick("Puback", packetIdentifier);
    else if (flags.qos === 2) {
      await this.#pick("Pubrec", packetIdentifier);
      await this.sendAck("Pubrel", packetIdentifier);
      await this.#pick("Pubcomp", packetIdentifier);
    } else {
      await this.sendPacket({ type: PacketType.Pingreq });
      await this.#pick("Pingresp");
    }
  }

  /** Sends PUBLISH and returns its packet identifier. */
  async sendPublish(topicName: string, payload: string | Uint8Array = "", flags: PublishFlags = {}): Promise<number> {
    const packet = this.publishPacket(topicName, payload, flags);
    await this.sendPacket(packet);
    return packet.packetIdentifier;
  }

  publishPacket(topicName: string, payload: string | Uint8Array = "", flags: PublishFlags = {}): PublishPacket {
    const { qos = 0, retain = false, dup = false } = flags;
    return {
      type: PacketType.Publish,
      topicName: topicName as TopicName,
      payload: typeof payload === "string" ? encoder.encode(payload) : payload,
      packetIdentifier: qos === 0 ? 0 : flags.packetIdentifier ?? this.#nextPacketIdentifier(),
      qos,
      retain,
      dup,
    };
  }

  /** Subscribes and returns the return codes of the SUBACK; messages that come before it are kept for later. */
  async subscribe(topicFilter: string | readonly string[], qos: QoS = 0): Promise<number[]> {
    const packetIdentifier = this.#nextPacketIdentifier();
    const topicFilters = typeof topicFilter === "string" ? [topicFilter] : topicFilter;
    await this.sendPacket(subscribePacket(packetIdentifier, topicFilters.map((filter) => [filter, qos])));
    return [...(await this.#pick("Suback", packetIdentifier)).reasonCodes];
  }

  async unsubscribe(...topicFilters: string[]): Promise<void> {
    const packetIdentifier = this.#nextPacketIdentifier();
    await this.sendPacket(unsubscribePacket(packetIdentifier, topicFilters));
    await this.#pick("Unsuback", packetIdentifier);
  }

  sendAck(name: Acknowledgement, packetIdentifier: number): Promise<void> {
    return this.sendPacket({ type: PacketType[name], packetIdentifier, reasonCode: 0 });
  }

  /** Says goodbye, and waits until the broker has closed the connection. */
  async disconnect(): Promise<void> {
    await this.sendPacket({ type: PacketType.Disconnect, reasonCode: 0 });
    await this.expectClosed();
    this.close();
  }

  /** The next packet, whatever it is. Rejects if the connection was closed or nothing comes. */
  async next(): Promise<OutboundPacket> {
    const packet = await this.#nextOrEnd();
    if (packet === undefined) throw this.#fault ?? new Error("next packet: the broker closed the connection");
    return packet;
  }

  /** The next packet, which must be of this kind. */
  async expect<Name extends keyof ServerPackets>(name: Name): Promise<ServerPackets[Name]> {
    const packet = await this.#nextOrEnd();
    if (packet?.type !== PacketType[name]) throw new Error(`expected ${name}: got ${this.#describe(packet)}`);
    return packet as ServerPackets[Name];
  }

  async expectAck(name: Acknowledgement, packetIdentifier: number): Promise<void> {
    assertEquals((await this.expect(name)).packetIdentifier, packetIdentifier, `packet identifier of ${name}`);
  }

  /** The next packet, which must be a PUBLISH with what is given; nothing is acknowledged. */
  async expectMessage(expected: Partial<ReceivedMessage> = {}): Promise<ReceivedMessage> {
    const { topicName, payload, qos, retain, dup, packetIdentifier } = await this.expect("Publish");
    const message = { topicName, payload: decoder.decode(payload), qos, retain, dup, packetIdentifier };
    assertEquals({ ...message, ...expected }, message);
    return message;
  }

  /** Takes a message as {@linkcode expectMessage} and acknowledges it to the end. */
  async takeMessage(expected: Partial<ReceivedMessage> = {}): Promise<ReceivedMessage> {
    const message = await this.expectMessage(expected);
    if (message.qos === 1) await this.sendAck("Puback", message.packetIdentifier);
    if (message.qos === 2) {
      await this.sendAck("Pubrec", message.packetIdentifier);
      await this.#pick("Pubrel", message.packetIdentifier);
      await this.sendAck("Pubcomp", message.packetIdentifier);
    }
    return message;
  }

  /** Shows that nothing else is on its way: the answer to a PINGREQ comes next. */
  async expectNothing(): Promise<void> {
    await this.sendPacket({ type: PacketType.Pingreq });
    await this.expect("Pingresp");
  }

  /** The broker closes the connection, and sends nothing before. */
  async expectClosed(): Promise<void> {
    const packet = await this.#nextOrEnd();
    if (packet !== undefined || this.#fault !== undefined) {
      throw new Error(`expected the end of the connection: got ${this.#describe(packet)}`);
    }
  }

  /** Breaks the connection off as a lost network does, and waits until nothing of it is left here. */
  async close(): Promise<void> {
    try {
      this.#duplex.close();
    } catch {
      // It was closed before.
    }
    await this.#ended;
  }

  #nextPacketIdentifier(): number {
    return ++this.#lastPacketIdentifier;
  }

  /** The first packet of this kind and identifier, past others that have come before it. */
  async #pick<Name extends keyof ServerPackets>(name: Name, packetIdentifier?: number): Promise<ServerPackets[Name]> {
    const isIt = (packet: OutboundPacket) =>
      packet.type === PacketType[name] &&
      (packet as { packetIdentifier?: number }).packetIdentifier === packetIdentifier;
    for (;;) {
      const index = this.#arrived.findIndex(isIt);
      if (index >= 0) return this.#arrived.splice(index, 1)[0] as ServerPackets[Name];
      if (this.#closed) throw this.#fault ?? new Error(`expected ${name}: got the end of the connection`);
      await this.#something();
    }
  }

  async #nextOrEnd(): Promise<OutboundPacket | undefined> {
    while (this.#arrived.length === 0 && !this.#closed) await this.#something();
    return this.#arrived.shift();
  }

  #something(): Promise<void> {
    return patiently("next packet", new Promise((resolve) => this.#wake = resolve));
  }

  async #readAll(): Promise<void> {
    const chunk = new Uint8Array(16_384);
    let waiting: Uint8Array = new Uint8Array();
    try {
      for (let count = await this.#duplex.read(chunk); count !== null; count = await this.#duplex.read(chunk)) {
        const { packets, rest } = decodeServerPackets(
          concat(waiting, chunk.subarray(0, count)),
          this.#protocolVersion,
        );
        waiting = rest;
        this.#arrived.push(...packets);
        this.#wake?.();
      }
    } catch (error) {
      if (!isEndOfStream(error)) this.#fault = error as Error;
    }
    this.#closed = true;
    this.#wake?.();
  }

  #describe(packet: OutboundPacket | undefined): string {
    if (packet === undefined) return this.#fault?.message ?? "the end of the connection";
    const name = Object.entries(PacketType).find(([, type]) => type === packet.type)?.[0];
    return `${name} ${Deno.inspect(packet)}`;
  }
}

/** A cut connection is an end as good as any other to a test. */
function isEndOfStream(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BrokenPipe ||
    (error instanceof Error && /closed/.test(error.message));
}

export function connectPacket(options: ConnectOptions = {}): InboundPacket {
  const { will } = options;
  return {
    type: PacketType.Connect,
    protocolVersion: options.protocolVersion ?? 4,
    cleanStart: options.clean ?? true,
    keepAliveSeconds: options.keepAliveSeconds ?? 0,
    clientIdentifier: options.clientIdentifier ?? "test",
    username: options.username,
    password: options.password === undefined ? undefined : encoder.encode(options.password),
    will: will && {
      topicName: will.topicName as TopicName,
      payload: encoder.encode(will.payload ?? ""),
      qos: will.qos ?? 0,
      retain: will.retain ?? false,
      delayIntervalSeconds: 0,
    },
    receiveMaximum: 65_535,
    topicAliasMaximum: 0,
    requestResponseInformation: false,
    requestProblemInformation: true,
  };
}

export function subscribePacket(packetIdentifier: number, filters: readonly (readonly [string, QoS])[]): InboundPacket {
  return {
    type: PacketType.Subscribe,
    packetIdentifier,
    subscriptions: filters.map(([topicFilter, qos]) => ({
      topicFilter: topicFilter as TopicFilter,
      qos,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    })),
  };
}

export function unsubscribePacket(packetIdentifier: number, topicFilters: readonly string[]): InboundPacket {
  return { type: PacketType.Unsubscribe, packetIdentifier, topicFilters: topicFilters as TopicFilter[] };
}
