/** Mountpoints: what stands before the topics of a listener's clients, and what they do not know of. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Plugin } from "../../src/hooks/plugin.ts";
import type { MessageProperties } from "../../src/packet/packets.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { startDurable } from "../support/durable_broker.ts";
import { type ConnectOptions, RawClient } from "../support/raw_client.ts";
import { anybody, hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const MOUNTED = {
  listeners: {
    memory: { type: "external" },
    tenants: { type: "external", mountpoint: "tenants/%u/" },
    devices: { type: "external", mountpoint: "devices/%c/" },
  },
} as const;

function start(config: Parameters<typeof startBroker>[0] = {}): Promise<TestBroker> {
  return startBroker({ auth: anybody, ...MOUNTED, ...config });
}

async function connectTo(broker: TestBroker, listener: string, options: ConnectOptions): Promise<RawClient> {
  const client = broker.open(listener);
  const { reasonCode, properties } = await client.connect(options);
  assertEquals([reasonCode, properties?.reasonString], [0, undefined]);
  return client;
}

/** A client of MQTT 5.0 that has this user name, and this client identifier besides. */
const tenant = (broker: TestBroker, username: string, options: ConnectOptions = {}) =>
  connectTo(broker, "tenants", { protocolVersion: 5, username, clientIdentifier: `${username}-1`, ...options });

Deno.test("What a client publishes is below its mountpoint, and it is given its own topics without it", async () => {
  await using broker = await start();
  const everything = await broker.connect();
  await everything.subscribe("tenants/#", 1);
  const acme = await tenant(broker, "acme");
  const other = await tenant(broker, "other");
  assertEquals(await acme.subscribe("#", 2), [2]);
  assertEquals(await other.subscribe("#", 2), [2]);
  for (const qos of [0, 1, 2] as const) {
    await acme.publish("a/b", `qos ${qos}`, { qos });
    await everything.takeMessage({ topicName: "tenants/acme/a/b", payload: `qos ${qos}` });
    await acme.takeMessage({ topicName: "a/b", payload: `qos ${qos}`, qos });
  }
  await broker.broker.publish("tenants/other/x", "for the other");
  await other.expectMessage({ topicName: "x", payload: "for the other" });
  await acme.expectNothing();
});

for (const protocolVersion of [3, 4, 5] as const) {
  Deno.test(`A client with a mountpoint gets what comes from without it, version ${protocolVersion}`, async () => {
    await using broker = await start();
    const acme = await tenant(broker, "acme", { protocolVersion });
    await acme.subscribe("in/+", 1);
    const outside = await broker.connect({ protocolVersion });
    await outside.publish("tenants/acme/in/1", "one", { qos: 1 });
    await acme.takeMessage({ topicName: "in/1", payload: "one", qos: 1 });
    await outside.publish("in/1", "not this", { qos: 1 });
    await acme.expectNothing();
    assertEquals(await acme.unsubscribe("in/+"), protocolVersion === 5 ? [0] : []);
    await outside.publish("tenants/acme/in/1", "two", { qos: 1 });
    await acme.expectNothing();
  });
}

Deno.test("Retained messages stand below the mountpoint", async () => {
  await using broker = await start();
  const acme = await tenant(broker, "acme");
  await acme.publish("state", "on", { qos: 1, retain: true });
  assertEquals([...broker.broker.retained.keys()], ["tenants/acme/state"]);
  await acme.subscribe("+", 1);
  await acme.takeMessage({ topicName: "state", payload: "on", retain: true });
  await (await tenant(broker, "other")).expectNothing();
});

Deno.test("The topic of the mountpoint itself is not among what a client gets", async () => {
  await using broker = await start();
  const acme = await tenant(broker, "acme");
  await acme.subscribe("#", 1);
  // "tenants/acme/#" matches it (MQTT 5.0 §4.7.1.2), and there is no name for it without the mountpoint.
  await broker.broker.publish("tenants/acme", "nobody's", { qos: 1 });
  await acme.expectNothing();
});

