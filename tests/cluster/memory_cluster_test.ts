/** A cluster of brokers over a log in memory: what clients see, and what becomes of dead and silent nodes. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { testCluster } from "./behaviour.ts";
import { Nodes } from "./nodes.ts";
import { encodeRecord } from "../../src/cluster/record.ts";
import { PacketType } from "../../src/packet/packets.ts";
import { LogError } from "../../src/log/log.ts";
import type { ClusterSnapshot } from "../../src/hooks/figures.ts";
import { AdminUser } from "../admin/support.ts";
import { makeAuthority } from "../support/certificates.ts";
import { until } from "../support/durable_broker.ts";
import type { TestBroker } from "../support/test_broker.ts";
import { LinkProxy } from "./proxy.ts";

testCluster("a cluster over a log in memory", (count, options) => Nodes.start(count, options));

const TIMEOUT_MS = 5000;

/** Who owns the shards, as a node sees it. */
async function shardsOf(broker: TestBroker): Promise<ClusterSnapshot["shards"]> {
  return (await new AdminUser(broker, "viewer").get("/cluster")).shards;
}

Deno.test("a node whose word is not heard is declared dead; the others go on, and its will comes once", async () => {
  await using nodes = await Nodes.start(3);
  const [a, b, c] = nodes.all;
  const witness = await nodes.connect(a!);
  await witness.subscribe("#", 1);
  const will = { topicName: "w", payload: "dead", qos: 1 as const };
  const delayed = { topicName: "w", payload: "later", qos: 1 as const, delayIntervalSeconds: 20 };
  const back = { topicName: "w", payload: "never", qos: 1 as const, delayIntervalSeconds: 20 };
  const lost = await nodes.connect(c!, { will });
  await nodes.connect(c!, { will: delayed });
  await nodes.connect(c!, { will: back, clientIdentifier: "back" });
  await lost.subscribe("t", 1);
  nodes.silence("c");
  const publisher = await nodes.connect(b!);
  const acknowledged = publisher.publish("t", "1", { qos: 1 });
  await nodes.pass(2 * TIMEOUT_MS);
  assertEquals(await acknowledged, 0);
  // What the dead node had by then its client has seen; then it is closed.
  await lost.takeMessage({ payload: "1" });
  await lost.expectDisconnect(0x8b);
  await witness.takeMessage({ topicName: "t", payload: "1" });
  await witness.takeMessage({ topicName: "w", payload: "dead" });
  await nodes.connect(b!, { clientIdentifier: "back" });
  await nodes.pass(4 * TIMEOUT_MS);
  await witness.takeMessage({ topicName: "w", payload: "later" });
  await witness.expectNothing();
  assertEquals(await publisher.publish("t", "2", { qos: 1 }), 0);
  await witness.takeMessage({ topicName: "t", payload: "2" });
});

Deno.test("a node that was declared dead comes back in a new life, and knows what was retained meanwhile", async () => {
  await using nodes = await Nodes.start(2);
  const [a, b] = nodes.all;
  const publisher = await nodes.connect(a!);
  await publisher.publish("r", "old", { qos: 1, retain: true });
  nodes.silence("b");
  await nodes.pass(2 * TIMEOUT_MS);
  await publisher.publish("r", "new", { qos: 1, retain: true });
  const refused = await b!.open().connect({ protocolVersion: 5, clientIdentifier: "early" });
  assertEquals<number>(refused.reasonCode, 0x88);
  nodes.silence();
  await nodes.pass(2 * TIMEOUT_MS);
  const reader = await nodes.connect(b!);
  await reader.subscribe("#", 1);
  await reader.takeMessage({ topicName: "r", payload: "new", retain: true });
  assertEquals(await publisher.publish("t", "1", { qos: 1 }), 0);
  await reader.takeMessage({ topicName: "t", payload: "1" });
});

