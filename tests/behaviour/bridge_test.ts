/** Bridges of other brokers: the bridge bit of 3.x, their wills, and the real `mosquitto` as one, skipped where it is not installed. */
import { assertEquals } from "@std/assert";
import type { Plugin } from "../../src/hooks/plugin.ts";
import { until } from "../support/durable_broker.ts";
import { hasMosquitto, Mosquitto, writeCertificates } from "../support/mosquitto.ts";
import { patiently } from "../support/patience.ts";
import { connectPacket } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const STATE = "$SYS/broker/connection/house/state";
/** Where the level stands in a CONNECT, behind the fixed header and the name's length. */
const levelAt = { 3: 2 + 2 + "MQIsdp".length, 4: 2 + 2 + "MQTT".length };

/** A bridge that is signed in. */
async function openBridge(broker: TestBroker, protocolVersion: 3 | 4, clientIdentifier = "bridge", clean = true) {
  const bridge = broker.open();
  const bytes = bridge.encode(connectPacket({ clientIdentifier, protocolVersion, clean }));
  await bridge.send(bytes.with(levelAt[protocolVersion], 0x80 | protocolVersion));
  assertEquals((await bridge.expect("Connack")).reasonCode, 0);
  return bridge;
}

Deno.test("A bridge of 3.1 or 3.1.1 gets no message of its own, and RETAIN as it was published", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect();
  for (const protocolVersion of [3, 4] as const) {
    const bridge = await openBridge(broker, protocolVersion);
    await bridge.subscribe("a/#", 1);
    await bridge.publish("a/own", "own", { qos: 1 });
    await publisher.publish("a/1", "kept", { qos: 1, retain: true });
    await publisher.publish("a/1", "passing", { qos: 1 });
    await bridge.takeMessage({ payload: "kept", retain: true });
    await bridge.takeMessage({ payload: "passing", retain: false });
    await bridge.expectNothing();
    await bridge.disconnect();
    await publisher.publish("a/1", "", { retain: true });
  }
});

Deno.test("[MQTT-3.8.3-4] 5.0: a bridge may share a subscription, and then gets its own messages too", async () => {
  await using broker = await startBroker();
  const bridge = await openBridge(broker, 4);
  assertEquals(await bridge.subscribe("$share/g/a", 1), [1]);
  await bridge.publish("a", "own", { qos: 1 });
  await bridge.takeMessage({ payload: "own" });
});

Deno.test("What a bridge has subscribed to stays so when it comes back to its session", async () => {
  await using broker = await startBroker();
  const before = await openBridge(broker, 4, "bridge", false);
  await before.subscribe("a", 1);
  await before.disconnect();
  const after = await openBridge(broker, 4, "bridge", false);
  await after.publish("a", "own", { qos: 1 });
  await after.expectNothing();
});

Deno.test("A client without the bridge bit gets its own messages, with RETAIN 0", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("a", 1);
  await client.publish("a", "own", { qos: 1, retain: true });
  await client.takeMessage({ payload: "own", retain: false });
});

Deno.test("A will on a bridge's state below $SYS lets its client in, is dropped when it is due, and is logged once", async () => {
  for (const protocolVersion of [3, 4, 5] as const) {
    const asked: string[] = [];
    const authorizePublish = (_: unknown, { topicName }: { topicName: string }) => {
      asked.push(topicName);
      return "deny" as const;
    };
    const topicCheck = { enabled: true, plugins: [hooks({ authorizePublish, authorizeSubscribe: () => "allow" })] };
    await using broker = await startBroker({ topicCheck });
    const witness = await broker.connect();
    await witness.subscribe(["$SYS/#", STATE], 1);
    const will = { topicName: STATE, payload: "0", qos: 1, retain: true } as const;
    const bridge = await broker.connect({ clientIdentifier: "house", protocolVersion, will });
    await broker.lose(bridge);
    await witness.expectNothing();
    assertEquals([broker.broker.retained.size, asked], [0, []]);
    assertEquals(broker.log.lines.filter((line) => line.includes(STATE)), [
      `info: will dropped: client "house", unknown address, listener memory, topic "${STATE}": only the broker speaks on $SYS`,
    ]);
  }
});

/** Lines of a `mosquitto` that bridges to a broker. */
function bridgeTo({ broker }: TestBroker, version: string, ...lines: readonly string[]): readonly string[] {
  const { hostname, port } = broker.addresses.tcp!;
  const connection = ["connection house", `address ${hostname}:${port}`, `bridge_protocol_version ${version}`];
  return ["allow_anonymous true", ...connection, ...lines];
}