Deno.test("A shared subscription is shared within the mountpoint", async () => {
  await using broker = await start();
  const members = [await tenant(broker, "acme"), await tenant(broker, "acme", { clientIdentifier: "acme-2" })];
  const stranger = await tenant(broker, "other");
  for (const client of [...members, stranger]) assertEquals(await client.subscribe("$share/g/jobs/+", 1), [1]);
  await members[0]!.publish("jobs/1", "dig", { qos: 1 });
  await members[0]!.publish("jobs/2", "dig", { qos: 1 });
  for (const client of members) await client.takeMessage({ payload: "dig" });
  await stranger.expectNothing();
  assertEquals(await members[0]!.unsubscribe("$share/g/jobs/+"), [0]);
  assertEquals(await members[0]!.unsubscribe("$share/g/jobs/+"), [0x11]);
});

Deno.test("A will and its response topic are published below the mountpoint", async () => {
  await using broker = await start();
  const everything = await broker.connect5();
  await everything.subscribe("tenants/#", 1);
  const acme = await tenant(broker, "acme", {
    will: {
      topicName: "gone",
      payload: "bye",
      qos: 1,
      properties: { responseTopic: parseTopicName("why"), contentType: "text/plain" },
    },
  });
  await acme.close();
  const { properties } = await everything.takeMessage({ topicName: "tenants/acme/gone", payload: "bye" });
  assertEquals([properties?.responseTopic, properties?.contentType], ["tenants/acme/why", "text/plain"]);
});

Deno.test("A response topic is mounted on its way in, and without the mountpoint on its way out", async () => {
  await using broker = await start();
  const outside = await broker.connect5();
  await outside.subscribe("tenants/#", 1);
  const acme = await tenant(broker, "acme");
  await acme.subscribe("ask", 1);
  const properties: MessageProperties = { responseTopic: parseTopicName("answer"), contentType: "x" };
  await acme.publish("ask", "?", { qos: 1, properties });
  const mounted = await outside.takeMessage({ topicName: "tenants/acme/ask" });
  assertEquals(mounted.properties?.responseTopic as string, "tenants/acme/answer");
  const own = await acme.takeMessage({ topicName: "ask", payload: "?" });
  assertEquals([own.properties?.responseTopic as string, own.properties?.contentType], ["answer", "x"]);
  // What lies without the mountpoint is beyond the client's reach.
  await broker.broker.publish("tenants/acme/ask", "!", {
    properties: { responseTopic: "elsewhere", contentType: "y" },
  });
  const foreign = await acme.expectMessage({ topicName: "ask", payload: "!" });
  assertEquals([foreign.properties?.responseTopic, foreign.properties?.contentType], [undefined, "y"]);
});

Deno.test("A topic alias stands for the name without the mountpoint, both ways", async () => {
  await using broker = await start({ outboundTopicAliasMaximum: 10 });
  const acme = await tenant(broker, "acme", { topicAliasMaximum: 5 });
  await acme.subscribe("long/name", 0);
  await acme.publish("long/name", "1", { topicAlias: 1 });
  await acme.expectMessage({ topicName: "long/name", payload: "1" });
  await acme.publish("", "2", { topicAlias: 1 });
  await acme.expectMessage({ topicName: "long/name", payload: "2", topicAlias: 1 });
  await acme.publish("", "3", { topicAlias: 1 });
  await acme.expectMessage({ topicName: "", payload: "3", topicAlias: 1 });
});

Deno.test("More QoS 2 messages of a 3.x client than it may have under way are mounted when their turn comes", async () => {
  await using broker = await start({ maxInflight: 1 });
  const everything = await broker.connect();
  await everything.subscribe("tenants/#", 2);
  const acme = await tenant(broker, "acme", { protocolVersion: 4 });
  const payload = "x".repeat(1000);
  const [first, second] = [
    await acme.sendPublish("a", payload, { qos: 2 }),
    await acme.sendPublish("b", payload, { qos: 2 }),
  ];
  for (const [id, topicName] of [[first, "tenants/acme/a"], [second, "tenants/acme/b"]] as const) {
    await acme.expectAck("Pubrec", id);
    await acme.sendAck("Pubrel", id);
    await acme.expectAck("Pubcomp", id);
    await everything.takeMessage({ topicName, payload });
  }
});

