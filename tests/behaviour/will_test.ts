/** The will (MQTT 3.1.1 §3.1.2.5). */
import { assertEquals } from "@std/assert";
import type { RawClient } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const will = { topicName: "will", payload: "gone", qos: 1 } as const;

async function witnessOf(broker: TestBroker): Promise<RawClient> {
  const witness = await broker.connect();
  await witness.subscribe("will", 2);
  return witness;
}

/** What ends a connection that never said DISCONNECT. */
const TRIGGERS: Record<string, (broker: TestBroker, client: RawClient) => void | Promise<void>> = {
  "the connection breaks": (broker, client) => broker.lose(client),
  "the client breaks the protocol": (_, client) => client.send([0xf0, 0]),
  "the client breaks off in the middle of a packet": async (_, client) => {
    await client.send([0x30, 100, 0]);
    await client.close();
  },
  "the keep-alive interval has run out": (broker) => broker.clock.advance(20_000),
  "the host program cuts the client off": (broker) => void broker.broker.disconnect("w"),
  "another connection takes over": async (broker) => void await broker.connect({ clientIdentifier: "w" }),
  "the client sends a second CONNECT": (_, client) => client.sendConnect({ clientIdentifier: "w" }),
};

for (const [trigger, pull] of Object.entries(TRIGGERS)) {
  Deno.test(`The will is published, once, when ${trigger} [MQTT-3.1.2-8] 3.1.1 [MQTT-3.1.2-10] 3.1.1`, async () => {
    await using broker = await startBroker();
    const witness = await witnessOf(broker);
    const client = await broker.connect({ clientIdentifier: "w", keepAliveSeconds: 10, will });
    await witness.expectNothing();
    await pull(broker, client);
    await witness.takeMessage({ topicName: "will", payload: "gone", qos: 1, retain: false });
    await witness.expectNothing();
  });
}

Deno.test("DISCONNECT discards the will [MQTT-3.14.4-3] 3.1.1 [MQTT-3.1.2-10] 3.1.1", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  const client = await broker.connect({ will });
  await client.disconnect();
  await witness.expectNothing();
});

Deno.test("A will is gone for good: the session's next connection has none [MQTT-3.1.2-10] 3.1.1", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  const first = await broker.connect({ clientIdentifier: "w", clean: false, will });
  await broker.lose(first);
  await witness.takeMessage({ payload: "gone" });
  const second = await broker.connect({ clientIdentifier: "w", clean: false });
  await broker.lose(second);
  await broker.broker.publish("will", "marker");
  await witness.takeMessage({ payload: "marker" });
});

Deno.test("Without a will nothing is published [MQTT-3.1.2-12] 3.1.1", async () => {
  await using broker = await startBroker();
  const witness = await broker.connect();
  await witness.subscribe("#");
  await broker.lose(await broker.connect());
  await broker.broker.publish("marker", "");
  await witness.expectMessage({ topicName: "marker" });
});

Deno.test("A will without the retain flag is not retained [MQTT-3.1.2-16] 3.1.1", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  await broker.lose(await broker.connect({ will }));
  await witness.takeMessage({ retain: false });
  assertEquals(broker.broker.retained.size, 0);
});

Deno.test("A will with the retain flag is retained [MQTT-3.1.2-17] 3.1.1", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  await broker.lose(await broker.connect({ will: { ...will, retain: true } }));
  await witness.takeMessage({ payload: "gone", retain: false });
  const late = await witnessOf(broker);
  await late.takeMessage({ payload: "gone", qos: 1, retain: true });
});

Deno.test("A will has the QoS it asks for, up to the subscription's [MQTT-3.1.2-9] 3.1.1", async () => {
  await using broker = await startBroker();
  for (const qos of [0, 1, 2] as const) {
    for (const granted of [0, 2] as const) {
      const witness = await broker.connect();
      await witness.subscribe("will", granted);
      await broker.lose(await broker.connect({ will: { ...will, qos } }));
      await witness.takeMessage({ qos: Math.min(qos, granted) as 0 | 1 | 2 });
      await witness.disconnect();
    }
  }
});

Deno.test("A will may be empty", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  await broker.lose(await broker.connect({ will: { topicName: "will" } }));
  await witness.expectMessage({ topicName: "will", payload: "" });
});

Deno.test("A will waits for a persistent session that is away", async () => {
  await using broker = await startBroker();
  const witness = await broker.connect({ clientIdentifier: "s", clean: false });
  await witness.subscribe("will", 1);
  await witness.disconnect();
  await broker.lose(await broker.connect({ will }));
  const back = await broker.connect({ clientIdentifier: "s", clean: false });
  await broker.broker.publish("will", "marker", { qos: 1 });
  await back.takeMessage({ payload: "gone" });
  await back.takeMessage({ payload: "marker" });
});

Deno.test("A will that may not be published is never published", async () => {
  const authorizePublish = () => "deny" as const;
  const plugins = [hooks({ authorizePublish, authorizeSubscribe: () => "allow", authorizeReceive: () => "allow" })];
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins } });
  const witness = await witnessOf(broker);
  const client = broker.open();
  await client.connect({ will: { ...will, retain: true } });
  await client.close();
  await broker.lose(await broker.connect());
  await broker.broker.publish("will", "marker");
  await witness.expectMessage({ payload: "marker" });
  assertEquals(broker.broker.retained.size, 0);
});

Deno.test("A will is checked again when it is sent", async () => {
  let decision: "allow" | "deny" = "allow";
  const authorizePublish = () => decision;
  const plugins = [hooks({ authorizePublish, authorizeSubscribe: () => "allow", authorizeReceive: () => "allow" })];
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins } });
  const witness = await witnessOf(broker);
  const client = await broker.connect({ will });
  decision = "deny";
  await broker.lose(client);
  await broker.broker.publish("will", "marker");
  await witness.expectMessage({ payload: "marker" });
});

Deno.test("A client that watches for its own will does not get it after it has gone", async () => {
  await using broker = await startBroker();
  const witness = await witnessOf(broker);
  const client = await broker.connect({ clientIdentifier: "w", will });
  await client.subscribe("will", 1);
  await client.send([0xf0, 0]);
  await client.expectClosed();
  await witness.takeMessage({ payload: "gone" });
});
