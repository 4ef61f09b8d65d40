/** What the broker tells of itself in figures. */
import type { DropReason } from "../message.ts";
import type { PacketType } from "../packet/packets.ts";
import type { HandshakeRefusalKind } from "../transport/refusal.ts";

/**
 * What somebody is refused. In a handshake: what {@linkcode HandshakeRefusalKind} says. `wrong-protocol`: TLS, HTTP or
 * something else on a port that serves MQTT. Then `max-connections`, `connect-timeout`, `sign-in` (not permitted), and
 * `connect` (a CONNECT that cannot be served). Of those who speak MQTT: `protocol-error`, `packet-too-large`, `publish`
 * and `subscribe` (not permitted).
 */
export type RefusalKind =
  | HandshakeRefusalKind
  | "max-connections"
  | "connect-timeout"
  | "sign-in"
  | "connect"
  | "protocol-error"
  | "packet-too-large"
  | "publish"
  | "subscribe";

export type { HandshakeRefusalKind } from "../transport/refusal.ts";

/** A kind of control packet: `connect`, `publish`, … */
export type PacketName = Lowercase<keyof typeof PacketType>;

/** What {@linkcode BrokerStatistics.load} tells of. */
export type LoadName =
  | "messages/received"
  | "messages/sent"
  | "publish/received"
  | "publish/sent"
  | "publish/dropped"
  | "bytes/received"
  | "bytes/sent"
  | "sockets"
  | "connections";

/** How much of something there is in a minute: averages in which what is longer ago counts less and less. */
export interface LoadAverage {
  /** Over about the last minute. */
  readonly oneMinute: number;
  /** Over about the last five minutes. */
  readonly fiveMinutes: number;
  /** Over about the last fifteen minutes. */
  readonly fifteenMinutes: number;
}

/** What one plugin has said about sign-ins, re-authentication included. */
export interface SignInCounts {
  /** Its specifier in the config. */
  readonly plugin: string;
  /** How often it has allowed one. */
  readonly allowed: number;
  /** How often it has denied one, by failing as well. */
  readonly denied: number;
}

/**
 * Figures about the broker since its start: counters, and figures as of when they were asked for. A frozen snapshot of plain
 * values.
 *
 * @category Broker
 */
export interface BrokerStatistics {
  /** When the broker started. */
  readonly startedAt: Date;
  /** Bytes of all control packets. */
  readonly bytesReceived: number;
  /** Bytes of all control packets. */
  readonly bytesSent: number;
  /** Control packets of all kinds. */
  readonly packetsReceived: number;
  /** Control packets of all kinds. */
  readonly packetsSent: number;
  /** PUBLISH packets. */
  readonly publishesReceived: number;
  /** PUBLISH packets. */
  readonly publishesSent: number;
  /** Control packets by kind; {@linkcode BrokerStatistics.packetsReceived} is their sum. */
  readonly packetsReceivedByKind: Readonly<Record<PacketName, number>>;
  /** Control packets by kind; {@linkcode BrokerStatistics.packetsSent} is their sum. */
  readonly packetsSentByKind: Readonly<Record<PacketName, number>>;
  /** Clients that are signed in. */
  readonly clientsConnected: number;
  /** Persistent sessions whose client is not connected. */
  readonly clientsDisconnected: number;
  /** Most clients ever connected at once. */
  readonly clientsMaximum: number;
  /** QoS 2 messages from clients that are not released yet. */
  readonly inflightInbound: number;
  /** QoS 1 and 2 messages to clients that are not acknowledged yet. */
  readonly inflightOutbound: number;
  /** Messages waiting in the sessions' queues. */
  readonly messagesQueued: number;
  /** Topics with a retained message. */
  readonly retainedMessages: number;
  /** What the retained messages take in memory, in bytes, roughly. */
  readonly retainedBytes: number;
  /** Subscriptions of all sessions. */
  readonly subscriptions: number;
  /** Groups that share a subscription (MQTT 5.0 §4.8.2). */
  readonly sharedSubscriptions: number;
  /** Messages given up, by reason; those of sessions that have ended included. */
  readonly messagesDropped: Readonly<Record<DropReason, number>>;
  /** Messages that their publisher was not allowed to publish. */
  readonly publishesDenied: number;
  /** Connections of the network and of the program that were taken in, whether they have signed in or not. */
  readonly connectionsAccepted: number;
  /**
   * Connections of signed-in clients that have ended, by reason: `connection-lost`, or a reason code of DISCONNECT (MQTT 5.0
   * §3.14.2.1) such as `normal-disconnection` and `keep-alive-timeout`, whatever the version and whoever said it.
   */
  readonly connectionsClosed: Readonly<Record<string, number>>;
  /** Connections that were not let in. */
  readonly connectionsRefused: number;
  /** What was refused, by kind, whether it was logged or not. */
  readonly refused: Readonly<Record<RefusalKind, number>>;
  /** What the plugins have said about sign-ins; a certificate that signs in by itself is not among it. */
  readonly signIns: readonly SignInCounts[];
  /** How much comes and goes in a minute; brought up to date every 5 seconds. */
  readonly load: Readonly<Record<LoadName, LoadAverage>>;
  /** What keeps the store from storing, for people; `undefined`: nothing does, or there is no store. */
  readonly storeFault: string | undefined;
  /** Changes of sessions and messages that are not stored yet; what was taken back before it was stored counts, too. */
  readonly changesWaiting: number;
}

