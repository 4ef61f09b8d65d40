/** Messages to 5.0 clients: the exchange at each QoS, what ends it, and what is sent again (MQTT 5.0 §4.3, §4.4). */
import { assert, assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/packets.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const NOT_AUTHORIZED = 0x87;
const persistent = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 3600 } as const;

async function subscriberTo(broker: TestBroker, topicFilter: string, qos: QoS): Promise<RawClient> {
  const client = await broker.connect5(persistent);
  assertEquals(await client.subscribe(topicFilter, qos), [qos]);
  return client;
}

Deno.test("[MQTT-4.3.1-1] 5.0: at QoS 0 a message is sent once, with QoS 0 and DUP 0", async () => {
  await using broker = await startBroker();
  const before = await subscriberTo(broker, "a", 0);
  await broker.broker.publish("a", "m", { qos: 2 });
  await before.expectMessage({ payload: "m", qos: 0, dup: false, packetIdentifier: 0 });
  await before.expectNothing();
  await broker.lose(before);
  await (await broker.connect5(persistent)).expectNothing();
});

Deno.test(
  "[MQTT-4.3.2-1] 5.0, [MQTT-4.3.2-2] 5.0, [MQTT-4.3.2-3] 5.0: " +
    "at QoS 1 a message has a free identifier and DUP 0 and is held until PUBACK",
  async () => {
    await using broker = await startBroker();
    const before = await subscriberTo(broker, "a", 1);
    for (const payload of ["held", "settled"]) await broker.broker.publish("a", payload, { qos: 1 });
    const held = await before.expectMessage({ payload: "held", qos: 1, dup: false });
    const settled = await before.expectMessage({ payload: "settled", qos: 1, dup: false });
    assert(![0, held.packetIdentifier].includes(settled.packetIdentifier), "each has an identifier of its own");
    await before.sendAck("Puback", settled.packetIdentifier);
    await before.expectNothing();
    await broker.lose(before);
    const after = await broker.connect5(persistent);
    await after.expectMessage({ ...held, dup: true });
    await broker.broker.publish("a", "new", { qos: 1 });
    const fresh = await after.expectMessage({ payload: "new", qos: 1, dup: false });
    assert(fresh.packetIdentifier !== held.packetIdentifier, "an identifier under way is not free");
  },
);

Deno.test(
  "[MQTT-4.3.3-1] 5.0, [MQTT-4.3.3-2] 5.0, [MQTT-4.3.3-3] 5.0: " +
    "at QoS 2 a message has a free identifier and DUP 0 and is held until PUBREC",
  async () => {
    await using broker = await startBroker();
    const before = await subscriberTo(broker, "a", 2);
    for (const payload of ["held", "received"]) await broker.broker.publish("a", payload, { qos: 2 });
    const held = await before.expectMessage({ payload: "held", qos: 2, dup: false });
    const received = await before.expectMessage({ payload: "received", qos: 2, dup: false });
    assert(![0, held.packetIdentifier].includes(received.packetIdentifier), "each has an identifier of its own");
    await before.sendAck("Pubrec", received.packetIdentifier);
    await before.expectAck("Pubrel", received.packetIdentifier, 0);
    await broker.lose(before);
    const after = await broker.connect5(persistent);
    await after.expectMessage({ ...held, dup: true });
    await after.expectAck("Pubrel", received.packetIdentifier, 0);
    await broker.broker.publish("a", "new", { qos: 2 });
    const { packetIdentifier } = await after.expectMessage({ payload: "new", qos: 2, dup: false });
    assert(![held, received].some((one) => one.packetIdentifier === packetIdentifier), "neither of them is free");
  },
);

Deno.test(
  "[MQTT-4.3.3-4] 5.0, [MQTT-4.3.3-5] 5.0, [MQTT-4.3.3-6] 5.0: PUBREC below 0x80 is answered with PUBREL, " +
    "which is held until PUBCOMP and never followed by PUBLISH",
  async () => {
    await using broker = await startBroker();
    let client = await subscriberTo(broker, "a", 2);
    await broker.broker.publish("a", "m", { qos: 2 });
    const { packetIdentifier } = await client.expectMessage({ payload: "m" });
    for (const reasonCode of [0x10, 0]) {
      await client.sendAck("Pubrec", packetIdentifier, reasonCode);
      await client.expectAck("Pubrel", packetIdentifier, 0);
    }
    for (let times = 0; times < 2; times++) {
      await broker.lose(client);
      client = await broker.connect5(persistent);
      await client.expectAck("Pubrel", packetIdentifier, 0);
      await client.expectNothing();
    }
    await client.sendAck("Pubcomp", packetIdentifier);
    await client.expectNothing();
    await broker.lose(client);
    await (await broker.connect5(persistent)).expectNothing();
  },
);

