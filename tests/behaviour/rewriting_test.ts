/** Hooks that give a client other topics and messages than the broker has, attributes, and who is denied what. */
import { assert, assertEquals } from "@std/assert";
import type { ClientSnapshot, Denial, Plugin } from "../../src/hooks/plugin.ts";
import { anybody, hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

function withPlugin(...plugins: Plugin[]): Promise<TestBroker> {
  return startBroker({ auth: anybody, plugins: plugins.map(hooks) });
}

Deno.test("transformSubscription puts another topic filter in place, for UNSUBSCRIBE too, and keeps what is shared shared", async () => {
  const asked: string[] = [];
  await using broker = await withPlugin({
    transformSubscription(_client, topicFilter) {
      asked.push(topicFilter);
      return topicFilter.replace(/^old\//, "new/");
    },
  });
  const client = await broker.connect5();
  assertEquals(await client.subscribe(["old/a", "$share/g/old/b", "c"], 1), [1, 1, 1]);
  assertEquals(asked, ["old/a", "old/b", "c"]);
  for (const topicName of ["new/a", "new/b", "c"]) {
    await broker.broker.publish(topicName, "", { qos: 1 });
    await client.takeMessage({ topicName });
  }
  await broker.broker.publish("old/a", "", { qos: 1 });
  assertEquals(await client.unsubscribe("old/a", "$share/g/old/b", "new/a"), [0, 0, 0x11]);
});

Deno.test("A subscription is refused if transformSubscription throws or returns what is no topic filter", async () => {
  const answers: Record<string, unknown> = { a: "a/#/b", b: "$share/g/x", c: 5, d: Promise.reject(new Error("late")) };
  await using broker = await withPlugin({
    transformSubscription(_client, topicFilter) {
      if (topicFilter === "e") throw new Error("cannot");
      return (answers[topicFilter] ?? topicFilter) as string;
    },
  });
  const client = await broker.connect5();
  const all = [...Object.keys(answers), "e", "f"];
  assertEquals(await client.subscribe(all, 1), [0x83, 0x83, 0x83, 0x83, 0x83, 1]);
  assertEquals(broker.log.lines.filter((line) => /^error: .*transformSubscription/.test(line)).length, 5);
});

Deno.test("transformDelivery gives one recipient another message, or none", async () => {
  await using broker = await withPlugin({
    transformDelivery({ clientIdentifier }, message) {
      if (clientIdentifier === "other") return message;
      if (message.topicName === "secret") return undefined;
      return { ...message, topicName: `for/${clientIdentifier}`, payload: new TextEncoder().encode("changed") };
    },
  });
  const one = await broker.connect5({ clientIdentifier: "one" });
  const other = await broker.connect5({ clientIdentifier: "other" });
  for (const client of [one, other]) await client.subscribe("#", 2);
  for (const qos of [0, 1, 2] as const) {
    await broker.broker.publish("secret", "s", { qos });
    await broker.broker.publish("open", "o", { qos });
    await one.takeMessage({ topicName: "for/one", payload: "changed", qos });
    await other.takeMessage({ topicName: "secret", payload: "s", qos });
    await other.takeMessage({ topicName: "open", payload: "o", qos });
  }
  assertEquals(broker.broker.session("one")?.messagesDropped, { "receive-denied": 3 });
});

Deno.test("transformDelivery is asked again when a message is sent again", async () => {
  let times = 0;
  await using broker = await withPlugin({
    transformDelivery: (_client, message) => ({ ...message, payload: new TextEncoder().encode(`${++times}`) }),
  });
  const options = { clientIdentifier: "c", sessionExpiryIntervalSeconds: 60, clean: false };
  const client = await broker.connect5(options);
  await client.subscribe("a", 1);
  await broker.broker.publish("a", "x", { qos: 1 });
  await client.expectMessage({ payload: "1", dup: false });
  await client.disconnect();
  await client.expectClosed();
  await (await broker.connect5(options)).takeMessage({ payload: "2", dup: true });
});

Deno.test("A message is kept from a recipient for whom transformDelivery throws or returns what is no message", async () => {
  const answers = [{}, Promise.resolve(), { topicName: "a/#", payload: new Uint8Array(), qos: 0, retain: false }];
  await using broker = await withPlugin({
    transformDelivery(_client, message) {
      if (message.topicName === "throw") throw new Error("cannot");
      return message.topicName === "last" ? message : answers[Number(message.topicName)] as typeof message;
    },
  });
  const client = await broker.connect5();
  await client.subscribe("#", 1);
  for (const topicName of ["0", "1", "2", "throw", "last"]) await broker.broker.publish(topicName, "", { qos: 1 });
  await client.takeMessage({ topicName: "last" });
  assertEquals(broker.log.lines.filter((line) => /^error: .*transformDelivery/.test(line)).length, 4);
});

Deno.test("authenticate may say as whom a client is let in, and attach attributes that its snapshot has everywhere", async () => {
  const seen: Pick<ClientSnapshot, "username" | "attributes">[] = [];
  const see = ({ username, attributes }: ClientSnapshot) => void seen.push({ username, attributes });
  const attributes = { tenant: "acme" };
  await using broker = await startBroker({
    auth: {
      plugins: [
        hooks({ authenticate: () => ({ decision: "allow", username: "alice", attributes }) }),
        hooks({
          authenticate: () =>
            Promise.resolve({ decision: "allow", username: "bob", attributes: { tenant: "x", plan: "free" } } as const),
        }),
      ],
    },
    plugins: [hooks({
      clientConnected: see,
      messageReceived: see,
      clientSubscribed: see,
      clientDisconnected: see,
    })],
  });
  const client = await broker.connect5({ username: "token", password: "t" });
  attributes.tenant = "changed later";
  await client.subscribe("a");
  await client.publish("b");
  const expected = { username: "alice", attributes: { tenant: "acme", plan: "free" } };
  assertEquals(broker.broker.clients.map(({ username, attributes }) => ({ username, attributes })), [expected]);
  assertEquals(broker.broker.session(broker.broker.clients[0]!.clientIdentifier)?.username, "alice");
  await client.disconnect();
  await client.expectClosed();
  assertEquals(seen, Array(4).fill(expected));
  assert(Object.isFrozen(seen[0]!.attributes));
});

for (
  const [what, answer] of [
    ["a user name that is no text", { username: 5 }],
    ["a user name with NUL, as the program's own clients have it", { username: "\0program" }],
    ["attributes that are no object", { attributes: ["a"] }],
  ] as const
) {
  Deno.test(`A sign-in is refused if a plugin gives ${what}`, async () => {
    const authenticate = () => ({ decision: "allow", ...answer }) as unknown as "allow";
    await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
    assertEquals((await broker.open().connect({ protocolVersion: 5 })).reasonCode, 0x87);
    assert(broker.log.complains("authenticate must return"));
  });
}

Deno.test("A client's snapshot tells when it came and its filters as they are when they are read", async () => {
  await using broker = await startBroker();
  const client = await broker.connect5();
  const [snapshot] = broker.broker.clients;
  assertEquals(snapshot?.connectedAt, new Date(broker.clock.epoch()));
  assertEquals(snapshot?.topicFilters, []);
  await client.subscribe(["a/#", "$share/g/b"]);
  assertEquals(snapshot?.topicFilters as readonly string[], ["a/#", "$share/g/b"]);
  assertEquals(JSON.parse(JSON.stringify(snapshot)).topicFilters, ["a/#", "$share/g/b"]);
});

Deno.test("The snapshot of a client of the program's own tells the same", async () => {
  await using broker = await startBroker();
  await using client = await broker.broker.openClient("worker");
  await client.subscribe("jobs/#");
  const [snapshot] = broker.broker.clients;
  assertEquals(snapshot?.connectedAt, new Date(broker.clock.epoch()));
  assertEquals(snapshot?.topicFilters as readonly string[], ["jobs/#"]);
});

Deno.test("denied tells who was refused what, by which plugin, and why", async () => {
  const denials: Denial[] = [];
  const guard: Plugin = {
    authenticate: ({ username }) =>
      username === "mallory" ? { decision: "deny", reasonCode: 0x8a, reasonString: "banned" } : "allow",
    authorizePublish: (_client, { topicName }) => topicName === "no" ? "deny" : "abstain",
    authorizeSubscribe: (_client, { topicFilter }) => {
      if (topicFilter === "throw") throw new Error("cannot");
      return topicFilter === "no/#" ? { decision: "deny", reasonCode: 0x97, reasonString: "enough" } : "allow";
    },
  };
  await using broker = await startBroker({
    auth: { plugins: [hooks(guard)] },
    plugins: [hooks({ denied: (denial) => void denials.push(denial) })],
    wildcardSubscriptionAvailable: false,
  });
  await broker.open().connect({ protocolVersion: 5, username: "mallory", clientIdentifier: "m" });
  const will = { topicName: "no" };
  await broker.open().connect({ protocolVersion: 5, clientIdentifier: "w", will });
  const client = await broker.connect5({ clientIdentifier: "c" });
  await client.publish("no", "", { qos: 1 });
  await client.publish("nobody-allows", "", { qos: 1 });
  await client.subscribe(["no/#", "throw", "$share/g/throw", "ok"], 1);
  const plugin = "./hooks_plugin.ts";
  assertEquals(denials.map(({ client, ...rest }) => ({ ...rest, client: client.clientIdentifier })), [
    { action: "sign-in", client: "m", plugin, reasonCode: 0x8a, reason: 'user "mallory" was not let in: "banned"' },
    {
      action: "will",
      topic: "no",
      client: "w",
      plugin,
      reasonCode: 0x87,
      reason: 'will to topic "no" is not permitted',
    },
    { action: "publish", topic: "no", client: "c", plugin, reasonCode: 0x87, reason: undefined },
    { action: "publish", topic: "nobody-allows", client: "c", plugin: undefined, reasonCode: 0x87, reason: undefined },
    { action: "subscribe", topic: "no/#", client: "c", plugin: undefined, reasonCode: 0xa2, reason: undefined },
    { action: "subscribe", topic: "throw", client: "c", plugin, reasonCode: 0x87, reason: undefined },
    { action: "subscribe", topic: "$share/g/throw", client: "c", plugin, reasonCode: 0x87, reason: undefined },
  ]);
});
