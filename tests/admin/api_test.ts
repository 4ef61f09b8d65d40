import { assert, assertEquals } from "@std/assert";
import type { BrokerConfig } from "../../src/config/config.ts";
import { hooks } from "../support/test_broker.ts";
import { EventReader, startAdmin } from "./support.ts";

Deno.test("a client is shown with its session, its subscriptions and what has happened to it", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  const sensor = await broker.connect({ clientIdentifier: "sensor/../1" });
  await sensor.subscribe("house/#");
  await sensor.publish("house/temperature", "21.5", { qos: 1, retain: true });
  const id = encodeURIComponent("sensor/../1");
  const { client, session, subscriptions } = await user.get(`/client?id=${id}`);
  assertEquals([client.protocolVersion, client.received, session.connected], ["3.1.1", 1, true]);
  assertEquals(subscriptions.map(({ topicFilter }: { topicFilter: string }) => topicFilter), ["house/#"]);
  await broker.lose(sensor);
  const { items } = await user.get(`/client/timeline?id=${id}`);
  assertEquals(items.map(({ kind }: { kind: string }) => kind), ["connected", "subscribed", "disconnected"]);
  assertEquals(broker.broker.timeline("sensor/../1").length, 3);
  assertEquals((await user.get("/client?id=nobody&").catch((error) => String(error))).includes("404"), true);
});

const strict: BrokerConfig = {
  auth: { plugins: [hooks({ authenticate: ({ username }) => username === "evil" ? "deny" : "allow" })] },
  plugins: [hooks({ authorizePublish: (_, { topicName }) => topicName.startsWith("secret") ? "deny" : "allow" })],
};

Deno.test("a client that never got in has a timeline that says why", async () => {
  const { broker, user } = await startAdmin({ config: { ...strict, plugins: [] } });
  await using _ = broker;
  const refused = broker.open();
  await refused.connect({ clientIdentifier: "thief", username: "evil", password: "x" });
  const { items } = await user.get("/client/timeline?id=thief");
  assertEquals(items.map(({ kind }: { kind: string }) => kind), ["refused"]);
  assert(items[0].text.includes('user "evil" was not let in'), items[0].text);
  const { items: all } = await user.get("/timelines?search=THIEF");
  assertEquals(
    all.map((one: { clientIdentifier: string; connected: boolean }) => [one.clientIdentifier, one.connected]),
    [
      ["thief", false],
    ],
  );
});

Deno.test("who was denied what stands in the timeline and with the topic, a will included", async () => {
  const authorizePublish = (_: unknown, { topicName }: { readonly topicName: string }) =>
    topicName.startsWith("secret") ? { decision: "deny", reasonString: "it is secret" } as const : "allow" as const;
  const authorizeSubscribe = () => "deny" as const;
  const { broker, user } = await startAdmin({ config: { plugins: [hooks({ authorizePublish, authorizeSubscribe })] } });
  await using _ = broker;
  const curious = await broker.connect({ clientIdentifier: "curious", protocolVersion: 5 });
  await curious.publish("secret/door", "open", { qos: 1 });
  await curious.subscribe("secret/door");
  await curious.subscribe("secret/#");
  const will = { topicName: "secret/will", payload: "", qos: 0, retain: false } as const;
  await broker.open().connect({ clientIdentifier: "testator", will });
  const textsOf = async (id: string) =>
    (await user.get(`/client/timeline?id=${id}`)).items.map(({ text }: { text: string }) => text);
  assertEquals((await textsOf("curious")).slice(1), [
    'may not publish to "secret/door": 0x87 NotAuthorized: "it is secret"',
    'may not subscribe to "secret/door": 0x87 NotAuthorized',
    'may not subscribe to "secret/#": 0x87 NotAuthorized',
  ]);
  const [refused] = await textsOf("testator");
  assert(refused.startsWith('refused: will to topic "secret/will" is not permitted; from '), refused);
  const deniedOf = async (topicName: string) =>
    (await user.get(`/topic?name=${topicName}`)).denied.map(
      ({ clientIdentifier, what }: { clientIdentifier: string; what: string }) => [clientIdentifier, what],
    );
  assertEquals(await deniedOf("secret/door"), [["curious", "publish"], ["curious", "subscribe"]]);
  assertEquals(await deniedOf("secret/will"), [["testator", "publish"]]);
});

