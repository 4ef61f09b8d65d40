/** A QoS 2 message that is sent again, or refused late, is not acknowledged before the other nodes have it. */
import { assertEquals, assertMatch } from "@std/assert";
import { until } from "../support/durable_broker.ts";
import { Relay } from "../support/relay.ts";
import { hooks, startBroker } from "../support/test_broker.ts";
import { Nodes } from "./nodes.ts";
import { LinkProxy } from "./proxy.ts";

const TIMEOUT_MS = 5000;

Deno.test("a QoS 2 message that comes again over another connection is acknowledged when the log has it, in order", async () => {
  await using nodes = await Nodes.start(2);
  const [a, b] = nodes.all;
  const subscriber = await nodes.connect(b!);
  await subscriber.subscribe("#", 2);
  const who = { clientIdentifier: "again", sessionExpiryIntervalSeconds: 1000, cleanStart: false };
  const first = await nodes.connect(a!, who);
  nodes.silence("a");
  const packets = ["1", "2"].map((payload) => first.publishPacket("r", payload, { qos: 2, retain: true }));
  await first.sendPacket(...packets);
  await first.expectNothing();
  await a!.lose(first);
  const second = await nodes.connect(a!, who);
  assertEquals(second.connack.sessionPresent, true);
  await second.sendPacket(...packets.map((packet) => ({ ...packet, dup: true })));
  await second.expectNothing();
  // What goes another way must not overtake it.
  await second.sendPublish("r", "3", { qos: 2, packetIdentifier: 3 });
  nodes.silence();
  await nodes.pass(2000);
  for (const packetIdentifier of [1, 2, 3]) await second.expectAck("Pubrec", packetIdentifier, 0);
  for (const payload of ["1", "2", "3"]) await subscriber.takeMessage({ topicName: "r", payload });
  await subscriber.expectNothing();
});

Deno.test("a client of 3.1.1 whose message has waited is not told that it was taken when the log is out of reach by then", async () => {
  await using nodes = await Nodes.start(0);
  await using proxy = LinkProxy.beforeNode();
  const a = await nodes.add("a");
  const b = await nodes.add("b", proxy.place);
  const subscriber = await nodes.connect(b);
  await subscriber.subscribe("t", 1);
  const publisher = await a.connect({ clientIdentifier: "old" });
  proxy.freeze();
  nodes.silence("a", "b");
  await publisher.sendPublish("t", "by the link", { qos: 2 });
  await publisher.sendPublish("r", "by the log, when that has come", { qos: 2, retain: true });
  await nodes.pass(TIMEOUT_MS + 1000);
  assertMatch(a.broker.observability.metrics(null).body, /^amqtt_cluster_cut_off 1$/m);
  proxy.thaw();
  await publisher.expectAck("Pubrec", 1, 0);
  await publisher.expectClosed();
  assertEquals([...a.broker.retained.keys()], []);
  // So that the node can say goodbye.
  nodes.silence();
  await nodes.pass(2000);
});

Deno.test("the program's message is waited for, too, when a plugin has put another one in its place", async () => {
  const transform = hooks({ transformMessage: (message) => ({ ...message, payload: new Uint8Array([50]) }) });
  await using nodes = await Nodes.start(1, { config: { plugins: [transform] } });
  const [a] = nodes.all;
  nodes.silence("a");
  let isThere = false;
  const publishing = a!.broker.publish("r", "1", { qos: 1, retain: true }).then(() => isThere = true);
  await nodes.pass(1000);
  assertEquals(isThere, false);
  nodes.silence();
  await nodes.pass(2000);
  await publishing;
  assertEquals(a!.broker.retained.get("r")?.payload, new Uint8Array([50]));
});

for (const qos of [1, 2] as const) {
  Deno.test(`QoS ${qos}: what a bridge brings is answered when the other nodes have it, also if it comes again`, async () => {
    await using remote = await startBroker();
    const { hostname, port } = remote.broker.addresses.tcp!;
    await using relay = new Relay({ hostname, port });
    const topics = [{ filter: "t/#", direction: "in" as const, qos }];
    await using nodes = await Nodes.start(0);
    await using proxy = LinkProxy.beforeNode();
    const b = await nodes.add("b", proxy.place);
    const subscriber = await nodes.connect(b);
    await subscriber.subscribe("t/#", qos);
    const { broker: a } = await nodes.add("a", {}, { bridges: { out: { address: relay.address, topics } } });
    const bridge = () => a.bridges()[0]!;
    await until("the bridge is there", () => bridge().state === "connected");
    proxy.freeze();
    const publisher = await remote.connect5();
    await publisher.publish("t/1", "1", { qos });
    await until("it has come", () => bridge().messagesReceived === 1);
    if (qos === 2) {
      relay.cut();
      for (let i = 0; i < 50 && relay.connections < 2; i++) await nodes.pass(100, 100);
      await until("the bridge is back", () => bridge().state === "connected");
      // It comes behind what is sent again.
      await publisher.publish("t/1", "2");
      await until("the next has come", () => bridge().messagesReceived === 2);
    }
    // Time for an answer that should not come.
    await nodes.pass(100, 5);
    assertEquals(remote.broker.statistics.inflightOutbound, 1);
    proxy.thaw();
    await subscriber.takeMessage({ payload: "1", qos });
    await until("the remote is answered", () => remote.broker.statistics.inflightOutbound === 0);
  });
}
