/**
 * Clients that plugins send away while something of theirs is served: that is served to its end, and nothing follows the
 * DISCONNECT (MQTT 5.0 §3.14.4).
 */
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
  for (const [qos, answer] of [[0, undefined], [1, "Puback"], [2, "Pubrec"]] as const) {
    Deno.test(`[MQTT-3.14.4-1] 5.0: a message at QoS ${qos} is routed and answered though ${hook} sent its publisher away`, async () => {
      await using broker = await startBroker({ plugins: [cutting(hook)] });
      await using messages = broker.broker.subscribe("a");
      const client = await broker.connect5({ clientIdentifier: "c" });
      await client.sendPublish("a", "m", { qos });
      if (answer) await client.expect(answer);
      await client.expectDisconnect(0x98);
      assertEquals((await messages.next()).value?.topicName as string, "a");
    });
  }
}

Deno.test("[MQTT-3.14.4-1] 5.0: a packet is answered though packetReceived sent the client away, and DISCONNECT comes last", async () => {
  await using broker = await startBroker({ plugins: [cutting("packetReceived")] });
  const packets: ["Pingresp" | "Suback" | "Unsuback" | "Pubcomp" | "Pubrel", Uint8Array | readonly number[]][] = [
    ["Pingresp", [0xc0, 0]],
    ["Suback", packetOf(0x82, u16(1), 0, string("a"), 0)],
    ["Unsuback", packetOf(0xa2, u16(1), 0, string("a"))],
    ["Pubcomp", packetOf(0x62, u16(1))],
    ["Pubrel", packetOf(0x50, u16(1))],
  ];
  for (const [answer, bytes] of packets) {
    const client = await broker.connect5({ clientIdentifier: "c" });
    await client.send(bytes);
    await client.expect(answer);
    await client.expectDisconnect(0x98);
    assertEquals(broker.broker.statistics.subscriptions, 0);
  }
});

Deno.test("[MQTT-3.14.4-1] 5.0: a SUBSCRIBE whose client clientSubscribed sends away is served to its end", async () => {
  await using broker = await startBroker({ plugins: [cutting("clientSubscribed")] });
  await broker.broker.publish("b", "old", { retain: true });
  const lasting = { clientIdentifier: "c", sessionExpiryIntervalSeconds: 100 };
  for (const [options, subscriptions] of [[{ clientIdentifier: "c" }, 0], [lasting, 3]] as const) {
    const client = await broker.connect5(options);
    await client.sendPacket(subscribePacket(1, [["b", 1], ["c", 1], ["d", 1]]));
    await client.expect("Suback");
    await client.expectMessage({ payload: "old" });
    await client.expectDisconnect(0x98);
    assertEquals(broker.broker.statistics.subscriptions, subscriptions);
  }
});

Deno.test("[MQTT-3.14.4-1] 5.0: an UNSUBSCRIBE is answered though clientUnsubscribed sent the client away", async () => {
  await using broker = await startBroker({ plugins: [cutting("clientUnsubscribed")] });
  const client = await broker.connect5({ clientIdentifier: "c" });
  await client.subscribe(["a", "b"]);
  await client.sendPacket(unsubscribePacket(1, ["a", "b"]));
  await client.expect("Unsuback");
  await client.expectDisconnect(0x98);
  assertEquals(broker.broker.statistics.subscriptions, 0);
});

Deno.test("[MQTT-3.14.4-1] 5.0: what authorizeReceive allows is sent though it sent the subscriber away, and comes again", async () => {
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
  await broker.broker.publish("a", "one", { qos: 1 });
  await client.expectMessage({ payload: "one" });
  await client.expectDisconnect(0x98);
  await broker.broker.publish("a", "two", { qos: 1 });
  // The plugin is asked about what was under way, and about what has waited.
  cuts = 2;
  const again = await broker.connect5(lasting);
  await again.expectMessage({ payload: "one", dup: true });
  await again.expectMessage({ payload: "two" });
  await again.expectDisconnect(0x98);
  const last = await broker.connect5(lasting);
  await last.takeMessage({ payload: "one", dup: true });
  await last.takeMessage({ payload: "two", dup: true });
  await last.expectNothing();
});

Deno.test("[MQTT-3.14.4-1] 5.0: after packetSent sent the client away nothing follows the DISCONNECT", async () => {
  const plugin = hooks((context) => ({
    packetSent: (client, { type }) => void (client && type === PacketType.Puback && context.disconnect("c")),
  }));
  await using broker = await startBroker({ plugins: [plugin] });
  const client = await broker.connect5({ clientIdentifier: "c" });
  const message = () => client.publishPacket("a", "m", { qos: 1 });
  // In one turn.
  await client.sendPacket(message(), message());
  await client.expect("Puback");
  await client.expect("Puback");
  await client.expectDisconnect(0x98);
});

Deno.test("A client that is sent away twice in a turn is told once, and the second call says that it is going", async () => {
  const answers: boolean[] = [];
  const plugin = hooks((context) => ({
    messageReceived: () => void answers.push(context.disconnect("c"), context.disconnect("c")),
  }));
  await using broker = await startBroker({ plugins: [plugin] });
  const client = await broker.connect5({ clientIdentifier: "c" });
  await client.sendPublish("a", "m", { qos: 0 });
  await client.expectDisconnect(0x98);
  assertEquals(answers, [true, false]);
});
