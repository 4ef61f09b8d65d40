import {
  type AckPacket,
  type ConnackPacket,
  type InboundPacket,
  type OutboundPacket,
  PacketType,
  type PublishPacket,
  type QoS,
} from "../../src/packet/packets.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import {
  connectPacket,
  type PublishFlags,
  publishPacket,
  subscribePacket,
  unsubscribePacket,
  type WillOptions,
} from "../support/client_packets.ts";
import { patiently } from "../support/patience.ts";
import { Wire } from "./wire.ts";

/** A message as the application gets it: after the client's own bookkeeping, so QoS 2 repeats are not seen. */
export interface Received {
  readonly topicName: string;
  readonly payload: string;
  readonly qos: QoS;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly expirySeconds: number | undefined;
}

export interface DurableClientOptions {
  readonly clientIdentifier: string;
  readonly protocolVersion: 4 | 5;
  /** 5.0 only. @default 3600 */
  readonly sessionExpiryIntervalSeconds?: number;
  /** 5.0 only. */
  readonly receiveMaximum?: number;
  /** The broker may refuse messages and connections, because its store fails. @default false */
  readonly mayBeRefused?: boolean;
  readonly onMessage?: (message: Received) => void;
  /** A message was answered to the end, so that there is room for another. */
  readonly onSettled?: () => void;
  /** The broker has broken the protocol or its promise. */
  readonly onFault: (text: string) => void;
}

/** A PUBLISH that was not answered to the end. */
interface Outbound {
  readonly packet: PublishPacket;
  readonly acknowledged: () => void;
  /** Number of the connection on which its PUBREC came; 0: not yet. */
  releasedOn: number;
}

const decoder = new TextDecoder();

/**
 * A client that keeps its part of the session over connections (MQTT 3.1.1 §4.1, MQTT 5.0 §4.1): what was not answered is
 * sent again with its identifier, and received QoS 2 identifiers are remembered until their PUBREL.
 */
export class DurableClient {
  readonly #options: DurableClientOptions;
  readonly #outbound = new Map<number, Outbound>();
  readonly #received = new Map<number, string>();
  readonly #requests = new Map<number, (reasonCodes: readonly number[] | undefined) => void>();
  #pings: ((answered: boolean) => void)[] = [];
  #welcome: ((packet: ConnackPacket | undefined) => void) | undefined;
  #wire: Wire | undefined;
  #ended: Promise<void> = Promise.resolve();
  #connections = 0;
  #lastIdentifier = 0;
  #established = false;

  constructor(options: DurableClientOptions) {
    this.#options = options;
  }

  get clientIdentifier(): string {
    return this.#options.clientIdentifier;
  }

  get connected(): boolean {
    return this.#wire !== undefined && this.#welcome === undefined;
  }

  /** Messages that were published and not answered to the end. */
  get outstanding(): number {
    return this.#outbound.size;
  }

