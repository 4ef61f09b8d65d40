import type { PacketCounts } from "./packet_counts.ts";
import type { ResolvedConfig, ResolvedListener } from "../config/config.ts";
import type { Persistence } from "../persistence/persistence.ts";
import type { HookChain } from "../hooks/chain.ts";
import type { Logger } from "../logger.ts";
import type { Message } from "../message.ts";
import type { BufferPool } from "../packet/buffer_pool.ts";
import type { TopicNames } from "../packet/topic_names.ts";
import type { Session, SessionOptions } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { ClientTime } from "./client_time.ts";
import type { Ending, SignedIn } from "./connection_state.ts";
import type { Clock } from "../runtime/environment.ts";
import type { Machine } from "../runtime/machine.ts";
import type { PublishPipeline } from "../routing/publish_pipeline.ts";
import type { SenderLimitsOf } from "./sender_limits.ts";
import type { Refusals } from "../routing/refusals.ts";
import type { Wills } from "../routing/wills.ts";
import type { WorkBudget, WorkParty } from "../work_budget.ts";

/** A connection as all others see it. */
export interface ClientConnection {
  readonly listener: ResolvedListener;
  /** What it may do, and what its turns are taken by. */
  readonly context: Pick<ConnectionContext, "work">;
  readonly work: WorkParty;
  /** The signed-in client's part; `undefined` before sign-in and after the end. */
  readonly open: SignedIn | undefined;
  readonly closed: boolean;
  /** When it came, in milliseconds of the machine; `undefined`: it is the program's own. */
  readonly acceptedAtMs?: number;
  /** PUBLISH packets from its client, and to it; `undefined`: they are not counted. */
  readonly publishesReceived?: number;
  readonly publishesSent?: number;
  /** What it holds in memory, roughly, beside its session. */
  readonly heldBytes: number;
  /** What waits for the client's socket, or for the program. */
  readonly waitingBytes: number;
  /** How many of these bytes others hold as well: buffers that are in `known`, which is added to. */
  sharedBytes(known: Set<ArrayBufferLike>): number;
  /** Ends it at once as far as the broker is concerned; what was said still leaves. */
  close(ending: Ending): void;
  /** Breaks it off; what was not said is lost. */
  cut(): void;
}

/** What connections count. */
export interface ConnectionCounters {
  bytesReceived: number;
  bytesSent: number;
  publishesDenied: number;
  readonly received: PacketCounts;
  readonly sent: PacketCounts;
  /** Connections of signed-in clients that have ended, by reason code; {@linkcode CONNECTION_LOST} if nothing was said. */
  readonly closed: Float64Array;
  /** From a PUBLISH's arrival until its subscribers' sessions have it, in seconds; of some of them. */
  readonly routingLatency: { observe(seconds: number): void };
  /** A connection was not let in by the listener of this name. */
  refuse(listener: string): void;
}

/** In the place of a reason code, of which none has this number. */
export const CONNECTION_LOST = 0xff;

/** What connections ask of the memory's ceiling. */
export interface ConnectionMemory {
  /** Publishers should be read less. */
  readonly near: boolean;
  /** Resolves at the next look at the memory. */
  nextLook(): Promise<void>;
  /** Lets something in that lasts, if there is room for so many bytes; false: there is none. */
  admit(bytes: number): boolean;
  /** A client has sent so many bytes. */
  received(bytes: number): void;
}

/** Who is signed in; see `ConnectedClients`. */
export interface ConnectionBySession extends Map<Session, ClientConnection> {
  /** Whether a client of the listener has no place, unless it takes that of a connection which it replaces. */
  isFull(listener: ResolvedListener): boolean;
}

/** The node of a cluster that this broker is. */
export interface ClusterNode {
  /** Whether a message goes by the cluster's log. */
  goesByLog(message: Message): boolean;
  /** Why a message that goes by the log cannot now; `undefined`: it can. */
  refusalOf(message: Message): string | undefined;
  /** Why a client cannot leave a will; `undefined`: it can. */
  readonly refusalOfWills: string | undefined;
  /** Resolves when what was subscribed to is known to all other nodes; `undefined`: it is. */
  subscribed(): Promise<void> | undefined;
  /** Resolves when all that was retained on any node before has come by. */
  caughtUp(): Promise<void>;
  /**
   * Has other nodes close their connection of this client identifier.
   *
   * @returns why that cannot be; `undefined`: there is none any longer
   */
  claim(clientIdentifier: string): Promise<string | undefined>;
  /**
   * A client has signed in, and its will is taken down.
   *
   * @returns resolves when all other nodes will know of the will, whatever happens to this one; `undefined`: they do, or the
   * log cannot be waited for
   */
  signedIn(clientIdentifier: string): Promise<void> | undefined;
  /** A session has ended; its client may have another one in the same turn. */
  sessionEnded(clientIdentifier: string): void;
}

/** What the connections of one broker share. */
export interface ConnectionContext {
  readonly config: ResolvedConfig;
  readonly clock: Clock;
  /** What time clients are given is measured by. */
  readonly clientTime: ClientTime;
  readonly machine: Machine;
  readonly work: WorkBudget;
  readonly logger: Logger;
  readonly hooks: HookChain;
  readonly sessions: Sessions;
  readonly subscriptions: Subscriptions;
  readonly retained: RetainedMessages;
  readonly pipeline: PublishPipeline;
  readonly wills: Wills;
  /** `undefined`: nothing outlives the process. */
  readonly persistence: Persistence | undefined;
  /** `undefined`: the broker is on its own. */
  readonly cluster: ClusterNode | undefined;
  readonly statistics: ConnectionCounters;
  readonly refusals: Refusals;
  /** Names that clients have published to lately. */
  readonly topicNames: TopicNames;
  /** Where the program waits for responses: the same topics for every client, whatever its mountpoint. */
  readonly responseTopics: Set<string>;
  /** Memory for what is written. */
  readonly buffers: BufferPool;
  readonly memory: ConnectionMemory;
  /** Every connection, signed in or not. */
  readonly connections: ReadonlySet<ClientConnection>;
  /** The connections that serve a session now. */
  readonly connectionBySession: ConnectionBySession;
  /** Aborted at shutdown. */
  readonly signal: AbortSignal;
  readonly senderLimits: SenderLimitsOf;
  /** What a session is made with besides what its client says. */
  sessionParts(clientIdentifier: string): Pick<SessionOptions, "sender" | "onReturn">;
}