Deno.test("[MQTT-3.6.1-1] 5.0: PUBREL from the broker has the flags 0010", async () => {
  await using broker = await startBroker();
  const [ours, brokers] = memoryPair();
  const received: number[][] = [];
  const client = new RawClient({
    read: async (into) => {
      const count = await ours.read(into);
      if (count !== null) received.push([...into.subarray(0, count)]);
      return count;
    },
    write: (bytes) => ours.write(bytes),
    close: () => ours.close(),
  });
  const accepted = broker.broker.accept(brokers, { listener: "memory" });
  await client.connect({ protocolVersion: 5 });
  await client.subscribe("a", 2);
  await broker.broker.publish("a", "m", { qos: 2 });
  const { packetIdentifier } = await client.expectMessage({ payload: "m" });
  await client.sendAck("Pubrec", packetIdentifier);
  await client.expectAck("Pubrel", packetIdentifier);
  assertEquals(received.at(-1)!.slice(0, 4), [0x62, 2, 0, packetIdentifier]);
  await client.close();
  await accepted;
});

Deno.test(
  "[MQTT-4.4.0-1] 5.0: PUBLISH and PUBREL are sent again in their order at a reconnect, and at no other time",
  async () => {
    await using broker = await startBroker();
    const before = await subscriberTo(broker, "a", 2);
    const sent = [];
    for (let index = 0; index < 30; index++) {
      await broker.broker.publish("a", `${index}`, { qos: index % 3 === 0 ? 1 : 2 });
      sent.push(await before.expectMessage({ payload: `${index}`, dup: false }));
    }
    // The first ten: every third is at QoS 1 and settled now, the others are received and not released.
    for (const { qos, packetIdentifier } of sent.slice(0, 10)) {
      await before.sendAck(qos === 1 ? "Puback" : "Pubrec", packetIdentifier);
      if (qos === 2) await before.expectAck("Pubrel", packetIdentifier, 0);
    }
    broker.clock.advance(3_000_000);
    await before.expectNothing();
    await broker.lose(before);
    const after = await broker.connect5(persistent);
    for (const { qos, packetIdentifier } of sent.slice(0, 10)) {
      if (qos === 2) await after.expectAck("Pubrel", packetIdentifier, 0);
    }
    for (const message of sent.slice(10)) await after.expectMessage({ ...message, dup: true });
    broker.clock.advance(3_000_000);
    await after.expectNothing();
  },
);

Deno.test("[MQTT-4.4.0-1] 5.0: with clean start nothing is sent again", async () => {
  await using broker = await startBroker();
  const before = await subscriberTo(broker, "a", 2);
  for (const qos of [1, 2] as const) {
    await broker.broker.publish("a", "m", { qos });
    await before.expectMessage({ qos });
  }
  await broker.lose(before);
  const after = await broker.connect5({ ...persistent, clean: true });
  await after.expectNothing();
  await broker.lose(after);
  await (await broker.connect5(persistent)).expectNothing();
});

