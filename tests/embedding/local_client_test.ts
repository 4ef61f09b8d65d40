/** A client of the program's own: a session without a socket. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { LocalClient, LocalDelivery } from "../../src/embedding/local_client.ts";
import type { QoS } from "../../src/packet/packets.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { House, MemoryDisk, SqliteDisk } from "../support/durable_broker.ts";
import { patiently } from "../support/patience.ts";
import { hooks, startBroker } from "../support/test_broker.ts";

const hour = { sessionExpiryIntervalSeconds: 3600 } as const;

const text = ({ message }: LocalDelivery) => new TextDecoder().decode(message.payload);

async function take(client: LocalClient): Promise<LocalDelivery> {
  const { value, done } = await patiently("a message", client[Symbol.asyncIterator]().next());
  assert(!done, "the client has ended");
  return value;
}

/** Tells that nothing more has come: what comes next is this. */
async function expectNothingBefore(client: LocalClient, publish: () => Promise<unknown>): Promise<void> {
  await publish();
  assertEquals(text(await take(client)), "the next");
}

for (const qos of [0, 1, 2] as const) {
  Deno.test(`A client of the program's own gets at QoS ${qos} what others publish, and acknowledges it`, async () => {
    await using broker = await startBroker();
    await using local = await broker.broker.openClient("local");
    await local.subscribe("a/+", { qos });
    const client = await broker.connect();
    await client.publish("a/b", "hello", { qos: 2 });
    const delivery = await take(local);
    assertEquals([text(delivery), delivery.qos, delivery.retain, delivery.duplicate], ["hello", qos, false, false]);
    assertEquals(broker.broker.session("local")?.inflightOutbound, qos > 0 ? 1 : 0);
    delivery.acknowledge();
    delivery.acknowledge();
    await Promise.resolve();
    assertEquals(broker.broker.session("local")?.inflightOutbound, 0);
    await expectNothingBefore(local, () => broker.broker.publish("a/b", "the next", { qos: 2 }));
  });
}

Deno.test("What a client of the program's own publishes comes to others, and by No Local not to itself", async () => {
  await using broker = await startBroker();
  const other = await broker.connect();
  await other.subscribe("#", 2);
  await using local = await broker.broker.openClient("local");
  await using second = await broker.broker.openClient("second");
  await local.subscribe("a", { noLocal: true });
  await second.subscribe("a");
  await local.publish("a", "mine", { qos: 1 });
  await other.takeMessage({ topicName: "a", payload: "mine", qos: 1 });
  const { message } = await take(second);
  assertEquals(message.publisher, "local");
  await expectNothingBefore(local, () => broker.broker.publish("a", "the next"));
});

Deno.test("A client of the program's own takes as many QoS 1 and 2 messages as it asked for before it acknowledges", async () => {
  await using broker = await startBroker();
  await using local = await broker.broker.openClient("local", { receiveMaximum: 1 });
  await local.subscribe("a");
  for (const payload of ["1", "2"]) await broker.broker.publish("a", payload, { qos: 2 });
  await broker.broker.publish("b", "not subscribed", { qos: 2 });
  const first = await take(local);
  assertEquals(broker.broker.session("local")?.messagesQueued, 1);
  first.acknowledge();
  assertEquals(text(await take(local)), "2");
});

Deno.test("A message that a client of the program's own refuses is dropped and counted", async () => {
  await using broker = await startBroker();
  await using local = await broker.broker.openClient("local");
  await local.subscribe("a");
  for (const qos of [1, 2] as const) {
    await broker.broker.publish("a", "bad", { qos });
    (await take(local)).acknowledge(ReasonCode.PayloadFormatInvalid);
  }
  const { inflightOutbound, messagesDropped } = broker.broker.session("local")!;
  assertEquals([inflightOutbound, messagesDropped["refused-by-client"]], [0, 2]);
});

