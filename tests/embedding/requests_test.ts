/** `broker.request` and `broker.respond` (MQTT 5.0 §4.10). */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { TopicName } from "../../src/packet/topic.ts";
import { patiently } from "../support/patience.ts";
import { hooks, startBroker } from "../support/test_broker.ts";

const text = ({ payload }: { readonly payload: Uint8Array }) => new TextDecoder().decode(payload);
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("The program answers its own request, at its QoS", async () => {
  await using broker = await startBroker();
  using _ = broker.broker.respond("rpc/+", async (request) => {
    await Promise.resolve();
    return `${request.topicName} ${text(request)} ${request.replayed}`;
  });
  const reply = await broker.broker.request("rpc/add", "1+1", { qos: 2 });
  assertEquals([text(reply), reply.qos], ["rpc/add 1+1 false", 2]);
  assertEquals(text(await broker.broker.request("rpc/x", bytes("y"))), "rpc/x y false");
});

Deno.test("Many requests at once get each its own response", async () => {
  await using broker = await startBroker();
  using _ = broker.broker.respond("echo", (request) => request.payload, { concurrency: 3 });
  const replies = await Promise.all(
    Array.from({ length: 100 }, (_, index) => broker.broker.request("echo", `${index}`)),
  );
  assertEquals(replies.map(text), Array.from({ length: 100 }, (_, index) => `${index}`));
  assertEquals(broker.broker.statistics.subscriptions, 2);
});

Deno.test("A client of MQTT 5.0 answers the program [MQTT-3.3.2-15] 5.0", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  await client.subscribe("rpc/add", 1);
  const reply = broker.broker.request("rpc/add", "1+1", { properties: { contentType: "text/plain" } });
  const { payload, properties } = await client.takeMessage({ topicName: "rpc/add", qos: 1 });
  assertEquals([payload, properties?.contentType], ["1+1", "text/plain"]);
  const { responseTopic, correlationData } = properties!;
  await client.publish(responseTopic!, "wrong", { qos: 1, properties: { correlationData: bytes("guessed") } });
  await client.publish(responseTopic!, "none", { qos: 1 });
  await client.publish(responseTopic!, "2", { qos: 1, properties: { correlationData } });
  assertEquals(text(await patiently("the reply", reply)), "2");
  await client.publish(responseTopic!, "too late", { qos: 1, properties: { correlationData } });
  assertEquals(broker.broker.statistics.messagesDropped["queue-limit"], 0);
});

Deno.test("The response may be asked for at a topic of the program's choice", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  await client.subscribe("rpc");
  const reply = broker.broker.request("rpc", "", { responseTopic: "answers/here" });
  const { properties } = await client.takeMessage();
  assertEquals(properties?.responseTopic as string, "answers/here");
  await client.publish("answers/here", "yes", { qos: 1, properties });
  assertEquals(text(await patiently("the reply", reply)), "yes");
  assertEquals(broker.broker.statistics.subscriptions, 1);
});

for (const qos of [0, 1, 2] as const) {
  Deno.test(`The program answers a client of MQTT 5.0 at QoS ${qos}, with its correlation data [MQTT-3.3.2-16] 5.0`, async () => {
    await using broker = await startBroker();
    using _ = broker.broker.respond("rpc", (request) => `${text(request)}!`);
    const client = await broker.connect5();
    await client.subscribe("my/answers", qos);
    const properties = { responseTopic: "my/answers" as TopicName, correlationData: Uint8Array.of(1, 0, 255) };
    await client.sendPublish("rpc", "hello", { qos, properties });
    if (qos === 1) await client.expect("Puback");
    if (qos === 2) await client.expect("Pubrec");
    const reply = await client.takeMessage({ topicName: "my/answers", payload: "hello!", qos });
    assertEquals(reply.properties, { correlationData: Uint8Array.of(1, 0, 255) });
  });
}

Deno.test("A request without a response topic is handled, and a handler that returns nothing sends nothing", async () => {
  await using broker = await startBroker();
  const handled: string[] = [];
  using _ = broker.broker.respond("rpc", (request) => {
    handled.push(text(request));
    return text(request) === "quiet" ? undefined : "answer";
  });
  const client = await broker.connect5();
  await client.subscribe("my/answers");
  await client.publish("rpc", "no topic", { qos: 1 });
  const properties = { responseTopic: "my/answers" as TopicName };
  await client.publish("rpc", "quiet", { qos: 1, properties });
  await client.publish("rpc", "loud", { qos: 1, properties });
  await client.takeMessage({ payload: "answer" });
  assertEquals(handled, ["no topic", "quiet", "loud"]);
  await client.expectNothing();
});