Deno.test("a node that is cut off refuses what needs the log, and serves the rest; with stop it closes its clients", async () => {
  for (const onPartition of ["degrade", "stop"] as const) {
    await using nodes = await Nodes.start(2, { cluster: { onPartition } });
    const [a] = nodes.all;
    const client = await nodes.connect(a!);
    await client.subscribe("t", 1);
    // Nobody hears anybody, so that nobody is declared dead.
    nodes.silence("a", "b");
    await nodes.pass(TIMEOUT_MS + 1000);
    if (onPartition === "stop") {
      await client.expectDisconnect(0x8b);
      continue;
    }
    assertEquals(await client.publish("r", "1", { qos: 1, retain: true }), 0x97);
    assertEquals(await client.publish("t", "1", { qos: 1 }), 0);
    await client.takeMessage({ payload: "1" });
  }
});

Deno.test("when links are cut again and again nothing at QoS 1 and 2 is lost, out of order, or twice", async () => {
  await using nodes = await Nodes.start(0);
  await using proxy = LinkProxy.beforeNode();
  const a = await nodes.add("a");
  const b = await nodes.add("b", proxy.place);
  const subscriber = await nodes.connect(b);
  await subscriber.subscribe("#", 2);
  const publisher = await nodes.connect(a);
  const cuts = 10;
  for (let cut = 0; cut < cuts; cut++) {
    const qos = cut % 2 === 0 ? 1 : 2;
    const publishing = (async () => {
      for (let i = 0; i < 30; i++) await publisher.publish("t", `${cut} ${i}`, { qos });
    })();
    for (let i = 0; i < cut; i++) await new Promise((resolve) => setImmediate(resolve));
    proxy.cut();
    await publishing;
    for (let i = 0; i < 30; i++) await subscriber.takeMessage({ payload: `${cut} ${i}`, qos });
  }
  await subscriber.expectNothing();
});

Deno.test("a frozen node holds up nobody but who publishes to it, whose QoS 0 is dropped and counted", async () => {
  await using nodes = await Nodes.start(0, { cluster: { maxLinkBytes: 2 ** 20 } });
  await using proxy = LinkProxy.beforeNode();
  const a = await nodes.add("a");
  const b = await nodes.add("b");
  const c = await nodes.add("c", proxy.place);
  const [frozen, awake] = [await nodes.connect(c), await nodes.connect(b)];
  await frozen.subscribe("frozen/#", 1);
  await awake.subscribe("awake", 1);
  proxy.freeze();
  const pouring = await nodes.connect(a);
  const payload = new Uint8Array(100_000);
  // More than the link may keep, what is on its way and what the system takes.
  for (let i = 0; i < 400; i++) await pouring.publish("frozen/0", payload);
  const dropped = a.broker.statistics.messagesDropped["cluster-link"];
  assert(dropped > 0, `${dropped} dropped`);
  const publisher = await nodes.connect(a);
  assertEquals(await publisher.publish("awake", "1", { qos: 1 }), 0);
  await awake.takeMessage({ payload: "1" });
  const waiting = pouring.publish("frozen/1", "last", { qos: 1 });
  assertEquals(await publisher.publish("awake", "2", { qos: 1 }), 0);
  await awake.takeMessage({ payload: "2" });
  proxy.thaw();
  assertEquals(await waiting, 0);
  for (let i = 0; i < 400 - dropped; i++) await frozen.takeMessage({ topicName: "frozen/0" });
  await frozen.takeMessage({ topicName: "frozen/1", payload: "last" });
});

