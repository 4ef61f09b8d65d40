/** The broker inside a program: in-process messages, handed-in connections, and what it tells of its clients. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import type { ApplicationMessage } from "../../src/message.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { patiently } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";
import { anybody, startBroker, type TestBroker } from "../support/test_broker.ts";
import { webSocketDuplex } from "../support/web_socket_duplex.ts";

const text = (message: ApplicationMessage) => new TextDecoder().decode(message.payload);

async function take(messages: AsyncIterator<ApplicationMessage>): Promise<ApplicationMessage> {
  const { value, done } = await patiently("an in-process message", messages.next());
  assert(!done, "the subscription has ended");
  return value;
}

Deno.test("A message of the program reaches clients, as text or bytes", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("hello", 2);
  await broker.broker.publish("hello", "world", { qos: 1, retain: true });
  await client.takeMessage({ topicName: "hello", payload: "world", qos: 1, retain: false });
  await broker.broker.publish("hello", new TextEncoder().encode("bytes"));
  await client.takeMessage({ payload: "bytes", qos: 0 });
  assertEquals([...broker.broker.retained].map(([name, message]) => [name, text(message)]), [["hello", "world"]]);
});

Deno.test("A message that the program publishes is its own: later changes of the bytes do not reach it", async () => {
  await using broker = await startBroker();
  const payload = new TextEncoder().encode("before");
  await broker.broker.publish("a", payload, { retain: true });
  payload.fill(0x58);
  const client = await broker.connect();
  await client.subscribe("a");
  await client.expectMessage({ payload: "before" });
});

Deno.test("The program cannot publish to what is no topic name", async () => {
  await using broker = await startBroker();
  for (const topicName of ["", "a/#", "+", "a\0b", "\ud800", "x".repeat(65_536)]) {
    await assertRejects(async () => await broker.broker.publish(topicName, ""), Error, "topic name");
  }
});

Deno.test("The program subscribes from the call on, and gets what clients and it itself publish", async () => {
  await using broker = await startBroker();
  const messages = broker.broker.subscribe("sensors/#", { qos: 2 })[Symbol.asyncIterator]();
  await broker.broker.publish("sensors/1", "one", { qos: 1 });
  await (await broker.connect()).publish("sensors/2", "two", { qos: 2 });
  await broker.broker.publish("other", "not this");
  await broker.broker.publish("sensors", "three");
  assertEquals([await take(messages), await take(messages), await take(messages)].map(text), ["one", "two", "three"]);
  await messages.return?.();
});

Deno.test("An in-process subscriber gets retained messages", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "kept", { retain: true });
  for await (const message of broker.broker.subscribe("a")) {
    assertEquals([message.topicName as string, text(message), message.retain], ["a", "kept", true]);
    break;
  }
});

Deno.test("Leaving the loop ends the subscription", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "m", { retain: true });
  for (let times = 0; times < 3; times++) {
    for await (const _ of broker.broker.subscribe("a")) break;
  }
  await broker.broker.publish("a", "nobody listens");
  assertEquals(broker.broker.clients, []);
});

Deno.test("An in-process subscriber is bounded: when it falls behind, the oldest goes", async () => {
  await using broker = await startBroker({ queueLimit: 3 });
  const messages = broker.broker.subscribe("a", { qos: 1 })[Symbol.asyncIterator]();
  for (let index = 0; index < 10; index++) await broker.broker.publish("a", `${index}`, { qos: 1 });
  await broker.broker.publish("a", "last", { qos: 1 });
  const got: string[] = [];
  while (got.at(-1) !== "last") got.push(text(await take(messages)));
  assert(got.length <= 4, `got ${got}`);
  assertEquals(got.slice(-3), ["8", "9", "last"]);
  await messages.return?.();
});

Deno.test("Shutting down ends the loops over messages", async () => {
  const broker = await startBroker();
  const loop = (async () => {
    for await (const _ of broker.broker.subscribe("a")) { /* nothing is published */ }
  })();
  await broker.broker.shutdown();
  await patiently("the end of the loop", loop);
});

Deno.test("The program cannot subscribe with what is no topic filter", async () => {
  await using broker = await startBroker();
  for (const filter of ["", "a#", "#/a", "a+/b", "a\0"]) assertThrows(() => broker.broker.subscribe(filter), Error);
});

Deno.test("`clients` tells who is connected, and is frozen", async () => {
  await using broker = await startBroker({ auth: anybody });
  await broker.connect({ clientIdentifier: "a", username: "alice", keepAliveSeconds: 30, clean: false });
  const [snapshot] = broker.broker.clients;
  const { clientIdentifier, username, protocolVersion, listener, secure, cleanStart, keepAliveSeconds } = snapshot!;
  assertEquals(
    [clientIdentifier, username, protocolVersion, listener, secure, cleanStart, keepAliveSeconds],
    ["a", "alice", 4, "memory", false, false, 30],
  );
  assert(Object.isFrozen(snapshot));
  assertEquals("password" in snapshot!, false);
});

Deno.test("`clients` names the address of a TCP client", async () => {
  await using broker = await startBroker();
  const client = await broker.openTcp();
  await client.connect({ clientIdentifier: "t" });
  const [snapshot] = broker.broker.clients;
  assertEquals([snapshot!.listener, snapshot!.remote.hostname], ["tcp", "127.0.0.1"]);
  assertEquals(typeof snapshot!.remote.port, "number");
});

