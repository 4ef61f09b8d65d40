import type { LoadResult } from "../result.ts";
import { openChannel } from "./channel.ts";
import { Client } from "./client.ts";
import type { Connection, PacketHandler } from "./connection.ts";
import type { LoadOptions } from "./options.ts";
import { publishTemplate, type Template, writeNumber } from "./packets.ts";
import { usageOf } from "./process_usage.ts";
import { Faults, rounded, until } from "./waiting.ts";

/** Stores retained messages with QoS 1, a window of them at a time. */
class Storing implements PacketHandler {
  acknowledged = 0;
  sent = 0;
  readonly #template: Template;
  readonly #messages: number;

  constructor({ version, payloadBytes, messages }: LoadOptions) {
    const shape = "retained/@";
    const none = { userProperties: 0, topicAlias: "none" } as const;
    this.#template = publishTemplate({ version, shape, qos: 1, isRetained: true, payloadBytes, ...none });
    this.#messages = messages;
  }

  send(connection: Connection, count: number): void {
    for (let i = 0; i < count && this.sent < this.#messages; i++) {
      const { bytes, numbersAt, packetIdentifierAt } = this.#template;
      connection.reserve(bytes.length);
      const at = connection.length;
      connection.out.set(bytes, at);
      writeNumber(connection.out, at + numbersAt[0]!, this.sent);
      connection.outView.setUint16(at + packetIdentifierAt, this.sent % 65_535 + 1);
      connection.length = at + bytes.length;
      this.sent++;
    }
  }

  packet(connection: Connection, firstByte: number): void {
    if (firstByte >> 4 !== 4) throw new Error(`packet type ${firstByte >> 4} came in place of PUBACK`);
    this.acknowledged++;
    this.send(connection, 1);
  }
}

/** Counts the retained messages that come, each topic once. */
class Collecting implements PacketHandler {
  received = 0;
  duplicate = 0;
  lastAtMs = 0;
  readonly #seen: Uint8Array;

  constructor(messages: number) {
    this.#seen = new Uint8Array(messages);
  }

  packet(connection: Connection, firstByte: number, start: number): void {
    const { bytes, view } = connection;
    if (firstByte >> 4 !== 3 || (firstByte & 1) === 0) {
      throw new Error(`first byte ${firstByte} is no retained message's`);
    }
    const topicEnd = start + 2 + view.getUint16(start);
    if ((firstByte >> 1 & 3) > 0) connection.sendAck(0x40, view.getUint16(topicEnd));
    let topic = 0;
    for (let i = topicEnd - 7; i < topicEnd; i++) topic = topic * 10 + bytes[i]! - 48;
    if (this.#seen[topic] === 0) this.received++;
    else this.duplicate++;
    this.#seen[topic] = 1;
    this.lastAtMs = connection.readAtMs;
  }
}

/** Stores retained messages, then subscribes to `#` and counts what comes. */
export async function retained(options: LoadOptions): Promise<LoadResult> {
  const { messages, pid, version, drainSeconds } = options;
  const faults = new Faults();
  const storing = new Storing(options);
  const collecting = new Collecting(messages);
  const run = crypto.randomUUID().slice(0, 8);
  const open = async (index: number, handler: PacketHandler) => {
    const client = { index, version, channel: await openChannel(options), isDurable: false, topicAliasMaximum: 0 };
    return await Client.open(
      { ...client, clientIdentifier: `load-${run}-${index}` },
      handler,
      (error) => faults.add(error),
    );
  };
  const publisher = await open(1, storing);
  const before = usageOf(pid);
  const storedFrom = performance.now();
  storing.send(publisher.connection, Math.min(options.window, publisher.receiveMaximum));
  await until(() => storing.acknowledged === messages, () => storing.acknowledged, drainSeconds, faults);
  const storedSeconds = (performance.now() - storedFrom) / 1000;
  const stored = usageOf(pid);
  const subscriber = await open(0, collecting);
  const from = performance.now();
  await subscriber.subscribe(["#"], options.qos);
  await until(() => collecting.received === messages, () => collecting.received, drainSeconds, faults);
  const seconds = (collecting.lastAtMs - from) / 1000;
  publisher.connection.close();
  subscriber.connection.close();
  return {
    scenario: "retained",
    publish_per_s: rounded(storing.acknowledged / storedSeconds),
    expected: messages,
    received: collecting.received,
    lost: messages - collecting.received,
    duplicate: collecting.duplicate,
    msgs_per_s: rounded(collecting.received / Math.max(seconds, 1e-6)),
    broker_bytes_per_retained: rounded((stored.rssKibibytes - before.rssKibibytes) * 1024 / messages),
    ...faults.summary(),
  };
}
