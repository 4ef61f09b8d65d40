/** Start and shutdown. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { patiently } from "../support/patience.ts";
import { connectPacket, RawClient } from "../support/raw_client.ts";
import { CollectingLogger, hooks, startBroker, TestBroker } from "../support/test_broker.ts";

Deno.test("Starting twice is an error that leaves the broker running", async () => {
  await using broker = await startBroker();
  await assertRejects(() => broker.broker.start(), Error);
  await (await broker.connect()).expectNothing();
});

Deno.test("A broker starts again after a shutdown, with new sessions, retained messages and counters, as often as one likes", async () => {
  await using broker = await startBroker();
  for (let round = 0; round < 3; round++) {
    if (round > 0) await broker.broker.start();
    const client = await broker.connect({ clientIdentifier: "a", clean: false });
    assertEquals(broker.broker.retained.size, 0);
    await broker.broker.publish("t", `${round}`, { retain: true, qos: 1 });
    assertEquals(broker.broker.statistics.publishesReceived, 0);
    assertEquals([...broker.broker.sessions()].length, 1);
    await (await broker.openTcp()).connect({ clientIdentifier: "b" });
    await broker.broker.shutdown();
    await client.expectClosed();
    assertEquals(broker.broker.addresses, {});
  }
});

Deno.test("A broker that was shut down before it ever started, or whose start failed, can be started", async () => {
  await using broker = new TestBroker({});
  await broker.broker.shutdown();
  await broker.broker.start();
  await (await broker.connect()).expectNothing();
  const { port } = broker.broker.addresses.tcp!;
  await using other = new TestBroker({
    listeners: { tcp: { bind: `127.0.0.1:${port}` }, memory: { type: "external" } },
  });
  await assertRejects(() => other.broker.start(), Error, "the port is in use");
  await broker.broker.shutdown();
  await other.broker.start();
  await (await other.connect()).expectNothing();
});

Deno.test("Starting while the broker is being shut down is an error that says so, and works once it is", async () => {
  await using broker = await startBroker();
  const ended = broker.broker.shutdown();
  await assertRejects(() => broker.broker.start(), Error, "Cannot start the broker: it is being shut down");
  await ended;
  const again = broker.broker.start();
  await assertRejects(() => broker.broker.start(), Error, "Cannot start the broker: it is starting already");
  await again;
  await (await broker.connect()).expectNothing();
});

Deno.test("Publishing to a broker that is shut down is an error that says so, until it is started again", async () => {
  await using broker = new TestBroker({});
  await broker.broker.publish("early", "kept", { retain: true });
  await broker.broker.start();
  assertEquals([...broker.broker.retained.keys()], ["early"]);
  await broker.broker.shutdown();
  for (const qos of [0, 1] as const) {
    const publish = () => broker.broker.publish("late\n", "lost", { retain: true, qos });
    const message =
      'Cannot publish to "late\\n": the broker is shut down, and takes messages again once start() was called';
    assertEquals((await assertRejects(publish, Error)).message, message);
  }
  const starting = broker.broker.start();
  await broker.broker.publish("again", "kept", { retain: true });
  await starting;
  assertEquals([...broker.broker.retained.keys()], ["again"]);
});

Deno.test("Plugins are loaded anew with each start, and end with each shutdown", async () => {
  const heard: string[] = [];
  const plugin = hooks({ beforeStart: () => void heard.push("start"), afterShutdown: () => void heard.push("end") });
  await using broker = await startBroker({ plugins: [plugin] });
  await broker.broker.shutdown();
  await broker.broker.start();
  await broker.broker.shutdown();
  assertEquals(heard, ["start", "end", "start", "end"]);
});

Deno.test("A start takes the config that a reload was given last", async () => {
  await using broker = await startBroker();
  const listeners = { other: { bind: "127.0.0.1:0" }, memory: { type: "external" as const } };
  await broker.broker.reload({ listeners, sysInterval: 0 });
  assertEquals(Object.keys(broker.broker.addresses), ["tcp"]);
  await broker.broker.shutdown();
  await broker.broker.start();
  assertEquals(Object.keys(broker.broker.addresses), ["other"]);
});

Deno.test("What the store of a broker holds is there again after a shutdown and a start", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const persistence = { type: "sqlite", path: `${folder}/b.sqlite`, commit: "os" } as const;
    await using broker = await startBroker({ persistence });
    const client = await broker.connect({ clientIdentifier: "a", clean: false });
    await client.subscribe("t", { qos: 1 });
    await broker.lose(client);
    await broker.broker.publish("t", "kept", { retain: true, qos: 1 });
    await broker.broker.shutdown();
    await broker.broker.start();
    assertEquals([...broker.broker.retained.keys()], ["t"]);
    assertEquals(broker.broker.session("a")?.messagesQueued, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("A database that another broker of this process has open is said to be so", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const persistence = { type: "sqlite", path: `${folder}/b.sqlite`, commit: "os" } as const;
    await using broker = await startBroker({ persistence });
    await Deno.symlink(`${folder}/b.sqlite`, `${folder}/link.sqlite`);
    await using other = new TestBroker({ persistence: { ...persistence, path: `${folder}/link.sqlite` } });
    const { message } = await assertRejects(() => other.broker.start(), Error);
    const advice = "shut that one down, or give each its own file";
    assertEquals(message, `${folder}/b.sqlite: is in use by another broker of this process: ${advice}`);
    await broker.broker.shutdown();
    await other.broker.start();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("What is warned of in the config is in the log at the start: an acl that restricts more than aMQTT's", async () => {
  const topicCheck = { enabled: true, acl: { anonymous: ["a/#"] } };
  await using broker = await startBroker({ topicCheck });
  assert(broker.log.complains("topicCheck.acl: covers publishing and receiving here"), broker.log.lines.join("\n"));
  assert(broker.log.complains("subscribe-acl"));
});

Deno.test("Shutting down twice, or before the start, does nothing", async () => {
  const broker = await startBroker();
  await Promise.all([broker.broker.shutdown(), broker.broker.shutdown()]);
  await broker.broker.shutdown();
  await new Broker().shutdown();
});

Deno.test("Shutdown closes every connection: signed in, half signed in, silent", async () => {
  const broker = await startBroker();
  const clients = [await broker.connect(), await broker.openTcp(), broker.open(), broker.open()];
  await clients[1]!.connect({ clientIdentifier: "tcp" });
  await clients[2]!.send(clients[2]!.encode(connectPacket()).subarray(0, 6));
  await broker.broker.shutdown();
  for (const client of clients) await client.expectClosed();
  assertEquals(broker.broker.clients, []);
  await Promise.all(clients.map((client) => client.close()));
});

Deno.test("Shutdown publishes the wills before anything is closed", async () => {
  const broker = await startBroker();
  const seen = broker.broker.subscribe("will")[Symbol.asyncIterator]();
  const witness = await broker.connect({ will: { topicName: "will", payload: "witness's own" } });
  await witness.subscribe("will");
  await broker.connect({ will: { topicName: "will", payload: "client's", retain: true } });
  await broker.broker.shutdown();
  const heard = [await witness.expectMessage(), await witness.expectMessage()].map(({ payload }) => payload);
  assertEquals(heard.sort(), ["client's", "witness's own"]);
  await witness.expectClosed();
  await patiently("the end of the subscription", Promise.resolve(seen.return?.()));
  await broker[Symbol.asyncDispose]();
});

Deno.test("Shutdown does not wait for a client that does not read", async () => {
  const broker = await startBroker();
  const [ours, brokers] = memoryPair();
  const deaf = new RawClient({
    read: () => new Promise(() => {}),
    write: (bytes) => ours.write(bytes),
    close: () => ours.close(),
  });
  const accepted = broker.broker.accept(brokers, { listener: "memory" });
  await deaf.sendConnect({ clientIdentifier: "deaf" });
  await deaf.sendPublish("a", "x".repeat(1_000_000));
  // Real time has to pass for a peer that is given its time to read; the bound is the broker's own.
  await patiently("shutdown", broker.broker.shutdown());
  await accepted;
  ours.close();
});

Deno.test("Shutdown leaves no timer behind", async () => {
  const clock = new FakeClock();
  const broker = new Broker(
    { listeners: { tcp: { bind: "127.0.0.1:0" } }, sysInterval: 1 },
    { clock, logger: new CollectingLogger() },
  );
  await broker.start();
  await broker.shutdown();
  assertEquals(clock.tickers, 0);
});

Deno.test("Shutdown frees the port", async () => {
  const first = await startBroker();
  const { port } = first.broker.addresses.tcp!;
  await first.broker.shutdown();
  await using second = await startBroker({ listeners: { tcp: { bind: `127.0.0.1:${port}` } } });
  assertEquals(second.broker.addresses.tcp!.port, port);
});

Deno.test("A port in use is named in the error, and nothing stays open", async () => {
  const holder = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const broker = new Broker({
    listeners: { free: { bind: "127.0.0.1:0" }, taken: { bind: `127.0.0.1:${holder.addr.port}` } },
  }, { logger: new CollectingLogger() });
  const error = await assertRejects(() => broker.start(), Error, `127.0.0.1:${holder.addr.port}`);
  assert(/in use/i.test(error.message), error.message);
  holder.close();
  await broker.shutdown();
});

Deno.test("A certificate that cannot be read is named in the error", async () => {
  const broker = new Broker(
    { listeners: { tls: { bind: "127.0.0.1:0", ssl: true, certfile: "/no/such.pem", keyfile: "/no/such.key" } } },
    { logger: new CollectingLogger() },
  );
  await assertRejects(() => broker.start(), Error, "/no/such.pem");
  await broker.shutdown();
});

Deno.test("Plugins hear of start and shutdown in their order", async () => {
  const heard: string[] = [];
  const tell = (what: string) => () => void heard.push(what);
  const plugin = {
    beforeStart: tell("before start"),
    afterStart: tell("after start"),
    beforeShutdown: tell("before shutdown"),
    afterShutdown: tell("after shutdown"),
  };
  const broker = await startBroker({ plugins: [hooks(plugin)] });
  await broker.broker.shutdown();
  assertEquals(heard, ["before start", "after start", "before shutdown", "after shutdown"]);
});

Deno.test("A plugin that throws before the start stops it, and is named", async () => {
  const plugin = hooks({
    beforeStart: () => {
      throw new Error("the disk is full");
    },
  });
  await assertRejects(() => startBroker({ plugins: [plugin] }), Error, "the disk is full");
});

Deno.test("A start with an empty password file as the only way in warns that nobody can sign in", async () => {
  const passwordFile = await Deno.makeTempFile();
  try {
    await using broker = await startBroker({ auth: { allowAnonymous: false, passwordFile }, plugins: [] });
    assert(
      broker.log.complains(`auth: lets nobody in: no user stands in ${passwordFile}`),
      broker.log.lines.join("\n"),
    );
  } finally {
    await Deno.remove(passwordFile);
  }
});
