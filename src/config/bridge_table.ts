/** The keys of bridges; see table.ts. */
import type { QoS } from "../packet/packets.ts";
import type { BridgeTopicConfig } from "./bridge_config.ts";
import { key, quantity } from "./key.ts";
import { elsewhere } from "./kind.ts";
import { addresses, urlPath } from "./address_values.ts";
import { topicFilters } from "./topic_values.ts";
import { choice, filePath, flag, mqttText, protocolVersion, secret, text } from "./values.ts";

const NEVER = 4_294_967_295;

/** One of `bridges`. */
export const bridgeKeys = {
  address: key(
    '`host`, `host:port` or `"[v6]:port"` of the remote, or a list of them, which are ways to the same broker or cluster',
    addresses,
    { shown: "required; port 1883, 8883 (ssl), 80 (ws), 443 (ws with ssl)" },
  ),
  addressOrder: key(
    "with several addresses: `first` (each attempt begins with the first) or `round-robin` (with the next)",
    choice(["first", "round-robin"]),
    { default: "first" },
  ),
  preset: key(
    "what is special about the remote: `aws-iot`, `azure-event-grid` or `hivemq-cloud`, see [presets](bridges.md#presets)",
    choice(["aws-iot", "azure-event-grid", "hivemq-cloud"]),
    { shown: "none" },
  ),
  type: key("`tcp` or `ws`", choice(["tcp", "ws"]), { default: "tcp" }),
  path: key("ws only: the path that is asked for", urlPath, { default: "/mqtt" }),
  ssl: key("TLS", flag, { shown: "off; on with a preset" }),
  cafile: key("authorities for the remote's certificate, PEM", filePath, { shown: "those of the runtime" }),
  certfile: key("client certificate, PEM", filePath),
  keyfile: key("its private key, PEM; may stand in the same file", filePath, { shown: "certfile" }),
  serverName: key("name that the remote's certificate must have, also sent to it (SNI)", text("a host's name"), {
    shown: "the host of the address",
  }),
  alpn: key("protocol offered in the TLS handshake (ALPN)", text("a protocol's name"), { shown: "none" }),
  clientId: key("client identifier at the remote, for this bridge alone", mqttText, {
    shown: "the machine's name, a dot and the bridge's name",
  }),
  username: key("user name at the remote", mqttText),
  password: key("password at the remote", secret),
  passwordFile: key("file whose first line is the password, read anew for each connection", filePath),
  version: key("`auto` (5, and 3.1.1 with who does not speak it), `5` or `3.1.1`", protocolVersion, {
    default: "auto",
  }),
  bridgeBit: key("whether a bridge of 3.1.1 tells that it is one, as Mosquitto does", flag, {
    shown: "on; off with a preset",
  }),
  keepAlive: quantity("seconds", 60, [0, 65_535], "between signs of life; 0 is none"),
  sessionExpiryInterval: quantity(
    "seconds",
    NEVER,
    [0, NEVER],
    "how long the session at the remote outlives a connection (5.0); 4294967295 is for ever",
  ),
  start: key(
    "`automatic` (connected always) or `lazy` (while there is something to send)",
    choice(["automatic", "lazy"]),
    { default: "automatic" },
  ),
  idleTimeout: quantity(
    "seconds",
    60,
    [1, 65_535],
    "lazy only: disconnects after so long without a message in either direction",
  ),
  maximumQos: quantity<QoS, "QoS">("QoS", 2, [0, 2], "highest that the remote has, where it does not say so itself"),
  queueQos0: key("whether QoS 0 messages wait for the remote, too", flag, { default: false }),
  maxHops: quantity("bridges", 1, [1, 255], "that a message may cross, this one included"),
  topics: key(
    "what crosses, see [topics of a bridge](#topics-of-a-bridge)",
    elsewhere<readonly BridgeTopicConfig[]>({ type: "array", items: { $ref: "#/definitions/bridge-topic" } }),
    { shown: "required" },
  ),
} as const;

/** One of the `topics` of a bridge. */
export const bridgeTopicKeys = {
  filter: key("topic filter of what crosses, without the prefixes", text("a topic filter"), { shown: "required" }),
  direction: key("`out` (to the remote), `in` (from it) or `both`", choice(["out", "in", "both"]), { default: "out" }),
  qos: quantity<QoS, "QoS">("QoS", 1, [0, 2], "highest of what crosses"),
  localPrefix: key("stands in front of the filter here", text("the beginning of a topic"), { shown: "" }),
  remotePrefix: key("stands in front of the filter at the remote", text("the beginning of a topic"), { shown: "" }),
  local: key(
    "the topic here, with `$1`, `$2` … for the wildcards of `filter`, which is then the remote's",
    text("a topic"),
  ),
  remote: key(
    "the topic at the remote, with `$1`, `$2` … for the wildcards of `filter`, which is then that of this broker",
    text("a topic"),
  ),
  exclude: key(
    "topic filters of what does not cross though `filter` matches, as topics are called here",
    topicFilters,
    {
      shown: "",
    },
  ),
  retain: key("`keep` (what is retained on one side is on the other) or `drop`", choice(["keep", "drop"]), {
    default: "keep",
  }),
  maximumAge: quantity("seconds", 0, [0, NEVER], "after which what still waits for the remote is dropped; 0 is never"),
} as const;