/**
 * A bridge to another broker, as of one moment.
 *
 * @category Broker
 */
export interface BridgeSnapshot {
  /** Its key in `bridges`. */
  readonly name: string;
  /**
   * `waiting`: for the next attempt; `idle`: a lazy bridge that has nothing to send; `paused`: until it is resumed;
   * `stopped`: the broker is shut down.
   */
  readonly state: "connecting" | "connected" | "waiting" | "idle" | "paused" | "stopped";
  /** `host:port` of the remote that was tried last; `undefined`: none was. */
  readonly address: string | undefined;
  /** What went wrong last, in the remote's own words if it gave any; `undefined`: nothing since it was connected. */
  readonly error: string | undefined;
  /** Name of its session, in which what waits for the remote is kept. */
  readonly clientIdentifier: string;
  /** Messages that wait for the remote. */
  readonly messagesQueued: number;
  /** QoS 1 and 2 messages that the remote has not acknowledged. */
  readonly messagesInflight: number;
  /** Messages sent to the remote since the start, those that were sent again included. */
  readonly messagesSent: number;
  /** Messages of the remote that were published here since the start. */
  readonly messagesReceived: number;
}

/**
 * A session as it was when it was asked for, with or without a connected client; frozen, and never brought up to date.
 *
 * @category Broker
 */
export interface SessionSnapshot {
  /** Name of the session. */
  readonly clientIdentifier: string;
  /** User whom it belongs to; `undefined`: an anonymous client. */
  readonly username?: string;
  /** Whether its client is connected. */
  readonly connected: boolean;
  /** Seconds for which it outlives its connection; 0: it ends with it; 4,294,967,295: it never ends. */
  readonly expiryIntervalSeconds: number;
  /** Topic filters that it is subscribed to. */
  readonly subscriptions: number;
  /** Messages that wait, in memory and in the store. */
  readonly messagesQueued: number;
  /** QoS 2 messages from its client that are not released yet. */
  readonly inflightInbound: number;
  /** QoS 1 and 2 messages to its client that are not acknowledged yet. Of an earlier run: 0 until the client comes. */
  readonly inflightOutbound: number;
  /**
   * Messages that were given up for it since it began or the broker started, whichever was later, by reason; reasons
   * without any are not there.
   */
  readonly messagesDropped: Readonly<Partial<Record<DropReason, number>>>;
}

/** One link of a cluster's node to another. */
export interface ClusterLinkSnapshot {
  /** Name of the other node. */
  readonly node: string;
  /** There is a connection. */
  readonly connected: boolean;
  /** There is none, and what must not be lost goes through the cluster's log. */
  readonly throughLog: boolean;
  /** Bytes that wait for the other node, or that it has not worked off. */
  readonly waitingBytes: number;
  /** Bytes that may still leave before it has worked off some. */
  readonly creditBytes: number;
  /** Bytes since the link's beginning, over all its connections. */
  readonly sentBytes: number;
  /** As {@linkcode ClusterLinkSnapshot.sentBytes}. */
  readonly receivedBytes: number;
  /** What the other node took last to answer, in seconds; measured every 10 seconds. `undefined`: it has not yet. */
  readonly roundTripSeconds: number | undefined;
  /** Messages at QoS 0 that were given up. */
  readonly messagesDropped: number;
}

/** One of the shards that all client identifiers are divided into. */
export interface ClusterShardSnapshot {
  /** Its number, from 0 on. */
  readonly shard: number;
  /** The live node that owns it and so decides who has its identifiers; `undefined`: none does at the moment. */
  readonly owner: string | undefined;
  /** How often it was given to a node; the same on all nodes that have read the log as far. */
  readonly epoch: number;
}

/** A cluster as one of its nodes sees it. */
export interface ClusterSnapshot {
  /** The cluster's name. */
  readonly name: string;
  /** This node's name. */
  readonly node: string;
  /** Names of the nodes that live, this one included, in order. */
  readonly nodes: readonly string[];
  /** This node does not reach the log, or was declared dead. */
  readonly cutOff: boolean;
  /** Up to which position the log was read. */
  readonly logPosition: number;
  /** How long ago this node's own word came by in the log last, in seconds. */
  readonly logSilenceSeconds: number;
  /** What the last of them took from being said to being read, in seconds; `undefined`: there was none yet. */
  readonly logRoundTripSeconds: number | undefined;
  /** The links to the other nodes. */
  readonly links: readonly ClusterLinkSnapshot[];
  /** All shards, from 0 on. */
  readonly shards: readonly ClusterShardSnapshot[];
  /** How often a shard went from one owner to another, as far as this process has read of it. */
  readonly shardHandovers: number;
}
