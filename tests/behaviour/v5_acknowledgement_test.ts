/** How messages of 5.0 clients are answered: PUBACK, PUBREC and PUBCOMP with their codes (MQTT 5.0 §3.4 to §3.7, §4.3). */
import { assert, assertEquals } from "@std/assert";
import type { BrokerConfig } from "../../src/config/config.ts";
import type { Refusal } from "../../src/hooks/plugin.ts";
import type { UserProperty } from "../../src/packet/packets.ts";
import type { ReasonCode } from "../../src/packet/reason_code.ts";
import { packetOf, u16 } from "../support/client_codec.ts";
import type { ConnectOptions, RawClient } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const NO_MATCHING_SUBSCRIBERS = 0x10;
const MALFORMED = 0x81;
const NOT_AUTHORIZED = 0x87;
const TOPIC_NAME_INVALID = 0x90;
const NOT_FOUND = 0x92;
const PAYLOAD_FORMAT_INVALID = 0x99;
const QOS_NOT_SUPPORTED = 0x9b;

/** The answers to QoS 1 and 2. */
const answers = [[1, "Puback"], [2, "Pubrec"]] as const;

/** A broker whose plugin refuses every message that is published to `secret`. */
function refusing(refusal: Omit<Refusal, "decision"> | "deny", config: BrokerConfig = {}): Promise<TestBroker> {
  const plugins = [hooks({
    authorizePublish: (_, { topicName }) =>
      topicName !== "secret" ? "allow" : refusal === "deny" ? "deny" : { decision: "deny", ...refusal },
    authorizeSubscribe: () => "allow",
    authorizeReceive: () => "allow",
  })];
  return startBroker({ topicCheck: { enabled: true, plugins }, ...config });
}

/** A subscriber to everything at QoS 0, and a client to publish with. */
async function pair(
  broker: TestBroker,
  options: Omit<ConnectOptions, "protocolVersion"> = {},
): Promise<[subscriber: RawClient, publisher: RawClient]> {
  const subscriber = await broker.connect5();
  await subscriber.subscribe("#");
  return [subscriber, await broker.connect5(options)];
}

Deno.test("[MQTT-3.4.2-1] 5.0, [MQTT-3.5.2-1] 5.0: a message that nobody gets is answered with 0x10", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect5();
  await publisher.subscribe({ topicFilter: "own", noLocal: true });
  for (const [qos, name] of answers) {
    for (const topicName of ["a", "own"]) {
      const packetIdentifier = await publisher.sendPublish(topicName, "m", { qos });
      await publisher.expectAck(name, packetIdentifier, NO_MATCHING_SUBSCRIBERS);
      if (qos === 1) continue;
      await publisher.sendAck("Pubrel", packetIdentifier);
      await publisher.expectAck("Pubcomp", packetIdentifier, 0);
    }
  }
  const away = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 3600 } as const;
  const subscriber = await broker.connect5(away);
  await subscriber.subscribe("a");
  const expectTaken = async () => {
    for (const [qos, name] of answers) {
      const packetIdentifier = await publisher.sendPublish("a", "m", { qos });
      await publisher.expectAck(name, packetIdentifier, 0);
    }
  };
  await expectTaken();
  for (let count = 0; count < 2; count++) await subscriber.expectMessage({ payload: "m" });
  await subscriber.disconnect();
  await expectTaken();
});

Deno.test("A message that a plugin denies is answered with 0x87 and routed to nobody", async () => {
  await using broker = await refusing("deny");
  const [subscriber, publisher] = await pair(broker);
  for (const qos of [0, 1, 2] as const) {
    const reasonCode = await publisher.publish("secret", "m", { qos, retain: true });
    assertEquals(reasonCode, qos === 0 ? 0 : NOT_AUTHORIZED);
  }
  await publisher.publish("open", "m", { qos: 1 });
  await subscriber.expectMessage({ topicName: "open" });
  assertEquals([broker.broker.retained.size, broker.broker.statistics.publishesDenied], [0, 3]);
});

const userProperties: readonly UserProperty[] = [["a", "1"], ["b", "2"], ["a", "3"]];

