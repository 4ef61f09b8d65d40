/** Clients that mean no good, in numbers, and a pair that only wants to talk. */
import { PacketType } from "../../src/packet/packets.ts";
import type { BrokerConfig, ListenerConfig } from "../../src/config/config.ts";
import { makeAuthority, writeServerCertificate } from "./certificates.ts";
import { connectPacket, RawClient } from "./raw_client.ts";
import { startBroker, type TestBroker } from "./test_broker.ts";
import { webSocketDuplex } from "./web_socket_duplex.ts";

export type Carrier = "TCP" | "TLS" | "WebSocket";

/** The beginning of what a peer says first on each carrier. */
const HALF_HANDSHAKES: Record<Carrier, Uint8Array> = {
  TCP: Uint8Array.of(0x10),
  TLS: Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00),
  WebSocket: new TextEncoder().encode("GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgr"),
};

/** Connections that are opened at the same moment; what is open at once is not bounded. */
const OPENED_AT_ONCE = 64;

/** A broker with one listener, and clients on it that are closed with it. */
export class FloodedBroker implements AsyncDisposable {
  readonly #clients: RawClient[] = [];

  private constructor(
    readonly broker: TestBroker,
    readonly carrier: Carrier,
    readonly directory: string,
    readonly authority: string,
  ) {}

  /** @param prepare adds keys to the configuration; it is given a directory for files */
  static async start(
    carrier: Carrier,
    prepare: (directory: string) => Promise<BrokerConfig> = () => Promise.resolve({}),
  ): Promise<FloodedBroker> {
    const directory = await Deno.makeTempDir();
    const authority = makeAuthority();
    const { certfile, keyfile } = await writeServerCertificate(directory, authority);
    const listener: ListenerConfig = {
      bind: "127.0.0.1:0",
      type: carrier === "WebSocket" ? "ws" : "tcp",
      ...(carrier === "TLS" ? { ssl: true, certfile, keyfile } : {}),
    };
    const listeners = { listener, memory: { type: "external" } } as const;
    const broker = await startBroker({ listeners, ...await prepare(directory) });
    return new FloodedBroker(broker, carrier, directory, authority.certificate);
  }

  /** A TCP connection to the listener, without the handshake that it wants. */
  async openBare(): Promise<RawClient> {
    return this.#keep(new RawClient(await Deno.connect({ hostname: "127.0.0.1", port: this.#port })));
  }

  /** A connection on which MQTT can be spoken. */
  async open(): Promise<RawClient> {
    const port = this.#port;
    switch (this.carrier) {
      case "TCP":
        return await this.openBare();
      case "TLS": {
        const connection = await Deno.connectTls({ hostname: "localhost", port, caCerts: [this.authority] });
        const client = this.#keep(new RawClient(connection));
        await connection.handshake();
        return client;
      }
      case "WebSocket":
        return this.#keep(new RawClient(await webSocketDuplex(`ws://127.0.0.1:${port}/mqtt`)));
    }
  }

  /** The beginning of a handshake, and no more. */
  async sendHalfHandshake(): Promise<void> {
    await (await this.openBare()).send(HALF_HANDSHAKES[this.carrier]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeClients();
    await this.broker[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }

  /** Breaks off all connections but those given. */
  async closeClients(...spared: RawClient[]): Promise<void> {
    const closing = this.#clients.filter((client) => !spared.includes(client));
    await Promise.all(closing.map((client) => client.close()));
  }

  get #port(): number {
    return this.broker.broker.addresses.listener!.port;
  }

  #keep(client: RawClient): RawClient {
    this.#clients.push(client);
    return client;
  }
}

/** A publisher and a subscriber that count their messages. */
export class WellBehavedPair {
  #exchanged = 0;

  private constructor(readonly publisher: RawClient, readonly subscriber: RawClient) {}

  /** Takes two open connections, signs in and subscribes. */
  static async begin(
    publisher: RawClient,
    subscriber: RawClient,
    credentials: { username?: string; password?: string } = {},
  ): Promise<WellBehavedPair> {
    for (const [clientIdentifier, client] of Object.entries({ publisher, subscriber })) {
      const { reasonCode } = await client.connect({ clientIdentifier, ...credentials });
      if (reasonCode !== 0) throw new Error(`${clientIdentifier}: expected to be let in: got CONNACK ${reasonCode}`);
    }
    await subscriber.subscribe("pair", 1);
    return new WellBehavedPair(publisher, subscriber);
  }

  /** Sends one message at QoS 1 and sees it arrive, as the next one and once. */
  async exchange(): Promise<void> {
    const packetIdentifier = this.#exchanged % 65_535 + 1;
    const payload = `message ${++this.#exchanged}`;
    await this.publisher.publish("pair", payload, { qos: 1, packetIdentifier });
    await this.subscriber.takeMessage({ topicName: "pair", payload, qos: 1, dup: false });
  }

  /** Exchanges messages until the work is done, and once more. @returns the number of them */
  async exchangeDuring(work: Promise<unknown>): Promise<number> {
    const before = this.#exchanged;
    let working = true;
    const done = work.finally(() => working = false);
    while (working) await this.exchange();
    await done;
    await this.exchange();
    return this.#exchanged - before;
  }
}

/** Opens connections, a seventh of each kind, that do mischief and stay open. */
export async function flood(target: FloodedBroker, connections: number, seed: number): Promise<void> {
  let opened = 0;
  const worker = async () => {
    while (opened < connections) {
      const index = opened++;
      await MISCHIEF[index % MISCHIEF.length]!(target, index, pseudoRandom(seed + index));
    }
  };
  await Promise.all(Array.from({ length: OPENED_AT_ONCE }, worker));
}

type Mischief = (target: FloodedBroker, index: number, random: () => number) => Promise<unknown>;

/** The kinds; only clients of the last one are signed in. */
export const MISCHIEF: readonly Mischief[] = [
  (target) => target.openBare(),
  (target) => target.open(),
  (target) => target.sendHalfHandshake(),
  async (target, _, random) => (await target.openBare()).send(randomBytes(random)),
  async (target, _, random) => (await target.open()).send(randomBytes(random)),
  async (target, index, random) => {
    const client = await target.open();
    await client.send(cut(client.encode(connectPacket({ clientIdentifier: `cut ${index}` })), random));
  },
  async (target, index, random) => {
    const client = await target.open();
    await client.connect({ clientIdentifier: `half ${index}` });
    await client.send(cut(client.encode(client.publishPacket("pair", "never whole")), random));
  },
];

/** The beginning of a packet: at least one byte, and at least one byte is missing. */
function cut(packet: Uint8Array, random: () => number): Uint8Array {
  return packet.subarray(0, 1 + Math.floor(random() * (packet.length - 1)));
}

/** 1 to 2,048 bytes; never CONNECT as the first, so that nobody gets in by chance. */
function randomBytes(random: () => number): Uint8Array {
  const bytes = Uint8Array.from({ length: 1 + Math.floor(random() * 2048) }, () => Math.floor(random() * 256));
  if (bytes[0] === PacketType.Connect << 4) bytes[0] ^= 1;
  return bytes;
}

/** Mulberry32. @returns numbers from 0 to below 1 */
function pseudoRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = state + 0x6d2b79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  };
}
