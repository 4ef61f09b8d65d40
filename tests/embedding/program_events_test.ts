/** `broker.on` and `broker.events`. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import type { BrokerEventName } from "../../src/embedding/program_events.ts";
import { buildHookChain, fillObservers } from "../../src/hooks/chain.ts";
import { ProgramEvents } from "../../src/embedding/program_events.ts";
import { patiently } from "../support/patience.ts";
import { CollectingLogger, hooks, startBroker } from "../support/test_broker.ts";

const text = (payload: Uint8Array) => new TextDecoder().decode(payload);

Deno.test("A listener is told what a plugin's hook is told, and after it", async () => {
  const told: string[] = [];
  await using broker = await startBroker({
    plugins: [hooks({ clientConnected: ({ clientIdentifier }) => void told.push(`plugin ${clientIdentifier}`) })],
  });
  broker.broker.on("clientConnected", ({ clientIdentifier }) => told.push(`program ${clientIdentifier}`));
  broker.broker.on("messageRouted", ({ topicName, payload }, subscribers) => {
    told.push(`${topicName} ${text(payload)} ${subscribers}`);
  });
  const client = await broker.connect({ clientIdentifier: "c" });
  await client.subscribe("a");
  await broker.broker.publish("a", "m");
  assertEquals(told, ["plugin c", "program c", "a m 1"]);
});

Deno.test("A listener ends when it is disposed of or its signal is aborted, and not with another one", async () => {
  await using broker = await startBroker();
  const told: string[] = [];
  const stop = new AbortController();
  const tell = () => void told.push("twice");
  const first = broker.broker.on("messageRouted", tell);
  broker.broker.on("messageRouted", tell, { signal: stop.signal });
  broker.broker.on("messageRouted", () => void told.push("never"), { signal: AbortSignal.abort() });
  await broker.broker.publish("a", "");
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  await broker.broker.publish("a", "");
  stop.abort();
  await broker.broker.publish("a", "");
  assertEquals(told, ["twice", "twice", "twice"]);
});

Deno.test("A listener may be there before the start, and stays over a restart", async () => {
  const starts: number[] = [];
  await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } }, plugins: [], sysInterval: 0 }, {
    logger: new CollectingLogger(),
  });
  broker.on("messageRetained", ({ payload }) => void starts.push(Number(text(payload))));
  await broker.publish("a", "0", { retain: true });
  for (const run of ["1", "2"]) {
    await broker.start();
    await broker.publish("a", run, { retain: true });
    await broker.shutdown();
  }
  assertEquals(starts, [0, 1, 2]);
});

Deno.test("What a listener throws is logged, and others are told", async () => {
  await using broker = await startBroker();
  let told = 0;
  broker.broker.on("messageRouted", () => {
    throw new Error("no idea");
  });
  broker.broker.on("messageRouted", () => void told++);
  await broker.broker.publish("a", "");
  assertEquals(told, 1);
  assert(broker.log.complains("a listener of the program to messageRouted threw: no idea"));
});

Deno.test("A hook is there as long as somebody listens, and costs nothing else", () => {
  const logger = new CollectingLogger();
  const events = new ProgramEvents();
  const chain = buildHookChain([], logger);
  events.serve(logger, () => fillObservers(chain, [{ specifier: "program", plugin: events.plugin }], logger));
  const names = () =>
    Object.entries(chain).filter(([, hook]) => hook).map(([name]) => name).filter((name) => /ed$|ent$/.test(name));
  assertEquals(names(), []);
  const routed = events.on("messageRouted", () => {});
  const loop = events.events(["packetSent", "messageRouted"]);
  assertEquals(names().sort(), ["messageRouted", "packetSent"]);
  routed[Symbol.dispose]();
  assertEquals(names().sort(), ["messageRouted", "packetSent"]);
  void loop.return();
  assertEquals(names(), []);
});

Deno.test("A loop over events gets them in order, typed by their names, until it is left", async () => {
  await using broker = await startBroker();
  const events = broker.broker.events(["clientConnected", "clientDisconnected"]);
  const client = await broker.connect({ clientIdentifier: "c" });
  await broker.lose(client);
  const seen: string[] = [];
  for await (const event of events) {
    if (event.name === "clientConnected") seen.push(`came ${event.details[0].clientIdentifier}`);
    else seen.push(`went ${event.details[0].clientIdentifier} ${event.details[1].clean}`);
    if (seen.length === 2) break;
  }
  assertEquals(seen, ["came c", "went c false"]);
  await broker.connect();
  assertEquals(await events.next(), { done: true, value: undefined });
});

Deno.test("A loop that falls behind loses the oldest events, and counts them", async () => {
  await using broker = await startBroker();
  await using events = broker.broker.events(["messageRouted"], { limit: 2 });
  for (const payload of ["1", "2", "3", "4"]) await broker.broker.publish("a", payload);
  assertEquals(events.dropped, 2);
  const { value } = await events.next();
  assertEquals(value?.name === "messageRouted" && text(value.details[0].payload), "3");
});

Deno.test("The payloads of events that wait take 64 MiB at most", async () => {
  await using broker = await startBroker();
  await using events = broker.broker.events(["messageRouted"]);
  const payload = new Uint8Array(30 * 1024 * 1024);
  for (let times = 0; times < 3; times++) await broker.broker.publish("a", payload);
  assertEquals(events.dropped, 1);
});

Deno.test("The packets of a loop keep their bytes", async () => {
  await using broker = await startBroker();
  await using events = broker.broker.events(["packetReceived"]);
  const client = await broker.connect();
  for (const payload of ["one", "two", "three"]) await client.publish("a", payload, { qos: 1 });
  const payloads: string[] = [];
  for await (const { details: [, packet] } of events) {
    if (packet.type !== 3) continue;
    payloads.push(text(packet.payload));
    if (payloads.length === 3) break;
  }
  assertEquals(payloads, ["one", "two", "three"]);
});

Deno.test("A loop over events ends by its signal, and at shutdown, which it sees", async () => {
  const broker = await startBroker();
  const stop = new AbortController();
  const stopped = broker.broker.events(["clientConnected"], { signal: stop.signal });
  const next = stopped.next();
  stop.abort();
  assertEquals(await patiently("the end", next), { done: true, value: undefined });
  const none = broker.broker.events(["clientConnected"], { signal: AbortSignal.abort() });
  assertEquals(await none.next(), { done: true, value: undefined });
  const loop = (async () => {
    const gone: string[] = [];
    for await (const { details: [client] } of broker.broker.events(["clientDisconnected"])) {
      gone.push(client.clientIdentifier);
    }
    return gone;
  })();
  await broker.connect({ clientIdentifier: "last" });
  await broker.broker.shutdown();
  assertEquals(await patiently("the end of the loop", loop), ["last"]);
  await broker.closeClients();
});

Deno.test("An event that is not there, a listener that is none and a limit that is none are errors", async () => {
  await using broker = await startBroker();
  const misspelt = "clientConected" as BrokerEventName;
  assertThrows(() => broker.broker.on(misspelt, () => {}), Error, "there is no such event: known are clientConnected,");
  assertThrows(() => broker.broker.events([misspelt]), Error, "there is no such event");
  assertThrows(() => broker.broker.on("messageRouted", 5 as unknown as () => void), Error, "must be a function");
  for (const limit of [0, 1.5, NaN]) {
    assertThrows(
      () => broker.broker.events(["messageRouted"], { limit }),
      Error,
      "limit must be a whole number from 1",
    );
  }
});

Deno.test("A program hears who was denied what", async () => {
  const plugin = hooks({ authorizePublish: () => "deny" });
  await using broker = await startBroker({ plugins: [plugin] });
  const heard: unknown[] = [];
  broker.broker.on("denied", ({ action, topic, client }) => void heard.push([action, topic, client.clientIdentifier]));
  const client = await broker.connect5({ clientIdentifier: "one" });
  await client.publish("a/b", "x", { qos: 1 });
  assertEquals(heard, [["publish", "a/b", "one"]]);
});
