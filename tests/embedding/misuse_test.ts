/** What a program may do wrong, or without a thought: it is told, and the broker goes on. */
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import type { Payload } from "../../src/message.ts";
import type { PluginContext } from "../../src/hooks/plugin.ts";
import { patiently } from "../support/patience.ts";
import { CollectingLogger, hooks, startBroker } from "../support/test_broker.ts";

/** Bytes that were handed to somebody else. */
function transferred(): Uint8Array {
  const bytes = new Uint8Array(8);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

function outOfBounds(): Uint8Array {
  const buffer = new ArrayBuffer(4, { maxByteLength: 8 });
  const bytes = new Uint8Array(buffer, 2, 2);
  buffer.resize(1);
  return bytes;
}

Deno.test("A payload or a property whose buffer is gone is refused in clear words", async () => {
  await using broker = await startBroker();
  for (const payload of [transferred(), transferred().buffer, outOfBounds()]) {
    const error = await assertRejects(() => broker.broker.publish("a", payload as Payload), Error);
    assertStringIncludes(error.message, 'Cannot publish to "a": payload cannot be read: ');
  }
  const properties = { correlationData: transferred() };
  const error = await assertRejects(() => broker.broker.publish("a", "", { properties }), Error);
  const reason = "cannot be read: its buffer was transferred, or has become shorter";
  assertEquals(error.message, `Cannot publish to "a": properties.correlationData ${reason}`);
  assertEquals(await broker.broker.publish("a", new Uint8Array(new SharedArrayBuffer(2))), { subscribers: 0 });
});

Deno.test("What a plugin returns with a buffer that is gone is its fault, and cuts nobody off", async () => {
  const transformMessage = (message: { readonly topicName: string }) =>
    message.topicName === "a" ? { ...message, payload: transferred() } : message;
  await using broker = await startBroker({ plugins: [hooks({ transformMessage } as Record<string, unknown>)] });
  const client = await broker.connect5();
  await client.subscribe("#", 1);
  await client.publish("a", "gone", { qos: 1 });
  await client.publish("b", "there", { qos: 1 });
  assertEquals((await client.takeMessage()).payload, "there");
  assert(broker.log.complains("payload cannot be read: its buffer was transferred"));
});

Deno.test("A signal that is none is refused before anything is begun", async () => {
  await using broker = await startBroker();
  const signal = {} as AbortSignal;
  const { subscriptions } = broker.broker.statistics;
  const wrong = "signal must be an AbortSignal: got {}";
  assertThrows(() => broker.broker.subscribe("a", { signal }), Error, `Cannot subscribe to "a": ${wrong}`);
  assertThrows(() => broker.broker.respond("a", () => "", { signal }), Error, `Cannot subscribe to "a": ${wrong}`);
  assertThrows(() => broker.broker.on("denied", () => {}, { signal }), Error, `Cannot listen to denied: ${wrong}`);
  assertThrows(() => broker.broker.events(["denied"], { signal }), Error, `Cannot loop over events: ${wrong}`);
  await assertRejects(() => broker.broker.request("a", "", { signal }), Error, `Cannot request "a": ${wrong}`);
  assertEquals(broker.broker.statistics.subscriptions, subscriptions);
  await using other = new Broker({ listeners: { web: { type: "external" } } }, { logger: new CollectingLogger() });
  await assertRejects(() => other.start({ signal }), Error, `Cannot start the broker: ${wrong}`);
  await other.start();
});

Deno.test("What is no request is not upgraded", async () => {
  await using broker = await startBroker();
  for (const request of [undefined, {}, { url: "/mqtt", headers: {} }]) {
    const expected = "Cannot upgrade a request: it must be a Request, as Deno.serve gives it: got";
    assertThrows(() => broker.broker.upgrade(request as Request), Error, expected);
  }
});

Deno.test("A loop over events needs names, in an array", async () => {
  await using broker = await startBroker();
  for (const names of ["denied", [], undefined]) {
    assertThrows(
      () => broker.broker.events(names as never),
      Error,
      "Cannot loop over events: their names must be an array of one or more: got",
    );
  }
});

Deno.test("A listener that adds listeners each time does not keep the broker", async () => {
  await using broker = await startBroker();
  let calls = 0;
  const listen = () => {
    calls++;
    broker.broker.on("messageRouted", listen);
  };
  broker.broker.on("messageRouted", listen);
  for (const expected of [1, 3, 7]) {
    await broker.broker.publish("a", "");
    assertEquals(calls, expected);
  }
});

Deno.test("A listener whose promise rejects is logged, and does not end the program", async () => {
  await using broker = await startBroker();
  broker.broker.on("messageRouted", async () => {
    await Promise.resolve();
    throw new Error("no database");
  });
  await broker.broker.publish("a", "");
  await Promise.resolve();
  assertEquals(broker.log.lines.filter((line) => line.includes("no database")).length, 1);
});

Deno.test("Listeners that publish for each message, their own included, come to an end", async () => {
  await using broker = await startBroker();
  const faults: string[] = [];
  let calls = 0;
  // Two of them, since they would double with each step.
  for (const topicName of ["a", "b"]) {
    broker.broker.on("messageRouted", () => {
      calls++;
      broker.broker.publish(topicName, "").catch(({ message }) => faults.push(message));
    });
  }
  await broker.broker.publish("a", "");
  assertEquals(calls, 64);
  assertStringIncludes(faults[0]!, "more than 32 deep: a listener or plugin publishes for each message");
  calls = 0;
  await broker.broker.publish("a", "");
  assertEquals(calls, 64, "it is the same for the next message");
});

Deno.test("A plugin that publishes for each message that is routed comes to an end, and is told why", async () => {
  await using broker = await startBroker({
    plugins: [(_: unknown, context: PluginContext) => ({
      messageRouted: ({ topicName }: { readonly topicName: string }) => void context.publish(topicName, "again"),
      messageRetained: ({ topicName }: { readonly topicName: string }) => {
        if (topicName === "r") context.retain("r", "again");
      },
    })],
  });
  const client = await broker.connect();
  await client.subscribe("a");
  await client.publish("a", "first", { qos: 1 });
  assertEquals((await client.takeMessage()).payload.length > 0, true);
  await broker.broker.publish("r", "x", { retain: true });
  assert(broker.log.complains("more than 32 deep"), broker.log.lines.join("\n"));
});

Deno.test("A response that is no payload is told to the program that waits for it", async () => {
  await using broker = await startBroker();
  broker.broker.respond("rpc", () => ({ sum: 3 }) as unknown as string);
  const error = await patiently("the response", assertRejects(() => broker.broker.request("rpc", ""), Error));
  assertStringIncludes(error.message, 'The request to "rpc" was not answered: Cannot publish to "$response/');
  assertStringIncludes(error.message, "payload must be text");
});

Deno.test("Packets of an event have their own bytes, and the client's snapshot stays as it is", async () => {
  await using broker = await startBroker();
  await using events = broker.broker.events(["packetReceived"]);
  const client = await broker.connect();
  await client.subscribe("a");
  await events.next();
  const { value } = await events.next();
  const [snapshot] = value.details;
  assert(snapshot?.connectedAt instanceof Date);
  assertEquals(snapshot.topicFilters, ["a"], "as of when it is read");
});

Deno.test("Two brokers of one program know nothing of each other", async () => {
  await using one = await startBroker();
  await using other = await startBroker();
  await one.broker.publish("a", "x", { retain: true });
  using _ = one.broker.respond("rpc", () => "one");
  assertEquals([one.broker.retained.size, other.broker.retained.size], [1, 0]);
  await assertRejects(() => other.broker.request("rpc", ""), Error, "nobody is subscribed");
});

Deno.test("A listener or plugin may shut the broker down, which may be started again", async () => {
  await using broker = await startBroker();
  let endings = 0;
  broker.broker.on("messageRouted", () => {
    if (endings++ === 0) void broker.broker.shutdown();
  });
  await broker.broker.publish("a", "");
  await broker.broker.shutdown();
  await broker.broker.start();
  await broker.broker.publish("a", "");
  assertEquals(endings, 2);
});

Deno.test("A stream of the program's that takes nothing any longer keeps neither its connection nor the shutdown", async () => {
  await using broker = await startBroker();
  const connect = new TextEncoder().encode("\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01s");
  const writable = new WritableStream<Uint8Array>({ write: () => new Promise<never>(() => {}) });
  const readable = new ReadableStream<Uint8Array>({ start: (controller) => controller.enqueue(connect) });
  const connected = Promise.withResolvers<void>();
  broker.broker.on("clientConnected", () => connected.resolve());
  const { closed } = await broker.broker.accept({ readable, writable }, { listener: "memory" });
  await connected.promise;
  broker.broker.disconnect("s");
  await patiently("the shutdown", broker.broker.shutdown());
  await patiently("the end of the connection", closed);
});
