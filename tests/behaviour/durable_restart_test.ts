/** What the broker still knows after a restart, whether it was shut down or crashed, on every store. */
import { assert, assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/packets.ts";
import { afterRestart, back, durable, ENDS, leaveSubscribed, takeAll } from "../support/after_restart.ts";
import { House, MemoryDisk } from "../support/durable_broker.ts";
import { anybody, type TestBroker } from "../support/test_broker.ts";

afterRestart("subscriptions have their options and identifiers", async ({ house, broker, end }) => {
  const before = await durable(broker, "s");
  const options = { noLocal: true, retainAsPublished: true, qos: 1 } as const;
  await before.subscribe({ topicFilter: "a/+", ...options }, { identifier: 5 });
  await before.subscribe(["b", "x"], 2);
  await before.subscribe("$share/g/s", { qos: 2, identifier: 7 });
  await before.unsubscribe("x");
  const after = await house.restart(end);
  await after.broker.publish("b", "offline", { qos: 2 });
  const client = await back(after, "s");
  await client.takeMessage({ payload: "offline", qos: 2, subscriptionIdentifiers: undefined });
  await client.publish("a/1", "own", { qos: 1 });
  for (const topicName of ["x", "b", "s"]) await after.broker.publish(topicName, topicName, { qos: 2, retain: true });
  await client.takeMessage({ topicName: "b", retain: false });
  await client.takeMessage({ topicName: "s", subscriptionIdentifiers: [7] });
  await after.broker.publish("a/1", "foreign", { qos: 2, retain: true });
  await client.takeMessage({ payload: "foreign", qos: 1, retain: true, subscriptionIdentifiers: [5] });
  await client.expectNothing();
});

afterRestart("members of a group share what comes", async ({ house, broker, end }) => {
  for (const name of ["1", "2"]) await leaveSubscribed(broker, name, "$share/g/a");
  for (const payload of ["0", "1", "2", "3"]) await broker.broker.publish("a", payload, { qos: 1 });
  const after = await house.restart(end);
  await after.broker.publish("a", "4", { qos: 1 });
  await after.broker.publish("a", "5", { qos: 1 });
  const taken: string[] = [];
  for (const name of ["1", "2"]) {
    const client = await back(after, name);
    for (let index = 0; index < 3; index++) taken.push((await client.takeMessage()).payload);
    await client.expectNothing();
  }
  assertEquals(taken.toSorted(), ["0", "1", "2", "3", "4", "5"]);
});

afterRestart("the only member of a group gets what waited before what comes", async ({ house, broker, end }) => {
  await leaveSubscribed(broker, "s", "$share/g/a");
  for (const payload of ["1", "2", "3"]) await broker.broker.publish("a", payload, { qos: 1 });
  const after = await house.restart(end);
  for (const payload of ["4", "5", "6"]) await after.broker.publish("a", payload, { qos: 1 });
  await takeAll(await back(after, "s"), "1", "2", "3", "4", "5", "6");
});

afterRestart(
  "what is sent again comes in the order of sending, whatever overtook what [MQTT-4.6.0-1] 5.0",
  async ({ house, broker, end }) => {
    const { broker: program } = broker;
    await program.publish("r", "ON", { qos: 1, retain: true });
    const before = await durable(broker, "s", { receiveMaximum: 2 });
    await before.subscribe("a", 2);
    for (const payload of ["1", "2"]) await program.publish("a", payload, { qos: 1 });
    const waiting = [await before.expectMessage({ payload: "1" }), await before.expectMessage({ payload: "2" })];
    await before.subscribe("r", 2);
    await program.publish("r", "OFF", { qos: 2, retain: true });
    await program.publish("r", "LAST", { qos: 1, retain: true });
    for (const { packetIdentifier } of waiting) await before.sendAck("Puback", packetIdentifier);
    await before.expectMessage({ payload: "ON" });
    await before.expectMessage({ payload: "OFF" });
    const after = await house.restart(end);
    const client = await back(after, "s");
    await client.takeMessage({ payload: "ON", dup: true });
    await client.takeMessage({ payload: "OFF", dup: true });
    await client.takeMessage({ payload: "LAST", dup: false });
    await client.expectNothing();
    // Nothing of what has got a new place is left at its old one.
    await house.stored();
    await (await back(await house.restart(end), "s")).expectNothing();
  },
);

const MANY = 3000;

afterRestart("3000 queued messages come in their order", async ({ house, broker, end }) => {
  await leaveSubscribed(broker, "s", "a/#");
  const qos = (index: number) => 1 + index % 2 as QoS;
  const publish = (broker: TestBroker, from: number, to: number) =>
    Promise.all(Array.from({ length: to - from }, (_, at) => {
      const index = from + at;
      return broker.broker.publish(`a/${index % 5}`, `${index}`, { qos: qos(index) });
    }));
  await publish(broker, 0, MANY - 10);
  const after = await house.restart(end);
  await publish(after, MANY - 10, MANY);
  const client = await back(after, "s");
  const taken: Record<QoS, number[]> = { 0: [], 1: [], 2: [] };
  for (let count = 0; count < MANY; count++) {
    const message = await client.takeMessage({ dup: false });
    assertEquals(message.topicName, `a/${Number(message.payload) % 5}`);
    taken[message.qos].push(Number(message.payload));
  }
  const all = Array.from({ length: MANY }, (_, index) => index);
  // QoS 2 waits for its commits, QoS 1 does not.
  for (const one of [1, 2] as const) assertEquals(taken[one], all.filter((index) => qos(index) === one));
  await client.expectNothing();
  await house.stored();
  await (await back(await house.restart(end), "s")).expectNothing();
}, { queueLimit: 10_000 });

afterRestart("a queued message has its payload, its properties and the time that is left", async (situation) => {
  const { house, broker, end } = situation;
  await leaveSubscribed(broker, "s", "a");
  const publisher = await broker.connect5();
  const properties = {
    payloadFormatIndicator: 1,
    contentType: "text/plain",
    responseTopic: "answer" as never,
    correlationData: new Uint8Array([0, 255]),
    userProperties: [["b", "1"], ["a", "2"], ["b", "1"]],
  } as const;
  const lasting = (messageExpiryIntervalSeconds: number) => ({ properties: { messageExpiryIntervalSeconds } });
  await publisher.publish("a", "full", { qos: 1, properties });
  await publisher.publish("a", "short", { qos: 1, ...lasting(5) });
  await publisher.publish("a", "long", { qos: 1, ...lasting(10) });
  broker.clock.advance(2000);
  const after = await house.restart(end, { downSeconds: 4 });
  after.clock.advance(1000);
  const client = await back(after, "s");
  await client.takeMessage({ payload: "full", properties });
  await client.takeMessage({ payload: "long", properties: { messageExpiryIntervalSeconds: 3 } });
  await client.expectNothing();
});

afterRestart(
  "what is under way at QoS 2 goes on where it was, with the same identifiers [MQTT-4.4.0-1] 5.0",
  async ({ house, broker, end }) => {
    const before = await durable(broker, "s");
    await before.subscribe("a", 2);
    const sent = [];
    for (const payload of ["sent", "received", "released", "done"]) {
      await broker.broker.publish("a", payload, { qos: 2 });
      sent.push((await before.expectMessage({ payload })).packetIdentifier);
    }
    for (const index of [1, 2, 3]) {
      await before.sendAck("Pubrec", sent[index]!);
      await before.expectAck("Pubrel", sent[index]!);
    }
    await before.sendAck("Pubcomp", sent[3]!);
    await before.expectNothing();
    const after = await house.restart(end);
    const client = await back(after, "s");
    await client.expectMessage({ payload: "sent", packetIdentifier: sent[0], dup: true });
    await client.expectAck("Pubrel", sent[1]!);
    await client.expectAck("Pubrel", sent[2]!);
    await client.expectNothing();
    await after.broker.publish("a", "new", { qos: 2 });
    const { packetIdentifier } = await client.expectMessage({ payload: "new", dup: false });
    assert(!sent.slice(0, 3).includes(packetIdentifier), "an identifier in use is not given again");
    await client.sendAck("Pubrec", sent[0]!);
    await client.expectAck("Pubrel", sent[0]!);
    for (const identifier of sent.slice(0, 3)) await client.sendAck("Pubcomp", identifier);
    await client.expectNothing();
    const last = await back(await house.restart(end), "s");
    await last.expectMessage({ payload: "new", packetIdentifier, dup: true });
    await last.expectNothing();
  },
);

afterRestart("a QoS 1 message that was not acknowledged comes again, one that was does not", async (situation) => {
  const { house, broker, end } = situation;
  const before = await durable(broker, "s");
  await before.subscribe("a", 1);
  for (const payload of ["0", "1", "2", "3"]) await broker.broker.publish("a", payload, { qos: 1 });
  const sent = [];
  for (const payload of ["0", "1", "2", "3"]) sent.push(await before.expectMessage({ payload }));
  for (const index of [0, 2]) await before.sendAck("Puback", sent[index]!.packetIdentifier);
  await before.expectNothing();
  const after = await house.restart(end);
  await after.broker.publish("a", "4", { qos: 1 });
  await takeAll(await back(after, "s"), "1", "3", "4");
  await (await back(await house.restart(end), "s")).expectNothing();
});

afterRestart("a QoS 2 message from a client that was not released is not passed on again", async (situation) => {
  const { house, broker, end } = situation;
  await leaveSubscribed(broker, "s", "a");
  const before = await durable(broker, "p");
  const flags = { qos: 2, packetIdentifier: 7 } as const;
  await before.sendPublish("a", "once", flags);
  await before.expectAck("Pubrec", 7);
  await before.publish("a", "released", { qos: 2, packetIdentifier: 8 });
  const after = await house.restart(end);
  const publisher = await back(after, "p");
  await publisher.sendPublish("a", "once", { ...flags, dup: true });
  await publisher.expectAck("Pubrec", 7, 0);
  await publisher.sendAck("Pubrel", 7);
  await publisher.expectAck("Pubcomp", 7, 0);
  await publisher.sendPublish("a", "anew", { qos: 2, packetIdentifier: 8 });
  await publisher.expectAck("Pubrec", 8, 0);
  await takeAll(await back(after, "s"), "once", "released", "anew");
  const again = await back(await house.restart(end), "p");
  await again.sendAck("Pubrel", 7);
  await again.expectAck("Pubcomp", 7, 0x92);
  await again.sendAck("Pubrel", 8);
  await again.expectAck("Pubcomp", 8, 0);
});

afterRestart("retained messages are set, cleared, replaced and expired as they were", async (situation) => {
  const { house, broker, end } = situation;
  const publisher = await broker.connect5();
  const retain = (topicName: string, payload: string, seconds?: number) =>
    publisher.publish(topicName, payload, {
      ...{ qos: 1, retain: true },
      ...seconds !== undefined && { properties: { messageExpiryIntervalSeconds: seconds } },
    });
  for (const topicName of ["r/set", "r/cleared", "r/replaced"]) await retain(topicName, "old");
  await retain("r/cleared", "");
  await retain("r/replaced", "new");
  await retain("r/gone", "gone", 10);
  await retain("r/stays", "stays", 100);
  await broker.broker.publish("r/qos0", "zero", { retain: true });
  const expected = { "r/qos0": "zero", "r/replaced": "new", "r/set": "old", "r/stays": "stays" };
  for (const downSeconds of [20, 0]) {
    const after = await house.restart(end, { downSeconds });
    const client = await after.connect5();
    await client.subscribe("r/#", 2);
    const found: Record<string, string> = {};
    for (const _ of Object.keys(expected)) {
      const { topicName, payload, retain, properties } = await client.takeMessage();
      assert(retain);
      if (topicName === "r/stays") assertEquals(properties, { messageExpiryIntervalSeconds: 80 });
      found[topicName] = payload;
    }
    assertEquals(found, expected);
    await client.expectNothing();
    after.clock.advance(250);
    assertEquals(after.broker.retained.size, 4);
    await house.stored();
  }
});

afterRestart("a session whose time is over is gone at once", async ({ house, broker, end }) => {
  const short = { clientIdentifier: "short", clean: false, sessionExpiryIntervalSeconds: 10 } as const;
  const client = await broker.connect5(short);
  await client.subscribe("a", 1);
  await broker.lose(client);
  await broker.broker.publish("a", "m", { qos: 1 });
  broker.clock.advance(6000);
  const after = await house.restart(end, { downSeconds: 5 });
  assertEquals(after.broker.statistics.subscriptions, 0);
  const late = await after.connect5(short);
  assertEquals(late.connack.sessionPresent, false);
  await late.expectNothing();
  const again = await house.restart(end, { downSeconds: 5 });
  assertEquals((await again.connect5(short)).connack.sessionPresent, true, "the new one");
});

afterRestart("a session that has time left ends when that is over", async ({ house, broker, end }) => {
  const short = { clientIdentifier: "short", clean: false, sessionExpiryIntervalSeconds: 10 } as const;
  const client = await broker.connect5(short);
  await client.subscribe("a", 1);
  await broker.lose(client);
  broker.clock.advance(3000);
  const after = await house.restart(end, { downSeconds: 3 });
  after.clock.advance(3750);
  assertEquals(after.broker.statistics.subscriptions, 1);
  after.clock.advance(500);
  assertEquals(after.broker.statistics.subscriptions, 0);
  assertEquals((await after.connect5(short)).connack.sessionPresent, false);
});

afterRestart(
  "of a client that was connected the time counts from then on, however often it restarts",
  async (situation) => {
    const { house, broker, end } = situation;
    const short = { clientIdentifier: "short", clean: false, sessionExpiryIntervalSeconds: 10 } as const;
    await (await broker.connect5(short)).subscribe("a", 1);
    let after = await house.restart(end);
    for (let times = 0; times < 3; times++) {
      assertEquals(after.broker.statistics.subscriptions, 1);
      after.clock.advance(2000);
      after = await house.restart(end, { downSeconds: 2 });
    }
    assertEquals((await after.connect5(short)).connack.sessionPresent, false);
  },
);

afterRestart("a clean start leaves nothing of the former session", async ({ house, broker, end }) => {
  const before = await durable(broker, "c");
  await before.subscribe("a", 2);
  await broker.broker.publish("a", "under way", { qos: 2 });
  await before.expectMessage();
  await before.sendPublish("b", "unreleased", { qos: 2, packetIdentifier: 7 });
  await before.expectAck("Pubrec", 7);
  await broker.lose(before);
  await broker.broker.publish("a", "queued", { qos: 1 });
  const middle = await house.restart(end);
  await durable(middle, "c", { clean: true });
  const after = await house.restart(end);
  const client = await back(after, "c");
  await client.expectNothing();
  assertEquals(after.broker.statistics.subscriptions, 0);
  await client.sendAck("Pubrel", 7);
  await client.expectAck("Pubcomp", 7, 0x92);
});

Deno.test("A clean start removes everything of the former session from the store", async () => {
  await using house = new House(new MemoryDisk());
  const broker = await house.start();
  const { memory } = house.disk as MemoryDisk;
  const before = await durable(broker, "c");
  await before.subscribe("a", 2);
  for (const qos of [1, 2] as const) await broker.broker.publish("a", "m", { qos });
  await broker.lose(before);
  await broker.broker.publish("a", "m", { qos: 2 });
  assertEquals(memory.messages, 3);
  await broker.connect({ clientIdentifier: "c", clean: true });
  await house.stored();
  assertEquals(memory.messages, 0);
  await house.crash();
  assertEquals(await Array.fromAsync((await memory.open()).sessions), []);
});

afterRestart("a session belongs to the user it belonged to, and is replaced by that of another", async (run) => {
  const { house, broker, end } = run;
  await durable(broker, "c", { username: "u" });
  await durable(broker, "anonymous");
  await durable(broker, "renamed", { username: "u" });
  const after = await house.restart(end);
  await back(after, "c", { username: "u" });
  await back(after, "anonymous");
  const client = after.open();
  const { reasonCode, sessionPresent } = await client.connect({
    clientIdentifier: "renamed",
    clean: false,
    username: "v",
  });
  assertEquals([reasonCode, sessionPresent], [0, false]);
  await house.stored();
  await after.lose(await after.connect({ clientIdentifier: "other" }));
  const later = await house.restart(end);
  await back(later, "renamed", { username: "v" });
}, { auth: anybody });

afterRestart("a session is taken up by 5.0 and 3.1.1 in turn", async ({ house, broker, end }) => {
  await leaveSubscribed(broker, "s", "a");
  const older = { protocolVersion: 4, clientIdentifier: "s", clean: false } as const;
  let now = broker;
  for (const version of [4, 5, 4, 5]) {
    await now.broker.publish("a", "before", { qos: 1 });
    now = await house.restart(end);
    await now.broker.publish("a", "after", { qos: 1 });
    const client = version === 4 ? await now.connect(older) : await back(now, "s");
    assertEquals(client.connack.sessionPresent, true);
    await takeAll(client, "before", "after");
    await now.lose(client);
  }
});

for (const end of ENDS) {
  Deno.test(`After a ${end} no message id and no session number is given twice`, async () => {
    await using house = new House(new MemoryDisk());
    let broker = await house.start();
    const { memory } = house.disk as MemoryDisk;
    for (let run = 0; run < 3; run++) {
      await leaveSubscribed(broker, `s${run}`, "a");
      for (const payload of ["x", "y"]) await broker.broker.publish("a", payload, { qos: 1 });
      for (let one = 0; one <= run; one++) await takeAll(await back(broker, `s${one}`), "x", "y");
      broker = await house.restart(end);
    }
    const ids = memory.changes.flatMap((change) => change.type === "message" ? [change.message.id] : []);
    assertEquals(ids.length, 6);
    assertEquals(new Set(ids).size, ids.length);
    const sessions = memory.changes.flatMap((change) =>
      change.type === "session" ? [`${change.session} ${change.clientIdentifier}`] : []
    );
    assertEquals(new Set(sessions).size, 3);
    assertEquals(memory.messages, 0);
  });
}

Deno.test("What was not committed when the broker crashed was not acknowledged, and is taken once when it comes again", async () => {
  await using house = new House(new MemoryDisk());
  const broker = await house.start();
  const { memory } = house.disk as MemoryDisk;
  await leaveSubscribed(broker, "s", "a");
  const publisher = await durable(broker, "p");
  memory.hold();
  await publisher.sendPublish("a", "1", { qos: 1, packetIdentifier: 1 });
  await publisher.sendPublish("a", "2", { qos: 2, packetIdentifier: 2 });
  await publisher.expectNothing();
  await house.crash();
  const after = await house.start(broker.clock);
  const again = await back(after, "p");
  await again.sendPublish("a", "1", { qos: 1, packetIdentifier: 1, dup: true });
  await again.sendPublish("a", "2", { qos: 2, packetIdentifier: 2, dup: true });
  await again.expectAck("Puback", 1);
  await again.expectAck("Pubrec", 2);
  await takeAll(await back(after, "s"), "1", "2");
});