  /**
   * Connects and resumes the session. A broker that once sent CONNACK must have kept it.
   *
   * @returns whether the broker had the session; `undefined`: the connection was lost before CONNACK
   */
  async connect(
    port: number,
    { will, mayHaveExpired = false }: { readonly will?: WillOptions; readonly mayHaveExpired?: boolean } = {},
  ): Promise<boolean | undefined> {
    await this.cut();
    const { clientIdentifier, protocolVersion, sessionExpiryIntervalSeconds = 3600, receiveMaximum } = this.#options;
    const wire = await Wire.open(port, protocolVersion);
    if (wire === undefined) return undefined;
    this.#wire = wire;
    this.#connections++;
    const welcome = new Promise<ConnackPacket | undefined>((resolve) => this.#welcome = resolve);
    this.#ended = this.#serve(wire);
    const properties = protocolVersion === 5 ? { sessionExpiryIntervalSeconds, receiveMaximum } : {};
    wire.send(connectPacket({ protocolVersion, clientIdentifier, clean: false, will, ...properties }));
    const connack = await patiently(`CONNACK for ${clientIdentifier}`, welcome);
    if (connack === undefined) return undefined;
    if (connack.reasonCode !== ReasonCode.Success) {
      if (!this.#options.mayBeRefused) this.#fault(`CONNACK refuses it with ${connack.reasonCode}`);
      return undefined;
    }
    if (this.#established && !connack.sessionPresent && !mayHaveExpired) this.#fault("its session is gone");
    this.#established = true;
    return connack.sessionPresent;
  }

  /** Publishes at QoS 1 or 2; `acknowledged` is called once, at PUBACK or PUBREC. */
  publish(topicName: string, payload: string, flags: PublishFlags, acknowledged: () => void): void {
    const packetIdentifier = this.#nextIdentifier();
    const packet = publishPacket(packetIdentifier, topicName, payload, flags);
    this.#outbound.set(packetIdentifier, { packet, acknowledged, releasedOn: 0 });
    this.#wire?.send(packet);
  }

  /** Publishes, and resolves at PUBACK or PUBREC: true; or false when the connection is lost before. */
  published(topicName: string, payload: string, flags: PublishFlags): Promise<boolean> {
    const acknowledged = new Promise<boolean>((resolve) => {
      this.publish(topicName, payload, flags, () => resolve(true));
    });
    return patiently(
      `acknowledgement of ${payload}`,
      Promise.race([acknowledged, this.#ended.then(() => false)]),
    );
  }

  /** Reason codes of SUBACK; `undefined`: the connection was lost before. */
  subscribe(topicFilter: string, qos: QoS): Promise<readonly number[] | undefined> {
    return this.#request((packetIdentifier) => subscribePacket(packetIdentifier, [[topicFilter, qos]]));
  }

  /** Reason codes of UNSUBACK, none before 5.0; `undefined`: the connection was lost before. */
  unsubscribe(topicFilter: string): Promise<readonly number[] | undefined> {
    return this.#request((packetIdentifier) => unsubscribePacket(packetIdentifier, [topicFilter]));
  }

  /** Resolves at PINGRESP: true; or false when the connection is lost before. */
  ping(): Promise<boolean> {
    const answered = new Promise<boolean>((resolve) => {
      if (!this.connected) resolve(false);
      this.#pings.push(resolve);
    });
    this.#wire?.send({ type: PacketType.Pingreq });
    return patiently(`PINGRESP for ${this.clientIdentifier}`, answered);
  }

  /** Breaks the connection off. */
  async cut(): Promise<void> {
    this.#wire?.close();
    await this.#ended;
  }

  /** Says goodbye, and waits until the broker has closed the connection. */
  async disconnect(): Promise<void> {
    this.#wire?.send({ type: PacketType.Disconnect, reasonCode: ReasonCode.Success });
    await patiently(`end of the connection of ${this.clientIdentifier}`, this.#ended);
  }

  async #serve(wire: Wire): Promise<void> {
    try {
      await wire.read((packet) => this.#take(packet));
    } catch (error) {
      this.#fault(String(error));
      wire.close();
    }
    this.#wire = undefined;
    this.#welcome?.(undefined);
    this.#welcome = undefined;
    for (const resolve of this.#requests.values()) resolve(undefined);
    this.#requests.clear();
    for (const resolve of this.#pings) resolve(false);
    this.#pings = [];
  }

  #request(packetOf: (packetIdentifier: number) => InboundPacket): Promise<readonly number[] | undefined> {
    if (!this.connected) return Promise.resolve(undefined);
    const packetIdentifier = this.#nextIdentifier();
    const answer = new Promise<readonly number[] | undefined>((resolve) => {
      this.#requests.set(packetIdentifier, resolve);
    });
    this.#wire?.send(packetOf(packetIdentifier));
    return patiently(`answer to a request of ${this.clientIdentifier}`, answer);
  }

  #take(packet: OutboundPacket): void {
    switch (packet.type) {
      case PacketType.Connack:
        return this.#takeConnack(packet);
      case PacketType.Publish:
        return this.#takePublish(packet);
      case PacketType.Puback:
      case PacketType.Pubrec:
      case PacketType.Pubcomp:
        return this.#takeAnswer(packet);
      case PacketType.Pubrel:
        // One that is not known was released before the broker noted it (MQTT 5.0 §4.3.3).
        this.#received.delete(packet.packetIdentifier);
        return this.#answer(PacketType.Pubcomp, packet.packetIdentifier);
      case PacketType.Suback:
      case PacketType.Unsuback: {
        const resolve = this.#requests.get(packet.packetIdentifier);
        this.#requests.delete(packet.packetIdentifier);
        return resolve?.(packet.reasonCodes);
      }
      case PacketType.Pingresp:
        return this.#pings.shift()?.(true);
      case PacketType.Disconnect:
      case PacketType.Auth:
        return;
    }
  }

  #takeConnack(packet: ConnackPacket): void {
    const welcome = this.#welcome;
    this.#welcome = undefined;
    if (packet.reasonCode === ReasonCode.Success) {
      if (!packet.sessionPresent) this.#received.clear();
      this.#resend();
    }
    welcome?.(packet);
  }

  /** [MQTT-4.4.0-1] 3.1.1, [MQTT-4.4.0-1] 5.0: in the order in which they were published. */
  #resend(): void {
    for (const [packetIdentifier, { packet, releasedOn }] of this.#outbound) {
      if (releasedOn > 0) this.#answer(PacketType.Pubrel, packetIdentifier);
      else this.#wire?.send({ ...packet, dup: true });
    }
  }

  #takePublish(packet: PublishPacket): void {
    const { topicName, qos, retain, dup, packetIdentifier, properties } = packet;
    const payload = decoder.decode(packet.payload);
    const known = qos === 2 ? this.#received.get(packetIdentifier) : undefined;
    if (known === undefined) {
      const expirySeconds = properties?.messageExpiryIntervalSeconds;
      if (qos === 2) this.#received.set(packetIdentifier, payload);
      this.#options.onMessage?.({ topicName, payload, qos, retain, dup, expirySeconds });
    } else if (known !== payload || !dup) {
      const what = `packet identifier ${packetIdentifier} of ${known} came with ${payload}, DUP ${Number(dup)}`;
      this.#fault(`${what}, before its PUBREL`);
    }
    if (qos > 0) this.#answer(qos === 1 ? PacketType.Puback : PacketType.Pubrec, packetIdentifier);
  }

  #takeAnswer({ type, packetIdentifier, reasonCode }: AckPacket): void {
    const outbound = this.#outbound.get(packetIdentifier);
    const fits = outbound &&
      (type === PacketType.Puback) === (outbound.packet.qos === 1) &&
      (type !== PacketType.Pubcomp || outbound.releasedOn > 0);
    if (!fits) return this.#fault(`answer ${type} for packet identifier ${packetIdentifier}, which waits for none`);
    if (reasonCode >= ReasonCode.UnspecifiedError && this.#isRefused(outbound, type, reasonCode)) {
      this.#outbound.delete(packetIdentifier);
      return this.#options.onSettled?.();
    }
    if (type !== PacketType.Pubrec) this.#outbound.delete(packetIdentifier);
    if (type === PacketType.Pubcomp) return this.#options.onSettled?.();
    const isFirst = outbound.releasedOn === 0;
    if (type === PacketType.Pubrec) {
      if (isFirst) outbound.releasedOn = this.#connections;
      this.#answer(PacketType.Pubrel, packetIdentifier);
    }
    if (isFirst) outbound.acknowledged();
    if (type === PacketType.Puback) this.#options.onSettled?.();
  }

  /** Whether an answer that tells of a fault ends what it answers without an acknowledgement. */
  #isRefused({ packet, releasedOn }: Outbound, type: AckPacket["type"], reasonCode: ReasonCode): boolean {
    // A PUBREL that is sent again may have been seen before.
    if (type === PacketType.Pubcomp && releasedOn < this.#connections) return false;
    const mayBe = this.#options.mayBeRefused && type !== PacketType.Pubcomp;
    if (!mayBe) this.#fault(`answer ${type} for ${decoder.decode(packet.payload)} says ${reasonCode}`);
    return true;
  }

  #answer(type: AckPacket["type"], packetIdentifier: number): void {
    this.#wire?.send({ type, packetIdentifier, reasonCode: ReasonCode.Success });
  }

  #nextIdentifier(): number {
    do {
      this.#lastIdentifier = this.#lastIdentifier % 65_535 + 1;
    } while (this.#outbound.has(this.#lastIdentifier) || this.#requests.has(this.#lastIdentifier));
    return this.#lastIdentifier;
  }

  #fault(text: string): void {
    this.#options.onFault(`client ${this.clientIdentifier}: ${text}`);
  }
}
