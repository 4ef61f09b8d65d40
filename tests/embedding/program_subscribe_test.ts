/** `broker.subscribe` with its options, and `broker.start({ signal })`. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import type { ReceivedMessage } from "../../src/embedding/subscribing.ts";
import { patiently } from "../support/patience.ts";
import { CollectingLogger, startBroker } from "../support/test_broker.ts";

const text = ({ value }: IteratorResult<ReceivedMessage>) => value && new TextDecoder().decode(value.payload);

Deno.test("A message tells whether it was retained before or published since", async () => {
  await using broker = await startBroker();
  for (const name of ["r/1", "r/2"]) await broker.broker.publish(name, "old", { retain: true });
  await using messages = broker.broker.subscribe("r/#");
  await broker.broker.publish("r/1", "new", { retain: true });
  const seen = [];
  for await (const { topicName, replayed, retain } of messages) {
    if (seen.push([topicName as string, replayed, retain]) === 3) break;
  }
  assertEquals(seen, [["r/1", true, true], ["r/2", true, true], ["r/1", false, true]]);
});

Deno.test("What is replayed counts as such when some of it was dropped", async () => {
  await using broker = await startBroker();
  for (const name of ["r/1", "r/2", "r/3"]) await broker.broker.publish(name, "old", { retain: true });
  await using messages = broker.broker.subscribe("r/#", { limit: 2 });
  await broker.broker.publish("r/1", "new");
  assertEquals(messages.dropped, 2);
  assertEquals([(await messages.next()).value?.replayed, (await messages.next()).value?.replayed], [true, false]);
});

Deno.test("With retained: none only what is published since comes", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "old", { retain: true });
  await using messages = broker.broker.subscribe("a", { retained: "none" });
  await broker.broker.publish("a", "new");
  assertEquals(text(await messages.next()), "new");
});

Deno.test("A subscription with a limit loses the oldest, and counts them for itself", async () => {
  await using broker = await startBroker();
  await using small = broker.broker.subscribe("a", { limit: 1 });
  await using large = broker.broker.subscribe("a");
  for (const payload of ["1", "2", "3"]) assertEquals(await broker.broker.publish("a", payload), { subscribers: 2 });
  assertEquals([small.dropped, large.dropped], [2, 0]);
  assertEquals([text(await small.next()), text(await large.next())], ["3", "1"]);
  assertEquals(broker.broker.statistics.messagesDropped["queue-limit"], 2);
});

Deno.test("With onOverflow: throw the loop gets what waits, and then an error", async () => {
  await using broker = await startBroker();
  const messages = broker.broker.subscribe("a", { limit: 2, onOverflow: "throw" });
  for (const payload of ["1", "2", "3"]) await broker.broker.publish("a", payload);
  assertEquals(await broker.broker.publish("a", "4"), { subscribers: 0 });
  assertEquals([text(await messages.next()), text(await messages.next())], ["1", "2"]);
  await assertRejects(() => messages.next(), Error, 'the subscription to "a": more messages wait than 2 (limit)');
  assertEquals(await messages.next(), { done: true, value: undefined });
  assertEquals(messages.dropped, 1);
});

Deno.test("A subscription ends by its signal, and with await using", async () => {
  await using broker = await startBroker();
  const stop = new AbortController();
  const messages = broker.broker.subscribe("a", { signal: stop.signal });
  const next = messages.next();
  stop.abort();
  assertEquals(await patiently("the end", next), { done: true, value: undefined });
  const none = broker.broker.subscribe("a", { signal: stop.signal });
  assertEquals(await none.next(), { done: true, value: undefined });
  {
    await using _ = broker.broker.subscribe("a");
    assertEquals(await broker.broker.publish("a", ""), { subscribers: 1 });
  }
  assertEquals(await broker.broker.publish("a", ""), { subscribers: 0 });
});

Deno.test("Options of a subscription that are none are errors", async () => {
  await using broker = await startBroker();
  for (
    const [options, fault] of [
      [{ retained: "yes" }, 'retained must be "send" or "none": got "yes"'],
      [{ onOverflow: "wait" }, 'onOverflow must be "drop" or "throw": got "wait"'],
      [{ limit: 0 }, "limit must be a whole number from 1: got 0"],
    ] as const
  ) assertThrows(() => broker.broker.subscribe("a", options as never), Error, fault);
  assertEquals(broker.broker.statistics.subscriptions, 0);
});

const config = { listeners: { tcp: { bind: "127.0.0.1:0" } }, plugins: [], sysInterval: 0 };

Deno.test("The signal of a start shuts the broker down, and one that is aborted before keeps it from starting", async () => {
  await using broker = new Broker(config, { logger: new CollectingLogger() });
  await assertRejects(() => broker.start({ signal: AbortSignal.abort(new Error("not now")) }), Error, "not now");
  const stop = new AbortController();
  await broker.start({ signal: stop.signal });
  const ended = broker.subscribe("a").next();
  stop.abort();
  await patiently("the shutdown", ended);
  await broker.shutdown();
  assertEquals(broker.addresses, {});
});

Deno.test("A signal that is aborted during a start ends it with its reason", async () => {
  await using broker = new Broker(config, { logger: new CollectingLogger() });
  const stop = new AbortController();
  const starting = assertRejects(() => broker.start({ signal: stop.signal }), Error, "changed my mind");
  stop.abort(new Error("changed my mind"));
  await starting;
  assertEquals(broker.addresses, {});
});

Deno.test("The signal of a start that is over does nothing to the next one", async () => {
  await using broker = new Broker(config, { logger: new CollectingLogger() });
  const stop = new AbortController();
  await broker.start({ signal: stop.signal });
  await broker.shutdown();
  await broker.start();
  stop.abort();
  assertEquals(await broker.publish("a", ""), { subscribers: 0 });
  assert(broker.addresses.tcp);
});
