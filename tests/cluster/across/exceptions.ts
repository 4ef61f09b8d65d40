/** Where the behaviour suite is run with both nodes, and what of it is not, with the reason. */

/** Titles of tests, or how they begin. */
type Titles = readonly string[];

/**
 * Tests whose first client connects to the node that the test holds, the second to the other one: they ask that node for
 * figures, sessions and the log, or have it do something, with their first client.
 */
export const firstHere: Readonly<Record<string, Titles>> = {
  delivery: ["A packet identifier", "All messages in flight"],
  keep_alive: ["A client that is silent after"],
  many_filters: [""],
  mountpoint: [
    "What a session was",
    "Retained messages stand below",
    "A client identifier that reaches beyond",
    "A user name cannot make",
  ],
  rewriting: ["transformDelivery gives one", "authenticate may say", "A client's snapshot"],
  mqtt31: ["MQIsdp at level 3 is"],
  plugin_races: ["A QoS 2 message whose", "A plugin that never"],
  program: ["The program subscribes", "`clients` names the", "`clients` tells who", "`disconnect` cuts a"],
  program_faults: ["A message for which"],
  publish: ["A QoS 2 message that is sent again while", "QoS 2 messages over"],
  retained: ["A QoS 0 message takes", "A message without RETAIN", "No more retained messages are"],
  retained_promise: ["[MQTT-3.8.4-4] 3.1.1:"],
  session: ["A second connection", "Many connections of"],
  sessions: ["A session whose time", "The figures are those", "What is under way in"],
  shared_delivery: [
    "A 3.1.1 member with",
    "A member whose receive",
    "A message answered",
    "An offline member gets",
    "When the last member's",
    "[MQTT-3.1.2-25] 5.0:",
  ],
  shared_subscription: ["A 3.1.1 client is answered", "Who joins comes last"],
  topics: ['"$a" gets what it matches,', '"$a/#" gets what it', '"$a/+" gets what it'],
  v5_auth: ["An authentication of", "The first plugin that", "[MQTT-4.12.0-2] 5.0,"],
  v5_connect: ["CONNECT may come one", "[MQTT-1.5.4-3] 5.0:"],
  v5_delivery: ["Properties and subscription", "What came back with", "[MQTT-4.4.0-2] 5.0:"],
  v5_disconnect: [
    "Clients of 3.x are",
    "The program may send",
    "[MQTT-3.1.2-24] 5.0,",
    "[MQTT-3.14.0-1] 5.0: at",
    "[MQTT-3.14.2-2] 5.0, [MQTT-3.14.4-1] 5.0, [MQTT-3.14.4-2] 5.0: DISCONNECT 0x8b",
    "[MQTT-3.14.2-2] 5.0, [MQTT-3.14.4-1] 5.0, [MQTT-3.14.4-2] 5.0: DISCONNECT 0x98",
    "[MQTT-3.14.2-3] 5.0:",
    "[MQTT-3.14.2-4] 5.0:",
  ],
  v5_expiry: [
    "A message with message expiry interval 0 is",
    "In a full queue with",
    "[MQTT-3.3.2-5] 5.0: a message",
    "[MQTT-3.3.2-5] 5.0: at QoS 1",
    "[MQTT-3.3.2-5] 5.0: at QoS 2",
    "[MQTT-3.3.2-5] 5.0: one",
    "[MQTT-3.3.2-5] 5.0: what",
    "[MQTT-3.3.2-6] 5.0: the time for",
  ],
  v5_flow_control: ["A client with a PUBLISH"],
  v5_packets: ["[MQTT-3.1.2-24] 5.0,", "[MQTT-3.1.2-29] 5.0:"],
  v5_scram: ["[MQTT-4.12.0-5] 5.0:"],
  v5_sent_away: ["[MQTT-3.14.4-1] 5.0: a message at QoS 1", "[MQTT-3.14.4-1] 5.0: a message at QoS 2"],
  v5_session: ["[MQTT-3.1.4-3] 5.0,"],
  v5_subscribe: ["SUBSCRIBE with a filter"],
  v5_subscribe_refusals: [
    '{"maxSubscriptions":2} answers a',
    '{"maxTopicLevels":3} answers a/b/c',
    '{"sharedSubscriptionAvailable":false} answers a',
    '{"subscriptionIdentifiersAvailable":false} answers a',
    '{"wildcardSubscriptionAvailable":false} answers a',
  ],
  v5_topic_alias: ["[MQTT-3.1.2-24] 5.0:"],
  v5_topics: ["Filters that begin"],
  v5_unsubscribe: [""],
};