for (const [qos, name] of answers) {
  const clause = qos === 1 ? "[MQTT-3.4.2-1] 5.0" : "[MQTT-3.5.2-1] 5.0";
  Deno.test(`${clause}: ${name} has the reason code, reason string and user properties of a plugin`, async () => {
    for (const reasonCode of [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99] as ReasonCode[]) {
      await using broker = await refusing({ reasonCode, reasonString: "because ä", userProperties });
      const publisher = await broker.connect5();
      const packetIdentifier = await publisher.sendPublish("secret", "m", { qos });
      const { properties } = await publisher.expectAck(name, packetIdentifier, reasonCode);
      assertEquals(properties, { reasonString: "because ä", userProperties: [...userProperties] });
    }
  });

  Deno.test(`${clause}: ${name} never has a reason code of other packets, whatever a plugin says`, async () => {
    await using broker = await refusing({ reasonCode: 0x8f as ReasonCode });
    const publisher = await broker.connect5();
    const packetIdentifier = await publisher.sendPublish("secret", "m", { qos });
    await publisher.expectAck(name, packetIdentifier, NOT_AUTHORIZED);
  });

  Deno.test(`[MQTT-3.1.2-29] 5.0: with request problem information 0 ${name} has the code alone`, async () => {
    await using broker = await refusing({ reasonCode: 0x97, reasonString: "because", userProperties });
    const publisher = await broker.connect5({ requestProblemInformation: false });
    const packetIdentifier = await publisher.sendPublish("secret", "m", { qos });
    assertEquals((await publisher.expectAck(name, packetIdentifier, 0x97)).properties, undefined);
  });
}

/** Bytes of an acknowledgement with this reason string and these user properties. */
const sizeWith = { reason: 2 + 2 + 1 + 1 + (3 + 20), user: 2 + 2 + 1 + 1 + (5 + 18) } as const;

const cuts = [
  ["[MQTT-3.4.2-2] 5.0", 1, "Puback", "reason"],
  ["[MQTT-3.4.2-3] 5.0", 1, "Puback", "user"],
  ["[MQTT-3.5.2-2] 5.0", 2, "Pubrec", "reason"],
  ["[MQTT-3.5.2-3] 5.0", 2, "Pubrec", "user"],
] as const;

for (const [clause, qos, name, what] of cuts) {
  const words = what === "reason" ? "a reason string" : "user properties";
  Deno.test(`${clause}: ${name} leaves out ${words} too large for the client, and has ${words} that just fit`, async () => {
    const told = what === "reason"
      ? { reasonString: "x".repeat(20) }
      : { userProperties: [["n", "x".repeat(17)]] as const };
    await using broker = await refusing(told);
    for (const missingBytes of [0, 1]) {
      const publisher = await broker.connect5({ maximumPacketSizeBytes: sizeWith[what] - missingBytes });
      const packetIdentifier = await publisher.sendPublish("secret", "m", { qos });
      const { properties } = await publisher.expectAck(name, packetIdentifier, NOT_AUTHORIZED);
      assertEquals<unknown>(properties, missingBytes === 0 ? told : undefined);
      await publisher.close();
    }
  });
}

Deno.test("Clients that publish below $SYS are answered with 0x87", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect5();
  for (const [qos] of answers) assertEquals(await publisher.publish("$SYS/a", "m", { qos }), NOT_AUTHORIZED);
});

Deno.test("A topic name with more levels than max-topic-levels is answered with 0x90", async () => {
  await using broker = await startBroker({ maxTopicLevels: 3 });
  const [subscriber, publisher] = await pair(broker);
  for (const [qos, name] of answers) {
    const packetIdentifier = await publisher.sendPublish("a/b/c/d", "m", { qos });
    const { properties } = await publisher.expectAck(name, packetIdentifier, TOPIC_NAME_INVALID);
    assert(properties?.reasonString?.includes("max-topic-levels"), "the reason string names the limit");
  }
  assertEquals(await publisher.publish("a/b/c", "m", { qos: 1 }), 0);
  await subscriber.expectMessage({ topicName: "a/b/c" });
});

