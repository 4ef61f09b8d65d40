/** What the admin API answers. */
export type Role = "viewer" | "operator" | "admin";

export interface Session {
  readonly username: string;
  readonly role: Role;
  readonly csrf: string | null;
  readonly payloads: boolean;
  readonly expiresAt: string | null;
}

export interface Payload {
  /** Bytes of the whole. */
  readonly size: number;
  readonly encoding: "utf8" | "base64";
  readonly text: string;
  readonly truncated: boolean;
}

export interface BrokerEvent {
  readonly at: string;
  readonly kind:
    | "connected"
    | "disconnected"
    | "refused"
    | "subscribed"
    | "unsubscribed"
    | "denied"
    | "dropped"
    | "failed"
    | "paused"
    | "resumed";
  readonly clientIdentifier: string | null;
  readonly text: string;
}

export interface Overview {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly health: { readonly level: "ok" | "warning" | "fault"; readonly sentence: string };
  readonly warnings: readonly string[];
  readonly clients: { readonly connected: number; readonly maximum: number; readonly offline: number };
  readonly subscriptions: number;
  readonly retained: {
    readonly messages: number;
    readonly bytes: number;
    readonly maximumMessages: number;
    readonly maximumBytes: number;
  };
  readonly messages: {
    readonly received: number;
    readonly sent: number;
    readonly receivedPerSecond: number;
    readonly sentPerSecond: number;
    readonly queued: number;
    readonly inflightInbound: number;
    readonly inflightOutbound: number;
    readonly denied: number;
  };
  readonly dropped: Readonly<Record<string, number>>;
  readonly refused: Readonly<Record<string, number>>;
  readonly memory: { readonly heldBytes: number; readonly maximumBytes: number; readonly rssBytes: number };
  readonly store: Store;
  readonly topics: {
    readonly count: number;
    readonly bytes: number;
    readonly maximum: number;
    readonly forgotten: number;
  };
  readonly events: readonly BrokerEvent[];
}

export interface Store {
  readonly type: string;
  readonly path: string | null;
  readonly fault: string | null;
  readonly changesWaiting: number;
  readonly commits: number;
  readonly commitSeconds: number | null;
}

export interface Figures {
  readonly at: string;
  readonly connected: number;
  readonly offline: number;
  readonly received: number;
  readonly sent: number;
  readonly droppedTotal: number;
  readonly queued: number;
  readonly heldBytes: number;
  readonly changesWaiting: number;
}

export interface History {
  readonly stepSeconds: number;
  readonly points: readonly {
    readonly at: string;
    readonly received: number;
    readonly sent: number;
    readonly dropped: number;
    readonly connected: number;
    readonly queued: number;
  }[];
}

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly total: number | null;
  readonly nextCursor: string | null;
}

export interface TopicBrief {
  readonly at: string;
  readonly ageSeconds: number;
  readonly ratePerSecond: number;
  readonly qos: number;
  readonly retained: boolean;
  readonly size: number;
  readonly payload: Payload | null;
  readonly publisher: string | null;
}

export interface TopicItem {
  readonly level: string;
  readonly topicName: string;
  readonly children: number;
  readonly messages: number | null;
  readonly below: number;
  readonly last: TopicBrief | null;
}

export interface TopicDetail {
  readonly topicName: string;
  readonly brief: TopicBrief | null;
  readonly messages: number;
  readonly publisher: {
    readonly clientIdentifier: string;
    readonly username: string | null;
    readonly address: string | null;
  } | null;
  readonly retainedMessage: {
    readonly qos: number;
    readonly size: number;
    readonly publisher: string | null;
    readonly payload: Payload | null;
  } | null;
  readonly subscribers: readonly {
    readonly clientIdentifier: string;
    readonly topicFilter: string;
    readonly qos: number;
    readonly shareName: string | null;
    readonly connected: boolean;
  }[];
  readonly denied: readonly {
    readonly at: string;
    readonly clientIdentifier: string;
    readonly username: string | null;
    readonly address: string | null;
    readonly what: "publish" | "subscribe" | "receive";
    readonly reason: string;
  }[];
  readonly samples: readonly { readonly at: string; readonly value: number }[];
}

