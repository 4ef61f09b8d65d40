import { assert, assertEquals } from "@std/assert";
import { BridgeRates } from "../../src/admin/bridge_rates.ts";
import type { BridgeSnapshot } from "../../src/hooks/figures.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { until } from "../support/durable_broker.ts";
import { FakeRemote } from "../support/fake_remote.ts";
import type { Json } from "./support.ts";
import { startAdmin } from "./support.ts";

Deno.test("a bridge is shown, paused, resumed and connected anew, and who did it stands in the audit log", async () => {
  await using remote = new FakeRemote();
  const bridges = { cloud: { address: remote.address, topics: [{ filter: "a" }] } };
  const { broker, user } = await startAdmin({ config: { bridges } });
  await using _ = broker;
  const state = () => broker.broker.bridges()[0]!.state;
  await until("it is connected", () => state() === "connected");
  await broker.broker.publish("a", "1", { qos: 1 });
  await until("it has crossed", () => broker.broker.bridges()[0]!.messagesInflight === 0);
  broker.clock.advance(2000);
  const { items: [bridge] } = await user.get("/bridges");
  const { sentPerSecond, ...rest } = bridge;
  assert(sentPerSecond > 0 && sentPerSecond <= 1, `${sentPerSecond}`);
  assertEquals(rest, {
    name: "cloud",
    state: "connected",
    error: null,
    address: remote.address,
    clientIdentifier: "bridge:cloud",
    queued: 0,
    inflight: 0,
    sent: 1,
    received: 0,
    receivedPerSecond: 0,
  });
  assertEquals(await user.do("/bridge/pause", { name: "cloud" }), {});
  await until("it is paused", () => state() === "paused");
  await broker.broker.publish("a", "2", { qos: 1 });
  assertEquals((await user.get("/bridges")).items[0].queued, 1);
  await user.do("/bridge/resume", { name: "cloud" });
  await until("it is back", () => state() === "connected");
  await user.do("/bridge/reconnect", { name: "cloud" });
  await until("it is back anew", () => remote.connects.length === 3 && state() === "connected");
  assertEquals((await user.post("/bridge/pause", { name: "no" })).status, 404);
  const { items } = await user.get("/audit");
  assertEquals(items.map(({ action, detail }: Json) => [action, detail]), [
    ["/bridge/reconnect", '{"name":"cloud"}'],
    ["/bridge/resume", '{"name":"cloud"}'],
    ["/bridge/pause", '{"name":"cloud"}'],
  ]);
});

Deno.test("what happens to a bridge stands in its timeline: connected, refused, lost and why, paused, and no way in", async () => {
  let isOpen = true;
  await using remote = new FakeRemote({
    welcome: () => isOpen ? ReasonCode.Success : ReasonCode.NotAuthorized,
    answer: () => ReasonCode.TopicNameInvalid,
  });
  const bridges = { cloud: { address: remote.address, topics: [{ filter: "a" }] } };
  const { broker, user } = await startAdmin({ config: { bridges } });
  await using _ = broker;
  const state = () => broker.broker.bridges()[0]!.state;
  await until("it is connected", () => state() === "connected");
  await broker.broker.publish("a", "1", { qos: 1 });
  await until("it is refused", () => broker.broker.bridges()[0]!.messagesInflight === 0);
  isOpen = false;
  remote.cut();
  await until("that is seen", () => state() === "waiting");
  const tries = remote.connects.length;
  await until("it is not let in", () => {
    if (state() === "waiting") broker.clock.advance(1000);
    return remote.connects.length > tries + 1;
  });
  await user.do("/bridge/pause", { name: "cloud" });
  const { items } = await user.get("/client/timeline?id=bridge%3Acloud");
  const told = items.filter(({ kind }: Json) => kind !== "dropped");
  assertEquals(told.map(({ kind }: Json) => kind), ["connected", "refused", "disconnected", "failed", "paused"]);
  assertEquals(told[0].text, `connected to ${remote.address}, MQTT 5.0`);
  assertEquals(told[2].text, `disconnected from ${remote.address}: the remote closed the connection`);
  assert(told[3].text.startsWith(`cannot connect to ${remote.address}: `), told[3].text);
  assertEquals((await user.get("/events")).items[0].kind, "paused");
});

Deno.test("rates are those since the step before the last, or since the start", () => {
  const bridge = (messagesSent: number): BridgeSnapshot => ({
    name: "cloud",
    state: "connected",
    address: undefined,
    error: undefined,
    clientIdentifier: "bridge:cloud",
    messagesQueued: 0,
    messagesInflight: 0,
    messagesSent,
    messagesReceived: 2 * messagesSent,
  });
  const rates = new BridgeRates();
  assertEquals(rates.of(bridge(40), 1000, 5000), { sentPerSecond: 10, receivedPerSecond: 20 });
  assertEquals(rates.of(bridge(1), 1000, 1000).sentPerSecond, 1, "never of less than a second");
  rates.step([bridge(100)], 10_000);
  rates.step([bridge(300)], 20_000);
  assertEquals(rates.of(bridge(300), 0, 20_000), { sentPerSecond: 20, receivedPerSecond: 40 });
  rates.step([bridge(300)], 30_000);
  assertEquals(rates.of(bridge(300), 0, 30_000).sentPerSecond, 0);
});
