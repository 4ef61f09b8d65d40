/** The configuration's shape where it is about bridges. */
import type { QoS } from "../packet/packets.ts";
import type { TopicFilter } from "../packet/topic.ts";
import type { TopicPattern } from "../packet/topic_pattern.ts";
import type { Duration } from "./units.ts";

/** A remote of a certain make, and what is special there. */
export type BridgePreset = "aws-iot" | "azure-event-grid" | "hivemq-cloud";

/** One of the `topics` of a bridge. */
export interface BridgeTopicConfig {
  /** Topic filter of what crosses the bridge, without the prefixes. Required. */
  readonly filter?: string;
  /** `out`: to the remote; `in`: from it; `both`. @default "out" */
  readonly direction?: "out" | "in" | "both";
  /** Highest QoS of what crosses, 0 to 2. @default 1 */
  readonly qos?: QoS;
  /** Stands in front of the filter here. @default nothing */
  readonly localPrefix?: string;
  /** Stands in front of the filter at the remote. @default nothing */
  readonly remotePrefix?: string;
  /** The topic here, with `$1`, `$2` … for the wildcards of `filter`, which is then the remote's. */
  readonly local?: string;
  /** The topic at the remote, with `$1`, `$2` … for the wildcards of `filter`, which is then that of this broker. */
  readonly remote?: string;
  /** Topic filters of what does not cross though `filter` matches, as topics are called here. @default none */
  readonly exclude?: readonly string[];
  /** `keep`: what is retained on one side is on the other; `drop`: nothing is. @default "keep" */
  readonly retain?: "keep" | "drop";
  /** Seconds after which what still waits for the remote is dropped; 0: never. @default 0 */
  readonly maximumAge?: Duration;
}

/** One entry of `bridges`. */
export interface BridgeConfig {
  /** `host`, `host:port` or `[v6]:port` of the remote, or several, which are ways to the same broker or cluster. Required. */
  readonly address?: string | readonly string[];
  /** `first`: each attempt begins with the first address; `round-robin`: with the next one. @default "first" */
  readonly addressOrder?: "first" | "round-robin";
  /** What is special about the remote. @default nothing */
  readonly preset?: BridgePreset;
  /** `tcp` or `ws` (WebSocket). @default "tcp" */
  readonly type?: "tcp" | "ws";
  /** WebSocket only: the path that is asked for. @default "/mqtt" */
  readonly path?: string;
  /** TLS. @default false; true with a preset */
  readonly ssl?: boolean;
  /** Path of a file with the authorities for the remote's certificate, PEM. @default those of the runtime */
  readonly cafile?: string;
  /** Path of a client certificate, PEM. */
  readonly certfile?: string;
  /** Path of its private key, PEM. @default `certfile`, in which it may stand */
  readonly keyfile?: string;
  /** Name that the remote's certificate must have, which is also sent to it (SNI). @default the host of the address */
  readonly serverName?: string;
  /** Protocol that is offered in the TLS handshake (ALPN). @default none; that of AWS IoT on port 443 */
  readonly alpn?: string;
  /** Client identifier at the remote. @default the machine's name and the bridge's */
  readonly clientId?: string;
  /** User name at the remote. */
  readonly username?: string;
  /** Password at the remote. */
  readonly password?: string;
  /** Path of a file whose first line is the password; it is read anew for each connection. */
  readonly passwordFile?: string;
  /** Version of MQTT; `auto` is 5, and 3.1.1 with who does not speak it. @default "auto" */
  readonly version?: "auto" | "5" | "3.1.1";
  /** Whether bridges of 3.1.1 tell that they are one, as Mosquitto does. @default true; false with a preset */
  readonly bridgeBit?: boolean;
  /** Seconds between signs of life, 0 to 65,535; 0 is none. @default 60 */
  readonly keepAlive?: Duration;
  /** Seconds the session at the remote outlives a connection, 0 to 4,294,967,295, which is for ever. @default 4294967295 */
  readonly sessionExpiryInterval?: Duration;
  /** `automatic`: connected always; `lazy`: while there is something to send. @default "automatic" */
  readonly start?: "automatic" | "lazy";
  /** Seconds without a message in either direction after which a lazy bridge disconnects. @default 60 */
  readonly idleTimeout?: Duration;
  /** Highest QoS that the remote has, 0 to 2, where it does not say so. @default 2; 1 with `aws-iot` and `azure-event-grid` */
  readonly maximumQos?: QoS;
  /** Whether QoS 0 messages wait for the remote. @default false */
  readonly queueQos0?: boolean;
  /** Bridges that a message may cross, this one included. @default 1 */
  readonly maxHops?: number;
  /** What crosses. Required. */
  readonly topics?: readonly BridgeTopicConfig[];
}

