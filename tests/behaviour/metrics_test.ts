/** What a broker tells of itself in metrics, and whether it says that it is well. */
import { assert, assertEquals } from "@std/assert";
import { StoreError } from "../../src/store/store.ts";
import { readPage } from "../metrics/page.ts";
import { startDurable, until } from "../support/durable_broker.ts";
import { anybody, hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

function read(broker: TestBroker): (sample: string) => number | undefined {
  const { samples } = readPage(broker.broker.observability.openMetrics());
  return (sample) => samples.get(`amqtt_${sample}`);
}

Deno.test("metrics count connections, packets and messages where they happen", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect({ clientIdentifier: "subscriber" });
  await subscriber.subscribe("room/#", 1);
  await subscriber.subscribe("$share/group/other", 0);
  const publisher = await broker.connect5({ clientIdentifier: "publisher" });
  await publisher.publish("room/1", "warm", { qos: 1, retain: true });
  await publisher.publish("nobody", "cold", { qos: 1 });
  await subscriber.takeMessage({ payload: "warm" });
  const of = read(broker);
  assertEquals(of("connections"), 2);
  assertEquals(of("clients_connected"), 2);
  assertEquals(of('listener_clients{listener="memory"}'), 2);
  assertEquals(of('connections_accepted_total{listener="memory"}'), 2);
  assertEquals(of('connections_accepted_total{listener="tcp"}'), 0);
  assertEquals(of('packets_received_total{type="connect"}'), 2);
  assertEquals(of('packets_received_total{type="subscribe"}'), 2);
  assertEquals(of('packets_sent_total{type="suback"}'), 2);
  assertEquals(of('packets_sent_total{type="puback"}'), 2);
  assertEquals([of("messages_received_total"), of("messages_sent_total")], [2, 1]);
  assertEquals([of("subscriptions"), of("shared_subscription_groups")], [2, 1]);
  assertEquals(of("retained_messages"), 1);
  assert(of("retained_bytes")! > 0 && of("received_bytes_total")! > 0 && of("sent_bytes_total")! > 0);
  assertEquals(of('ceiling_used{ceiling="max-sessions"}'), 2);
  assertEquals(of('sign_ins_total{plugin="auth.anonymous",result="allowed"}'), 2);
});

Deno.test("metrics tell by what connections of signed-in clients have ended", async () => {
  await using broker = await startBroker();
  const leaving = await broker.connect5();
  await leaving.disconnect();
  await broker.lose(await broker.connect5());
  const taken = await broker.connect5({ clientIdentifier: "same" });
  await broker.connect5({ clientIdentifier: "same" });
  await taken.expect("Disconnect");
  await until(
    "the first to have gone",
    () => read(broker)('connections_closed_total{reason="normal-disconnection"}') === 1,
  );
  const of = read(broker);
  assertEquals(of('connections_closed_total{reason="connection-lost"}'), 1);
  assertEquals(of('connections_closed_total{reason="session-taken-over"}'), 1);
  assertEquals(of('connections_closed_total{reason="keep-alive-timeout"}'), 0);
});

Deno.test("metrics tell what each plugin has said about sign-ins, and who was refused by which listener", async () => {
  const judge = hooks({
    authenticate: ({ clientIdentifier }) => {
      if (clientIdentifier === "broken") throw new Error("no");
      return clientIdentifier === "good" ? "allow" : "deny";
    },
  });
  await using broker = await startBroker({ plugins: [], auth: { plugins: [judge] } });
  for (const clientIdentifier of ["good", "bad", "broken"]) await broker.open().connect({ clientIdentifier });
  const of = read(broker);
  assertEquals(of('sign_ins_total{plugin="./hooks_plugin.ts",result="allowed"}'), 1);
  assertEquals(of('sign_ins_total{plugin="./hooks_plugin.ts",result="denied"}'), 2);
  assertEquals(of('connections_refused_total{listener="memory"}'), 2);
  assertEquals(of('refused_total{reason="sign-in"}'), 2);
});

Deno.test("of 256 messages one is timed on its way", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect();
  for (let i = 0; i < 511; i++) await publisher.sendPublish("a", "x", { qos: 0 });
  await publisher.expectNothing();
  assertEquals(read(broker)("routing_latency_seconds_count"), 1);
  await publisher.publish("a", "x", { qos: 1 });
  assertEquals(read(broker)("routing_latency_seconds_count"), 2);
});

Deno.test("the ceiling of each client is told of the one that is nearest to it", async () => {
  await using broker = await startBroker({ maxInflight: 10, listeners: { memory: { type: "external" } } });
  const slow = await broker.connect5({ clientIdentifier: "slow" });
  await slow.subscribe("a", 1);
  const other = await broker.connect5();
  await other.subscribe("b", 1);
  for (let i = 0; i < 3; i++) await other.publish("a", "x", { qos: 1 });
  await other.publish("b", "x", { qos: 1 });
  const of = read(broker);
  assertEquals([of('ceiling_used{ceiling="max-inflight"}'), of('ceiling_limit{ceiling="max-inflight"}')], [3, 10]);
  assertEquals(of('inflight_messages{direction="out"}'), 4);
});