Deno.test("With check-payload-format a payload that is not UTF-8, though said so, is answered with 0x99", async () => {
  await using broker = await startBroker({ checkPayloadFormat: true });
  const [subscriber, publisher] = await pair(broker);
  const wrong = Uint8Array.of(0xc3, 0x28);
  const utf8 = { payloadFormatIndicator: 1 } as const;
  for (const [qos] of answers) {
    assertEquals(await publisher.publish("a", wrong, { qos, properties: utf8 }), PAYLOAD_FORMAT_INVALID);
    assertEquals(await publisher.publish("a", "ä", { qos, properties: utf8 }), 0);
    assertEquals(await publisher.publish("a", wrong, { qos, properties: { payloadFormatIndicator: 0 } }), 0);
    assertEquals(await publisher.publish("a", wrong, { qos }), 0);
    for (let times = 0; times < 3; times++) await subscriber.expectMessage({ topicName: "a" });
  }
  await publisher.publish("a", wrong, { properties: utf8 });
  await subscriber.expectNothing();
});

Deno.test("Without check-payload-format a payload is passed on as it is", async () => {
  await using broker = await startBroker();
  const [, publisher] = await pair(broker);
  const properties = { payloadFormatIndicator: 1 } as const;
  assertEquals(await publisher.publish("a", Uint8Array.of(0xff), { qos: 1, properties }), 0);
});

Deno.test("A PUBLISH above maximum-qos ends the connection with 0x9B", async () => {
  for (const maximumQos of [0, 1] as const) {
    await using broker = await startBroker({ maximumQos });
    const [subscriber, publisher] = await pair(broker);
    assertEquals(publisher.connack.properties?.maximumQoS, maximumQos);
    await publisher.publish("a", "m", { qos: maximumQos });
    await subscriber.expectMessage({ payload: "m" });
    await publisher.sendPublish("a", "m", { qos: maximumQos === 0 ? 1 : 2 });
    await publisher.expectDisconnect(QOS_NOT_SUPPORTED);
    await subscriber.expectNothing();
  }
});

Deno.test("[MQTT-4.3.2-5] 5.0: after PUBACK the same identifier is a new message, whatever DUP says", async () => {
  await using broker = await startBroker();
  const [subscriber, publisher] = await pair(broker);
  for (const [payload, dup] of [["one", false], ["two", false], ["three", true]] as const) {
    await publisher.publish("a", payload, { qos: 1, packetIdentifier: 7, dup });
    await subscriber.expectMessage({ payload });
  }
});

Deno.test(
  "[MQTT-4.3.3-10] 5.0, [MQTT-4.3.3-11] 5.0, [MQTT-4.3.3-12] 5.0: until PUBREL a QoS 2 message is answered each " +
    "time and delivered once; after PUBCOMP its identifier is a new message",
  async () => {
    await using broker = await startBroker();
    const [subscriber, publisher] = await pair(broker);
    for (const dup of [false, true, true, false]) {
      await publisher.sendPublish("a", "once", { qos: 2, packetIdentifier: 7, dup });
      await publisher.expectAck("Pubrec", 7, 0);
    }
    await publisher.sendAck("Pubrel", 7);
    await publisher.expectAck("Pubcomp", 7, 0);
    await publisher.publish("a", "new", { qos: 2, packetIdentifier: 7, dup: true });
    await subscriber.expectMessage({ payload: "once" });
    await subscriber.expectMessage({ payload: "new" });
    await subscriber.expectNothing();
  },
);

Deno.test("[MQTT-4.3.3-10] 5.0: a QoS 2 message is delivered once even if its sender reconnects", async () => {
  const persistent = { clientIdentifier: "p", clean: false, sessionExpiryIntervalSeconds: 3600 } as const;
  await using broker = await startBroker();
  const [subscriber, first] = await pair(broker, persistent);
  await first.sendPublish("a", "once", { qos: 2, packetIdentifier: 7 });
  await first.expectAck("Pubrec", 7);
  await broker.lose(first);
  const second = await broker.connect5(persistent);
  await second.sendPublish("a", "once", { qos: 2, packetIdentifier: 7, dup: true });
  await second.expectAck("Pubrec", 7);
  await broker.lose(second);
  const third = await broker.connect5(persistent);
  await third.sendAck("Pubrel", 7);
  await third.expectAck("Pubcomp", 7, 0);
  await subscriber.expectMessage({ payload: "once" });
  await subscriber.expectNothing();
});

