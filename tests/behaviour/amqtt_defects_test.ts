/** Defects that were observed in aMQTT, one test each; the titles say what was wrong there. */
import { assert, assertEquals } from "@std/assert";
import { anybody, hooks, startBroker } from "../support/test_broker.ts";

Deno.test("Defect 1: a connecting client gets retained messages that it never asked for, past the ACL", async () => {
  await using broker = await startBroker({
    auth: { ...anybody },
    topicCheck: { enabled: true, acl: { alice: ["#"], anonymous: ["own/#"] } },
  });
  const alice = await broker.connect({ username: "alice" });
  await alice.subscribe("a/#", 1);
  await broker.broker.publish("a/secret", "retained", { qos: 1, retain: true });
  await alice.takeMessage({ payload: "retained" });
  const stranger = await broker.connect();
  await stranger.expectNothing();
  assertEquals(await stranger.subscribe("a/#", 1), [0x80]);
  await stranger.expectNothing();
});

Deno.test("Defect 2: a wrong password and another's client identifier wipe that client's session", async () => {
  const authenticate = ({ password }: { password?: Uint8Array }) =>
    new TextDecoder().decode(password) === "right" ? "allow" as const : "deny" as const;
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
  const victim = { clientIdentifier: "victim", clean: false, username: "alice", password: "right" } as const;
  const client = await broker.connect(victim);
  await client.subscribe("a", 1);
  for (const clean of [true, false]) {
    const attacker = broker.open();
    const connack = await attacker.connect({ ...victim, clean, password: "wrong" });
    assertEquals(connack.reasonCode as number, 4);
    await attacker.expectClosed();
  }
  await broker.broker.publish("a", "still here", { qos: 1 });
  await client.takeMessage({ payload: "still here" });
  await client.disconnect();
  const back = broker.open();
  assertEquals((await back.connect(victim)).sessionPresent, true);
});

Deno.test("Defect 3: a takeover with clean session leaves the old socket open, whose will fires later", async () => {
  await using broker = await startBroker();
  const witness = await broker.connect();
  await witness.subscribe("will");
  const first = await broker.openTcp();
  await first.connect({ clientIdentifier: "a", will: { topicName: "will", payload: "first" } });
  const second = await broker.openTcp();
  await second.connect({ clientIdentifier: "a", clean: true });
  await first.expectClosed();
  await witness.expectMessage({ payload: "first" });
  await first.close();
  await second.expectNothing();
  await witness.expectNothing();
});

Deno.test("Defect 4: keep-alive is not enforced", async () => {
  await using broker = await startBroker();
  const client = await broker.connect({ keepAliveSeconds: 1 });
  broker.clock.advance(6_000);
  await client.expectClosed();
});

Deno.test("Defect 5: a message is delivered above its own QoS, and a will above the subscription's", async () => {
  await using broker = await startBroker();
  const greedy = await broker.connect();
  await greedy.subscribe("a", 2);
  const modest = await broker.connect();
  await modest.subscribe("will", 0);
  await (await broker.connect()).publish("a", "m", { qos: 0 });
  await greedy.takeMessage({ payload: "m", qos: 0 });
  await broker.lose(await broker.connect({ will: { topicName: "will", qos: 2 } }));
  await modest.takeMessage({ topicName: "will", qos: 0 });
});

Deno.test("Defect 6: subscribing again keeps the old QoS, and overlapping filters deliver twice", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  assertEquals(await client.subscribe("a/b", 0), [0]);
  assertEquals(await client.subscribe("a/b", 1), [1]);
  await client.subscribe(["a/#", "+/b", "#"], 0);
  await broker.broker.publish("a/b", "once", { qos: 2 });
  await client.takeMessage({ payload: "once", qos: 1 });
  await client.expectNothing();
});

Deno.test("Defect 7: unacknowledged messages are discarded after 5 s and never sent again", async () => {
  await using broker = await startBroker();
  const persistent = { clientIdentifier: "s", clean: false } as const;
  const before = await broker.connect(persistent);
  await before.subscribe("a", 2);
  for (const qos of [1, 2] as const) await broker.broker.publish("a", `${qos}`, { qos });
  const sent = [await before.expectMessage({ payload: "1" }), await before.expectMessage({ payload: "2" })];
  broker.clock.advance(60_000);
  await before.expectNothing();
  await broker.lose(before);
  const after = await broker.connect(persistent);
  for (const message of sent) await after.takeMessage({ ...message, dup: true });
});

Deno.test("Defect 8: messages that waited arrive with RETAIN, and queues have no bound", async () => {
  await using broker = await startBroker({ queueLimit: 10 });
  const persistent = { clientIdentifier: "s", clean: false } as const;
  const before = await broker.connect(persistent);
  await before.subscribe("a", 1);
  await before.disconnect();
  for (let index = 0; index < 100; index++) {
    await broker.broker.publish("a", `${index}`, { qos: 1, retain: index % 2 === 0 });
  }
  const after = await broker.connect(persistent);
  for (let index = 90; index < 100; index++) await after.takeMessage({ payload: `${index}`, retain: false });
  await after.expectNothing();
});

Deno.test("Defect 9: PUBLISH to a $ topic turns the connection into a zombie; a wildcard is dropped in silence", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  for (const topicName of ["$SYS/x", "$own/x"]) await client.publish(topicName, "m", { qos: 1 });
  assertEquals(await client.subscribe("a"), [0]);
  await broker.broker.publish("a", "m");
  await client.expectMessage({ payload: "m" });
  await client.sendPublish("a/#", "m", { qos: 1 });
  await client.expectClosed();
});

Deno.test("Defect 10: an empty filter is accepted", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.send([0x82, 5, 0, 1, 0, 0, 0]);
  await client.expectClosed();
});

Deno.test("Defect 11: every message looks at every filter, what is unsubscribed stays, and packets have no limit", async () => {
  await using broker = await startBroker({ maxPacketSize: 100_000, maxSubscriptions: 30_000 });
  const crowd = await broker.connect();
  const filters = Array.from({ length: 20_000 }, (_, index) => `crowd/${index}`);
  for (let at = 0; at < filters.length; at += 2000) await crowd.subscribe(filters.slice(at, at + 2000));
  const client = await broker.connect();
  await client.subscribe("a");
  // 20,000 times 2,000 comparisons would take many seconds; the test's patience is not a measure, only a bound.
  for (let index = 0; index < 2_000; index++) void broker.broker.publish("a", `${index}`);
  for (let index = 0; index < 2_000; index++) await client.expectMessage({ payload: `${index}` });
  for (let at = 0; at < filters.length; at += 2000) await crowd.unsubscribe(...filters.slice(at, at + 2000));
  await broker.broker.publish("crowd/7", "m");
  await crowd.expectNothing();
  await crowd.sendPublish("a", "x".repeat(100_000));
  await crowd.expectClosed();
  assert(broker.broker.clients.length === 1);
});
