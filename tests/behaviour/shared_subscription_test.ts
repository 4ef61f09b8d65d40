/** Shared subscriptions: who is a member of what, and what a member gets (MQTT 5.0 §4.8.2). */
import { assertEquals } from "@std/assert";
import type { PluginContext, SubscriptionSnapshot } from "../../src/hooks/plugin.ts";
import type { RawClient } from "../support/raw_client.ts";
import { anybody, hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

async function publishAll(broker: TestBroker, payloads: readonly string[], qos: 0 | 1 | 2 = 0): Promise<void> {
  for (const payload of payloads) await broker.broker.publish("a", payload, { qos });
}

/** Takes what has come to a client, to the last. */
async function takeAll(client: RawClient, payloads: readonly string[]): Promise<void> {
  for (const payload of payloads) await client.takeMessage({ payload });
  await client.expectNothing();
}

const digits = [..."0123456789"];

Deno.test("Members of all versions get the messages in turn, each message once", async () => {
  await using broker = await startBroker();
  const members: RawClient[] = [];
  for (const protocolVersion of [3, 4, 5, 4] as const) {
    const member = await broker.connect({ protocolVersion });
    assertEquals(await member.subscribe("$share/g/a", 1), [1]);
    members.push(member);
  }
  for (const qos of [0, 1, 2] as const) {
    await publishAll(broker, digits.slice(0, 8), qos);
    for (const [place, member] of members.entries()) await takeAll(member, [digits[place]!, digits[place + 4]!]);
  }
});

Deno.test("Who joins comes last in the round, and who leaves is passed over", async () => {
  await using broker = await startBroker();
  const [one, two, three] = [await broker.connect5(), await broker.connect(), await broker.connect5()];
  await one.subscribe("$share/g/a");
  await two.subscribe("$share/g/a");
  await publishAll(broker, ["0"]);
  await three.subscribe("$share/g/a");
  await publishAll(broker, ["1", "2", "3"]);
  await takeAll(one, ["0", "2"]);
  await takeAll(two, ["1"]);
  await takeAll(three, ["3"]);
  assertEquals(await one.unsubscribe("$share/g/a"), [0]);
  await two.subscribe("$share/g/a");
  await publishAll(broker, ["4", "5", "6"]);
  await takeAll(two, ["4", "6"]);
  await takeAll(three, ["5"]);
  await takeAll(one, []);
});

Deno.test("Two share names are two groups, as are two filters of one share name", async () => {
  await using broker = await startBroker();
  const filters = ["$share/g/a", "$share/h/a", "$share/g/+", "a", "$share/G/a"];
  for (const topicFilter of filters) {
    const member = await broker.connect5();
    await member.subscribe(topicFilter);
    await publishAll(broker, ["0", "1"]);
    await takeAll(member, ["0", "1"]);
  }
  assertEquals(broker.broker.statistics.subscriptions, filters.length);
});

for (const protocolVersion of [4, 5] as const) {
  Deno.test(`A client in a share and with a subscription of its own gets both, version ${protocolVersion}`, async () => {
    await using broker = await startBroker();
    const [both, member] = [await broker.connect({ protocolVersion }), await broker.connect5()];
    await both.subscribe("a", 0);
    await both.subscribe("$share/g/a", 1);
    await member.subscribe("$share/g/a", 1);
    await publishAll(broker, ["0", "1"], 1);
    const got = [await both.takeMessage(), await both.takeMessage(), await both.takeMessage()];
    assertEquals(got.map(({ payload, qos }) => `${payload} ${qos}`), ["0 0", "0 1", "1 0"]);
    await both.expectNothing();
    await takeAll(member, ["1"]);
  });
}

Deno.test("A message carries the identifier of the share, apart from those of other subscriptions", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  await client.subscribe(["a", "#"], { identifier: 1 });
  await client.subscribe("$share/g/a", { identifier: 2 });
  await client.subscribe("$share/h/a");
  await publishAll(broker, ["0"]);
  const got = [await client.expectMessage(), await client.expectMessage(), await client.expectMessage()];
  assertEquals(got.map(({ subscriptionIdentifiers }) => subscriptionIdentifiers), [[1, 1], [2], undefined]);
  await client.subscribe("$share/g/a", { identifier: 3 });
  await publishAll(broker, ["1"]);
  await client.expectMessage({ subscriptionIdentifiers: [1, 1] });
  await client.expectMessage({ subscriptionIdentifiers: [3] });
});