/** Tests that are not run with two nodes. */
export interface LeftOut {
  readonly file: string;
  readonly titles: Titles;
  readonly reason: string;
}

const ITS_OWN = "starts a broker of its own, with a clock or a store of its own, or none";
const OWN_FIGURES = "figures, sessions and lists of clients are each node's own";
const OWN_LIMITS = "limits count what is at the node";
const TURNS =
  "members of other nodes have their turns, in an order that is not promised; who is away counts as its node's";
const QOS_0 = "nobody is told when a message at QoS 0 has come to the other node, or is retained";
const DOLLAR = "topics that begin with $ are each node's own";
const SLOWER = "the answer waits for the other node, and something else may come before";

export const leftOut: readonly LeftOut[] = [
  { file: "publish", titles: ["QoS 2 messages that wait for room keep"], reason: SLOWER },
  { file: "large_message", titles: ["A large message is attached to what"], reason: ITS_OWN },
  { file: "mountpoint", titles: ["A session that waits for its client has"], reason: ITS_OWN },
  {
    file: "mqtt31",
    titles: ["The will of a 3.1 client is published"],
    reason: "looks at what is retained at once: each node reads the will from the log by itself",
  },
  { file: "plugin_races", titles: ["shutdown() during start()"], reason: ITS_OWN },
  { file: "program", titles: ["`await using` shuts"], reason: ITS_OWN },
  { file: "program_faults", titles: ["A PEM text"], reason: ITS_OWN },
  {
    file: "retained_promise",
    titles: ["MemoryStore", "SqliteStore", "While a SUBACK waits for its commit"],
    reason: ITS_OWN,
  },
  { file: "sessions", titles: ["Messages that only the store has"], reason: ITS_OWN },
  {
    file: "v5_expiry",
    titles: [
      "A message with message expiry interval 0 reaches who is connected",
      "A will with message expiry interval 0 reaches who is there",
    ],
    reason: ITS_OWN,
  },
  {
    file: "v5_subscribe",
    titles: [
      "More retained messages than may wait",
      "A client that goes while its retained",
      "Retained messages that are too many",
    ],
    reason: "puts thousands of retained messages into the log, one by one",
  },
  { file: "will", titles: ["A will waits for a persistent session that is away"], reason: SLOWER },
  { file: "v5_flow_control", titles: ["[MQTT-3.3.4-9] 5.0: retained messages for a new"], reason: QOS_0 },
  {
    file: "v5_will",
    titles: ["A will's message expiry begins"],
    reason: "the log has a clock of its own, which no test moves",
  },
  { file: "connect", titles: ["Long identifiers and", "A client with an empty"], reason: OWN_FIGURES },
  { file: "delivery", titles: ["Messages on one topic reach"], reason: SLOWER },
  { file: "keep_alive", titles: ["A client that is silent for 1.5 K"], reason: OWN_FIGURES },
  {
    file: "keep_alive",
    titles: ["A connection that says nothing"],
    reason: "a client that says nothing is at no node",
  },
  {
    file: "limits",
    titles: [
      "A connection over",
      "A rejected connection",
      "A client that comes back to a full",
      "Connections that have not",
      "Of clients whose",
    ],
    reason: OWN_LIMITS,
  },
  { file: "many_filters", titles: ["Others are served while"], reason: SLOWER },
  { file: "many_filters", titles: ["A client that is lost in the middle"], reason: OWN_FIGURES },
  { file: "mountpoint", titles: ["A client with a mountpoint responds"], reason: DOLLAR },
  { file: "packet_limits", titles: ["More groups than"], reason: OWN_LIMITS },
  { file: "plugin_races", titles: ["A client that clientConnected"], reason: OWN_FIGURES },
  { file: "program", titles: ["Shutting down ends"], reason: OWN_FIGURES },
  {
    file: "program_faults",
    titles: ["The statistics are", "A plugin that stands in two", "reload() tells", "After a shutdown"],
    reason: "is about the program of one process",
  },
  { file: "publish", titles: ["Clients can publish neither"], reason: DOLLAR },
  { file: "queue", titles: ["A client that stops reading"], reason: OWN_FIGURES },
  {
    file: "retained",
    titles: ["An empty retained message is", "A retained message is kept with its QoS"],
    reason: QOS_0,
  },
  {
    file: "retained_promise",
    titles: ["[MQTT-3.8.4-4] 3.1.1: a connection that is lost in the middle"],
    reason: OWN_FIGURES,
  },
  {
    file: "rewriting",
    titles: ["A subscription is refused if"],
    reason: "has a rejected promise at hand that one broker takes up in time",
  },
  { file: "session_end", titles: ["All subscriptions of"], reason: OWN_FIGURES },
  {
    file: "sessions",
    titles: ["The program and plugins", "Losses are counted", "The statistics tell"],
    reason: OWN_FIGURES,
  },
  {
    file: "sessions",
    titles: ["A client that has no session", "One user cannot", "One address cannot", "At max-total-bytes"],
    reason: OWN_LIMITS,
  },
  {
    file: "shared_delivery",
    titles: ["When nobody has quota", "What is unsent", "QoS 2 under way", "When all members are", "What waits with"],
    reason: TURNS,
  },
  {
    file: "shared_subscription",
    titles: ["Two share names", "A publisher is told", "What only looks", "A plugin makes"],
    reason: TURNS,
  },
  {
    file: "v5_connack",
    titles: ["[MQTT-3.1.3-6] 5.0,", "[MQTT-3.1.2-22] 5.0, [MQTT-3.2.2-22] 5.0: the client's"],
    reason: OWN_FIGURES,
  },
  { file: "v5_connect", titles: ["A connection over max-connections"], reason: OWN_LIMITS },
  { file: "v5_delivery", titles: ["[MQTT-3.1.2-24] 5.0, [MQTT-3.1.2-25] 5.0: what is larger"], reason: OWN_FIGURES },
  {
    file: "v5_disconnect",
    titles: ["[MQTT-3.14.4-1] 5.0: answers that a plugin", "[MQTT-3.14.0-1] 5.0: who has"],
    reason: OWN_FIGURES,
  },
  {
    file: "v5_expiry",
    titles: [
      "[MQTT-3.3.2-5] 5.0: at QoS 0",
      "[MQTT-3.3.2-5] 5.0: a retained message that",
      "[MQTT-3.3.2-6] 5.0: the time for which a message was retained",
      "[MQTT-3.3.1-5] 5.0: a message with message expiry interval 0 is not retained",
    ],
    reason: QOS_0,
  },
  {
    file: "v5_sent_away",
    titles: ["[MQTT-3.14.4-1] 5.0: a packet is answered", "[MQTT-3.14.4-1] 5.0: a SUBSCRIBE"],
    reason: SLOWER,
  },
  { file: "v5_topics", titles: ["$a/# and a share"], reason: DOLLAR },
  {
    file: "v5_will",
    titles: ["The sessions' delayed wills are published when"],
    reason: "is about the end of one broker",
  },
  {
    file: "v5_words",
    titles: ["A message that nobody has room for"],
    reason: "what clients of other nodes have no room for is not told to the publisher",
  },
];