Deno.test("`disconnect` cuts a client off, and tells whether there was one", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ clientIdentifier: "a" });
  assertEquals(broker.broker.disconnect("b"), false);
  assertEquals(broker.broker.disconnect("a"), true);
  await client.expectClosed();
  assertEquals(broker.broker.disconnect("a"), false);
});

Deno.test("`retained` reads like a map and cannot be written", async () => {
  await using broker = await startBroker();
  for (const topicName of ["a", "b/c"]) await broker.broker.publish(topicName, `in ${topicName}`, { retain: true });
  const { retained } = broker.broker;
  assertEquals([retained.size, retained.has("a"), retained.has("x"), retained.get("x")], [2, true, false, undefined]);
  assertEquals(text(retained.get("b/c")!), "in b/c");
  assertEquals([...retained.keys()].sort() as string[], ["a", "b/c"]);
});

Deno.test("`addresses` tells the type, port and security of each listener", async () => {
  await using broker = await startBroker({
    listeners: { one: { bind: "127.0.0.1:0" }, two: { type: "ws", bind: "127.0.0.1:0" }, three: { type: "external" } },
  });
  const { one, two, three } = broker.broker.addresses;
  assertEquals([one?.type, one?.secure, one?.hostname], ["tcp", false, "127.0.0.1"]);
  assertEquals([two?.type, two?.secure, two?.hostname], ["ws", false, "127.0.0.1"]);
  assert(one!.port > 0 && two!.port > 0 && one!.port !== two!.port);
  assertEquals(three, undefined, "a listener without a socket has no address");
});

Deno.test("A unix socket's connections can be handed in", async () => {
  await using broker = await startBroker();
  const directory = await Deno.makeTempDir();
  const path = `${directory}/mqtt.sock`;
  const listener = Deno.listen({ transport: "unix", path });
  const [theirs, ours] = await Promise.all([listener.accept(), Deno.connect({ transport: "unix", path })]);
  const accepted = broker.broker.accept(theirs, { listener: "memory" });
  const client = new RawClient(ours);
  assertEquals((await client.connect()).reasonCode, 0);
  await client.subscribe("a", 1);
  await broker.broker.publish("a", "m", { qos: 1 });
  await client.takeMessage({ payload: "m" });
  await client.disconnect();
  await accepted;
  listener.close();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("A connection that names no listener comes in without a user name only if the config lets anonymous clients in", async () => {
  const listeners = { tcp: { bind: "127.0.0.1:0" } };
  const connect = async (broker: TestBroker) => {
    const [ours, brokers] = memoryPair();
    await broker.broker.accept(brokers);
    const client = new RawClient(ours);
    const { reasonCode } = await client.connect();
    await client.close();
    return reasonCode as number;
  };
  await using open = await startBroker({ listeners });
  assertEquals(await connect(open), 0);
  await using strict = await startBroker({ listeners, auth: undefined });
  assertEquals(await connect(strict), 5);
  assert(strict.log.complains("allow-anonymous"), strict.log.lines.join("\n"));
});

Deno.test("An in-process subscriber's queue is bounded in bytes, and the oldest goes first", async () => {
  await using broker = await startBroker({ queueLimitBytes: 1000 });
  const messages = broker.broker.subscribe("a");
  for (const payload of ["1".repeat(400), "2".repeat(400), "3".repeat(400)]) await broker.broker.publish("a", payload);
  assertEquals(broker.broker.statistics.messagesDropped["queue-limit"], 2);
  assertEquals((await messages.next()).value?.payload[0], "3".charCodeAt(0));
});

Deno.test("The host's own web server can carry MQTT", async () => {
  await using broker = await startBroker();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) =>
      new URL(request.url).pathname === "/mqtt" ? broker.broker.upgrade(request) : new Response("the host's own page"),
  );
  const base = `127.0.0.1:${server.addr.port}`;
  assertEquals(await (await fetch(`http://${base}/`)).text(), "the host's own page");
  const refused = await fetch(`http://${base}/mqtt`);
  await refused.body?.cancel();
  assertEquals(refused.status, 426);
  const duplex = await webSocketDuplex(`ws://${base}/mqtt`, ["mqtt"]);
  const client = new RawClient(duplex);
  assertEquals((await client.connect({ clientIdentifier: "web" })).reasonCode, 0);
  await client.subscribe("a");
  await broker.broker.publish("a", "m");
  await client.expectMessage({ payload: "m" });
  await client.close();
  await duplex.closed;
  await server.shutdown();
});

Deno.test("Two brokers in one process share nothing", async () => {
  await using one = await startBroker();
  await using other = await startBroker();
  const clients = [];
  for (const broker of [one, other]) {
    const client = await broker.connect({ clientIdentifier: "same", clean: false });
    await client.subscribe("#", 1);
    clients.push(client);
  }
  await one.broker.publish("a", "only here", { qos: 1, retain: true });
  await clients[0]!.takeMessage({ payload: "only here" });
  await clients[1]!.expectNothing();
  assertEquals([one.broker.retained.size, other.broker.retained.size], [1, 0]);
  await one.broker.shutdown();
  await clients[1]!.expectNothing();
});

Deno.test("`await using` shuts the broker down", async () => {
  let kept: Broker;
  {
    await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
    await broker.start();
    kept = broker;
    assert(broker.addresses.tcp!.port > 0);
  }
  assertEquals(kept.clients, []);
});