Deno.test("A member gets a message at no more than the QoS granted to it [MQTT-4.8.2-3] 5.0", async () => {
  await using broker = await startBroker();
  const members = await Promise.all([0, 1, 2].map(() => broker.connect5()));
  for (const [qos, member] of members.entries()) await member.subscribe("$share/g/a", qos as 0 | 1 | 2);
  for (const qos of [0, 1, 2] as const) {
    await publishAll(broker, ["0", "1", "2"], qos);
    for (const [granted, member] of members.entries()) {
      await member.takeMessage({ payload: `${granted}`, qos: Math.min(qos, granted) as 0 | 1 | 2 });
    }
  }
});

Deno.test("A member may get its own messages", async () => {
  await using broker = await startBroker();
  const [member, other] = [await broker.connect5(), await broker.connect()];
  for (const one of [member, other]) await one.subscribe("$share/g/a", 1);
  for (const payload of ["0", "1"]) await member.sendPublish("a", payload);
  await member.expectMessage({ payload: "0" });
  await other.expectMessage({ payload: "1" });
});

Deno.test("What is retained is not sent for a shared subscription, new or not", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "old", { retain: true });
  for (const protocolVersion of [4, 5] as const) {
    const member = await broker.connect({ protocolVersion });
    for (const retainHandling of [0, 0, 1] as const) {
      await member.subscribe({ topicFilter: "$share/g/a", retainHandling });
      await member.expectNothing();
    }
    await member.unsubscribe("$share/g/a");
  }
});

Deno.test("Retain as published holds for a share too", async () => {
  await using broker = await startBroker();
  const [kept, cleared] = [await broker.connect5(), await broker.connect5()];
  await kept.subscribe({ topicFilter: "$share/g/a", retainAsPublished: true });
  await cleared.subscribe("$share/g/a");
  for (let count = 0; count < 2; count++) await broker.broker.publish("a", "m", { retain: true });
  await kept.expectMessage({ retain: true });
  await cleared.expectMessage({ retain: false });
});

Deno.test("A publisher is told 0x10 when a share has no members, and not while one waits offline", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect5();
  const member = await broker.connect5({ clientIdentifier: "m", sessionExpiryIntervalSeconds: 10 });
  await member.subscribe("$share/g/a", 1);
  assertEquals(await publisher.publish("a", "0", { qos: 1 }), 0);
  await broker.lose(member);
  assertEquals(await publisher.publish("a", "1", { qos: 1 }), 0);
  broker.clock.advance(11_000);
  assertEquals(await publisher.publish("a", "2", { qos: 1 }), 0x10);
  assertEquals(broker.broker.statistics.subscriptions, 0);
});

const SYNTAX_FAULTS = ["$share/", "$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/#", "$share/g+/a"];

