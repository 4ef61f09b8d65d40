/** What leaves the broker only when it is stored, and what does not wait for that. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { QoS } from "../../src/packet/packets.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import type { Change } from "../../src/store/store.ts";
import { startDurable, until } from "../support/durable_broker.ts";
import type { MemoryStore } from "../support/memory_store.ts";
import { type RawClient, subscribePacket, unsubscribePacket } from "../support/raw_client.ts";
import { hooks, type TestBroker } from "../support/test_broker.ts";

const lasting = { clean: false, sessionExpiryIntervalSeconds: 1000 } as const;

/** A client whose session outlives the process. */
const durable = (broker: TestBroker, clientIdentifier: string) =>
  broker.connect5({ ...lasting, clientIdentifier, topicAliasMaximum: 2 });

async function subscriberOf(broker: TestBroker, topicFilter: string, qos: QoS = 2): Promise<RawClient> {
  const client = await durable(broker, "s");
  await client.subscribe(topicFilter, qos);
  return client;
}

/** The types of what was stored since `from`, in order. */
const typesSince = ({ changes }: MemoryStore, from: number): Change["type"][] =>
  changes.slice(from).map(({ type }) => type);

/** Something of nobody's interest is being stored, so that what follows waits to be. */
async function occupy(broker: TestBroker, store: MemoryStore): Promise<void> {
  store.hold();
  const other = await broker.connect();
  await other.sendPublish("elsewhere", "x", { retain: true });
  await until("the store to be busy", () => store.held === 1);
}

Deno.test("SUBACK, PUBACK, PUBREC, PUBCOMP and UNSUBACK leave after the commit, in the order of what they answer", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await broker.lose(await subscriberOf(broker, "a"));
  const client = await durable(broker, "c");
  await client.sendPublish("a", "0", { qos: 2, packetIdentifier: 1 });
  await client.expectAck("Pubrec", 1);
  store.hold();
  await client.sendPacket(
    subscribePacket(2, [["x", 1]]),
    client.publishPacket("a", "1", { qos: 1, packetIdentifier: 3 }),
    client.publishPacket("a", "2", { qos: 2, packetIdentifier: 4 }),
  );
  await client.sendAck("Pubrel", 1);
  await client.sendPacket(unsubscribePacket(5, ["x"]));
  await client.expectNothing();
  await client.expectNothing();
  store.release();
  assertEquals((await client.expect("Suback")).packetIdentifier, 2);
  await client.expectAck("Puback", 3);
  await client.expectAck("Pubrec", 4);
  await client.expectAck("Pubcomp", 1);
  assertEquals((await client.expect("Unsuback")).packetIdentifier, 5);
  await client.expectNothing();
});

type Request = (client: RawClient) => Promise<unknown>;
type Answer = "Suback" | "Unsuback" | "Puback" | "Pubrec" | "Pubcomp";

const REQUESTS: Record<Answer, { readonly before?: Request; readonly request: Request }> = {
  Suback: { request: (client) => client.sendPacket(subscribePacket(9, [["x", 1]])) },
  Unsuback: {
    before: (client) => client.subscribe("x"),
    request: (client) => client.sendPacket(unsubscribePacket(9, ["x"])),
  },
  Puback: { request: (client) => client.sendPublish("a", "m", { qos: 1, packetIdentifier: 9 }) },
  Pubrec: { request: (client) => client.sendPublish("nobody", "m", { qos: 2, packetIdentifier: 9 }) },
  Pubcomp: {
    before: async (client) => {
      await client.sendPublish("nobody", "m", { qos: 2, packetIdentifier: 9 });
      await client.expectAck("Pubrec", 9);
    },
    request: (client) => client.sendAck("Pubrel", 9),
  },
};

for (const [answer, { before, request }] of Object.entries(REQUESTS)) {
  Deno.test(`${answer.toUpperCase()} alone waits for its own commit`, async () => {
    await using durability = await startDurable();
    const { broker, store } = durability;
    await broker.lose(await subscriberOf(broker, "a"));
    const client = await durable(broker, "c");
    await before?.(client);
    store.hold();
    await request(client);
    await until("the store to be asked", () => store.held === 1);
    await client.expectNothing();
    store.release();
    assertEquals((await client.expect(answer as Answer)).packetIdentifier, 9);
  });
}