export interface Client {
  readonly clientIdentifier: string;
  readonly username: string | null;
  readonly address: string | null;
  readonly listener: string;
  readonly secure: boolean;
  readonly protocolVersion: string;
  readonly connectedAt: string | null;
  readonly keepAliveSeconds: number;
  readonly cleanStart: boolean;
  readonly queued: number;
  readonly inflightOutbound: number;
  readonly inflightInbound: number;
  readonly received: number | null;
  readonly sent: number | null;
  readonly dropped: number;
  readonly subscriptions: number;
  readonly will: { readonly topicName: string; readonly qos: number; readonly retain: boolean } | null;
}

export interface ClientSession {
  readonly clientIdentifier: string;
  readonly username: string | null;
  readonly connected: boolean;
  readonly expiryIntervalSeconds: number;
  readonly subscriptions: number;
  readonly queued: number;
  readonly inflightInbound: number;
  readonly inflightOutbound: number;
  readonly dropped: Readonly<Record<string, number>>;
}

export interface Subscription {
  readonly clientIdentifier: string;
  readonly topicFilter: string;
  readonly shareName: string | null;
  readonly qos: number;
  readonly noLocal: boolean;
  readonly retainAsPublished: boolean;
  readonly identifier: number | null;
  readonly connected: boolean;
}

export interface ClientDetail {
  readonly client: Client | null;
  readonly session: ClientSession | null;
  readonly subscriptions: readonly Subscription[];
  readonly subscriptionsTotal: number;
}

export interface QueuedMessage {
  readonly topicName: string;
  readonly qos: number;
  readonly retain: boolean;
  readonly publisher: string | null;
  readonly size: number;
  readonly packetIdentifier: number | null;
  readonly payload: Payload | null;
}

export interface ClientMessages {
  readonly underWay: readonly QueuedMessage[];
  readonly waiting: readonly QueuedMessage[];
  readonly inStore: number;
}

export interface TimelineSummary {
  readonly clientIdentifier: string;
  readonly lastAt: string;
  readonly events: number;
  readonly last: string;
  readonly connected: boolean;
}

export interface ShareGroup {
  readonly shareName: string;
  readonly topicFilter: string;
  readonly members: number;
}

export interface RetainedItem {
  readonly topicName: string;
  readonly qos: number;
  readonly publisher: string | null;
  readonly size: number;
  readonly payload: Payload | null;
}

export interface RetainedDeletion {
  readonly count: number;
  readonly deleted: number;
  readonly sample: readonly string[];
}

export interface Listener {
  readonly name: string;
  readonly type: string;
  readonly secure: boolean;
  readonly address: string | null;
  readonly clients: number;
  readonly maxConnections: number;
  readonly certificate: { readonly notBefore: string; readonly notAfter: string } | null;
}

export interface Bridge {
  readonly name: string;
  readonly state: "connecting" | "connected" | "waiting" | "idle" | "paused" | "stopped";
  readonly error: string | null;
  readonly address: string | null;
  readonly clientIdentifier: string;
  readonly queued: number;
  readonly inflight: number;
  readonly sent: number;
  readonly received: number;
  readonly sentPerSecond: number;
  readonly receivedPerSecond: number;
}

export interface ConfigEntry {
  readonly key: string;
  readonly value: string;
  readonly default: string;
  readonly source: "config" | "default";
}

export interface LogRecord {
  readonly at: string;
  readonly level: string;
  readonly category: string;
  readonly message: string;
}

export interface TraceRecord {
  readonly at: string;
  readonly direction: "in" | "out";
  readonly clientIdentifier: string | null;
  readonly address: string | null;
  readonly packet: string;
  readonly text: string;
}

export interface AuditRecord {
  readonly at: string;
  readonly who: string;
  readonly role: Role;
  readonly address: string | null;
  readonly action: string;
  readonly detail: unknown;
}
