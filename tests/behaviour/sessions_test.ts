/** What the program and plugins are told of sessions, and how many there may be. */
import { assert, assertEquals } from "@std/assert";
import type { PluginContext, SessionSnapshot } from "../../src/hooks/plugin.ts";
import { subscribePacket } from "../support/client_packets.ts";
import { startDurable, until } from "../support/durable_broker.ts";
import { anybody, hooks, startBroker } from "../support/test_broker.ts";

const persistent = { clean: false } as const;

const fresh: Omit<SessionSnapshot, "clientIdentifier"> = {
  username: undefined,
  connected: true,
  expiryIntervalSeconds: 604_800,
  subscriptions: 0,
  messagesQueued: 0,
  inflightInbound: 0,
  inflightOutbound: 0,
  messagesDropped: {},
};

Deno.test("The program and plugins are told of every session, with and without a client", async () => {
  let context: PluginContext | undefined;
  const plugin = hooks((given) => {
    context = given;
    return {};
  });
  await using broker = await startBroker({ auth: anybody, plugins: [plugin] });
  const away = await broker.connect({ ...persistent, clientIdentifier: "away" });
  await away.subscribe("a", 1);
  await away.subscribe("b", 1);
  await away.disconnect();
  await broker.connect5({ clientIdentifier: "here", username: "alice" });
  await broker.broker.publish("a", "1", { qos: 1 });
  const expected: SessionSnapshot[] = [
    { ...fresh, clientIdentifier: "away", connected: false, subscriptions: 2, messagesQueued: 1 },
    { ...fresh, clientIdentifier: "here", username: "alice", expiryIntervalSeconds: 0 },
  ];
  for (const told of [[...broker.broker.sessions()], [...context!.sessions()]]) assertEquals(told, expected);
  for (const who of [broker.broker, context!]) {
    assertEquals([who.session("away"), who.session("here"), who.session("nobody")], [...expected, undefined]);
  }
  const snapshot = broker.broker.session("away")!;
  assert(Object.isFrozen(snapshot) && Object.isFrozen(snapshot.messagesDropped));
});

Deno.test("What is under way in both directions is told of a session", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ ...persistent, clientIdentifier: "s" });
  await client.subscribe("a", 1);
  await client.sendPublish("b", "2", { qos: 2, packetIdentifier: 7 });
  await client.expect("Pubrec");
  await broker.broker.publish("a", "1", { qos: 1 });
  await client.expectMessage({ payload: "1" });
  const { inflightInbound, inflightOutbound } = broker.broker.session("s")!;
  assertEquals([inflightInbound, inflightOutbound], [1, 1]);
});

Deno.test("Losses are counted for each session by reason, and go with it; in all they stay", async () => {
  await using broker = await startBroker({ queueLimit: 2 });
  for (const clientIdentifier of ["s", "t", "u"]) {
    const client = await broker.connect({ ...persistent, clientIdentifier });
    await client.subscribe(clientIdentifier === "u" ? "u" : "a", 1);
    await client.disconnect();
  }
  for (const payload of ["1", "2", "3", "4", "5"]) await broker.broker.publish("a", payload, { qos: 1 });
  await broker.broker.publish("u", "6", { qos: 1 });
  const lost = (clientIdentifier: string) => broker.broker.session(clientIdentifier)?.messagesDropped;
  assertEquals([lost("s"), lost("t"), lost("u")], [{ "queue-limit": 3 }, { "queue-limit": 3 }, {}]);
  // What was lost is still known when its client comes back.
  const anew = await broker.connect({ ...persistent, clientIdentifier: "s" });
  await anew.expectMessage({ payload: "4" });
  assertEquals(lost("s"), { "queue-limit": 3 });
  await broker.connect({ clientIdentifier: "s", clean: true });
  assertEquals(lost("s"), {});
  const { messagesDropped } = broker.broker.statistics;
  assertEquals([messagesDropped["queue-limit"], messagesDropped["session-ended"]], [6, 2]);
});

Deno.test("Messages that only the store has are counted when their session ends", async () => {
  const told: string[] = [];
  const observer = hooks({ messageDropped: (_, __, reason) => void told.push(reason) });
  await using durable = await startDurable({ plugins: [observer] });
  const { broker } = durable;
  const client = await broker.connect({ ...persistent, clientIdentifier: "s" });
  await client.subscribe("a", 1);
  await client.disconnect();
  const published = 1200;
  const all = Array.from({ length: published }, (_, i) => broker.broker.publish("a", String(i), { qos: 1 }));
  await Promise.all(all);
  assertEquals(broker.broker.session("s")?.messagesQueued, published);
  await broker.connect({ clientIdentifier: "s", clean: true });
  await until("all to be counted", () => broker.broker.statistics.messagesDropped["session-ended"] === published);
  assert(told.length < published, "messages were read just to be told of");
  assertEquals(broker.broker.session("s")?.messagesDropped, {});
});

Deno.test("A client that has no session is refused when there are max-sessions", async () => {
  await using broker = await startBroker({ maxSessions: 2 });
  const away = await broker.connect({ ...persistent, clientIdentifier: "away" });
  await away.disconnect();
  const here = await broker.connect({ clientIdentifier: "here" });
  const third = broker.open();
  assertEquals((await third.connect({ clientIdentifier: "third" })).reasonCode as number, 3);
  await third.expectClosed();
  assert(broker.log.complains("max-sessions (2) is reached"), broker.log.lines.join("\n"));
  const fifth = broker.open();
  const { reasonCode, properties } = await fifth.connect({ clientIdentifier: "fifth", protocolVersion: 5 });
  assertEquals([reasonCode as number, properties?.reasonString], [0x97, "max-sessions (2) is reached"]);
  assertEquals(broker.broker.statistics.connectionsRefused, 2);
  // Those who have one come back, with it or with a new one in its place.
  await broker.connect({ ...persistent, clientIdentifier: "away" });
  await broker.connect({ clientIdentifier: "away", clean: true });
  await here.expectNothing();
  await here.disconnect();
  await broker.connect({ clientIdentifier: "third" });
});