for (const [qos, name] of [[1, "Puback"], [2, "Pubrec"]] as const) {
  Deno.test(
    `[MQTT-4.4.0-2] 5.0: ${name} of 0x80 or above ends the delivery, which is counted and frees the quota`,
    async () => {
      await using broker = await startBroker({ maxInflight: 1 });
      const client = await subscriberTo(broker, "a", qos);
      const codes = [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
      for (const code of codes) await broker.broker.publish("a", `${code}`, { qos });
      for (const code of codes) {
        const { packetIdentifier } = await client.expectMessage({ payload: `${code}`, qos, dup: false });
        await client.expectNothing();
        await client.sendAck(name, packetIdentifier, code);
      }
      await client.expectNothing();
      const { messagesDropped, inflightOutbound } = broker.broker.statistics;
      assertEquals([messagesDropped["refused-by-client"], inflightOutbound], [codes.length, 0]);
      await broker.lose(client);
      await (await broker.connect5(persistent)).expectNothing();
    },
  );

  Deno.test(`${name} below 0x80 is no refusal, and reason string and user properties of a client are taken`, async () => {
    await using broker = await startBroker();
    const client = await subscriberTo(broker, "a", qos);
    await broker.broker.publish("a", "m", { qos });
    const { packetIdentifier } = await client.expectMessage({ qos });
    const properties = { reasonString: "thanks", userProperties: [["a", "1"], ["a", "2"]] as const };
    await client.sendAck(name, packetIdentifier, 0x10, properties);
    if (qos === 2) {
      await client.expectAck("Pubrel", packetIdentifier, 0);
      await client.sendAck("Pubcomp", packetIdentifier, 0, properties);
    }
    await client.expectNothing();
    const { messagesDropped, inflightOutbound } = broker.broker.statistics;
    assertEquals([messagesDropped["refused-by-client"], inflightOutbound], [0, 0]);
  });
}

Deno.test("PUBCOMP with 0x92 ends the exchange as well", async () => {
  await using broker = await startBroker();
  const client = await subscriberTo(broker, "a", 2);
  await broker.broker.publish("a", "m", { qos: 2 });
  const { packetIdentifier } = await client.expectMessage();
  await client.sendAck("Pubrec", packetIdentifier);
  await client.expectAck("Pubrel", packetIdentifier, 0);
  await client.sendAck("Pubcomp", packetIdentifier, 0x92);
  await client.expectNothing();
  assertEquals(broker.broker.statistics.inflightOutbound, 0);
});

Deno.test("A refusal by one client takes nothing from another", async () => {
  await using broker = await startBroker();
  const refusing = await subscriberTo(broker, "a", 1);
  const other = await broker.connect5();
  await other.subscribe("a", 1);
  await broker.broker.publish("a", "m", { qos: 1 });
  const { packetIdentifier } = await refusing.expectMessage();
  await refusing.sendAck("Puback", packetIdentifier, NOT_AUTHORIZED);
  await other.takeMessage({ payload: "m", qos: 1 });
});

/** Bytes of a PUBLISH to `a` with a payload of this size and no properties, below 128 in all. */
const publishBytes = (qos: QoS, payloadBytes: number) => 2 + 3 + (qos === 0 ? 0 : 2) + 1 + payloadBytes;

Deno.test(
  "[MQTT-3.1.2-24] 5.0, [MQTT-3.1.2-25] 5.0: what is larger than the client takes is passed over and counted",
  async () => {
    await using broker = await startBroker();
    for (const qos of [0, 1, 2] as const) {
      const before = broker.broker.statistics.messagesDropped["maximum-packet-size"];
      const client = await broker.connect5({ maximumPacketSizeBytes: publishBytes(qos, 50) });
      await client.subscribe("a", qos);
      await broker.broker.publish("a", "x".repeat(51), { qos });
      await broker.broker.publish("a", "x".repeat(50), { qos });
      await client.takeMessage({ payload: "x".repeat(50), qos });
      await client.expectNothing();
      assertEquals(broker.broker.statistics.messagesDropped["maximum-packet-size"] - before, 1);
      await client.disconnect();
    }
  },
);

Deno.test("Properties and subscription identifiers count towards the size of a packet", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5({ maximumPacketSizeBytes: publishBytes(0, 50) });
  const payload = "x".repeat(48);
  await client.subscribe("a", { identifier: 5 });
  await broker.broker.publish("a", payload);
  await client.takeMessage({ payload, subscriptionIdentifiers: [5] });
  await broker.broker.publish("a", payload, { properties: { payloadFormatIndicator: 1 } });
  await client.subscribe({ topicFilter: "a", retainHandling: 2 }, { identifier: 300 });
  await broker.broker.publish("a", payload);
  await client.expectNothing();
  assertEquals(broker.broker.statistics.messagesDropped["maximum-packet-size"], 2);
});

Deno.test("What came back with less room for packets is not sent what is too large, and QoS 2 is released", async () => {
  await using broker = await startBroker();
  const before = await subscriberTo(broker, "a", 2);
  const large = "x".repeat(51);
  const sent = [];
  for (const [payload, qos] of [[large, 1], ["small", 1], [large, 2], ["little", 2]] as const) {
    await broker.broker.publish("a", payload, { qos });
    sent.push(await before.expectMessage({ payload, qos }));
  }
  await broker.lose(before);
  await broker.broker.publish("a", `waited ${large}`, { qos: 1 });
  const after = await broker.connect5({ ...persistent, maximumPacketSizeBytes: publishBytes(1, 50) });
  await after.expectMessage({ ...sent[1], dup: true });
  await after.expectAck("Pubrel", sent[2]!.packetIdentifier, 0);
  await after.expectMessage({ ...sent[3], dup: true });
  await after.expectNothing();
  assertEquals(broker.broker.statistics.messagesDropped["maximum-packet-size"], 3);
  await after.sendAck("Pubcomp", sent[2]!.packetIdentifier, 0x92);
  await after.expectNothing();
  assertEquals(broker.broker.statistics.inflightOutbound, 2);
});
