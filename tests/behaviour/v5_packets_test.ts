/** What holds for all packets of MQTT 5.0: identifiers, sizes, what a client wants to be told, PINGREQ (§1.5, §2, §3.12). */
import { assert, assertEquals } from "@std/assert";
import type { Refusal } from "../../src/hooks/plugin.ts";
import type { RawClient } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

Deno.test("[MQTT-3.12.4-1] 5.0: PINGREQ is answered with PINGRESP", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  for (let times = 0; times < 3; times++) {
    await client.sendPacket({ type: 12 });
    await client.expect("Pingresp");
  }
});

Deno.test("[MQTT-4.2.0-1] 5.0: TCP carries 5.0 both ways, in order and without loss", async () => {
  await using broker = await startBroker();
  const client = await broker.openTcp();
  assertEquals((await client.connect({ protocolVersion: 5 })).reasonCode, 0);
  await client.subscribe("a", 1);
  const payloads = Array.from({ length: 50 }, (_, index) => `${index} `.repeat(index * 50));
  for (const payload of payloads) await client.sendPublish("a", payload);
  for (const payload of payloads) await client.expectMessage({ topicName: "a", payload });
});

Deno.test("[MQTT-2.2.1-4] 5.0, [MQTT-2.2.1-2] 5.0: each PUBLISH to a client has an identifier that is not in use", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  await client.subscribe("a", 2);
  const inUse = new Set<number>();
  for (let index = 0; index < 60; index++) {
    const qos = index % 3 as 0 | 1 | 2;
    await broker.broker.publish("a", `${index}`, { qos });
    const { packetIdentifier } = await client.expectMessage({ qos, payload: `${index}` });
    if (qos === 0) continue;
    assert(packetIdentifier >= 1 && packetIdentifier <= 65_535 && !inUse.has(packetIdentifier), `${packetIdentifier}`);
    inUse.add(packetIdentifier);
    if (index % 4 === 0 && qos === 1) {
      await client.sendAck("Puback", packetIdentifier);
      inUse.delete(packetIdentifier);
    }
  }
});

Deno.test("[MQTT-2.2.1-5] 5.0, [MQTT-2.2.1-6] 5.0: answers carry the identifier of what they answer", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  for (const packetIdentifier of [1, 255, 256, 0x1234, 65_535]) {
    await client.sendPublish("a", "", { qos: 1, packetIdentifier });
    await client.expectAck("Puback", packetIdentifier);
    await client.sendPublish("a", "", { qos: 2, packetIdentifier });
    await client.expectAck("Pubrec", packetIdentifier);
    await client.sendAck("Pubrel", packetIdentifier);
    await client.expectAck("Pubcomp", packetIdentifier);
    await client.send([0x82, 7, packetIdentifier >> 8, packetIdentifier & 255, 0, 0, 1, 0x61, 0]);
    assertEquals((await client.expect("Suback")).packetIdentifier, packetIdentifier);
    await client.send([0xa2, 6, packetIdentifier >> 8, packetIdentifier & 255, 0, 0, 1, 0x61]);
    assertEquals((await client.expect("Unsuback")).packetIdentifier, packetIdentifier);
  }
  await client.subscribe("b", 2);
  await broker.broker.publish("b", "", { qos: 2 });
  const { packetIdentifier } = await client.expectMessage({ qos: 2 });
  await client.sendAck("Pubrec", packetIdentifier);
  await client.expectAck("Pubrel", packetIdentifier, 0);
});

Deno.test("[MQTT-3.1.2-24] 5.0, [MQTT-3.1.2-25] 5.0: what is too large for the client is dropped, counted, and holds nothing up", async () => {
  for (const qos of [0, 1, 2] as const) {
    await using broker = await startBroker();
    const client = await broker.connect5({ maximumPacketSizeBytes: 50, receiveMaximum: 1 });
    await client.subscribe("a", qos);
    // Two bytes of header, three of topic, one of properties, and the identifier above QoS 0.
    const room = 50 - 6 - (qos > 0 ? 2 : 0);
    for (const [payload, fits] of [["first", true], ["x".repeat(room + 1), false], ["x".repeat(room), true]] as const) {
      await broker.broker.publish("a", payload, { qos });
      if (fits) await client.takeMessage({ payload, qos });
    }
    await client.expectNothing();
    assertEquals(broker.broker.statistics.messagesDropped["maximum-packet-size"], 1);
  }
});

Deno.test("[MQTT-3.1.2-24] 5.0: the message's properties count, too", async () => {
  await using broker = await startBroker();
  const narrow = await broker.connect5({ maximumPacketSizeBytes: 50 });
  const wide = await broker.connect5();
  for (const client of [narrow, wide]) await client.subscribe("a", 1);
  const properties = { userProperties: [["k", "x".repeat(50)]] as const };
  await broker.broker.publish("a", "m", { qos: 1, properties });
  await wide.takeMessage({ payload: "m", properties });
  await narrow.expectNothing();
});

Deno.test("[MQTT-3.1.2-25] 5.0: messages that were too large do not wait for the session, either", async () => {
  await using broker = await startBroker();
  const options = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 100 };
  const first = await broker.connect5(options);
  await first.subscribe("a", 1);
  await broker.lose(first);
  for (const payload of ["x".repeat(100), "small"]) await broker.broker.publish("a", payload, { qos: 1 });
  const narrow = await broker.connect5({ ...options, maximumPacketSizeBytes: 50 });
  await narrow.takeMessage({ payload: "small" });
  await broker.lose(narrow);
  const wide = await broker.connect5(options);
  await wide.expectNothing();
});