Deno.test("A session whose time is over is not resumed, though nobody has looked yet", async () => {
  await using broker = await startBroker({ sessionExpiryInterval: 10 });
  // Between two looks.
  broker.clock.advance(100);
  const clientIdentifier = "away";
  await broker.lose(await broker.connect({ ...persistent, clientIdentifier }));
  broker.clock.advance(10_000);
  assertEquals([...broker.broker.sessions()].length, 1, "it was ended by a look");
  const client = broker.open();
  const { sessionPresent } = await client.connect({ ...persistent, clientIdentifier });
  assertEquals(sessionPresent, false);
});

Deno.test("The figures are those of all sessions together, whoever comes and goes", async () => {
  await using broker = await startBroker();
  const figures = () => {
    const { clientsConnected, clientsDisconnected, messagesQueued, inflightInbound, inflightOutbound } =
      broker.broker.statistics;
    return [clientsConnected, clientsDisconnected, messagesQueued, inflightInbound, inflightOutbound];
  };
  const away = await broker.connect({ ...persistent, clientIdentifier: "away" });
  await away.subscribe("a", 1);
  await away.sendPublish("b", "2", { qos: 2, packetIdentifier: 7 });
  await away.expect("Pubrec");
  await broker.broker.publish("a", "1", { qos: 1 });
  await away.expect("Publish");
  assertEquals(figures(), [1, 0, 0, 1, 1]);
  await broker.lose(away);
  assertEquals(figures(), [0, 1, 0, 1, 1]);
  await broker.broker.publish("a", "2", { qos: 1 });
  assertEquals(figures(), [0, 1, 1, 1, 1]);
  const anew = await broker.connect({ ...persistent, clientIdentifier: "away" });
  assertEquals(figures(), [1, 0, 0, 1, 2]);
  await broker.connect({ clientIdentifier: "away", clean: true });
  assertEquals(figures(), [1, 0, 0, 0, 0]);
  await anew.close();
});

Deno.test("One user cannot have more sessions than max-sessions-per-user, and all anonymous clients are one user", async () => {
  await using broker = await startBroker({ auth: anybody, maxSessionsPerUser: 1 });
  for (const username of [undefined, "a"]) {
    const credentials = username === undefined ? {} : { username };
    await broker.connect5({ ...credentials, clientIdentifier: `first ${username}` });
    const second = broker.open();
    const { reasonCode, properties } = await second.connect({
      ...credentials,
      clientIdentifier: `second ${username}`,
      protocolVersion: 5,
    });
    assertEquals([reasonCode as number, properties?.reasonString], [0x97, "max-sessions-per-user (1) is reached"]);
    await broker.connect5({ ...credentials, clientIdentifier: `first ${username}` });
  }
});

Deno.test("One address cannot have more sessions than max-sessions-per-address", async () => {
  const tcp = { type: "tcp", bind: "127.0.0.1:0" } as const;
  const listeners = { tcp, memory: { type: "external" } } as const;
  await using broker = await startBroker({ listeners, auth: anybody, maxSessionsPerAddress: 2 });
  const clients = await Promise.all([broker.openTcp(), broker.openTcp(), broker.openTcp()]);
  const codes: number[] = [];
  for (const [index, client] of clients.entries()) {
    codes.push((await client.connect({ clientIdentifier: `c${index}`, clean: true })).reasonCode);
  }
  assertEquals(codes, [0, 0, 3]);
  assert(broker.log.complains("max-sessions-per-address (2) is reached"));
  // What the program hands in has no address.
  await broker.connect({ clientIdentifier: "no address" });
});

Deno.test("At max-total-bytes further subscriptions and sessions are refused, and it is said why", async () => {
  await using broker = await startBroker({ auth: anybody, maxTotalBytes: 2 ** 20, maxTopicLevels: 1000 });
  const reason = "the broker's memory is full (max-total-bytes)";
  const client = await broker.connect5({ clientIdentifier: "a" });
  const codes: number[] = [];
  const filter = (index: number) => `${index}${"/a".repeat(190)}`;
  for (let index = 0; index < 80; index++) codes.push(...await client.subscribe(filter(index)));
  assertEquals(new Set(codes), new Set([0, 0x97]));
  await client.sendPacket(subscribePacket(9, [[filter(99), 0]]));
  assertEquals((await client.expect("Suback")).properties?.reasonString, reason);
  const old = await broker.connect({ clientIdentifier: "3.x" });
  assertEquals(await old.subscribe(filter(99)), [0x80]);
});

Deno.test("The statistics tell the most clients that were ever connected at once", async () => {
  await using broker = await startBroker();
  assertEquals(broker.broker.statistics.clientsMaximum, 0);
  const [one, two] = [await broker.connect(), await broker.connect()];
  assertEquals([broker.broker.statistics.clientsConnected, broker.broker.statistics.clientsMaximum], [2, 2]);
  await broker.lose(one);
  await broker.lose(two);
  await broker.connect();
  assertEquals([broker.broker.statistics.clientsConnected, broker.broker.statistics.clientsMaximum], [1, 2]);
});