Deno.test("A PUBACK waits for the subscriber's session although the publisher's own ends with its connection", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await broker.lose(await subscriberOf(broker, "a"));
  const publisher = await broker.connect();
  store.hold();
  const packetIdentifier = await publisher.sendPublish("a", "m", { qos: 1 });
  await publisher.expectNothing();
  store.release();
  await publisher.expectAck("Puback", packetIdentifier);
});

Deno.test("CONNACK of a session that is stored leaves after the commit", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  for (const sessionPresent of [false, true]) {
    const client = broker.open();
    store.hold();
    await client.sendConnect({ protocolVersion: 5, ...lasting, clientIdentifier: "c" });
    await until("the store to be asked", () => store.held === 1);
    await (await broker.connect()).expectNothing();
    assertEquals(broker.broker.clients.some(({ clientIdentifier }) => clientIdentifier === "c"), true);
    let told = false;
    const connack = client.expect("Connack").finally(() => told = true);
    await (await broker.connect()).expectNothing();
    assertEquals(told, false);
    store.release();
    assertEquals((await connack).sessionPresent, sessionPresent);
  }
});

Deno.test("publish() of the host program resolves after the commit", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await broker.lose(await subscriberOf(broker, "a"));
  store.hold();
  let done = false;
  const publishing = broker.broker.publish("a", "m", { qos: 1 }).then(() => done = true);
  await broker.broker.publish("a", "m", { qos: 0 });
  await (await broker.connect()).expectNothing();
  assertEquals(done, false);
  store.release();
  await publishing;
  assertEquals(typesSince(store, store.changes.length - 2), ["message", "delivery"]);
});

Deno.test("QoS 0 passes by what waits for a commit, to the same client too", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const client = await subscriberOf(broker, "a");
  store.hold();
  await client.sendPacket(subscribePacket(9, [["x", 1]]));
  await client.expectNothing();
  await client.sendPublish("a", "own", { qos: 0 });
  await client.expectMessage({ payload: "own", qos: 0 });
  await broker.broker.publish("a", "foreign");
  await client.expectMessage({ payload: "foreign", qos: 0 });
  store.release();
  await client.expect("Suback");
});

Deno.test("A QoS 1 message leaves before it is stored, at QoS 2 PUBLISH and PUBREL leave afterwards, and QoS 1 behind them", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const client = await subscriberOf(broker, "a");
  store.hold();
  const publishing = [1, 2, 1, 2, 0].map((qos, at) => broker.broker.publish("a", `${at}`, { qos: qos as QoS }));
  const early = await client.expectMessage({ payload: "0", qos: 1 });
  await client.expectMessage({ payload: "4", qos: 0 });
  await client.expectNothing();
  store.release();
  await Promise.all(publishing);
  const late = await client.expectMessage({ payload: "1", qos: 2, dup: false });
  await client.expectMessage({ payload: "2", qos: 1, dup: false });
  await client.expectMessage({ payload: "3", qos: 2, dup: false });
  assert(late.packetIdentifier !== early.packetIdentifier);
  store.hold();
  await client.sendAck("Pubrec", late.packetIdentifier);
  await client.expectNothing();
  store.release();
  await client.expectAck("Pubrel", late.packetIdentifier);
});

Deno.test("What all subscribers have acknowledged before its commit is never written; its PUBACK waits all the same", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const subscriber = await subscriberOf(broker, "a");
  const publisher = await broker.connect();
  await occupy(broker, store);
  const from = store.changes.length;
  const packetIdentifier = await publisher.sendPublish("a", "m", { qos: 1 });
  await subscriber.takeMessage({ payload: "m", qos: 1 });
  await subscriber.expectNothing();
  await publisher.expectNothing();
  store.release();
  await publisher.expectAck("Puback", packetIdentifier);
  assertEquals(typesSince(store, from), ["message", "retain"]);
});

Deno.test("A QoS 2 identifier from a client is always written, though its message need not be", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const subscriber = await subscriberOf(broker, "a", 1);
  const publisher = await durable(broker, "p");
  await occupy(broker, store);
  const from = store.changes.length;
  const packetIdentifier = await publisher.sendPublish("a", "m", { qos: 2 });
  await subscriber.takeMessage({ payload: "m", qos: 1 });
  await subscriber.expectNothing();
  await publisher.expectNothing();
  store.release();
  await publisher.expectAck("Pubrec", packetIdentifier);
  assertEquals(typesSince(store, from), ["message", "retain", "accept"]);
  await publisher.sendAck("Pubrel", packetIdentifier);
  await publisher.expectAck("Pubcomp", packetIdentifier);
  assertEquals(typesSince(store, from).at(-1), "release");
});

