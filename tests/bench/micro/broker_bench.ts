/**
 * The whole path in memory: decoding, hooks, routing, delivery, encoding, acknowledgements; no sockets. The clients' own
 * work is in the figures, too. Windows of messages go through one after the other.
 */
import { MemoryRoom } from "./memory_broker.ts";

const rooms: readonly [title: string, load: string][] = [
  ["1000 messages one-to-one QoS 0", "pubsub --qos 0 --window 100"],
  ["1000 messages one-to-one QoS 1", "pubsub --qos 1 --window 100"],
  ["1000 messages one-to-one QoS 2", "pubsub --qos 2 --window 100"],
  [
    "1000 messages one-to-one QoS 1, 5.0 with user properties",
    "pubsub --qos 1 --window 100 --version 5 --user-properties 2",
  ],
  ["1000 deliveries 1×100 QoS 0", "pubsub --mode fan-out --qos 0 --window 10"],
  ["1000 deliveries 1×100 QoS 1", "pubsub --mode fan-out --qos 1 --window 10"],
];

for (const [title, load] of rooms) {
  const room = await MemoryRoom.open(load.split(" "));
  Deno.bench({ name: `broker in memory, ${title}`, fn: async () => await room.sendWindow() });
}
