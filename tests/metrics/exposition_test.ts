import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { BridgeSnapshot } from "../../src/hooks/figures.ts";
import { Histogram } from "../../src/histogram.ts";
import { exposition, openMetrics } from "../../src/metrics/exposition.ts";
import { families } from "../../src/metrics/families.ts";
import type { Figures } from "../../src/metrics/figures.ts";
import { makeObservability } from "../../src/metrics/observability.ts";
import { noStatistics } from "../support/plugin_context.ts";
import { readPage } from "./page.ts";

function figures(parts: Partial<Figures> = {}): Figures {
  return {
    statistics: { ...noStatistics(), connectionsClosed: { "connection-lost": 2 } },
    epochSeconds: Date.now() / 1000,
    connections: 3,
    socketWaitingBytes: 4,
    listeners: [],
    adminCertificates: [],
    bridges: [],
    cluster: undefined,
    ceilings: [],
    store: undefined,
    process: {
      residentBytes: 1,
      heapUsedBytes: 2,
      heapSizeBytes: 3,
      externalBytes: 4,
      userSeconds: 1.5,
      systemSeconds: 0.25,
    },
    routingLatency: new Histogram([0.5, 1]),
    eventLoopDelay: new Histogram([1]),
    ...parts,
  };
}

const store = { up: false, changes: 12, waitingChanges: 5, waitingBytes: 6, commitLatency: new Histogram([1]) };

Deno.test("every family has its lines, each of a name once, and those without a sample are left out", () => {
  const listeners = [{ name: "a", up: true, clients: 1, accepted: 2, refused: 3, certificateExpirySeconds: 4 }];
  const ceilings = [{ ceiling: "max-sessions", used: 1, limit: 2 }];
  const signIns = [{ plugin: "auth.file", allowed: 7, denied: 8 }];
  const statistics = { ...figures().statistics, signIns };
  const bridge: BridgeSnapshot = {
    name: "cloud",
    state: "waiting",
    address: undefined,
    error: undefined,
    clientIdentifier: "bridge:cloud",
    messagesQueued: 9,
    messagesInflight: 10,
    messagesSent: 11,
    messagesReceived: 12,
  };
  const link = {
    node: "b",
    connected: true,
    throughLog: false,
    waitingBytes: 13,
    creditBytes: 14,
    sentBytes: 15,
    receivedBytes: 16,
  };
  const cluster = {
    name: "x",
    node: "a",
    nodes: ["a", "b"],
    cutOff: false,
    logPosition: 17,
    logSilenceSeconds: 0.5,
    logRoundTripSeconds: 0.25,
    links: [{ ...link, roundTripSeconds: 0.125, messagesDropped: 18 }],
    shards: ["a", "b", "a", undefined].map((owner, shard) => ({ shard, owner, epoch: 1 })),
    shardHandovers: 19,
  };
  const full = readPage(openMetrics(figures({ listeners, ceilings, bridges: [bridge], cluster, store, statistics })));
  assertEquals(full.samples.get('amqtt_bridge_up{bridge="cloud"}'), 0);
  assertEquals(full.samples.get("amqtt_cluster_nodes"), 2);
  assertEquals(full.samples.get("amqtt_cluster_shards"), 2);
  assertEquals(full.samples.get("amqtt_cluster_shards_ownerless"), 1);
  assertEquals(full.samples.get("amqtt_cluster_shard_handovers_total"), 19);
  assertEquals(full.samples.get('amqtt_cluster_link_round_trip_seconds{peer="b"}'), 0.125);
  assertEquals(full.samples.get('amqtt_bridge_queued{bridge="cloud"}'), 9);
  assertEquals([...full.types.keys()], families.map(({ name }) => name));
  assertEquals(full.samples.get('amqtt_sign_ins_total{plugin="auth.file",result="denied"}'), 8);
  assertEquals(full.samples.get('amqtt_listener_certificate_expiry_timestamp_seconds{listener="a"}'), 4);
  const without = readPage(openMetrics(figures())).types;
  assertEquals(
    families.map(({ name }) => name).filter((name) => !without.has(name)).every((name) =>
      /listener|ceiling|bridge|cluster|store|sign_ins|connections_(accepted|refused)/.test(name)
    ),
    true,
  );
  assert(!without.has("amqtt_store_up"));
});

Deno.test("the labels of a family are those that its table names", () => {
  for (const family of families) {
    for (const { labels = {} } of family.samples(figures({ store }))) {
      const unknown = Object.keys(labels).filter((label) => !family.labels?.includes(label));
      assertEquals(unknown, [], family.name);
    }
  }
});

Deno.test("a histogram is cumulated, and ends with all of them", () => {
  const routingLatency = new Histogram([0.5, 1]);
  for (const seconds of [0.1, 0.7, 0.8, 3]) routingLatency.observe(seconds);
  const { samples } = readPage(openMetrics(figures({ routingLatency })));
  const of = (ending: string) => samples.get(`amqtt_routing_latency_seconds${ending}`);
  assertEquals(['_bucket{le="0.5"}', '_bucket{le="1.0"}', '_bucket{le="+Inf"}', "_count"].map(of), [1, 3, 4, 4]);
  assertEquals(Math.round(of("_sum")! * 10), 46);
});

Deno.test("what stands in a label is escaped", () => {
  const name = 'a"b\\c\nd';
  const text = openMetrics(
    figures({
      listeners: [{
        ...figures().listeners[0]!,
        name,
        up: true,
        clients: 0,
        accepted: 0,
        refused: 0,
        certificateExpirySeconds: undefined,
      }],
    }),
  );
  assertStringIncludes(text, 'amqtt_listener_up{listener="a\\"b\\\\c\\nd"} 1\n');
  readPage(text);
});

Deno.test("the older text format names counters by their samples and says untyped, and knows no end", () => {
  const text = exposition(figures(), "text");
  assertStringIncludes(text, "# TYPE amqtt_messages_sent_total counter\n");
  assertStringIncludes(text, "# TYPE broker_uptime untyped\n");
  assert(!/# (UNIT|EOF)/.test(text), text);
});

Deno.test("the format is the one that is asked for", () => {
  const { metrics } = makeObservability({ collect: () => figures(), live: () => true, ready: () => true });
  const prometheus = "application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  assert(metrics(prometheus).contentType.startsWith("application/openmetrics-text; version=1.0.0"));
  assert(metrics(prometheus).body.endsWith("# EOF\n"));
  for (const accept of [null, "*/*", "text/plain"]) assert(metrics(accept).contentType.startsWith("text/plain"));
});
