/** Clients that plugins send away while something of theirs is served: nothing follows the DISCONNECT (MQTT 5.0 §3.14.4). */
import { assertEquals } from "@std/assert";
import type { ClientSnapshot } from "../../src/hooks/plugin.ts";
import { PacketType } from "../../src/packet/packets.ts";
import { packetOf, string, u16 } from "../support/client_codec.ts";
import { subscribePacket, unsubscribePacket } from "../support/raw_client.ts";
import { hooks, startBroker } from "../support/test_broker.ts";

/** A plugin that sends client "c" away from within this hook, as often as it is called. */
const cutting = (hook: "messageReceived" | "clientSubscribed" | "clientUnsubscribed" | "packetReceived") =>
  hooks((context) => ({ [hook]: (client?: ClientSnapshot) => void (client && context.disconnect("c")) }));

for (const hook of ["messageReceived", "packetReceived"] as const) {
  for (const qos of [0, 1, 2] as const) {
    Deno.test(`[MQTT-3.14.4-1] 5.0: a message at QoS ${qos} is not answered after ${hook} sent its publisher away`, async () => {
      await using broker = await startBroker({ plugins: [cutting(hook)] });
      const client = await broker.connect5({ clientIdentifier: "c" });
      await client.sendPublish("a", "m", { qos });
      await client.expectDisconnect(0x98);
    });
  }
}

Deno.test("[MQTT-3.14.4-1] 5.0: no packet is answered after packetReceived sent the client away", async () => {
  await using broker = await startBroker({ plugins: [cutting("packetReceived")] });
  const packets: (Uint8Array | readonly number[])[] = [
    [0xc0, 0],
    packetOf(0x82, u16(1), 0, string("a"), 0),
    packetOf(0xa2, u16(1), 0, string("a")),
    packetOf(0x62, u16(1)),
    packetOf(0x50, u16(1)),
    packetOf(0xf0, 0x19, [4, 0x15, 0, 1, 0x61]),
    [0xe0, 0],
  ];
  for (const bytes of packets) {
    const client = await broker.connect5({ clientIdentifier: "c" });
    await client.send(bytes);
    await client.expectDisconnect(0x98);
    assertEquals(broker.broker.statistics.subscriptions, 0);
  }
});

Deno.test("[MQTT-3.14.4-1] 5.0: a SUBSCRIBE whose client clientSubscribed sends away goes no further", async () => {
  await using broker = await startBroker({ plugins: [cutting("clientSubscribed")] });
  await broker.broker.publish("b", "old", { retain: true });
  const lasting = { clientIdentifier: "c", sessionExpiryIntervalSeconds: 100 };
  for (const [options, subscriptions] of [[{ clientIdentifier: "c" }, 0], [lasting, 1]] as const) {
    const client = await broker.connect5(options);
    await client.sendPacket(subscribePacket(1, [["b", 1], ["c", 1], ["d", 1]]));
    await client.expectDisconnect(0x98);
    assertEquals(broker.broker.statistics.subscriptions, subscriptions);
  }
});

Deno.test("[MQTT-3.14.4-1] 5.0: an UNSUBSCRIBE is not answered after clientUnsubscribed sent the client away", async () => {
  await using broker = await startBroker({ plugins: [cutting("clientUnsubscribed")] });
  const client = await broker.connect5({ clientIdentifier: "c" });
  await client.subscribe(["a", "b"]);
  await client.sendPacket(unsubscribePacket(1, ["a", "b"]));
  await client.expectDisconnect(0x98);
  assertEquals(broker.broker.statistics.subscriptions, 0);
});

Deno.test("[MQTT-3.14.4-1] 5.0: a message is not sent after authorizeReceive sent its subscriber away, and waits", async () => {
  let cuts = 0;
  const plugin = hooks((context) => ({
    authorizePublish: () => "allow",
    authorizeSubscribe: () => "allow",
    authorizeReceive: ({ clientIdentifier }) => (cuts-- > 0 && context.disconnect(clientIdentifier), "allow"),
  }));
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins: [plugin] } });
  const lasting = { clientIdentifier: "c", clean: false, sessionExpiryIntervalSeconds: 100 };
  const client = await broker.connect5(lasting);
  await client.subscribe("a", 1);
  cuts = 1;
  for (const payload of ["one", "two"]) await broker.broker.publish("a", payload, { qos: 1 });
  await client.expectDisconnect(0x98);
  // The plugin is asked about what waits here, and below about what was under way.
  cuts = 1;
  await (await broker.connect5(lasting)).expectDisconnect(0x98);
  const lost = await broker.connect5(lasting);
  await lost.expectMessage({ payload: "one" });
  await lost.expectMessage({ payload: "two" });
  await broker.lose(lost);
  cuts = 1;
  await (await broker.connect5(lasting)).expectDisconnect(0x98);
  const last = await broker.connect5(lasting);
  await last.takeMessage({ payload: "one", dup: true });
  await last.takeMessage({ payload: "two", dup: true });
  await last.expectNothing();
});

Deno.test("[MQTT-3.14.4-1] 5.0: after packetSent sent the client away its next message is not answered", async () => {
  const plugin = hooks((context) => ({
    packetSent: (client, { type }) => void (client && type === PacketType.Puback && context.disconnect("c")),
  }));
  await using broker = await startBroker({ plugins: [plugin] });
  const client = await broker.connect5({ clientIdentifier: "c" });
  const message = () => client.publishPacket("a", "m", { qos: 1 });
  await client.sendPacket(message(), message());
  await client.expect("Puback");
  await client.expectDisconnect(0x98);
});