/** One of a bridge's `topics`, complete. */
export interface ResolvedBridgeTopic {
  /** Which way it crosses. */
  readonly direction: "out" | "in" | "both";
  /** Highest QoS of what crosses. */
  readonly qos: QoS;
  /** What it is called here … */
  readonly local: TopicPattern;
  /** … and at the remote. */
  readonly remote: TopicPattern;
  /** As topics are called here. */
  readonly exclude: readonly TopicFilter[];
  /** Whether what is retained on one side is on the other. */
  readonly retain: "keep" | "drop";
  /** In seconds; 0: it may wait for ever. */
  readonly maximumAge: number;
}

/** Where a bridge's remote is. */
export interface BridgeAddress {
  /** Name or address, IPv6 without brackets. */
  readonly hostname: string;
  /** 1 to 65,535. */
  readonly port: number;
}

/** How a bridge proves who it is, and knows who the remote is; paths are absolute. */
export interface BridgeTls {
  /** Authorities for the remote's certificate; `undefined`: those of the runtime. */
  readonly cafile?: string;
  /** Client certificate; `undefined`: none. */
  readonly certfile?: string;
  /** Its private key. */
  readonly keyfile?: string;
  /** Name that the remote's certificate must have; `undefined`: the host of the address. */
  readonly serverName?: string;
  /** Protocol that is offered; `undefined`: none. */
  readonly alpn?: string;
}

/** One of `bridges`, complete. */
export interface ResolvedBridge {
  /** Key in `bridges`. */
  readonly name: string;
  /** At least one. */
  readonly addresses: readonly BridgeAddress[];
  /** With which address an attempt begins. */
  readonly addressOrder: "first" | "round-robin";
  /** Kind of transport. */
  readonly type: "tcp" | "ws";
  /** Path of the WebSocket. */
  readonly path: string;
  /** `undefined`: no TLS. */
  readonly tls?: BridgeTls;
  /** `undefined`: made of the machine's name and the bridge's. */
  readonly clientId?: string;
  /** User name at the remote; `undefined`: none. */
  readonly username?: string;
  /** Password at the remote; `undefined`: none, or the next holds. */
  readonly password?: string;
  /** Absolute. */
  readonly passwordFile?: string;
  /** Version of MQTT. */
  readonly version: "auto" | "5" | "3.1.1";
  /** Whether a bridge of 3.1.1 tells that it is one. */
  readonly bridgeBit: boolean;
  /** In seconds; 0: none. */
  readonly keepAlive: number;
  /** In seconds. */
  readonly sessionExpiryInterval: number;
  /** Whether it is always connected. */
  readonly start: "automatic" | "lazy";
  /** In seconds; for `lazy`. */
  readonly idleTimeout: number;
  /** Highest QoS that the remote has. */
  readonly maximumQos: QoS;
  /** Whether QoS 0 messages wait. */
  readonly queueQos0: boolean;
  /** Bridges that a message may cross. */
  readonly maxHops: number;
  /** At least one. */
  readonly topics: readonly ResolvedBridgeTopic[];
}