Deno.test("What was not acknowledged comes again to the session's next client, and what was does not", async () => {
  await using broker = await startBroker();
  const first = await broker.broker.openClient("local", hour);
  assertEquals(first.sessionPresent, false);
  await first.subscribe("a");
  for (const payload of ["1", "2", "3"]) await broker.broker.publish("a", payload, { qos: payload === "2" ? 2 : 1 });
  const taken = [await take(first), await take(first), await take(first)];
  taken[2]!.acknowledge();
  first.close();
  taken[0]!.acknowledge();
  await broker.broker.publish("a", "meanwhile", { qos: 1 });
  await using second = await broker.broker.openClient("local", hour);
  assertEquals(second.sessionPresent, true);
  const again = [await take(second), await take(second), await take(second)];
  assertEquals(again.map((delivery) => [text(delivery), delivery.qos, delivery.duplicate]), [
    ["1", 1, true],
    ["2", 2, true],
    ["meanwhile", 1, false],
  ]);
});

Deno.test("A session of the program's own ends with its client unless it was to outlive it", async () => {
  await using broker = await startBroker();
  const local = await broker.broker.openClient("local");
  await local.subscribe("a");
  local.close();
  assertEquals(await local.closed, "the program closed the client");
  assertEquals(broker.broker.session("local"), undefined);
  await assertRejects(() => local.subscribe("b"), Error, "the client has ended");
  await assertRejects(() => local.unsubscribe("b"), Error, "the client has ended");
  await assertRejects(() => local.publish("b", ""), Error, "the client has ended");
  const kept = await broker.broker.openClient("kept", hour);
  kept.close();
  const { connected, username } = broker.broker.session("kept")!;
  assertEquals([connected, username], [false, undefined]);
  await using anew = await broker.broker.openClient("kept", { cleanStart: true });
  assertEquals(anew.sessionPresent, false);
});

for (const [what, makeDisk] of [["memory", () => new MemoryDisk()], ["SQLite", () => new SqliteDisk()]] as const) {
  for (const end of ["shutdown", "crash"] as const) {
    Deno.test(`A stored session of the program's own is there after a ${end} (${what})`, async () => {
      await using house = new House(makeDisk());
      const { broker } = await house.start();
      const before = await broker.openClient("local", hour);
      await before.subscribe("a", { qos: 2 });
      for (const qos of [1, 2] as QoS[]) await broker.publish("a", `${qos}`, { qos });
      (await take(before)).acknowledge();
      await take(before);
      const after = await house.restart(end);
      await using local = await after.broker.openClient("local", hour);
      assertEquals(local.sessionPresent, true);
      const delivery = await take(local);
      assertEquals([text(delivery), delivery.qos, delivery.duplicate], ["2", 2, true]);
      delivery.acknowledge();
      await expectNothingBefore(local, () => after.broker.publish("a", "the next", { qos: 1 }));
    });
  }
}

Deno.test("No client of the network can take up a session of the program's own, which takes its own from everybody", async () => {
  await using broker = await startBroker();
  const squatter = await broker.connect({ clientIdentifier: "local" });
  await using local = await broker.broker.openClient("local", hour);
  await squatter.expectClosed();
  await local.subscribe("a");
  const intruder = broker.open();
  const { reasonCode } = await intruder.connect({ clientIdentifier: "local", clean: false, protocolVersion: 5 });
  assertEquals(reasonCode, ReasonCode.ClientIdentifierNotValid);
  local.close();
  await broker.broker.publish("a", "secret", { qos: 1 });
  const later = broker.open();
  const { sessionPresent } = await later.connect({ clientIdentifier: "local", clean: false });
  assertEquals([sessionPresent, broker.broker.session("local")?.messagesQueued], [false, 0]);
});

Deno.test("A second client of the program's own by the same name takes the first one's place", async () => {
  await using broker = await startBroker();
  const first = await broker.broker.openClient("local", hour);
  const next = first[Symbol.asyncIterator]().next();
  await using second = await broker.broker.openClient("local", hour);
  assertEquals([await first.closed, (await next).done, second.sessionPresent], [
    "the client connected anew",
    true,
    true,
  ]);
});