Deno.test("the tree of topics shows the last value, its publisher, its subscribers, and whether it is retained", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  const sensor = await broker.connect({ clientIdentifier: "sensor" });
  const reader = await broker.connect({ clientIdentifier: "reader" });
  await reader.subscribe("house/+/temperature");
  await sensor.publish("house/kitchen/temperature", "21.5", { qos: 1, retain: true });
  await sensor.publish("house/cellar/humidity", "<img src=x onerror=alert(1)>", { qos: 1 });
  const top = await user.get("/topics");
  assertEquals(top.items.map(({ level, below }: { level: string; below: number }) => [level, below]), [["house", 2]]);
  const rooms = await user.get("/topics?parent=house");
  assertEquals(rooms.items.map(({ topicName }: { topicName: string }) => topicName), ["house/cellar", "house/kitchen"]);
  const topic = await user.get("/topic?name=house/kitchen/temperature");
  assertEquals([topic.brief.payload.text, topic.brief.retained, topic.publisher.clientIdentifier], [
    "21.5",
    true,
    "sensor",
  ]);
  assertEquals(topic.subscribers.map(({ clientIdentifier }: { clientIdentifier: string }) => clientIdentifier), [
    "reader",
  ]);
  assertEquals(topic.samples.map(({ value }: { value: number }) => value), [21.5]);
  const found = await user.get("/topics?search=HUMID");
  assertEquals(found.items[0].last.payload.text, "<img src=x onerror=alert(1)>");
  assertEquals(broker.broker.topics.get("house/kitchen/temperature")?.publisher?.clientIdentifier, "sensor");
});

Deno.test("viewers are shown no payloads unless that is allowed", async () => {
  for (const viewerPayloads of [false, true]) {
    const { broker, user } = await startAdmin({
      role: "viewer",
      config: { admin: { bind: "127.0.0.1:0", viewerPayloads } },
    });
    await using _ = broker;
    await broker.broker.publish("t", "1", { retain: true });
    const { brief, samples, retainedMessage } = await user.get("/topic?name=t");
    const shown = [brief.payload !== null, samples.length > 0, retainedMessage.payload !== null];
    assertEquals(shown, [viewerPayloads, viewerPayloads, viewerPayloads]);
    assertEquals((await user.ask("/streams/messages?filter=t")).status, viewerPayloads ? 200 : 403);
  }
});

Deno.test("messages that wait for a client are shown, and stay", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  const client = await broker.connect({ clientIdentifier: "sleeper", clean: false });
  await client.subscribe("t", 1);
  await broker.lose(client);
  for (const text of ["one", "two", "three"]) await broker.broker.publish("t", text, { qos: 1 });
  for (let twice = 0; twice < 2; twice++) {
    const { waiting, underWay } = await user.get("/client/messages?id=sleeper&payload=true&limit=2");
    assertEquals(waiting.map(({ payload }: { payload: { text: string } }) => payload.text), ["one", "two"]);
    assertEquals(underWay, []);
  }
  assertEquals(broker.broker.session("sleeper")?.messagesQueued, 3);
});

Deno.test("lists are sorted, filtered and paged without a gap or a double", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  for (const number of [3, 1, 5, 2, 4]) await broker.connect({ clientIdentifier: `c${number}` });
  for (const order of ["asc", "desc"]) {
    const names: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const more: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const { items, nextCursor, total } = await user.get(`/clients?limit=2&search=c&order=${order}${more}`);
      assertEquals(total, 5);
      names.push(...items.map(({ clientIdentifier }: { clientIdentifier: string }) => clientIdentifier));
      cursor = nextCursor;
    }
    const sorted = ["c1", "c2", "c3", "c4", "c5"];
    assertEquals(names, order === "asc" ? sorted : sorted.reverse());
  }
  assertEquals((await user.ask("/clients?cursor=x")).status, 400);
});

