import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Plugin } from "../../src/hooks/plugin.ts";
import create from "../../src/plugins/broker_sys.ts";
import { noStatistics, pluginContext, type TestContext } from "../support/plugin_context.ts";

async function started(options: unknown): Promise<TestContext> {
  const context = pluginContext();
  context.statistics = {
    ...noStatistics(),
    startedAt: new Date(Date.now() - (2 * 86_400 + 3 * 3600 + 4 * 60 + 5) * 1000 - 100),
    bytesReceived: 1001,
    bytesSent: 1002,
    packetsReceived: 103,
    packetsSent: 104,
    publishesReceived: 55,
    publishesSent: 56,
    clientsConnected: 3,
    clientsDisconnected: 4,
    clientsMaximum: 9,
    inflightInbound: 5,
    inflightOutbound: 6,
    messagesQueued: 20,
    retainedMessages: 30,
    subscriptions: 7,
    sharedSubscriptions: 2,
    connectionsAccepted: 77,
    load: {
      ...noStatistics().load,
      "messages/received": { oneMinute: 1.234, fiveMinutes: 2, fifteenMinutes: 0.006 },
    },
    messagesDropped: { ...noStatistics().messagesDropped, "queue-limit": 8, "receive-denied": 2 },
    publishesDenied: 11,
    connectionsRefused: 12,
    refused: { ...noStatistics().refused, "sign-in": 14 },
    changesWaiting: 13,
  };
  await (create(options, context) as Plugin).afterStart?.();
  return context;
}

/** What was published last, by topic without the root. */
function values({ published }: TestContext): Map<string, string> {
  return new Map(published.map(({ topicName, payload }) => [topicName.replace(/^\$SYS\/broker\//, ""), payload]));
}

const expected: Readonly<Record<string, string>> = {
  "load/bytes/received": "1001",
  "load/bytes/sent": "1002",
  "messages/received": "103",
  "messages/sent": "104",
  "messages/publish/received": "55",
  "messages/publish/sent": "56",
  "messages/publish/denied": "11",
  "messages/inflight": "11",
  "messages/inflight/in": "5",
  "messages/inflight/out": "6",
  "messages/inflight/stored": "50",
  "messages/queued": "20",
  "messages/retained/count": "30",
  "messages/subscriptions/count": "7",
  "messages/dropped": "10",
  "messages/dropped/queue-limit": "8",
  "messages/dropped/receive-denied": "2",
  "messages/dropped/max-retained": "0",
  "clients/connected": "3",
  "clients/disconnected": "4",
  "clients/total": "7",
  "clients/maximum": "9",
  "connections/refused": "12",
  "refused/sign-in": "14",
  "refused/publish": "0",
  "publish/messages/received": "55",
  "publish/messages/sent": "56",
  "publish/messages/dropped": "10",
  "bytes/received": "1001",
  "bytes/sent": "1002",
  "messages/stored": "56",
  "store/messages/count": "56",
  "retained messages/count": "30",
  "subscriptions/count": "7",
  "shared_subscriptions/count": "2",
  "connections/socket/count": "77",
  "clients/active": "3",
  "clients/inactive": "4",
  "load/messages/received/1min": "1.23",
  "load/messages/received/5min": "2",
  "load/messages/received/15min": "0.01",
  "load/connections/15min": "0",
  "store/state": "ok",
  "store/waiting": "13",
};

Deno.test("broker_sys publishes every figure when the broker has started", async () => {
  const published = values(await started(undefined));
  for (const [topic, value] of Object.entries(expected)) assertEquals(published.get(topic), value, topic);
  assertMatch(published.get("version") ?? "", /^@amqtt\/broker \d+\.\d+\.\d+/);
  assertMatch(published.get("uptime/formatted") ?? "", /^2 days, 03:04:0[5-9]$/);
  const uptimeSeconds = Number(published.get("uptime"));
  assert(uptimeSeconds >= 183_845 && uptimeSeconds < 183_850, String(uptimeSeconds));
  assert(Math.abs(Number(published.get("time")) - Date.now() / 1000) < 60);
  for (const topic of ["heap/size", "heap/maximum", "cpu/percent", "cpu/maximum"]) {
    assertMatch(published.get(topic) ?? "", /^\d+\.\d$/, topic);
  }
  assert(Number(published.get("heap/size")) > 0);
});

Deno.test("broker_sys says what keeps the store from storing, and when it stores again", async () => {
  const context = await started({ interval: 1 });
  const seen: (string | undefined)[] = [];
  for (const storeFault of ["the disk is full", undefined]) {
    context.statistics = { ...context.statistics, storeFault };
    context.clock.advance(1000);
    seen.push(values(context).get("store/state"));
  }
  assertEquals(seen, ["the disk is full", "ok"]);
});

Deno.test("broker_sys retains all it publishes, at QoS 0, under $SYS/broker/", async () => {
  for (const { topicName, options } of (await started({})).published) {
    assert(topicName.startsWith("$SYS/broker/"), topicName);
    assertEquals(options, { retain: true }, topicName);
  }
});

Deno.test("broker_sys publishes anew every interval, with the figures of then", async () => {
  for (const options of [{ interval: 5 }, { sysInterval: 5 }, { interval: 5, sysInterval: 20 }]) {
    const context = await started(options);
    context.published.length = 0;
    context.clock.advance(4999);
    assertEquals(context.published.length, 0);
    context.statistics = { ...context.statistics, clientsConnected: 100 };
    context.clock.advance(1);
    assertEquals(values(context).get("clients/connected"), "100");
    context.published.length = 0;
    context.clock.advance(5000);
    assertEquals(values(context).get("clients/connected"), "100");
  }
});

Deno.test("broker_sys publishes every 20 seconds by default", async () => {
  const context = await started(undefined);
  context.published.length = 0;
  context.clock.advance(19_999);
  assertEquals(context.published.length, 0);
  context.clock.advance(1);
  assert(context.published.length > 20);
});

Deno.test("broker_sys remembers the most of heap and processor that it has seen", async () => {
  const context = await started({ interval: 1 });
  let most = 0;
  for (let i = 0; i < 5; i++) {
    context.clock.advance(1000);
    const published = values(context);
    most = Math.max(most, Number(published.get("heap/size")));
    assert(Number(published.get("heap/maximum")) >= most);
    assert(Number(published.get("cpu/maximum")) >= Number(published.get("cpu/percent")));
  }
});

Deno.test("broker_sys with the interval 0 does nothing", async () => {
  const context = await started({ interval: 0 });
  context.clock.advance(1_000_000);
  assertEquals(context.published, []);
});

for (const interval of [-1, "20", Infinity, true]) {
  Deno.test(`broker_sys refuses the interval ${interval}`, () => {
    const message = "interval must be a number of seconds, 0 or more: got";
    assertThrows(() => create({ interval }, pluginContext()), Error, message);
  });
}

Deno.test("broker_sys refuses options it does not know", () => {
  assertThrows(
    () => create({ every: 1 }, pluginContext()),
    Error,
    "unknown option every: known are interval, sysInterval",
  );
});