for (const [username, got] of [["a/b", "a/b"], ["+", "+"], ["#", "#"], ["a/#", "a/#"], [undefined, "none"]] as const) {
  Deno.test(`The user name ${got} cannot stand in a mountpoint, and the client is told so`, async () => {
    await using broker = await start();
    const client = broker.open("tenants");
    const { reasonCode, properties } = await client.connect({ protocolVersion: 5, username, clientIdentifier: "c" });
    assertEquals(reasonCode, 0x87);
    assertStringIncludes(properties?.reasonString ?? "", "listeners.tenants.mountpoint needs a user name");
    assertStringIncludes(properties?.reasonString ?? "", `got ${got === "none" ? got : `"${got}"`}`);
    assertEquals(broker.broker.clients, []);
  });
}

Deno.test("A client identifier that reaches beyond its level is refused where a mountpoint has it", async () => {
  await using broker = await start();
  const client = broker.open("devices");
  const { reasonCode } = await client.connect({ protocolVersion: 5, clientIdentifier: "a/#" });
  assertEquals(reasonCode, 0x85);
  const device = await connectTo(broker, "devices", { protocolVersion: 5, clientIdentifier: "d1" });
  await device.publish("t", "20", { retain: true, qos: 1 });
  assertEquals([...broker.broker.retained.keys()], ["devices/d1/t"]);
});

Deno.test("A user name cannot make a mountpoint begin with $", async () => {
  await using broker = await start({ listeners: { tenants: { type: "external", mountpoint: "%u/" } } });
  for (const username of ["$SYS", "$share"]) {
    const { reasonCode } = await broker.open("tenants").connect({ protocolVersion: 5, username });
    assertEquals(reasonCode, 0x87);
  }
  const client = await connectTo(broker, "tenants", { username: "%c", clientIdentifier: "c" });
  await client.publish("$SYS/broker", "own", { qos: 1, retain: true });
  assertEquals([...broker.broker.retained.keys()], ["%c/$SYS/broker"]);
});

Deno.test("A topic that is too long below the mountpoint is refused, and the connection stays", async () => {
  await using broker = await start({ maxPacketSize: "1 MiB" });
  const acme = await tenant(broker, "acme");
  const long = "x".repeat(65_535);
  await acme.expectAck("Puback", await acme.sendPublish(long, "", { qos: 1 }), 0x90);
  const properties = { responseTopic: parseTopicName(long) };
  await acme.expectAck("Puback", await acme.sendPublish("a", "", { qos: 1, properties }), 0x90);
  assertEquals(await acme.subscribe([long, "a"], 1), [0x83, 1]);
  assertEquals(await acme.unsubscribe(long), [0x11]);
  const will = { topicName: long };
  const refused = broker.open("tenants");
  assertEquals((await refused.connect({ protocolVersion: 5, username: "u", will })).reasonCode, 0x90);
});

Deno.test("Permissions are asked for the topic with the mountpoint", async () => {
  const acl = { acme: ["tenants/acme/open/#"] };
  await using broker = await start({ topicCheck: { enabled: true, acl } });
  const acme = await tenant(broker, "acme");
  assertEquals(await acme.subscribe(["open/#", "#"], 1), [1, 0x87]);
  await acme.publish("open/a", "yes", { qos: 1 });
  await acme.takeMessage({ topicName: "open/a", payload: "yes" });
  await acme.expectAck("Puback", await acme.sendPublish("a", "no", { qos: 1 }), 0x87);
});