Deno.test("retained messages are counted first, and then deleted by filter; subscribers are told, and the audit log has it", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  for (const name of ["ha/a", "ha/b", "other"]) await broker.broker.publish(name, "x", { retain: true });
  const subscriber = await broker.connect();
  await subscriber.subscribe("ha/a");
  await subscriber.expectMessage({ topicName: "ha/a", payload: "x" });
  assertEquals(await user.do("/retained/delete", { filter: "ha/#", dryRun: true }), {
    count: 2,
    deleted: 0,
    sample: ["ha/a", "ha/b"],
  });
  assertEquals(broker.broker.retained.size, 3);
  assertEquals((await user.do("/retained/delete", { filter: "ha/#", dryRun: false })).deleted, 2);
  assertEquals([...broker.broker.retained.keys()], ["other"]);
  await subscriber.expectMessage({ topicName: "ha/a", payload: "" });
  const { items } = await user.get("/audit");
  assertEquals(items.map(({ who, action, detail }: Record<string, string>) => [who, action, detail]), [
    ["ada", "/retained/delete", '{"filter":"ha/#","dryRun":false}'],
  ]);
  assert(broker.log.lines.some((line) => line.startsWith('info: audit: "ada" (admin)')));
  assertEquals((await user.post("/retained/delete", { filter: "a/#/b", dryRun: true })).status, 400);
});

Deno.test("a client is subscribed, unsubscribed, cut off, and its session is ended", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  const client = await broker.connect5({ clientIdentifier: "c" });
  const clientIdentifier = "c";
  assertEquals(await user.do("/client/subscribe", { clientIdentifier, topicFilter: "t", qos: 1 }), {
    subscribed: true,
  });
  assertEquals(await user.do("/publish", { topicName: "t", payload: "aGk=", encoding: "base64", qos: 1 }), {
    published: true,
  });
  await client.takeMessage({ topicName: "t", payload: "hi" });
  assertEquals(await user.do("/client/unsubscribe", { clientIdentifier, topicFilter: "t" }), { unsubscribed: true });
  assertEquals(broker.broker.session("c")?.subscriptions, 0);
  assertEquals(await user.do("/client/disconnect", { clientIdentifier, reasonString: "go" }), { disconnected: true });
  assertEquals(await user.do("/client/disconnect", { clientIdentifier }), { disconnected: false });
  await broker.connect5({ clientIdentifier: "d", sessionExpiryIntervalSeconds: 100 });
  assertEquals(await user.do("/session/end", { clientIdentifier: "d" }), { ended: true });
  assertEquals(broker.broker.session("d"), undefined);
});

Deno.test("streams tell of events, messages and a traced client, and end with the broker", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  await using events = new EventReader(await user.ask("/streams/events"));
  await using messages = new EventReader(await user.ask("/streams/messages?filter=t/%23"));
  await using trace = new EventReader(await user.ask("/streams/trace?client=c"));
  const client = await broker.connect({ clientIdentifier: "c" });
  await client.publish("t/1", "hello", { qos: 1 });
  assertEquals((await events.next())?.data.kind, "connected");
  const { event, data } = (await messages.next())!;
  assertEquals([event, data.topicName, data.payload.text, data.publisher], ["message", "t/1", "hello", "c"]);
  const packets = [await trace.next(), await trace.next()].map((one) => `${one?.data.direction} ${one?.data.packet}`);
  assertEquals(packets, ["in CONNECT", "out CONNACK"]);
  await broker.broker.shutdown();
  while (await events.next());
});

Deno.test("the overview answers while nothing has happened, and says that a listener is open to all", async () => {
  const { broker, user } = await startAdmin({ role: "viewer" });
  await using _ = broker;
  const { health, clients, warnings } = await user.get("/overview");
  assertEquals([health.level, clients.connected], ["ok", 0]);
  assert(warnings.length > 0);
  const metrics = await broker.broker.admin(new Request("http://localhost/metrics"), {
    user: { name: "p", role: "viewer" },
  });
  assert((await metrics.text()).includes("# HELP amqtt_"));
  broker.clock.advance(60_000);
  assertEquals((await user.get("/overview/history")).points.length, 6);
  for (const path of ["/listeners", "/plugins", "/store", "/config", "/log", "/events", "/sessions", "/share-groups"]) {
    await user.get(path);
  }
});
