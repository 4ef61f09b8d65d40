import { cpuMicrosecondsOf, type LoadResult } from "./result.ts";

/** How a broker has to be set up for a scenario. */
export interface Setup {
  readonly transport: "tcp" | "tls" | "ws";
  /** Where what must not be lost is kept: `memory`, or a file that is synced by the system (`os`) or at once (`disk`). */
  readonly persistence: "memory" | "os" | "disk";
  /** Whether the admin listener is open, and whether somebody looks at the overview and the tree of topics meanwhile. */
  readonly admin: "off" | "on" | "watched";
  /** QoS of a bridge between two brokers, the one of the publishers and the one of the subscribers; `undefined`: there is one broker. */
  readonly bridge?: 0 | 1 | 2;
  /** Two nodes of a cluster: publishers are at the one, subscribers at the other. @default one broker */
  readonly cluster?: boolean;
  /** Who takes the traffic beside the measured one; with `bridge` the broker has one for it. */
  readonly carriedBy?: "client" | "bridge";
}

/** A figure of a scenario: one line of the table. */
export interface Metric {
  /** Says what it is, if a scenario has several. */
  readonly label: string;
  readonly unit: "messages/s" | "connections/s" | "µs" | "MB" | "KB" | "%";
  readonly better: "higher" | "lower";
  /** Reads it from a run; `undefined`: the run has none. */
  readonly of: (result: LoadResult) => number | undefined;
}

/** Something that is measured. */
export interface Scenario {
  readonly name: string;
  readonly setup: Setup;
  /** Arguments of the load generator, without address and duration. */
  readonly load: readonly string[];
  readonly metrics: readonly Metric[];
  /** Peers that cannot do it. */
  readonly without: readonly string[];
  readonly isQuick: boolean;
}

const throughput: Metric = { label: "", unit: "messages/s", better: "higher", of: (result) => result.msgs_per_s };
const p50: Metric = { label: "p50", unit: "µs", better: "lower", of: (result) => result.latency_us?.p50 };
const p99: Metric = { label: "p99", unit: "µs", better: "lower", of: (result) => result.latency_us?.p99 };
const connects: Metric = { label: "", unit: "connections/s", better: "higher", of: (result) => result.connects_per_s };
const perConnection: Metric = {
  label: "memory of one",
  unit: "KB",
  better: "lower",
  of: ({ broker_bytes_per_connection: bytes }) => bytes !== undefined && bytes > 0 ? bytes / 1024 : undefined,
};
const subscribedMemory: Metric = {
  label: "memory",
  unit: "MB",
  better: "lower",
  of: ({ broker_rss_kb_subscribed: kibibytes }) => kibibytes ? kibibytes / 1024 : undefined,
};
/** Processor time of the broker for each message that arrived: less disturbed by neighbours than a throughput. */
export const cpuPerMessage: Metric = {
  label: "processor time of one",
  unit: "µs",
  better: "lower",
  of: cpuMicrosecondsOf,
};
/** What is left of the throughput that the same clients have alone. */
const kept: Metric = {
  label: "of that alone",
  unit: "%",
  better: "higher",
  of: ({ msgs_per_s: beside, msgs_per_s_alone: alone }) => percent(beside, alone),
};
const cpuKept: Metric = {
  label: "processor time, of that alone",
  unit: "%",
  better: "lower",
  of: (result) => percent(cpuMicrosecondsOf(result), result.broker_cpu_us_alone),
};

function percent(part: number | undefined, whole: number | undefined): number | undefined {
  return part && whole ? part / whole * 100 : undefined;
}

interface Extras {
  readonly metrics?: readonly Metric[];
  readonly setup?: Partial<Setup>;
  readonly without?: readonly string[];
  readonly isQuick?: boolean;
}

function scenario(name: string, load: string, extras: Extras = {}): Scenario {
  const { metrics = [throughput], setup = {}, without = [], isQuick = false } = extras;
  const ways = { transport: "tcp", persistence: "memory", admin: "off", ...setup } as const;
  const others = ways.cluster ? without : [...without, ...clusterPeers];
  return { name, load: load.split(" "), metrics, without: others, isQuick, setup: ways };
}

const latency = [p50, p99];
const beside = [throughput, kept, cpuKept];
/** What goes on beside it. */
const carried: Metric = {
  label: "the traffic beside it",
  unit: "messages/s",
  better: "higher",
  of: (result) => result.carried_per_s,
};
/** The same for all that it carries: both ways of the traffic beside can be held against each other by it. */
const cpuOfAll: Metric = {
  label: "processor time of one, the traffic beside it included",
  unit: "µs",
  better: "lower",
  of: ({ broker_cpu_util: share, msgs_per_s: messages = 0, carried_per_s: beside = 0 }) =>
    share && messages + beside > 0 ? share / (messages + beside) * 1e6 : undefined,
};
/** The relay keeps nothing for anybody. */
const stateful = ["relay"];
/** aedes 1.2 speaks MQTT 3.1.1. */
const only5 = ["aedes", "relay"];
/** Nobody else has it. */
const onlyOurs = ["aedes", "mosquitto", "relay"];
const onDisk = ["aedes", "mosquitto", "relay"];
const oneAtATime = "--pubs 1 --subs 1 --window 1";
const durable = "pubsub --qos 1 --durable";

