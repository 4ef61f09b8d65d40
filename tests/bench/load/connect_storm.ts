import { Histogram } from "../statistics.ts";
import type { LoadResult } from "../result.ts";
import { openChannel } from "./channel.ts";
import { Client } from "./client.ts";
import type { PacketHandler } from "./connection.ts";
import type { LoadOptions } from "./options.ts";
import { DISCONNECT } from "./packets.ts";
import { usageOf } from "./process_usage.ts";
import { Faults, rounded } from "./waiting.ts";

const SETTLE_MS = 500;
/** So long after the last connection is closed memory is looked at again. */
const CLOSED_MS = 1000;

/** For clients that must get nothing. */
export const refusing: PacketHandler = {
  packet: (_connection, firstByte) => {
    throw new Error(`packet type ${firstByte >> 4} came to a client that asked for nothing`);
  },
};

/** Opens many connections, so many at a time, holds them, and closes them. */
export async function connectStorm(options: LoadOptions): Promise<LoadResult> {
  const { connections, concurrency, pid, version } = options;
  const faults = new Faults();
  const latency = new Histogram();
  const clients: Client[] = [];
  const run = crypto.randomUUID().slice(0, 8);
  const before = usageOf(pid);
  const start = performance.now();
  let next = 0;
  const openSome = async () => {
    while (next < connections && !faults.any) {
      const index = next++;
      const from = performance.now();
      const clientIdentifier = `load-${run}-${index}`;
      const client = {
        index,
        channel: await openChannel(options),
        version,
        clientIdentifier,
        isDurable: false,
        topicAliasMaximum: 0,
      };
      clients.push(await Client.open(client, refusing, (error) => faults.add(error)));
      latency.add(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, () => openSome().catch((error) => faults.add(error))));
  const seconds = (performance.now() - start) / 1000;
  await pause(SETTLE_MS);
  const held = usageOf(pid);
  for (const { connection } of clients) connection.send(DISCONNECT);
  await pause(0);
  for (const { connection } of clients) connection.close();
  await pause(CLOSED_MS);
  return {
    scenario: "connect",
    connections,
    connected: clients.length,
    connects_per_s: rounded(clients.length / seconds),
    connack_us: latency.summary(),
    broker_rss_kb_before: before.rssKibibytes,
    broker_rss_kb_held: held.rssKibibytes,
    broker_rss_kb_closed: usageOf(pid).rssKibibytes,
    broker_bytes_per_connection: rounded(
      (held.rssKibibytes - before.rssKibibytes) * 1024 / Math.max(1, clients.length),
    ),
    ...faults.summary(),
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