Deno.test("while only the link between two nodes is cut what is at QoS 1 and 2 goes through the log, once and in order", async () => {
  await using nodes = await Nodes.start(0);
  await using proxy = LinkProxy.beforeNode();
  const a = await nodes.add("a");
  const b = await nodes.add("b", proxy.place);
  const [atA, atB] = [await nodes.connect(a), await nodes.connect(b)];
  await atA.subscribe("to/a", 2);
  await atB.subscribe("to/b", 2);
  /** Whether there is a link to the other, and whether the log stands in for it. */
  const links = () =>
    [a, b].map(({ broker }) => {
      const { body } = broker.observability.metrics(null);
      return ["up", "through_log"].map((name) => body.match(`amqtt_cluster_link_${name}{peer="."} (.)`)?.[1]).join(" ");
    });
  const areLinks = (state: string) => links().every((one) => one === state);
  for (const round of ["broken", "frozen at one end", "frozen at the other"]) {
    if (round === "broken") {
      proxy.isShut = true;
      proxy.cut();
    } else proxy.freeze();
    // Where only one end has something to say the other does not know that it is not heard.
    const waiting = [
      ...round !== "frozen at the other" ? [atA.publish("to/b", `${round} waits`, { qos: 1 })] : [],
      ...round !== "frozen at one end" ? [atB.publish("to/a", `${round} waits`, { qos: 2 })] : [],
    ];
    for (let i = 0; i < 20 && !areLinks("0 1"); i++) await nodes.pass(1000);
    assertEquals(links(), ["0 1", "0 1"]);
    await Promise.all(waiting);
    await atA.publish("to/b", "what may be lost");
    for (const qos of [1, 2] as const) {
      await atA.publish("to/b", `${round} ${qos}`, { qos });
      await atB.publish("to/a", `${round} ${qos}`, { qos });
    }
    // What is subscribed to meanwhile is known to the other before the answer.
    const topic = `new/${round}`;
    await atB.subscribe(topic, 1);
    await atA.publish(topic, "x".repeat(600_000), { qos: 1 });
    if (round !== "frozen at one end") await atA.takeMessage({ payload: `${round} waits` });
    if (round !== "frozen at the other") await atB.takeMessage({ payload: `${round} waits` });
    for (const payload of [`${round} 1`, `${round} 2`]) {
      await atA.takeMessage({ topicName: "to/a", payload });
      await atB.takeMessage({ topicName: "to/b", payload });
    }
    await atB.takeMessage({ topicName: topic });
    // A client that comes to the other node is found, too.
    const taken = await nodes.connect(b, { clientIdentifier: "x" });
    await nodes.connect(a, { clientIdentifier: "x" });
    await taken.expectDisconnect(0x8e);
    proxy.isShut = false;
    proxy.thaw();
    await until("the link is mended", () => areLinks("1 0"));
    const publishing = [
      atA.publish("to/b", `${round} again`, { qos: 1 }),
      atB.publish("to/a", `${round} again`, { qos: 1 }),
    ];
    await Promise.all(publishing);
    await atA.takeMessage({ payload: `${round} again` });
    await atB.takeMessage({ payload: `${round} again` });
  }
  await Promise.all([atA.expectNothing(), atB.expectNothing()]);
});

Deno.test("a message for a group that its node has not taken goes to another member when that node dies", async () => {
  await using nodes = await Nodes.start(0);
  await using proxy = LinkProxy.beforeNode();
  const a = await nodes.add("a");
  const b = await nodes.add("b", proxy.place);
  const c = await nodes.add("c");
  const [dying, living] = [await nodes.connect(b), await nodes.connect(c)];
  await dying.subscribe("$share/g/t", 1);
  await living.subscribe("$share/g/t", 1);
  const publisher = await nodes.connect(a);
  proxy.freeze();
  const sent: number[] = [];
  for (let i = 0; i < 6; i++) sent.push(await publisher.sendPublish("t", `${i}`, { qos: 1 }));
  nodes.silence("b");
  await nodes.pass(2 * TIMEOUT_MS);
  for (const packetIdentifier of sent) await publisher.expectAck("Puback", packetIdentifier, 0);
  const payloads = [];
  for (let i = 0; i < 6; i++) payloads.push((await living.takeMessage()).payload);
  assertEquals(payloads.sort(), ["0", "1", "2", "3", "4", "5"]);
});