/** Tells when somebody has subscribed to a filter. */
function subscribedTo(filter: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const clientSubscribed: Plugin["clientSubscribed"] = (_, { topicFilter }) => {
    if (topicFilter === filter) resolve();
  };
  return { plugins: [hooks({ clientSubscribed })], subscribed: () => patiently("the bridge's subscription", promise) };
}

for (const version of ["mqttv31", "mqttv311", "mqttv50"]) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({ name: `${name} (${version})`, ignore: !hasMosquitto, fn });

  test("mosquitto bridges both ways with its default settings", async () => {
    const { plugins, subscribed } = subscribedTo("house/#");
    await using broker = await startBroker({ plugins });
    const witness = await broker.connect();
    await witness.subscribe("from/#", 1);
    await using mosquitto = new Mosquitto(bridgeTo(broker, version, "topic house/# both 1"));
    await witness.subscribe("house/out", 1);
    await subscribed();
    await broker.broker.publish("house/in", "to mosquitto", { qos: 1, retain: true });
    assertEquals(await mosquitto.retained("house/in"), "house/in 1 to mosquitto");
    await mosquitto.publish("-q", "1", "-r", "-t", "house/out", "-m", "from mosquitto");
    await witness.takeMessage({ topicName: "house/out", payload: "from mosquitto" });
    await witness.expectNothing();
    assertEquals(broker.log.lines.filter((line) => line.includes("connection refused")), []);
  });

  test("mosquitto's bridge maps names both ways, and brings what is retained and its clearing", async () => {
    const { plugins, subscribed } = subscribedTo("far/house/#");
    await using broker = await startBroker({ plugins });
    await broker.broker.publish("far/house/before", "before", { qos: 1, retain: true });
    await using mosquitto = new Mosquitto(bridgeTo(broker, version, "topic house/# both 2 near/ far/"));
    await subscribed();
    assertEquals(await mosquitto.retained("near/house/before"), "near/house/before 1 before");
    await mosquitto.publish("-q", "2", "-r", "-t", "near/house/out", "-m", "out");
    await until("it is retained here", () => broker.broker.retained.has("far/house/out"));
    await mosquitto.publish("-q", "2", "-r", "-n", "-t", "near/house/out");
    await until("it is cleared here", () => !broker.broker.retained.has("far/house/out"));
    await broker.broker.publish("far/house/before", "", { qos: 1, retain: true });
    await broker.broker.publish("far/house/after", "after", { qos: 2, retain: true });
    assertEquals(await mosquitto.retained("near/house/after"), "near/house/after 1 after");
    await mosquitto.assertNothingRetained("near/house/before");
  });

  test("wills cross mosquitto's bridge both ways", async () => {
    const { plugins, subscribed } = subscribedTo("house/#");
    await using broker = await startBroker({ plugins });
    await using mosquitto = new Mosquitto(bridgeTo(broker, version, "topic house/# both 1"));
    await subscribed();
    await mosquitto.dieWithWill("house/theirs", "gone", "--will-retain");
    await until("their will is here", () => broker.broker.retained.has("house/theirs"));
    const will = { topicName: "house/mine", payload: "gone, too", qos: 1, retain: true } as const;
    await (await broker.connect({ will })).close();
    assertEquals(await mosquitto.retained("house/mine"), "house/mine 1 gone, too");
  });

  test("mosquitto bridges over TLS", async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { cafile, certfile, keyfile } = await writeCertificates(folder);
      const { plugins, subscribed } = subscribedTo("house/#");
      const listeners = { tcp: { bind: "127.0.0.1:0", ssl: true, certfile, keyfile } };
      await using broker = await startBroker({ plugins, listeners });
      const lines = bridgeTo(broker, version, "topic house/# both 1", `bridge_cafile ${cafile}`);
      await using mosquitto = new Mosquitto(lines);
      await subscribed();
      await mosquitto.publish("-q", "1", "-r", "-t", "house/out", "-m", "secret");
      await until("it is here", () => broker.broker.retained.has("house/out"));
      await broker.broker.publish("house/in", "secret, too", { qos: 1, retain: true });
      assertEquals(await mosquitto.retained("house/in"), "house/in 1 secret, too");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
