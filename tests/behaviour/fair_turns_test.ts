/** A client that pours packets in gets no more than its turn. */
import { assertGreaterOrEqual } from "@std/assert";
import { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";
import { webSocketDuplex } from "../support/web_socket_duplex.ts";

const FLOOD_BYTES = 24 * 2 ** 20;
/** Each client is served for a few milliseconds at a time; without that it was about one answer in each 8 MiB. */
const LEAST_ANSWERS = 5;

const carriers: Record<string, (broker: TestBroker) => Promise<RawClient>> = {
  TCP: (broker) => broker.openTcp(),
  WebSocket: async (broker) => {
    const { port } = broker.broker.addresses.ws!;
    return new RawClient(await webSocketDuplex(`ws://127.0.0.1:${port}/mqtt`));
  },
};

/** QoS 0 messages of a few bytes. */
function floodOf(client: RawClient): Uint8Array {
  const packet = client.encode(client.publishPacket("flood", "0123456789"));
  const bytes = new Uint8Array(Math.floor(FLOOD_BYTES / packet.length) * packet.length);
  for (let at = 0; at < bytes.length; at += packet.length) bytes.set(packet, at);
  return bytes;
}

for (const [carrier, open] of Object.entries(carriers)) {
  Deno.test(`A client that pours QoS 0 in over ${carrier} leaves others their answers`, async () => {
    await using broker = await startBroker({
      listeners: { tcp: { bind: "127.0.0.1:0" }, ws: { type: "ws", bind: "127.0.0.1:0" } },
    });
    const pouring = await open(broker);
    await pouring.connect({ clientIdentifier: "pouring" });
    const other = await broker.openTcp();
    await other.connect({ clientIdentifier: "other" });
    await other.subscribe("own", 1);
    const before = broker.broker.statistics.publishesReceived;
    const flood = floodOf(pouring);
    const packets = flood.length / pouring.encode(pouring.publishPacket("flood", "0123456789")).length;
    const poured = pouring.send(flood);
    let answers = 0;
    while (broker.broker.statistics.publishesReceived - before < packets + answers) {
      await other.publish("own", "still here", { qos: 1 });
      await other.takeMessage({ topicName: "own", payload: "still here" });
      await other.expectNothing();
      answers++;
    }
    await poured;
    await pouring.close();
    assertGreaterOrEqual(answers, LEAST_ANSWERS, "round trips while the flood was under way");
  });
}
