/** Traffic beside the one that is measured: one publisher at full speed, and one who takes it, a client or a bridge's remote. */
import { channelOf, openChannel } from "./channel.ts";
import { Client } from "./client.ts";
import { Connection, type PacketHandler } from "./connection.ts";
import type { LoadOptions } from "./options.ts";
import { publishTemplate } from "./packets.ts";
import type { Faults } from "./waiting.ts";

/** Below what the measured traffic never uses. */
const TOPIC = "carried/t";
/** Messages that were published and have not been taken. */
const WINDOW = 100;
const PAYLOAD_BYTES = 64;
const CONNACK = Uint8Array.of(0x20, 2, 0, 0);
const PINGRESP = Uint8Array.of(0xd0, 0);

/** The traffic while it goes on. */
export interface Carried {
  /** Messages that were taken so far. */
  readonly taken: number;
  close(): void;
}

/** Begins to publish, and to take what comes: as a client, or on the port that the broker's bridge connects to. */
export async function carry(options: LoadOptions, faults: Faults): Promise<Carried> {
  const onLoss = (error: Error) => faults.add(error);
  const flow = new Flow();
  const open = async (name: string) => {
    const channel = await openChannel(options);
    const clientIdentifier = `carried-${name}-${crypto.randomUUID().slice(0, 8)}`;
    const shape = { index: 0, version: 4, clientIdentifier, isDurable: false, topicAliasMaximum: 0 } as const;
    return await Client.open({ ...shape, channel }, flow, onLoss);
  };
  const closing: (() => void)[] = [];
  if (options.carriedBy === "client") {
    const taker = await open("taker");
    await taker.subscribe(["carried/#"], 1);
    closing.push(() => taker.connection.close());
  } else closing.push(listen(options.remotePort, flow, onLoss));
  const { connection } = await open("publisher");
  flow.publishOn(connection);
  return {
    get taken() {
      return flow.taken;
    },
    close: () => {
      flow.stop();
      connection.close();
      for (const close of closing) close();
    },
  };
}

/** Publishes as much as is taken, at QoS 1. */
class Flow implements PacketHandler {
  taken = 0;
  readonly #template = publishTemplate({
    version: 4,
    qos: 1,
    shape: TOPIC,
    isRetained: false,
    payloadBytes: PAYLOAD_BYTES,
    userProperties: 0,
    topicAlias: "none",
  });
  #publisher: Connection | undefined;
  #packetIdentifier = 0;

  publishOn(connection: Connection): void {
    this.#publisher = connection;
    for (let i = 0; i < WINDOW; i++) this.#publish();
  }

  stop(): void {
    this.#publisher = undefined;
  }

  packet(connection: Connection, firstByte: number, start: number): void {
    if (firstByte >> 4 !== 3) return;
    const { bytes } = connection;
    const identifierAt = start + 2 + (bytes[start]! << 8 | bytes[start + 1]!);
    connection.sendAck(0x40, bytes[identifierAt]! << 8 | bytes[identifierAt + 1]!);
    this.taken++;
    this.#publish();
  }

  #publish(): void {
    if (!this.#publisher) return;
    const { bytes, packetIdentifierAt } = this.#template;
    this.#packetIdentifier = this.#packetIdentifier % 65_535 + 1;
    bytes[packetIdentifierAt] = this.#packetIdentifier >> 8;
    bytes[packetIdentifierAt + 1] = this.#packetIdentifier & 0xff;
    this.#publisher.send(bytes);
  }
}

/** The remote of a bridge, which lets it in and takes what it brings. */
function listen(port: number, flow: Flow, onLoss: (error: Error) => void): () => void {
  const listener = Deno.listen({ hostname: "127.0.0.1", port });
  const open: Connection[] = [];
  const handler: PacketHandler = {
    packet(connection, firstByte, start) {
      const type = firstByte >> 4;
      if (type === 1) connection.send(CONNACK);
      else if (type === 12) connection.send(PINGRESP);
      else flow.packet(connection, firstByte, start);
    },
  };
  const accept = async () => {
    for await (const conn of listener) {
      conn.setNoDelay(true);
      const connection = new Connection(channelOf(conn), 0);
      open.push(connection);
      connection.run(handler).catch(onLoss);
    }
  };
  void accept();
  return () => {
    listener.close();
    for (const connection of open) connection.close();
  };
}