Deno.test("the fullest queue is told of a client that is away, too, against the limit of its own listener", async () => {
  const listeners = { memory: { type: "external" }, other: { type: "external", queueLimit: 4 } } as const;
  await using broker = await startBroker({ listeners, queueLimit: 100 });
  const away = broker.open("other");
  await away.connect({ clientIdentifier: "away", clean: false });
  await away.subscribe("a", 1);
  await away.close();
  const publisher = await broker.connect5();
  await until("the client to be away", () => read(broker)("clients_connected") === 1);
  for (let i = 0; i < 3; i++) await publisher.publish("a", "x", { qos: 1 });
  const of = read(broker);
  assertEquals([of('ceiling_used{ceiling="queue-limit"}'), of('ceiling_limit{ceiling="queue-limit"}')], [3, 4]);
  assertEquals(of("queued_messages"), 3);
});

Deno.test("neither a topic nor what a client calls itself is in the metrics", async () => {
  await using broker = await startBroker({ plugins: [], auth: anybody });
  const client = await broker.connect5({ clientIdentifier: "IDENTIFIER-1", username: "USER-1" });
  await client.subscribe("TOPIC-1/#", 1);
  await client.publish("TOPIC-1/a", "x", { qos: 1, retain: true });
  const { observability } = broker.broker;
  for (const text of [observability.openMetrics(), observability.metrics(null).body]) {
    assert(!/(IDENTIFIER|USER|TOPIC)-1/.test(text), text);
  }
});

Deno.test("a broker is ready from its start to its shutdown, and again after the next start", async () => {
  const broker = await startBroker();
  const { observability } = broker.broker;
  assertEquals([observability.live(), observability.ready()], [true, true]);
  await broker.broker.shutdown();
  assertEquals([observability.live(), observability.ready()], [false, false]);
  assertEquals(read(broker)('listener_up{listener="tcp"}'), 0);
  await broker.broker.start();
  assertEquals([observability.live(), observability.ready()], [true, true]);
  assertEquals(read(broker)('listener_up{listener="tcp"}'), 1);
  await broker[Symbol.asyncDispose]();
});

Deno.test("a broker is not ready while its store fails, and its metrics count what is stored", async () => {
  await using durable = await startDurable();
  const { broker, store } = durable;
  const { observability } = broker.broker;
  await broker.broker.publish("a", "1", { retain: true, qos: 1 });
  assertEquals([observability.ready(), read(broker)("store_up")], [true, 1]);
  const before = { commits: read(broker)("store_commits_total")!, rows: read(broker)("store_rows_total")! };
  assert(before.commits > 0 && before.rows >= before.commits, JSON.stringify(before));
  store.failing = new StoreError("the disk is gone", false);
  const unstored = broker.broker.publish("a", "2", { retain: true });
  await until("the store to fail", () => broker.broker.statistics.storeFault !== undefined);
  assertEquals([observability.live(), observability.ready(), read(broker)("store_up")], [true, false, 0]);
  assert(read(broker)("store_waiting_rows")! > 0);
  store.failing = undefined;
  broker.clock.advance(2000);
  await until("the store to work", () => broker.broker.statistics.storeFault === undefined);
  await unstored;
  assertEquals(observability.ready(), true);
  assert(read(broker)("store_commits_total")! > before.commits);
});

Deno.test("a broker whose store takes ten seconds for a batch is not ready", async () => {
  await using durable = await startDurable();
  const { broker, store } = durable;
  const { observability } = broker.broker;
  store.hold();
  const published = broker.broker.publish("a", "1", { retain: true, qos: 1 });
  await until("the batch to be under way", () => read(broker)("store_waiting_rows")! > 0);
  broker.clock.advance(9_000);
  assertEquals(observability.ready(), true);
  broker.clock.advance(2_000);
  assertEquals(observability.ready(), false);
  store.release();
  await published;
  assertEquals(observability.ready(), true);
});

Deno.test("metrics tell of each bridge", async () => {
  await using remote = await startBroker();
  const { hostname, port } = remote.broker.addresses.tcp!;
  const topics = [{ filter: "a/#", qos: 1, direction: "both" }] as const;
  await using broker = await startBroker({ bridges: { house: { address: `${hostname}:${port}`, topics } } });
  const of = (sample: string) => read(broker)(sample);
  await until("the bridge is connected", () => of('bridge_up{bridge="house"}') === 1);
  await broker.broker.publish("a/out", "1", { qos: 1 });
  await remote.broker.publish("a/in", "1", { qos: 1 });
  await until("one has come", () => of('bridge_received_total{bridge="house"}') === 1);
  await until("one is acknowledged", () => of('bridge_inflight{bridge="house"}') === 0);
  assertEquals([of('bridge_sent_total{bridge="house"}'), of('bridge_queued{bridge="house"}')], [1, 0]);
  broker.broker.pauseBridge("house");
  await until("it is paused", () => of('bridge_up{bridge="house"}') === 0);
});