/** Files that are not run with two nodes. */
export const filesLeftOut: readonly (readonly [files: readonly string[], reason: string])[] = [
  [["amqtt_config", "old_files", "reload", "upgrade_socket", "unix_socket", "lifecycle"], "is about one process"],
  [["certificates", "client_certificate"], "is about the listeners of one process"],
  [["metrics", "store_figures", "process_memory"], OWN_FIGURES],
  [
    [
      ...["durable_acknowledgement", "durable_batches", "durable_clock", "durable_memory", "durable_mix"],
      ...["durable_restart", "durable_share", "durable_start", "durable_will", "durable_will_plugins"],
      ...["refused_log", "store_faults", "store_faults_clients"],
    ],
    "has a store, beside which there can be no cluster",
  ],
  [
    [
      ...["bridge", "bridges", "bridges_crossing", "bridges_frozen", "bridges_ledger", "bridges_mosquitto"],
      "bridges_remotes",
    ],
    "is about bridges, which each node has for itself",
  ],
  [["fair_turns", "flood", "slow_client"], "is about what one process bears"],
  [["shared_stress"], "accounts for losses by the figures of one broker"],
  [["v5_fuzz"], "compares what one broker answers with a model"],
];

/** Whether a title is one of these. */
export function isAmong(title: string, titles: Titles | undefined): boolean {
  return titles?.some((beginning) => title.startsWith(beginning)) ?? false;
}