Deno.test("Of two subscribers only the one that has not acknowledged before the commit is written", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const quick = await subscriberOf(broker, "a");
  const slow = await durable(broker, "slow");
  await slow.subscribe("a", 1);
  await occupy(broker, store);
  const from = store.changes.length;
  const publishing = broker.broker.publish("a", "m", { qos: 1 });
  await quick.takeMessage({ payload: "m" });
  await quick.expectNothing();
  store.release();
  await publishing;
  assertEquals(typesSince(store, from), ["message", "retain", "message", "delivery"]);
  await slow.takeMessage({ payload: "m" });
  await slow.expectNothing();
  assertEquals(typesSince(store, from).at(-1), "settled");
  assertEquals(store.messages, 1, "the retained one");
});

Deno.test("One body serves many sessions and the retained message, and goes with the last of them", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const clients = ["1", "2", "3", "4", "5"];
  for (const name of clients) {
    const client = await durable(broker, name);
    await client.subscribe("a", 2);
    await broker.lose(client);
  }
  const from = store.changes.length;
  await broker.broker.publish("a", "body", { qos: 1, retain: true });
  assertEquals(typesSince(store, from).filter((type) => type === "message").length, 1);
  assertEquals(typesSince(store, from).filter((type) => type === "delivery").length, 5);
  for (const name of clients) {
    assertEquals(store.messages, 1);
    const client = await durable(broker, name);
    await client.takeMessage({ payload: "body" });
    await client.expectNothing();
  }
  assertEquals(store.messages, 1);
  await broker.broker.publish("a", "", { qos: 1, retain: true });
  assertEquals(typesSince(store, from).filter((type) => type === "clear").length, 1);
  for (const name of clients) await (await durable(broker, name)).takeMessage({ payload: "" });
  await until("nothing to be left", () => store.messages === 0);
});

Deno.test("Sessions that end with their connection cost nothing: no change, and nothing waits", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await broker.lose(await subscriberOf(broker, "elsewhere"));
  const from = store.changes.length;
  store.hold();
  for (const options of [{ protocolVersion: 4 }, { protocolVersion: 5 }, { protocolVersion: 3 }] as const) {
    const client = await broker.connect(options);
    await client.subscribe("a", 2);
    for (const qos of [0, 1, 2] as const) {
      await client.publish("a", "m", { qos });
      await client.takeMessage({ payload: "m", qos });
    }
    await client.unsubscribe("a");
    await client.disconnect();
  }
  assertEquals(store.held, 0);
  store.release();
  assertEquals(typesSince(store, from), []);
});

Deno.test("A client that is lost while its CONNACK waits has its session all the same", async () => {
  const seen: string[] = [];
  await using durability = await startDurable({
    plugins: [hooks({
      clientConnected: ({ clientIdentifier }) => void seen.push(`+${clientIdentifier}`),
      clientDisconnected: ({ clientIdentifier }) => void seen.push(`-${clientIdentifier}`),
    })],
  });
  const { broker, store } = durability;
  const lost = broker.open();
  store.hold();
  await lost.sendConnect({ protocolVersion: 5, ...lasting, clientIdentifier: "c" });
  await until("the store to be asked", () => store.held === 1);
  await lost.close();
  assertEquals(seen, []);
  store.release();
  await until("the loss to be noticed", () => broker.broker.clients.length === 0);
  const client = await durable(broker, "c");
  assertEquals(client.connack.sessionPresent, true);
  await client.expectNothing();
  assertEquals(seen, ["+c", "-c", "+c"]);
});

Deno.test("A client that takes over while CONNACK waits is the only one that is told", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const [first, second] = [broker.open(), broker.open()];
  store.hold();
  await first.sendConnect({ protocolVersion: 5, ...lasting, clientIdentifier: "c" });
  await until("the store to be asked", () => store.held === 1);
  await second.sendConnect({ protocolVersion: 5, ...lasting, clientIdentifier: "c" });
  await first.expectClosed();
  store.release();
  assertEquals((await second.expect("Connack")).sessionPresent, true);
  await second.subscribe("a", 1);
  await broker.broker.publish("a", "m", { qos: 1 });
  await second.takeMessage({ payload: "m" });
  await second.expectNothing();
  assertEquals(broker.broker.clients.length, 1);
});

