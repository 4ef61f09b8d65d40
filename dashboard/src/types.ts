/** What the admin API answers: the types of the functions that make the answers, where they have a name. */
import type { ConfigEntry as ServedConfigEntry } from "../../src/admin/config_view.ts";
import type { liveFigures, overviewOf, storeOf } from "../../src/admin/overview.ts";
import type { showCluster } from "../../src/admin/routes/cluster.ts";
import type { sessionView as sessionOf } from "../../src/admin/routes/sign_in.ts";
import type { branchView, showTopic } from "../../src/admin/routes/topics.ts";
import type {
  clientView,
  eventView,
  messageView,
  payloadView,
  sessionView,
  subscriptionView,
  topicBrief,
} from "../../src/admin/views.ts";
import type { AdminRole } from "../../src/config/config.ts";

/** What comes of a function, as JSON has it. */
type Answer<View extends (...given: never[]) => unknown> = Readonly<ReturnType<View>>;

export type Role = AdminRole;

export type Session = Answer<typeof sessionOf>;

export type Payload = Answer<typeof payloadView>;

export type BrokerEvent = Answer<typeof eventView>;

export type Overview = Answer<typeof overviewOf>;

export type Store = Answer<typeof storeOf>;

export type Figures = Answer<typeof liveFigures>;

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

export type TopicBrief = NonNullable<Answer<typeof topicBrief>>;

export type TopicItem = Answer<typeof branchView>;

export type TopicDetail = Answer<typeof showTopic>;

export type Client = Answer<typeof clientView>;

export type ClientSession = Answer<typeof sessionView>;

export type Subscription = Answer<typeof subscriptionView>;

export interface ClientDetail {
  readonly client: Client | null;
  readonly session: ClientSession | null;
  readonly subscriptions: readonly Subscription[];
  readonly subscriptionsTotal: number;
}

export type QueuedMessage = Answer<typeof messageView>;

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

export type Cluster = Answer<typeof showCluster>;

export type ClusterLink = Cluster["links"][number];

export type ConfigEntry = Readonly<ServedConfigEntry>;

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
