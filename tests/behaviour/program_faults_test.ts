/** What a program can do wrong, and what it is told then. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import type { BrokerStatistics, PluginContext, PublishOptions } from "../../src/hooks/plugin.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import type { Payload } from "../../src/message.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import type { ByteStream } from "../../src/transport/stream.ts";
import { makeAuthority } from "../support/certificates.ts";
import { hooks, startBroker } from "../support/test_broker.ts";
import { RawClient } from "../support/raw_client.ts";

const bytes = new TextEncoder().encode("bytes");

/** What no type lets through, but JavaScript does. */
const wrongly = <T>(value: unknown) => value as T;

Deno.test("A program publishes any ArrayBuffer and any view of one", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("a");
  const padded = new Uint8Array([0, 0, ...bytes, 0, 0]).buffer;
  const payloads: Payload[] = [bytes.slice().buffer, new DataView(padded, 2, 5), new Uint8Array(padded, 2, 5), "bytes"];
  for (const payload of payloads) {
    assertEquals(await broker.broker.publish("a", payload), { subscribers: 1 });
    await client.expectMessage({ payload: "bytes" });
  }
  await broker.broker.publish("a", new Uint16Array([0x4142]));
  await client.expectMessage({ payload: "BA" });
});

Deno.test("A program's payload is copied, whatever holds it", async () => {
  await using broker = await startBroker();
  for (const payload of [bytes.slice().buffer, new DataView(bytes.slice().buffer), new Float64Array(1)]) {
    await broker.broker.publish("a", payload, { retain: true });
    const before = broker.broker.retained.get("a")!.payload.slice();
    new Uint8Array(ArrayBuffer.isView(payload) ? payload.buffer : payload).fill(0xff);
    assertEquals(broker.broker.retained.get("a")!.payload, before);
  }
});

const wrong: readonly [topicName: unknown, payload: unknown, options: unknown, fault: string][] = [
  ["a", [1, 2], {}, "payload must be text, an ArrayBuffer or a view of one, such as Uint8Array: got [ 1, 2 ]"],
  ["a", { a: 1 }, {}, "payload must be text"],
  ["a", undefined, {}, "payload must be text"],
  ["a", 5, {}, "payload must be text"],
  ["a", "", { qos: 7 }, "qos must be 0, 1 or 2: got 7"],
  ["a", "", { qos: NaN }, "qos must be 0, 1 or 2: got NaN"],
  ["a", "", { qos: "1" }, 'qos must be 0, 1 or 2: got "1"'],
  ["a", "", { retain: 1 }, "retain must be true or false: got 1"],
  ["a", "", null, "options must be an object: got null"],
  ["a", "", 1, "options must be an object: got 1"],
  ["a", "", { properties: 1 }, "properties must be an object: got 1"],
  [5, "", {}, "topic name must be text: got number"],
  ["a/#", "", {}, "topic name must not contain a wildcard"],
];

for (const [topicName, payload, options, fault] of wrong) {
  Deno.test(`Whoever publishes ${Deno.inspect([topicName, payload, options])} is told what is wrong`, async () => {
    let context: PluginContext | undefined;
    await using broker = await startBroker({ plugins: [hooks((given) => (context = given, {}))] });
    const client = await broker.connect();
    await client.subscribe("#");
    const given = [wrongly<string>(topicName), wrongly<Payload>(payload), wrongly<PublishOptions>(options)] as const;
    await using local = await broker.broker.openClient("local");
    await assertRejects(() => broker.broker.publish(...given), Error, fault);
    await assertRejects(() => local.publish(...given), Error, fault);
    await assertRejects(() => context!.publish(...given), Error, fault);
    if (!fault.startsWith("retain")) assertThrows(() => context!.retain(...given), Error, fault);
    await broker.broker.publish("a", "the next one");
    await client.expectMessage({ payload: "the next one" });
  });
}

Deno.test("A QoS that is none is refused where somebody subscribes", async () => {
  let context: PluginContext | undefined;
  await using broker = await startBroker({ plugins: [hooks((given) => (context = given, {}))] });
  await broker.connect({ clientIdentifier: "c" });
  await using local = await broker.broker.openClient("local");
  const fault = 'Cannot subscribe to "a": qos must be 0, 1 or 2: got 3';
  assertThrows(() => broker.broker.subscribe("a", { qos: wrongly(3) }), Error, fault);
  assertThrows(() => context!.subscribe("c", "a", wrongly(3)), Error, fault);
  await assertRejects(() => local.subscribe("a", { qos: wrongly(3) }), Error, fault);
});

Deno.test("The only external listener is the one that holds where none is named", async () => {
  const listeners = { tcp: { bind: "127.0.0.1:0" }, web: { type: "external" as const, maxTopicLevels: 2 } };
  await using broker = await startBroker({ listeners });
  const [ours, brokers] = memoryPair();
  await broker.broker.accept(brokers);
  const client = new RawClient(ours);
  await client.connect({ protocolVersion: 5 });
  assertEquals(broker.broker.clients.map(({ listener }) => listener), ["web"]);
  assertEquals(await client.subscribe("a/b/c"), [0x8f]);
  await client.close();
});