Deno.test("A client that takes over starts anew while CONNACK waits: nothing of the first is left", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const [first, second] = [broker.open(), broker.open()];
  store.hold();
  await first.sendConnect({ protocolVersion: 5, ...lasting, clientIdentifier: "c" });
  await until("the store to be asked", () => store.held === 1);
  await second.sendConnect({ protocolVersion: 5, ...lasting, clean: true, clientIdentifier: "c" });
  await first.expectClosed();
  store.release();
  assertEquals((await second.expect("Connack")).sessionPresent, false);
  await second.expectNothing();
  const { sessions } = await durability.store.open();
  assertEquals((await Array.fromAsync(sessions)).map(({ clientIdentifier }) => clientIdentifier), ["c"]);
});

interface Arrived {
  readonly name: string;
  readonly payload: string;
  readonly qos: QoS;
}

/** Takes PUBLISH packets, with the names that their aliases stand for by what came before. */
async function take(client: RawClient, count: number): Promise<Arrived[]> {
  const names = new Map<number, string>();
  const arrived: Arrived[] = [];
  while (arrived.length < count) {
    const { topicName, topicAlias, payload, qos } = await client.expectMessage();
    if (topicAlias !== undefined && topicName !== "") names.set(topicAlias, topicName);
    arrived.push({ name: topicName === "" ? names.get(topicAlias!) ?? "unknown" : topicName, payload, qos });
  }
  return arrived;
}

Deno.test("Topic aliases stand for the right names however long QoS 2 waits, and each QoS keeps its order", async () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ topicName: fc.constantFrom("a", "b", "c"), qos: fc.constantFrom(0, 1, 2) }) },
    { weight: 1, arbitrary: fc.constantFrom("hold" as const, "release" as const, "turn" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: "max" }), async (steps) => {
      await using durability = await startDurable({ outboundTopicAliasMaximum: 2 });
      const { broker, store } = durability;
      const client = await subscriberOf(broker, "#");
      const publishing: Promise<unknown>[] = [];
      const sent: Arrived[] = [];
      for (const step of steps) {
        if (step === "hold" || step === "release") store[step]();
        else if (step === "turn") await new Promise((resolve) => setTimeout(resolve));
        else {
          const { topicName, qos } = step as { topicName: string; qos: QoS };
          const payload = `${topicName}${sent.length}`;
          sent.push({ name: topicName, payload, qos });
          publishing.push(broker.broker.publish(topicName, payload, { qos }));
        }
      }
      store.release();
      await Promise.all(publishing);
      const arrived = await take(client, sent.length);
      for (const qos of [0, 1, 2]) {
        assertEquals(arrived.filter((one) => one.qos === qos), sent.filter((one) => one.qos === qos));
      }
    }),
    { seed, numRuns: 40 },
  );
});

Deno.test("A QoS 2 message that another member of the share has in the store waits until it is taken from there", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  const stored = await broker.connect5({
    clientIdentifier: "stored",
    sessionExpiryIntervalSeconds: 1000,
    receiveMaximum: 1,
  });
  await stored.subscribe("$share/g/a", 2);
  const publisher = await broker.connect();
  await publisher.publish("a", "1", { qos: 2 });
  await publisher.publish("a", "2", { qos: 2 });
  const passing = await broker.connect();
  await passing.subscribe("$share/g/a", 2);
  store.hold();
  await broker.lose(stored);
  await passing.expectNothing();
  store.release();
  await passing.expectMessage({ payload: "2", qos: 2 });
});

Deno.test("What was taken before a shutdown is acknowledged when it is stored, and only then is the client sent away", async () => {
  await using durability = await startDurable();
  const { broker, store } = durability;
  await broker.lose(await subscriberOf(broker, "a"));
  const client = await durable(broker, "c");
  store.hold();
  await client.sendPublish("a", "1", { qos: 1, packetIdentifier: 1 });
  await client.sendPublish("a", "2", { qos: 2, packetIdentifier: 2 });
  await client.expectNothing();
  const over = broker.broker.shutdown();
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve));
  store.release();
  await client.expectAck("Puback", 1);
  await client.expectAck("Pubrec", 2);
  await client.expectDisconnect(ReasonCode.ServerShuttingDown);
  await over;
});
