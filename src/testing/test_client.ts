import type { Accepted } from "../broker/broker.ts";
import {
  type ConnackPacket,
  type InboundPacket,
  type MessageProperties,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type PublishPacket,
  type QoS,
} from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { memoryPair } from "../transport/memory.ts";
import type { Transport } from "../transport/transport.ts";
import { encodeClientPacket } from "./client_codec.ts";
import {
  type ConnectOptions,
  connectPacket,
  type FilterOptions,
  type PublishFlags,
  publishPacket,
  subscribePacket,
  unsubscribePacket,
} from "./client_packets.ts";
import { PacketReader } from "./packet_reader.ts";
import { patiently, WAIT_MS } from "./patience.ts";

/**
 * What a client of a test connects with.
 *
 * @category Testing
 */
export interface TestClientOptions extends ConnectOptions {
  /** Name of the listener whose attributes its connection gets. @default `memory`, which a broker of the kit has */
  readonly listener?: string;
}

/**
 * A message as a client of a test has received it.
 *
 * @category Testing
 */
export interface TestMessage {
  /** Where it was published; that of its alias, if it came by one. */
  readonly topicName: string;
  /** The payload as UTF-8 text. */
  readonly text: string;
  /** The payload itself. */
  readonly payload: Uint8Array;
  /** The quality of service it came with. */
  readonly qos: QoS;
  /** Whether it was retained, or RETAIN is kept as published. */
  readonly retain: boolean;
  /** It may have come before. */
  readonly dup: boolean;
  /** 5.0 only; `undefined`: none. */
  readonly properties: MessageProperties | undefined;
  /** Of the subscriptions that it came by; 5.0 only. */
  readonly subscriptionIdentifiers: readonly number[] | undefined;
}

/** What takes a connection: a broker. */
export interface AcceptingBroker {
  /** As `Broker.accept`. */
  accept(connection: Transport, options?: { readonly listener?: string }): Promise<Accepted>;
}

/**
 * Connects a client over a pair in memory, without a socket.
 *
 * @param broker one of the kit's, or any broker with an `external` listener, whose name is then given
 * @throws {Error} if the broker refuses it; the message tells the reason code
 * @category Testing
 *
 * @example
 * ```ts
 * import { connectTestClient, startTestBroker } from "@amqtt/broker/testing";
 *
 * await using broker = await startTestBroker();
 * await using client = await connectTestClient(broker, { clientIdentifier: "sensor", protocolVersion: 5 });
 * await client.subscribe("commands/#", { qos: 1 });
 * await broker.publish("commands/sensor", "restart", { qos: 1 });
 * console.log((await client.next()).text);
 * ```
 */
export async function connectTestClient(
  broker: AcceptingBroker,
  options: TestClientOptions = {},
): Promise<TestClient> {
  const { listener = "memory", ...connect } = options;
  const [ours, brokers] = memoryPair();
  const { closed } = await broker.accept(brokers, { listener });
  const client = new TestClient(
    ours,
    { ...connect, clientIdentifier: connect.clientIdentifier ?? newIdentifier() },
    closed,
  );
  await client.connected;
  return client;
}

/**
 * A small MQTT client. It acknowledges every message as it comes; what comes waits until it is asked for.
 *
 * @category Testing
 */
export class TestClient implements AsyncDisposable {
  /** Its name, as given or as assigned by the broker. */
  readonly clientIdentifier: string;
  /** Resolves to CONNACK; rejects if the broker refuses the client. `connectTestClient` has waited for it. */
  readonly connected: Promise<ConnackPacket>;
  /** Resolves when the broker is done with the connection. */
  readonly closed: Promise<void>;
  readonly #transport: Transport;
  readonly #version: ProtocolVersion;
  readonly #reader: PacketReader;
  readonly #unreleased = new Set<number>();
  readonly #aliases = new Map<number, string>();
  #lastPacketIdentifier = 0;
  #connack: ConnackPacket | undefined;
  #written: Promise<void> = Promise.resolve();