Deno.test("A client gets no response at a topic that it may not publish to", async () => {
  const plugin = hooks({
    authorizePublish: (_, { topicName }) => topicName === "alarm" ? "deny" : "allow",
    authorizeSubscribe: () => "allow",
  });
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins: [plugin] } });
  using _ = broker.broker.respond("rpc", () => "boo");
  await using alarms = broker.broker.subscribe("#");
  const client = await broker.connect5();
  const routed = async (responseTopic: string) => {
    await client.publish("rpc", "", { qos: 1, properties: { responseTopic: responseTopic as TopicName } });
    assertEquals((await alarms.next()).value?.topicName as string, "rpc");
  };
  await routed("alarm");
  await routed("$SYS/broker/uptime");
  await routed("fine");
  assertEquals((await alarms.next()).value?.topicName as string, "fine");
  assertEquals(broker.broker.statistics.publishesDenied, 2);
});

Deno.test("A client of the program's own makes requests without a permission", async () => {
  const plugin = hooks({ authorizePublish: () => "deny", authorizeSubscribe: () => "deny" });
  await using broker = await startBroker({ topicCheck: { enabled: true, plugins: [plugin] } });
  using _ = broker.broker.respond("rpc", () => "yes");
  await using local = await broker.broker.openClient("local");
  await local.subscribe("mine");
  await local.publish("rpc", "", { properties: { responseTopic: "mine" as TopicName } });
  const { value } = await patiently("the response", local[Symbol.asyncIterator]().next());
  assertEquals(value && text(value.message), "yes");
});

Deno.test("A handler that fails is logged, and the program that asks is told", async () => {
  await using broker = await startBroker();
  using _ = broker.broker.respond("rpc", (request) => {
    if (text(request) === "bad") throw new Error("no idea");
    return "good";
  });
  await assertRejects(() => broker.broker.request("rpc", "bad"), Error, 'The handler of "rpc" has failed: no idea');
  assert(broker.log.complains('a request to "rpc" was not answered: no idea'), broker.log.lines.join("\n"));
  assertEquals(text(await broker.broker.request("rpc", "fine")), "good");
});

Deno.test("A request that nobody is subscribed to fails at once", async () => {
  await using broker = await startBroker();
  await assertRejects(
    () => broker.broker.request("rpc", ""),
    Error,
    'Cannot request "rpc": nobody is subscribed to it',
  );
});

Deno.test("A request ends by its signal, and at shutdown", async () => {
  const broker = await startBroker();
  using _ = broker.broker.respond("rpc", () => undefined);
  const stop = new AbortController();
  const waiting = assertRejects(() => broker.broker.request("rpc", "", { signal: stop.signal }), Error, "enough");
  stop.abort(new Error("enough"));
  await patiently("the end of the request", waiting);
  await assertRejects(() => broker.broker.request("rpc", "", { signal: stop.signal }), Error, "enough");
  const last = assertRejects(() => broker.broker.request("rpc", ""), Error, "the broker is shut down");
  await broker.broker.shutdown();
  await patiently("the end of the last request", last);
});

Deno.test("Responding ends when it is disposed of, and by its signal", async () => {
  await using broker = await startBroker();
  const stop = new AbortController();
  broker.broker.respond("a", () => "", { signal: stop.signal });
  const responding = broker.broker.respond("b", () => "");
  assertEquals(broker.broker.statistics.subscriptions, 2);
  stop.abort();
  responding[Symbol.dispose]();
  assertEquals(broker.broker.statistics.subscriptions, 0);
});

Deno.test("Options of requests and responses that are none are errors", async () => {
  await using broker = await startBroker();
  const { broker: { request, respond } } = {
    broker: { request: broker.broker.request.bind(broker.broker), respond: broker.broker.respond.bind(broker.broker) },
  };
  assertThrows(() => respond("a", 5 as never), Error, "the handler must be a function");
  assertThrows(
    () => respond("a", () => "", { concurrency: 0 }),
    Error,
    "concurrency must be a whole number from 1: got 0",
  );
  assertThrows(() => respond("a#", () => ""), Error, '"#" must be the last level');
  await assertRejects(() => request("a/#", ""), Error, "must not contain a wildcard");
  await assertRejects(() => request("a", "", { responseTopic: "+" }), Error, "must not contain a wildcard");
  await assertRejects(() => request("a", "", { qos: 3 as never }), Error, "qos must be 0, 1 or 2: got 3");
  assertEquals(broker.broker.statistics.subscriptions, 1);
});