Deno.test("Plugins decide nothing about a client of the program's own, and transform what it publishes", async () => {
  const asked: string[] = [];
  const ask = (what: string) => () => {
    asked.push(what);
    return "deny" as const;
  };
  const plugin = hooks({
    authenticate: ask("authenticate"),
    authorizePublish: ask("authorizePublish"),
    authorizeSubscribe: ask("authorizeSubscribe"),
    authorizeReceive: ask("authorizeReceive"),
    clientConnected: ask("clientConnected"),
    clientDisconnected: ask("clientDisconnected"),
    transformMessage: (message) => ({ ...message, payload: new TextEncoder().encode("changed") }),
  });
  await using broker = await startBroker({ plugins: [plugin] });
  const local = await broker.broker.openClient("local");
  await local.subscribe("a");
  await local.publish("a", "original", { qos: 1 });
  assertEquals(text(await take(local)), "changed");
  local.close();
  assertEquals(asked, []);
});

Deno.test("A client of the program's own gets what is retained, unless it does not want it", async () => {
  await using broker = await startBroker();
  await broker.broker.publish("a", "kept", { qos: 1, retain: true });
  await using local = await broker.broker.openClient("local");
  await local.subscribe("a", { retained: false });
  await local.subscribe("+");
  const delivery = await take(local);
  assertEquals([text(delivery), delivery.retain], ["kept", true]);
  assertEquals(await local.unsubscribe("+"), true);
  assertEquals(await local.unsubscribe("+"), false);
  await expectNothingBefore(local, () => broker.broker.publish("a", "the next"));
});

Deno.test("A client of the program's own that takes nothing holds no more than queue-limit: QoS 0 goes, the rest waits", async () => {
  await using broker = await startBroker({ queueLimit: 2 });
  await using local = await broker.broker.openClient("local");
  await local.subscribe("a");
  for (const payload of ["1", "2", "dropped"]) await broker.broker.publish("a", payload);
  await broker.broker.publish("a", "waits", { qos: 1 });
  assertEquals(broker.broker.session("local")?.messagesDropped["max-outbound-bytes"], 1);
  assertEquals(broker.broker.session("local")?.messagesQueued, 1);
  assertEquals([text(await take(local)), text(await take(local)), text(await take(local))], ["1", "2", "waits"]);
});

Deno.test("The loop over a client of the program's own ends at the shutdown", async () => {
  await using broker = await startBroker();
  const local = await broker.broker.openClient("local", hour);
  const next = local[Symbol.asyncIterator]().next();
  await broker.broker.shutdown();
  assertEquals((await next).done, true);
  await local.closed;
  await assertRejects(() => broker.broker.openClient("late"), Error, "the broker is stopped");
});

Deno.test("A client of the program's own that asks for what there is not is told so", async () => {
  await using broker = await startBroker();
  const { broker: { openClient } } = broker;
  const open = openClient.bind(broker.broker);
  for (const name of ["", "a\0b", "\ud800", "x".repeat(65_536)]) {
    await assertRejects(() => open(name), Error, "identifier");
  }
  const { sessionExpiryIntervalSeconds } = { sessionExpiryIntervalSeconds: -1 };
  await assertRejects(() => open("a", { sessionExpiryIntervalSeconds }), Error, "sessionExpiryIntervalSeconds must be");
  await assertRejects(() => open("a", { receiveMaximum: 0 }), Error, "receiveMaximum must be");
  await using local = await open("a");
  await assertRejects(() => local.subscribe("$share/g/a", { noLocal: true }), Error, "noLocal");
  await assertRejects(() => local.subscribe("a/#/b"), Error, "topic filter");
  assertEquals(broker.broker.session("a")?.subscriptions, 0);
});

Deno.test("A client of the program's own is among the clients, and can be cut off as they are", async () => {
  await using broker = await startBroker();
  const local = await broker.broker.openClient("local", hour);
  assertEquals(broker.broker.clients.map((client) => [client.clientIdentifier, client.username, client.listener]), [
    ["local", undefined, "program"],
  ]);
  assertEquals(broker.broker.disconnect("local"), true);
  assertEquals(await local.closed, "disconnected by the program");
  assertEquals([broker.broker.clients, broker.broker.session("local")?.connected], [[], false]);
});