Deno.test("[MQTT-4.3.3-9] 5.0: after PUBREC of 0x80 or above the same identifier is a new message", async () => {
  let refusals = 2;
  const plugins = [hooks({
    authorizePublish: () => refusals-- > 0 ? "deny" : "allow",
    authorizeSubscribe: () => "allow",
    authorizeReceive: () => "allow",
  })];
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins } });
  const [subscriber, publisher] = await pair(broker);
  for (const payload of ["one", "two"]) {
    await publisher.sendPublish("a", payload, { qos: 2, packetIdentifier: 7 });
    await publisher.expectAck("Pubrec", 7, NOT_AUTHORIZED);
  }
  assertEquals(await publisher.publish("a", "three", { qos: 2, packetIdentifier: 7 }), 0);
  await subscriber.expectMessage({ payload: "three" });
});

Deno.test("[MQTT-4.3.3-13] 5.0: the exchange at QoS 2 goes on though the message has expired", async () => {
  await using broker = await startBroker();
  const [, publisher] = await pair(broker);
  const properties = { messageExpiryIntervalSeconds: 1 };
  await publisher.sendPublish("a", "m", { qos: 2, packetIdentifier: 7, properties });
  await publisher.expectAck("Pubrec", 7, 0);
  broker.clock.advance(60_000);
  await publisher.sendPublish("a", "m", { qos: 2, packetIdentifier: 7, properties, dup: true });
  await publisher.expectAck("Pubrec", 7, 0);
  await publisher.sendAck("Pubrel", 7);
  await publisher.expectAck("Pubcomp", 7, 0);
});

Deno.test("[MQTT-3.7.2-1] 5.0: PUBCOMP says 0x92 where the identifier of PUBREL is unknown, otherwise 0", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  await client.sendAck("Pubrel", 7);
  await client.expectAck("Pubcomp", 7, NOT_FOUND);
  assertEquals(await client.publish("a", "m", { qos: 2, packetIdentifier: 7 }), 0);
  await client.sendAck("Pubrel", 7, NOT_FOUND);
  await client.expectAck("Pubcomp", 7, NOT_FOUND);
});

Deno.test("[MQTT-3.6.2-1] 5.0: PUBREL says 0x92 where the identifier of PUBREC is unknown, otherwise 0", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  await client.subscribe("a", 2);
  await client.sendAck("Pubrec", 1);
  await client.expectAck("Pubrel", 1, NOT_FOUND);
  await client.sendAck("Pubcomp", 1, NOT_FOUND);
  await client.sendAck("Pubrec", 1, NOT_AUTHORIZED);
  await client.expectNothing();
  await broker.broker.publish("a", "m", { qos: 2 });
  const { packetIdentifier } = await client.expectMessage({ payload: "m" });
  await client.sendAck("Pubrec", packetIdentifier);
  await client.expectAck("Pubrel", packetIdentifier, 0);
});

Deno.test("Acknowledgements that nobody waits for change nothing", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  for (const name of ["Puback", "Pubcomp"] as const) await client.sendAck(name, 99);
  await client.expectNothing();
});

Deno.test("[MQTT-3.6.1-1] 5.0: a PUBREL with other flags than 0010 is malformed and closes the connection", async () => {
  await using broker = await startBroker();
  for (let flags = 0; flags < 16; flags++) {
    if (flags === 2) continue;
    const client = await broker.connect5();
    await client.send(packetOf(0x60 | flags, u16(1)));
    await client.expectDisconnect(MALFORMED);
  }
});

Deno.test("PUBACK and PUBREC come in the order of their PUBLISH", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  const sent = Array.from({ length: 200 }, (_, index) => ({ id: 500 - index, qos: index % 2 === 0 ? 1 : 2 } as const));
  await client.sendPacket(
    ...sent.map(({ id, qos }) => client.publishPacket("a", `${id}`, { qos, packetIdentifier: id })),
  );
  for (const { id, qos } of sent) await client.expectAck(qos === 1 ? "Puback" : "Pubrec", id);
});