Deno.test("[MQTT-3.1.2-26] 5.0: topic aliases stay within the client's maximum", async () => {
  await using broker = await startBroker({ outboundTopicAliasMaximum: 100 });
  const client = await broker.connect5({ topicAliasMaximum: 2 });
  await client.subscribe("#");
  const aliases = new Set<number>();
  for (let round = 0; round < 4; round++) {
    for (const topicName of ["aa/1", "aa/2", "aa/3", "aa/4"]) {
      for (let times = 0; times < 3; times++) await broker.broker.publish(topicName, "m");
      for (let times = 0; times < 3; times++) {
        const { topicAlias } = await client.expectMessage();
        if (topicAlias !== undefined) aliases.add(topicAlias);
      }
    }
  }
  assert(aliases.size > 0, "aliases are used");
  for (const alias of aliases) assert(alias === 1 || alias === 2, `${alias}`);
});

Deno.test("[MQTT-3.1.2-27] 5.0: without a topic alias maximum, or with 0, the client is sent none", async () => {
  await using broker = await startBroker({ outboundTopicAliasMaximum: 100 });
  for (const options of [{}, { topicAliasMaximum: 0 }]) {
    const client = await broker.connect5(options);
    await client.subscribe("a/long/topic");
    for (let times = 0; times < 5; times++) {
      await broker.broker.publish("a/long/topic", "m");
      await client.expectMessage({ topicName: "a/long/topic", topicAlias: undefined });
    }
    await client.disconnect();
  }
});

const words = { reasonString: "because of this", userProperties: [["k", "v".repeat(20)]] as const };
const refusal: Refusal = { decision: "deny", reasonCode: 0x97, ...words };

/** A broker that refuses what is said on `no`, with many words. */
function startRefusing(): Promise<TestBroker> {
  const answer = ({ topicName, topicFilter }: { topicName?: string; topicFilter?: string }) =>
    (topicName ?? topicFilter) === "no" ? refusal : "allow" as const;
  const plugin = hooks({
    authorizePublish: (_, message) => answer(message),
    authorizeSubscribe: (_, subscription) => answer(subscription),
    authorizeReceive: () => "allow",
  });
  return startBroker({ topicCheck: { enabled: true, plugins: [plugin] } });
}

/** The properties of PUBACK, PUBREC and SUBACK that refuse. */
async function refusalsFor(client: RawClient): Promise<unknown[]> {
  const found: unknown[] = [];
  await client.sendPublish("no", "", { qos: 1, packetIdentifier: 1 });
  found.push((await client.expectAck("Puback", 1, 0x97)).properties);
  await client.sendPublish("no", "", { qos: 2, packetIdentifier: 2 });
  found.push((await client.expectAck("Pubrec", 2, 0x97)).properties);
  await client.send([0x82, 8, 0, 3, 0, 0, 2, 0x6e, 0x6f, 0]);
  const { reasonCodes, properties } = await client.expect("Suback");
  assertEquals<readonly number[]>(reasonCodes, [0x97]);
  found.push(properties);
  return found;
}

Deno.test("Reason strings and user properties are given to who does not say otherwise", async () => {
  await using broker = await startRefusing();
  for (const options of [{}, { requestProblemInformation: true }, { maximumPacketSizeBytes: 100 }]) {
    const client = await broker.connect5(options);
    assertEquals(await refusalsFor(client), [words, words, words]);
  }
});

Deno.test("[MQTT-3.1.2-29] 5.0: who wants no problem information gets it in PUBLISH, CONNACK and DISCONNECT only", async () => {
  await using broker = await startRefusing();
  const client = await broker.connect5({ clientIdentifier: "c", requestProblemInformation: false });
  assertEquals(await refusalsFor(client), [undefined, undefined, undefined]);
  await client.subscribe("a", 1);
  await broker.broker.publish("a", "m", { properties: { userProperties: words.userProperties } });
  await client.expectMessage({ properties: { userProperties: words.userProperties } });
  broker.broker.disconnect("c", 0x98, words);
  assertEquals<unknown>((await client.expectDisconnect(0x98)).properties, words);
  const refused = broker.open();
  const options = { protocolVersion: 5, requestProblemInformation: false, will: { topicName: "no" } } as const;
  assertEquals<unknown>((await refused.connect(options)).properties, words);
});

Deno.test("[MQTT-3.1.2-24] 5.0: answers that have no room for their words come without them", async () => {
  await using broker = await startRefusing();
  const client = await broker.connect5({ maximumPacketSizeBytes: 30 });
  assertEquals(await refusalsFor(client), [undefined, undefined, undefined]);
});

Deno.test("[MQTT-2.2.2-1] 5.0: packets without properties say so, and answers may be as short as can be", async () => {
  await using broker = await startBroker();
  const seen: string[] = [];
  const { hostname, port } = broker.broker.addresses.tcp!;
  using socket = await Deno.connect({ hostname, port });
  const exchange = async (sent: string, count: number) => {
    await socket.write(Uint8Array.fromHex(sent));
    const answer = new Uint8Array(count);
    for (let got = 0; got < count;) got += await socket.read(answer.subarray(got)) ?? count;
    seen.push(answer.toHex());
  };
  await exchange("100e00044d5154540502000000000163", 16);
  await exchange("8207000100000161" + "00", 6);
  await exchange("3005000161006d", 7);
  await exchange("a206000200000161", 6);
  assertEquals(seen.slice(1), ["900400010000", "3005000161006d", "b00400020000"]);
});