Deno.test("links show certificates on both sides, and whoever has none of the authority is not let in", async () => {
  const folder = await Deno.makeTempDir();
  const [authority, other] = [makeAuthority("Cluster"), makeAuthority("Other")];
  const write = (name: string, text: string) => Deno.writeTextFile(`${folder}/${name}`, text);
  await write("ca.pem", authority.certificate);
  for (const [name, issuer] of [["good", authority], ["bad", other]] as const) {
    const { certificate, key } = issuer.issue({ commonName: name, usage: "server" });
    const { certificate: client, key: clientKey } = issuer.issue({ commonName: name, usage: "client" });
    await write(`${name}.pem`, `${certificate}\n${key}`);
    await write(`${name}-client.pem`, `${client}\n${clientKey}`);
  }
  const files = (name: string) => ({ certfile: `${folder}/${name}.pem`, cafile: `${folder}/ca.pem` });
  try {
    await using nodes = await Nodes.start(0, { cluster: { failureTimeout: 0.2 } });
    // `a` connects to `b`.
    const a = await nodes.add("a", files("good-client"));
    const b = await nodes.add("b", files("good"));
    const subscriber = await nodes.connect(b);
    await subscriber.subscribe("t", 1);
    assertEquals(await (await nodes.connect(a)).publish("t", "1", { qos: 1 }), 0);
    await subscriber.takeMessage({ payload: "1" });
    await nodes.add("c", files("bad"));
    assert(nodes.all[2]!.log.complains("without a link"), nodes.all[2]!.log.lines.join("\n"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** Makes the log so long that its beginning is given up. */
async function shorten(nodes: Nodes, readers: readonly TestBroker[]): Promise<void> {
  const ghost = encodeRecord({ writer: "ghost", incarnation: 1, n: 1, body: { type: "heartbeat", safe: 0 } });
  const before = nodes.engine.end;
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 20_000; i++) nodes.engine.append(ghost);
    // They have read as far when what they say behind it has come by.
    for (const broker of readers) await (await nodes.connect(broker)).publish("r/3", "new", { qos: 1, retain: true });
    for (let i = 0; i < 20 && nodes.engine.first <= before; i++) await nodes.pass(250);
  }
}

Deno.test("a node that was away for longer than the log lasts begins anew with what the others say it comes to", async () => {
  await using nodes = await Nodes.start(2);
  const [a, b] = nodes.all;
  const publisher = await nodes.connect(a!);
  await publisher.publish("r/1", "old", { qos: 1, retain: true });
  await publisher.publish("r/2", "cleared", { qos: 1, retain: true });
  const lost = await nodes.connect(b!, { will: { topicName: "w", payload: "dead", qos: 1 } });
  const witness = await nodes.connect(a!);
  await witness.subscribe("w", 1);
  const [, log] = nodes.engine.logs;
  log!.isStalled = true;
  nodes.silence("b");
  await nodes.pass(2 * TIMEOUT_MS);
  await witness.takeMessage({ payload: "dead" });
  await publisher.publish("r/1", "new", { qos: 1, retain: true });
  await publisher.publish("r/2", "", { qos: 1, retain: true });
  const readUpTo = nodes.engine.end;
  await shorten(nodes, [a!]);
  assert(nodes.engine.first > readUpTo, `the log begins at ${nodes.engine.first}`);
  nodes.silence();
  log!.isStalled = false;
  nodes.engine.wake();
  await lost.expectDisconnect(0x8b);
  const { observability } = b!.broker;
  await until("the node is one again", () => /^amqtt_cluster_cut_off 0$/m.test(observability.metrics(null).body));
  const reader = await nodes.connect(b!);
  await reader.subscribe("#", 1);
  await reader.takeMessage({ topicName: "r/1", payload: "new", retain: true });
  await reader.takeMessage({ topicName: "r/3", payload: "new", retain: true });
  assertEquals(await publisher.publish("t", "1", { qos: 1 }), 0);
  await reader.takeMessage({ topicName: "t", payload: "1" });
  await Promise.all([reader.expectNothing(), witness.expectNothing()]);
});

Deno.test("a node whose engine says that the log went back begins anew with what there is", async () => {
  await using nodes = await Nodes.start(2);
  const [a, b] = nodes.all;
  const publisher = await nodes.connect(a!);
  await publisher.publish("r", "kept", { qos: 1, retain: true });
  const witness = await nodes.connect(a!);
  await witness.subscribe("w", 1);
  const lost = await nodes.connect(b!, { will: { topicName: "w", payload: "dead", qos: 1 } });
  const [, log] = nodes.engine.logs;
  log!.tailFault = new LogError("rewound", "log: it ends at 3, expected 9");
  nodes.engine.wake();
  await lost.expectDisconnect(0x8b);
  const { observability } = b!.broker;
  await until("the node is one again", () => /^amqtt_cluster_cut_off 0$/m.test(observability.metrics(null).body));
  await nodes.pass(1000);
  await witness.takeMessage({ payload: "dead" });
  const reader = await nodes.connect(b!);
  await reader.subscribe("#", 1);
  await reader.takeMessage({ topicName: "r", payload: "kept", retain: true });
  assertEquals(await publisher.publish("t", "1", { qos: 1 }), 0);
  await reader.takeMessage({ topicName: "t", payload: "1" });
  await Promise.all([reader.expectNothing(), witness.expectNothing()]);
});

Deno.test("the log is cut off when it is long, and who comes later knows all the same what holds", async () => {
  await using nodes = await Nodes.start(2);
  const [a, b] = nodes.all;
  const publisher = await nodes.connect(a!);
  await publisher.publish("r/1", "kept", { qos: 1, retain: true });
  await publisher.publish("r/2", "cleared", { qos: 1, retain: true });
  await publisher.publish("r/2", "", { qos: 1, retain: true });
  await nodes.connect(b!, { will: { topicName: "w", payload: "dead", qos: 1 } });
  await shorten(nodes, [a!, b!]);
  assert(nodes.engine.first > 20_000, `the log begins at ${nodes.engine.first}`);
  await publisher.publish("r/3", "newer", { qos: 1, retain: true });
  const before = await shardsOf(a!);
  const c = await nodes.add("c");
  const reader = await nodes.connect(c);
  await reader.subscribe("#", 1);
  await nodes.shardsShared("a", "b", "c");
  for (const broker of nodes.all) assertEquals(await shardsOf(broker), await shardsOf(a!));
  for (const [i, { owner, epoch }] of (await shardsOf(c)).entries()) {
    assertEquals(epoch, before[i]!.epoch + Number(owner !== before[i]!.owner));
  }
  await reader.takeMessage({ topicName: "r/1", payload: "kept", retain: true });
  await reader.takeMessage({ topicName: "r/3", payload: "newer", retain: true });
  await reader.expectNothing();
  nodes.silence("b");
  await nodes.pass(2 * TIMEOUT_MS);
  await reader.takeMessage({ topicName: "w", payload: "dead" });
});

Deno.test("$SYS tells how many shards each node owns, and that one that is gone owns none", async () => {
  await using nodes = await Nodes.start(3, { config: { sysInterval: 10 } });
  const [a, , c] = nodes.all;
  await nodes.shardsShared("a", "b", "c");
  const reader = await nodes.connect(a!);
  await nodes.pass(10_000);
  const own = (node: string) => shardsOf(a!).then((shards) => shards.filter(({ owner }) => owner === node).length);
  await reader.subscribe("$SYS/cluster/nodes/c/shards", 1);
  await reader.takeMessage({ payload: `${await own("c")}` });
  await reader.subscribe("$SYS/cluster/shards/ownerless", 1);
  await reader.takeMessage({ payload: "0" });
  await c!.broker.shutdown();
  await nodes.shardsShared("a", "b");
  await nodes.pass(10_000);
  await reader.takeMessage({ topicName: "$SYS/cluster/shards/ownerless", payload: "0" });
  await reader.takeMessage({ topicName: "$SYS/cluster/nodes/c/shards", payload: "0" });
  assertEquals(await own("a") + await own("b"), 64);
});

Deno.test("a node that comes later lets nobody in before it knows all that clients of the others are subscribed to", async () => {
  await using nodes = await Nodes.start(1);
  const subscriber = await nodes.connect(nodes.all[0]!);
  const filters = Array.from({ length: 3000 }, (_, i) => `${"long/".repeat(40)}${i}`);
  for (let at = 0; at < filters.length; at += 100) {
    const some = filters.slice(at, at + 100).map((topicFilter) => ({ topicFilter, qos: 1 as const }));
    await subscriber.subscribe(some);
  }
  const later = await nodes.add("b");
  const publisher = await nodes.connect(later);
  const last = filters.at(-1)!;
  assertEquals(await publisher.publish(last, "1", { qos: 1 }), 0);
  await subscriber.takeMessage({ topicName: last, payload: "1" });
});

Deno.test("a node that shuts down is gone for the others at once: nobody waits for it", async () => {
  await using nodes = await Nodes.start(2);
  const [a, b] = nodes.all;
  const [publisher, subscriber] = [await nodes.connect(a!), await nodes.connect(b!)];
  await subscriber.subscribe("t", 1);
  assertEquals(await publisher.publish("t", "1", { qos: 1 }), 0);
  await b!.broker.shutdown();
  // The clock stands still: a node that is only silent would be waited for.
  assertEquals(await publisher.publish("t", "2", { qos: 1 }), 0x10);
  assertEquals(await publisher.subscribe("x", 1), [1]);
  assertEquals(a!.broker.observability.metrics(null).body.match(/amqtt_cluster_nodes (\d)/)?.[1], "1");
});

Deno.test("of two processes with one name the later one is the node, and the other stays outside", async () => {
  await using nodes = await Nodes.start(2);
  const [a, b] = nodes.all;
  const former = await nodes.connect(b!);
  await nodes.pass(10);
  const later = await nodes.add("b");
  await former.expectDisconnect(0x8b);
  await nodes.pass(4 * TIMEOUT_MS);
  const refused = await b!.open().connect({ protocolVersion: 5, clientIdentifier: "x" });
  assertEquals<number>(refused.reasonCode, 0x88);
  const [publisher, subscriber] = [await nodes.connect(a!), await nodes.connect(later)];
  await subscriber.subscribe("t", 1);
  assertEquals(await publisher.publish("t", "1", { qos: 1 }), 0);
  await subscriber.takeMessage({ payload: "1" });
});

Deno.test("a retained message that is too large for the log is refused, whoever it is from, and the log goes on", async () => {
  await using nodes = await Nodes.start(2);
  const [a, b] = nodes.all;
  const large = "x".repeat(513 * 1024);
  const client = await nodes.connect(a!);
  assertEquals(await client.publish("r", large, { qos: 1, retain: true }), 0x97);
  await assertRejects(
    () => a!.broker.publish("r", large, { retain: true }),
    Error,
    "524288 bytes at most in a cluster",
  );
  assertEquals(await client.publish("r", "small", { qos: 1, retain: true }), 0x10);
  const reader = await nodes.connect(b!);
  await reader.subscribe("r", 1);
  await reader.takeMessage({ payload: "small", retain: true });
});

Deno.test("while the log takes nothing what is said in it does not grow with time, and all goes on afterwards", async () => {
  await using nodes = await Nodes.start(2);
  const [a] = nodes.all;
  const client = await nodes.connect(a!);
  const { engine } = nodes;
  engine.fault = () => "lost";
  await nodes.pass(200_000, 1000);
  let appended = 0;
  engine.fault = () => {
    appended++;
    return "lost";
  };
  await nodes.pass(10_000, 1000);
  assert(appended <= 2 * 11 * 64, `${appended} appended`);
  engine.fault = undefined;
  await nodes.pass(10_000);
  const again = await nodes.connect(a!);
  assertEquals(await again.publish("r", "1", { qos: 1, retain: true }), 0x10);
  await client.close();
});

Deno.test("who leaves a will is answered when the log has it, or when its node knows that it does not reach the log", async () => {
  await using nodes = await Nodes.start(2);
  const [a] = nodes.all;
  const will = { topicName: "w", payload: "gone", qos: 1 as const };
  nodes.engine.fault = () => "lost";
  const first = a!.open();
  await first.sendConnect({ protocolVersion: 5, clientIdentifier: "first", will });
  let isAnswered = false;
  const answered = first.next().then(({ type }) => {
    isAnswered = true;
    return type;
  });
  await nodes.pass(1000);
  assertEquals(isAnswered, false);
  nodes.engine.fault = undefined;
  await nodes.pass(2000);
  assertEquals(await answered, PacketType.Connack);
  nodes.silence("a", "b");
  const second = a!.open();
  await second.sendConnect({ protocolVersion: 5, clientIdentifier: "second", will });
  await nodes.pass(TIMEOUT_MS + 1000);
  assertEquals((await second.next()).type, PacketType.Connack);
  nodes.silence();
  await nodes.pass(2000);
});