Deno.test("Plugins see the topics with the mountpoint, packets as they are on the wire, and the client's filters", async () => {
  const seen: unknown[] = [];
  const plugin: Plugin = {
    clientSubscribed: ({ mountpoint, topicFilters }, { topicFilter }) =>
      void seen.push({ mountpoint, topicFilters, topicFilter }),
    messageReceived: (_client, { topicName }) => void seen.push(topicName),
    packetSent: (client, packet) => void (client && "topicName" in packet && seen.push(packet.topicName)),
    clientUnsubscribed: (_client, topicFilter) => void seen.push(topicFilter),
  };
  await using broker = await start({ plugins: [hooks(plugin)] });
  const acme = await tenant(broker, "acme");
  await acme.subscribe("a", 0);
  await acme.publish("a", "1");
  await acme.expectMessage({ topicName: "a" });
  await acme.unsubscribe("a");
  const topicFilter = "tenants/acme/a";
  assertEquals(seen, [
    { mountpoint: "tenants/acme/", topicFilters: [topicFilter], topicFilter },
    topicFilter,
    "a",
    topicFilter,
  ]);
});

Deno.test("A session that waits for its client has its mountpoint when the broker starts again", async () => {
  await using started = await startDurable({ auth: anybody, ...MOUNTED });
  const options = { clean: false, sessionExpiryIntervalSeconds: 3600 };
  const before = await tenant(started.broker, "acme", options);
  await before.subscribe(["a/#", "$share/g/b"], 1);
  await before.disconnect();
  await before.expectClosed();
  const broker = await started.house.restart("shutdown");
  await broker.broker.publish("tenants/acme/a/1", "waits", { qos: 1 });
  const acme = await tenant(broker, "acme", options);
  await acme.takeMessage({ topicName: "a/1", payload: "waits", qos: 1 });
  assertEquals(await acme.unsubscribe("a/#", "$share/g/b"), [0, 0]);
});

Deno.test("What a session was subscribed to through another mountpoint is kept from its client", async () => {
  await using broker = await start();
  const options = {
    protocolVersion: 5,
    username: "u",
    clientIdentifier: "c",
    sessionExpiryIntervalSeconds: 60,
  } as const;
  const open = await connectTo(broker, "memory", options);
  await open.subscribe("#", 1);
  await open.disconnect();
  await open.expectClosed();
  const mounted = await connectTo(broker, "tenants", { ...options, clean: false });
  await broker.broker.publish("tenants/other/secret", "no", { qos: 1 });
  await broker.broker.publish("tenants/u/mine", "yes", { qos: 1 });
  await mounted.takeMessage({ topicName: "mine", payload: "yes" });
  assertEquals(broker.broker.statistics.messagesDropped["receive-denied"], 1);
});

Deno.test("A client with a mountpoint responds to the program, and reaches nothing else beyond", async () => {
  await using broker = await start();
  const acme = await tenant(broker, "acme");
  await acme.subscribe("ask", 1);
  const everything = await broker.connect();
  await everything.subscribe("$response/#", 1);
  const answer = broker.broker.request("tenants/acme/ask", "what?");
  const { properties } = await acme.takeMessage({ topicName: "ask", payload: "what?" });
  const { responseTopic, correlationData } = properties as MessageProperties;
  await acme.publish("$response/elsewhere", "no", { qos: 1 });
  await acme.publish(responseTopic!, "this", { qos: 1, properties: { correlationData } });
  assertEquals(new TextDecoder().decode((await answer).payload), "this");
  await everything.takeMessage({ topicName: responseTopic!, payload: "this" });
  await everything.expectNothing();
  // A topic of the program's own is below the mountpoint, or is not told.
  for (const [own, told] of [["tenants/acme/back", "back"], ["back", undefined]] as const) {
    const stop = new AbortController();
    const waiting = broker.broker.request("tenants/acme/ask", own, { responseTopic: own, signal: stop.signal });
    const asked = await acme.takeMessage({ topicName: "ask", payload: own });
    const given = asked.properties as MessageProperties;
    assertEquals(given.responseTopic, told && parseTopicName(told));
    if (told) {
      await acme.publish(told, "mine", { qos: 1, properties: { correlationData: given.correlationData } });
      assertEquals(new TextDecoder().decode((await waiting).payload), "mine");
    } else {
      stop.abort(new Error("enough"));
      await assertRejects(() => waiting, Error, "enough");
    }
  }
});