const bridging = ["aedes", "relay"];
/** Brokers that have no cluster. */
const single = ["aedes", "mosquitto", "relay"];
/** Peers that are there for their clusters only. */
const clusterPeers = ["nats", "rabbitmq"];

/** All that is measured, in the order of the table. */
export const scenarios: readonly Scenario[] = [
  scenario("one-to-one QoS 0", "pubsub --qos 0", { isQuick: true }),
  scenario("one-to-one QoS 1", "pubsub --qos 1", { isQuick: true }),
  scenario("one-to-one QoS 2", "pubsub --qos 2", { isQuick: true, without: stateful }),
  scenario("fan-out 1×100 QoS 0", "pubsub --mode fan-out --qos 0", { isQuick: true }),
  scenario("fan-out 1×100 QoS 1", "pubsub --mode fan-out --qos 1"),
  scenario("fan-in 50×1 QoS 0", "pubsub --mode fan-in --qos 0"),
  scenario("fan-in 50×1 QoS 1", "pubsub --mode fan-in --qos 1"),
  scenario("shared, 10 members, QoS 1", "pubsub --mode shared --qos 1 --version 5", { without: only5 }),
  scenario("5.0 one-to-one QoS 1", "pubsub --qos 1 --version 5", { without: only5 }),
  scenario("5.0 QoS 1, user properties, topic alias", "pubsub --qos 1 --version 5 --user-properties 2 --topic-alias", {
    without: only5,
  }),
  scenario("16 KiB one-to-one QoS 0", "pubsub --qos 0 --payload 16384"),
  scenario("16 KiB one-to-one QoS 1", "pubsub --qos 1 --payload 16384"),
  scenario("one at a time QoS 0", `pubsub --qos 0 ${oneAtATime}`, { metrics: latency }),
  scenario("one at a time QoS 1", `pubsub --qos 1 ${oneAtATime}`, { metrics: latency, isQuick: true }),
  scenario("10,000/s at QoS 1", "pubsub --qos 1 --rate 10000", { metrics: latency }),
  scenario("100,000 mixed filters", "subscribe --clients 100 --filters 1000 --filter mixed", {
    metrics: [throughput, subscribedMemory],
    without: stateful,
  }),
  scenario("QoS 1 beside 10,000 idle clients", "pubsub --qos 1 --idle 10000", { metrics: beside }),
  scenario("QoS 1, 1,000,000 subscriptions elsewhere", "pubsub --qos 1 --elsewhere 1000000", {
    metrics: beside,
    without: stateful,
  }),
  scenario("50,000 retained to #", "retained --messages 50000", { without: stateful }),
  scenario("10,000 connects, 200 at a time", "connect --conns 10000 --conc 200 --hold 1", {
    metrics: [connects, perConnection],
  }),
  scenario("WebSocket one-to-one QoS 0", "pubsub --qos 0 --transport ws", {
    setup: { transport: "ws" },
    without: stateful,
  }),
  scenario("TLS one-to-one QoS 0", "pubsub --qos 0 --transport tls", {
    setup: { transport: "tls" },
    without: stateful,
  }),
  ...(["QoS 0", "QoS 1"] as const).flatMap((qos) => [
    scenario(`one-to-one ${qos} with the admin listener on`, `pubsub --qos ${qos.at(-1)}`, {
      setup: { admin: "on" },
      without: onlyOurs,
    }),
    scenario(`one-to-one ${qos} with the topic tree open`, `pubsub --qos ${qos.at(-1)}`, {
      setup: { admin: "watched" },
      without: onlyOurs,
    }),
  ]),
  scenario("over a bridge QoS 0", "pubsub --qos 0", { setup: { bridge: 0 }, without: bridging }),
  scenario("over a bridge QoS 1", "pubsub --qos 1", { setup: { bridge: 1 }, without: bridging }),
  ...["QoS 0", "QoS 1"].map((qos) =>
    scenario(`across two nodes ${qos}`, `pubsub --qos ${qos.at(-1)}`, { setup: { cluster: true }, without: single })
  ),
  scenario("across two nodes, one at a time QoS 1", `pubsub --qos 1 ${oneAtATime}`, {
    setup: { cluster: true },
    metrics: latency,
    without: single,
  }),
  // The two are to be held against each other: who carries the same takes the same from others.
  ...(["client", "bridge"] as const).map((carriedBy) =>
    scenario(
      `QoS 1 pair beside a ${carriedBy} at full speed`,
      `pubsub --qos 1 --pubs 1 --subs 1 --carried ${carriedBy}`,
      {
        metrics: [throughput, kept, carried, cpuOfAll],
        setup: { carriedBy },
        without: onlyOurs,
      },
    )
  ),
  scenario("durable sessions QoS 1, memory", durable, { without: stateful }),
  scenario("durable sessions QoS 1, os", durable, { setup: { persistence: "os" }, without: onDisk }),
  scenario("durable sessions QoS 1, disk", durable, {
    setup: { persistence: "disk" },
    without: onDisk,
  }),
];