Deno.test("A listener that is not there is an error, and so is none where several are external", async () => {
  const external = { type: "external" as const };
  await using broker = await startBroker({
    listeners: { tcp: { bind: "127.0.0.1:0" }, web: external, pipe: external },
  });
  const request = new Request("http://127.0.0.1/");
  for (
    const [listener, fault] of [
      ["wbe", 'there is no listener "wbe": expected one of tcp, web, pipe'],
      [undefined, "a listener must be named: expected one of web, pipe"],
    ] as const
  ) {
    const [ours, brokers] = memoryPair();
    await assertRejects(
      () => broker.broker.accept(brokers, { listener }),
      Error,
      `Cannot accept a connection: ${fault}`,
    );
    assertEquals(await ours.read(new Uint8Array(1)), null);
    assertThrows(() => broker.broker.upgrade(request, { listener }), Error, `Cannot upgrade a request: ${fault}`);
  }
  assertEquals(broker.broker.upgrade(request, { listener: "web" }).status, 426);
  assertEquals(broker.broker.upgrade(request, { listener: "default" }).status, 426);
});

Deno.test("The statistics are a frozen snapshot of plain values", async () => {
  let context: PluginContext | undefined;
  await using broker = await startBroker({ plugins: [hooks((given) => (context = given, {}))] });
  await broker.connect();
  const { statistics } = broker.broker;
  const names: Record<keyof BrokerStatistics, true> = {
    ...{ startedAt: true, bytesReceived: true, bytesSent: true, packetsReceived: true, packetsSent: true },
    ...{ publishesReceived: true, publishesSent: true, clientsConnected: true, clientsDisconnected: true },
    ...{ clientsMaximum: true, inflightInbound: true, inflightOutbound: true, messagesQueued: true },
    ...{ retainedMessages: true, subscriptions: true, messagesDropped: true, publishesDenied: true },
    ...{ connectionsRefused: true, refused: true, storeFault: true, changesWaiting: true },
    ...{ packetsReceivedByKind: true, packetsSentByKind: true, retainedBytes: true, sharedSubscriptions: true },
    ...{ connectionsAccepted: true, connectionsClosed: true, signIns: true, load: true },
  };
  assertEquals(Object.keys({ ...statistics }).sort(), Object.keys(names).sort());
  assertEquals(JSON.parse(JSON.stringify(statistics)).clientsConnected, 1);
  for (const figures of [statistics, context!.statistics]) {
    assertThrows(() => Object.assign(figures, { bytesSent: 0 }), TypeError);
    const { load, signIns } = figures;
    assert(signIns.length > 0);
    const parts = Object.values(figures).filter((part) => typeof part === "object" && !(part instanceof Date));
    for (const part of [...parts, ...Object.values(load), ...signIns]) assert(Object.isFrozen(part));
  }
  statistics.startedAt.setTime(0);
  assert(broker.broker.statistics.startedAt.getTime() > 0);
  await broker.connect();
  assertEquals([statistics.clientsConnected, broker.broker.statistics.clientsConnected], [1, 2]);
  assertEquals(context!.statistics.clientsConnected, 2);
});

Deno.test("A plugin that stands in two lists with the same options is one", async () => {
  let made = 0;
  const plugin = () => {
    const create = () => {
      made++;
      return { authenticate: () => "allow" as const, transformMessage: (message: never) => twice(message) };
    };
    return hooks(create);
  };
  const twice = (message: { readonly payload: Uint8Array }) =>
    wrongly<undefined>({ ...message, payload: new Uint8Array([...message.payload, ...message.payload]) });
  const one = plugin();
  await using broker = await startBroker({ auth: { plugins: [one] }, plugins: [one] });
  await using messages = broker.broker.subscribe("a");
  await broker.broker.publish("a", "x");
  assertEquals(new TextDecoder().decode((await messages.next()).value?.payload), "xx");
  assertEquals(made, 1);
  // Other options, another instance.
  await using other = await startBroker({ auth: { plugins: [plugin()] }, plugins: [plugin()] });
  assertEquals([made, other.broker.clients.length], [3, 0]);
});