  /** Sends CONNECT over the transport. `connectTestClient` makes clients. */
  constructor(transport: Transport, options: ConnectOptions, closed: Promise<void>) {
    this.#transport = transport;
    this.#version = options.protocolVersion ?? 4;
    this.clientIdentifier = options.clientIdentifier ?? "";
    this.closed = closed;
    this.#reader = new PacketReader(transport, this.#version, (packet) => this.#take(packet));
    this.#send(connectPacket(options));
    this.connected = this.#awaitConnack();
  }

  /** What the broker answered to CONNECT. */
  get connack(): ConnackPacket {
    if (this.#connack === undefined) throw new Error(`${this.clientIdentifier}: no CONNACK has come yet`);
    return this.#connack;
  }

  /**
   * Subscribes; resolves with SUBACK to the reason code of each filter: the granted QoS, or 0x80 and above.
   *
   * @param topicFilters one or more, each a text or with options of its own
   * @param options.qos for the filters that name none. @default 0
   * @param options.identifier the subscription identifier; 5.0 only
   */
  async subscribe(
    topicFilters: string | FilterOptions | readonly (string | FilterOptions)[],
    options: { readonly qos?: QoS; readonly identifier?: number } = {},
  ): Promise<readonly number[]> {
    const filters = [topicFilters].flat().map((one) => typeof one === "string" ? { topicFilter: one } : one);
    const packetIdentifier = this.#nextPacketIdentifier();
    this.#send(subscribePacket(packetIdentifier, filters, options));
    return (await this.#answer(PacketType.Suback, packetIdentifier)).reasonCodes;
  }

  /** Ends subscriptions; resolves with UNSUBACK to the reason codes, of which there are none before 5.0. */
  async unsubscribe(...topicFilters: string[]): Promise<readonly number[]> {
    const packetIdentifier = this.#nextPacketIdentifier();
    this.#send(unsubscribePacket(packetIdentifier, topicFilters));
    return (await this.#answer(PacketType.Unsuback, packetIdentifier)).reasonCodes;
  }

  /**
   * Publishes; resolves when the broker has taken the message on or refused it, at QoS 0 when it has answered a PINGREQ
   * sent behind it.
   *
   * @param payload bytes, or text, which is sent as UTF-8
   * @returns the reason code of the last answer; 0 at QoS 0 and before 5.0
   */
  async publish(
    topicName: string,
    payload: Uint8Array | string = "",
    options: Pick<PublishFlags, "qos" | "retain" | "properties"> = {},
  ): Promise<number> {
    const { qos = 0 } = options;
    const packetIdentifier = qos === 0 ? 0 : this.#nextPacketIdentifier();
    this.#send(publishPacket(packetIdentifier, topicName, payload, options));
    if (qos === 0) {
      await this.ping();
      return ReasonCode.Success;
    }
    if (qos === 1) return (await this.#answer(PacketType.Puback, packetIdentifier)).reasonCode;
    const { reasonCode } = await this.#answer(PacketType.Pubrec, packetIdentifier);
    if (reasonCode >= 0x80) return reasonCode;
    this.#send({ type: PacketType.Pubrel, packetIdentifier, reasonCode: ReasonCode.Success });
    return (await this.#answer(PacketType.Pubcomp, packetIdentifier)).reasonCode;
  }

  /**
   * The next message. Those that have come wait in their order.
   *
   * @param ms how long to wait for it, in milliseconds of the system's clock. @default 5000
   * @throws {Error} if none comes, or the connection has ended
   */
  async next(ms: number = WAIT_MS): Promise<TestMessage> {
    return messageOf(await this.#reader.find(isPublish, { ms, what: `a message for ${this.clientIdentifier}` }));
  }

  /** The messages that have come, and were not taken yet, once the broker has sent what it had for the client. */
  async waiting(): Promise<TestMessage[]> {
    await this.ping();
    return this.#reader.takeAll(isPublish).map(messageOf);
  }

  /** Sends PINGREQ and waits for the answer; what the broker had sent before has come then. */
  async ping(): Promise<void> {
    this.#send({ type: PacketType.Pingreq });
    await this.#answer(PacketType.Pingresp);
  }

  /** Says DISCONNECT, and waits until the broker is done with the connection. */
  async disconnect(reasonCode: ReasonCode = ReasonCode.Success): Promise<void> {
    this.#send({ type: PacketType.Disconnect, reasonCode });
    await this.#written;
    await patiently(`the end of the connection of ${this.clientIdentifier}`, this.#reader.ended);
    await this.lose();
  }

  /** Breaks the connection off as a lost network does: a will is published. Resolves when the broker has noticed. */
  async lose(): Promise<void> {
    this.#transport.close();
    await this.#reader.ended;
    await this.closed;
  }

  /** Breaks the connection off, if it has not ended. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.lose();
  }

  async #awaitConnack(): Promise<ConnackPacket> {
    try {
      const connack = this.#connack = await this.#answer(PacketType.Connack);
      if (connack.reasonCode === 0) return connack;
      const code = `0x${connack.reasonCode.toString(16).padStart(2, "0")}`;
      throw new Error(`${this.clientIdentifier}: the broker refuses CONNECT with code ${code}`);
    } catch (error) {
      await this.lose();
      throw error;
    }
  }

  /** What is sent on a connection that has ended is lost; who waits for the answer is told. */
  #send(packet: InboundPacket): void {
    const bytes = encodeClientPacket(packet, this.#version);
    this.#written = this.#written.then(() => this.#transport.write(bytes)).then(() => {}, () => {});
  }

  #answer<Type extends OutboundPacket["type"]>(
    type: Type,
    packetIdentifier?: number,
  ): Promise<OutboundPacket & { type: Type }> {
    const isIt = (packet: OutboundPacket): packet is OutboundPacket & { type: Type } =>
      packet.type === type && (packet as { packetIdentifier?: number }).packetIdentifier === packetIdentifier;
    const name = Object.entries(PacketType).find(([, one]) => one === type)?.[0].toUpperCase();
    return this.#reader.find(isIt, { ms: WAIT_MS, what: `${name} for ${this.clientIdentifier}` });
  }

  /** Acknowledges what needs it; what it returns is kept for who asks. */
  #take(packet: OutboundPacket): OutboundPacket | undefined {
    if (packet.type === PacketType.Pubrel) {
      const { packetIdentifier } = packet;
      this.#unreleased.delete(packetIdentifier);
      this.#send({ type: PacketType.Pubcomp, packetIdentifier, reasonCode: ReasonCode.Success });
      return undefined;
    }
    return packet.type === PacketType.Publish ? this.#takePublish(packet) : packet;
  }

  #takePublish(packet: PublishPacket): PublishPacket | undefined {
    const { qos, packetIdentifier, topicAlias } = packet;
    const reasonCode = ReasonCode.Success;
    if (qos === 1) this.#send({ type: PacketType.Puback, packetIdentifier, reasonCode });
    if (qos === 2) {
      this.#send({ type: PacketType.Pubrec, packetIdentifier, reasonCode });
      if (this.#unreleased.has(packetIdentifier)) return undefined;
      this.#unreleased.add(packetIdentifier);
    }
    if (topicAlias === undefined) return packet;
    if (packet.topicName !== "") this.#aliases.set(topicAlias, packet.topicName);
    return { ...packet, topicName: (this.#aliases.get(topicAlias) ?? "") as PublishPacket["topicName"] };
  }

  #nextPacketIdentifier(): number {
    return this.#lastPacketIdentifier = this.#lastPacketIdentifier % 65_535 + 1;
  }
}

function isPublish(packet: OutboundPacket): packet is PublishPacket {
  return packet.type === PacketType.Publish;
}

function messageOf(
  { topicName, payload, qos, retain, dup, properties, subscriptionIdentifiers }: PublishPacket,
): TestMessage {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(payload);
  return { topicName, text, payload, qos, retain, dup, properties, subscriptionIdentifiers };
}

function newIdentifier(): string {
  return `test-${crypto.randomUUID().slice(0, 8)}`;
}