Deno.test(`A 3.1.1 client is answered 0x80 to ${SYNTAX_FAULTS.join(" ")}, and goes on`, async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  for (const topicFilter of SYNTAX_FAULTS) {
    // Some are no filters at all in 3.1.1 either.
    if (/[+#]./.test(topicFilter) && !topicFilter.includes("/+/")) continue;
    assertEquals(await client.subscribe([topicFilter, "b"]), [0x80, 0], topicFilter);
  }
  assertEquals(broker.broker.statistics.subscriptions, 1);
  await broker.broker.publish("b", "m");
  await client.expectMessage({ topicName: "b" });
  const older = await broker.connect({ protocolVersion: 3 });
  assertEquals(await older.subscribe("$share//a"), [0], "3.1 has no word for failure");
  assertEquals(broker.broker.statistics.subscriptions, 1);
});

Deno.test("What only looks like a share is a filter like others", async () => {
  await using broker = await startBroker();
  for (const topicName of ["$share", "$shared/g/a", "share/g/a", "/$share/g/a"]) {
    const [one, two] = [await broker.connect5(), await broker.connect()];
    for (const client of [one, two]) await client.subscribe(topicName);
    await broker.broker.publish(topicName, "m");
    for (const client of [one, two]) await takeAll(client, ["m"]);
  }
});

Deno.test("Plugins are asked about the inner filter, and told the share name", async () => {
  const asked: SubscriptionSnapshot[] = [];
  const told: string[] = [];
  const plugin = hooks({
    authorizeSubscribe: (_, subscription) => {
      asked.push(subscription);
      return subscription.topicFilter === "no" ? "deny" : "allow";
    },
    clientSubscribed: (_, { topicFilter, shareName }) => void told.push(`+ ${topicFilter} ${shareName}`),
    clientUnsubscribed: (_, topicFilter) => void told.push(`- ${topicFilter}`),
  });
  await using broker = await startBroker({ plugins: [plugin] });
  for (const protocolVersion of [4, 5] as const) {
    const client = await broker.connect({ protocolVersion });
    const refused = protocolVersion === 5 ? 0x87 : 0x80;
    assertEquals(await client.subscribe(["$share/g/a/+", "$share/no/a", "$share/g/no", "no"], 1), [
      ...[1, 1, refused, refused],
    ]);
    await client.unsubscribe("$share/g/a/+");
    assertEquals(
      asked.splice(0).map(({ topicFilter, shareName }) => [topicFilter, shareName]),
      [["a/+", "g"], ["a", "no"], ["no", "g"], ["no", undefined]],
    );
    assertEquals(told.splice(0), ["+ a/+ g", "+ a no", "- $share/g/a/+"]);
  }
});

Deno.test("The topic_acl plugin decides on the inner filter", async () => {
  await using broker = await startBroker({
    auth: anybody,
    topicCheck: { enabled: true, plugins: ["topic_acl"], acl: { alice: ["a/#"] } },
  });
  const client = await broker.connect5({ username: "alice", password: "pw" });
  assertEquals(await client.subscribe(["$share/g/a/b", "$share/a/b", "$share/g/#", "$share/g/a/#"]), [
    ...[0, 0x87, 0x87, 0],
  ]);
});

Deno.test("The program itself is a member as clients are, and gets nothing retained", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "old", { retain: true });
  const ours = broker.broker.subscribe("$share/g/a");
  const more = broker.broker.subscribe("$share/g/+");
  const member = await broker.connect();
  await member.subscribe("$share/g/a", 1);
  await publishAll(broker, ["0", "1", "2", "3"], 1);
  const text = async (messages: typeof ours) => new TextDecoder().decode((await messages.next()).value?.payload);
  assertEquals([await text(ours), await text(ours)], ["0", "2"]);
  await takeAll(member, ["1", "3"]);
  for (const payload of ["0", "1", "2", "3"]) assertEquals(await text(more), payload);
  await ours.return?.();
  await publishAll(broker, ["4", "5"], 1);
  await takeAll(member, ["4", "5"]);
});

Deno.test("A plugin makes a client a member", async () => {
  const contexts: PluginContext[] = [];
  const plugin = hooks((context) => {
    contexts.push(context);
    return {};
  });
  await using broker = await startBroker({ plugins: [plugin] });
  await broker.broker.publish("a", "old", { retain: true });
  const members = [
    await broker.connect({ clientIdentifier: "one" }),
    await broker.connect5({ clientIdentifier: "two" }),
  ];
  for (const who of ["one", "two"]) assertEquals(contexts[0]!.subscribe(who, "$share/g/a", 1), true);
  assertEquals(contexts[0]!.subscribe("nobody", "$share/g/a", 1), false);
  await publishAll(broker, ["0", "1"], 2);
  for (const [place, member] of members.entries()) await member.takeMessage({ payload: `${place}`, qos: 1 });
  assertEquals(await members[1]!.unsubscribe("$share/g/a"), [0]);
  await publishAll(broker, ["2", "3"], 1);
  await takeAll(members[0]!, ["2", "3"]);
});