for (
  const [what, transformMessage, logged] of [
    ["throws", () => {
      throw new Error("no idea");
    }, "transformMessage threw: no idea"],
    ["rejects", () => Promise.reject(new Error("no idea")), "transformMessage threw: no idea"],
    [
      "returns a wildcard for a topic",
      (message: object) => ({ ...message, topicName: "a/#" }),
      'topic name must not contain a wildcard: got "a/#"',
    ],
  ] as const
) {
  Deno.test(`A message for which transformMessage ${what} is refused with 0x83, and the program's rejects`, async () => {
    const plugin = hooks({ transformMessage: wrongly<() => undefined>(transformMessage) });
    await using broker = await startBroker({ plugins: [plugin] });
    await using messages = broker.broker.subscribe("#");
    const client = await broker.connect5();
    for (const [qos, answer] of [[1, "Puback"], [2, "Pubrec"]] as const) {
      await client.sendPublish("a", "m", { qos });
      const { reasonCode, properties } = await client.expect(answer);
      assertEquals([reasonCode as number, properties?.reasonString], [0x83, "a plugin has failed"]);
    }
    await assertRejects(() => broker.broker.publish("a", "m"), Error, 'Cannot publish to "a": a plugin');
    assert(broker.log.complains(logged), broker.log.lines.join("\n"));
    assertEquals(broker.broker.statistics.publishesDenied, 2);
    await messages.return();
    assertEquals(messages.dropped, 0);
  });
}

Deno.test("reload() tells what it has read, what needs a restart and what has failed", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const [certfile, passwordFile] = [`${directory}/server.pem`, `${directory}/users`];
    const { certificate, key } = makeAuthority().issue({ commonName: "x", sans: ["DNS:localhost"] });
    await Deno.writeTextFile(certfile, certificate + key);
    await Deno.writeTextFile(passwordFile, "");
    const config = {
      listeners: { tls: { bind: "127.0.0.1:0", ssl: true, certfile } },
      auth: { plugins: ["auth.file"], passwordFile, allowAnonymous: true },
      plugins: [],
      sysInterval: 0,
    };
    await using broker = await startBroker(config);
    const nothing = { certificates: [], plugins: [], needsRestart: [], failed: [] };
    assertEquals(await broker.broker.reload(), { ...nothing, certificates: ["tls"], plugins: ["auth.file"] });
    const { needsRestart } = await broker.broker.reload({ ...config, maxInflight: 7, listeners: {} });
    assertEquals(needsRestart, ["max-inflight", "listeners.tls", "listeners.default"]);
    await Deno.writeTextFile(certfile, "nothing");
    await Deno.writeTextFile(passwordFile, "bob:plain\n");
    const { certificates, plugins, failed } = await broker.broker.reload(config);
    assertEquals([certificates, plugins], [[], []]);
    assertEquals(failed.map(({ place }) => place), ["listeners.tls", "auth.plugins[0]"]);
    assert(failed[0]!.reason.includes(`certfile "${certfile}": there is no PEM certificate in it`), failed[0]!.reason);
    assert(failed[1]!.reason.includes(`${passwordFile}:1`), failed[1]!.reason);
    await broker.broker.shutdown();
    assertEquals(await broker.broker.reload(), nothing);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("After a shutdown the program's calls say that the broker is shut down", async () => {
  const broker = await startBroker();
  await broker.broker.shutdown();
  const shut = "the broker is shut down";
  await assertRejects(() => broker.broker.publish("a", ""), Error, shut);
  await assertRejects(() => broker.broker.request("a", ""), Error, shut);
  assertThrows(() => broker.broker.respond("a", () => ""), Error, shut);
  assertEquals(await broker.broker.subscribe("a").next(), { done: true, value: undefined });
});

Deno.test("accept() says what a connection lacks", async () => {
  await using broker = await startBroker();
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const place = "Cannot accept a connection: a connection must";
  for (
    const [connection, fault] of [
      [{}, "have readable and writable: missing is readable (a ReadableStream) and writable (a WritableStream)"],
      [{ readable }, "have readable and writable: missing is writable (a WritableStream)"],
      [{ readable: 5, writable }, "have readable and writable: missing is readable (a ReadableStream)"],
      [undefined, "be an object with readable and writable streams: got undefined"],
      ["tcp", "be an object with readable and writable streams: got tcp"],
    ] as const
  ) await assertRejects(() => broker.broker.accept(wrongly<ByteStream>(connection)), Error, `${place} ${fault}`);
});

Deno.test("A PEM text that is given for a file's name is not printed", () => {
  const secret = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC";
  const pem = `-----BEGIN PRIVATE KEY-----\n${secret}\n-----END PRIVATE KEY-----\n`;
  for (const [key, name] of [["certfile", "certfile"], ["keyfile", "keyfile"], ["cafile", "cafile"]] as const) {
    const listener = { bind: "127.0.0.1:0", ssl: true, certfile: "c.pem", keyfile: "k.pem", [key]: pem };
    const error = assertThrows(() => new Broker({ listeners: { tls: listener } }), ConfigError);
    assert(error.message.includes(`listeners.tls.${name}: must be the path of a file: got PEM text`), error.message);
    assert(!error.message.includes(secret), error.message);
    const inherited = assertThrows(
      () => new Broker({ listeners: { default: { ssl: true, certfile: "c", keyfile: "k", [key]: pem }, a: {} } }),
      ConfigError,
    );
    assert(!inherited.message.includes(secret), inherited.message);
  }
});
