import type { ResolvedConfig } from "../config/config.ts";
import type { Durability } from "../persistence/persistence.ts";
import type { HookChain } from "../hooks/chain.ts";
import type { Logger } from "../logger.ts";
import type { BufferPool } from "../packet/buffer_pool.ts";
import type { ReceivedPacket } from "../packet/decode.ts";
import type { TopicNames } from "../packet/topic_names.ts";
import type { Session, SessionOptions } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { Admissions } from "../broker/admission.ts";
import type { ClientTime } from "./client_time.ts";
import type { Connection } from "./connection.ts";
import type { Clock } from "../runtime/environment.ts";
import type { Machine } from "../runtime/machine.ts";
import type { MemoryCeiling } from "../broker/memory_ceiling.ts";
import type { MessagePipe } from "../routing/publish_pipeline.ts";
import type { SenderLimitsOf } from "./sender_limits.ts";
import type { Refusals } from "../routing/refusals.ts";
import type { Statistics } from "../broker/statistics.ts";
import type { Wills } from "../routing/wills.ts";
import type { WorkBudget } from "../work_budget.ts";

/**
 * Serves a packet.
 *
 * @returns a promise only if the packet has to be waited for before the next one
 * @throws {ProtocolError} if it must not come now
 */
export type PacketHandler = (connection: Connection, packet: ReceivedPacket) => void | Promise<void>;

/** What the connections of one broker share. */
export interface Core {
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
  readonly pipe: MessagePipe;
  readonly wills: Wills;
  /** `undefined`: nothing outlives the process. */
  readonly durability: Durability | undefined;
  readonly statistics: Statistics;
  readonly refusals: Refusals;
  readonly handlePacket: PacketHandler;
  /** Names that clients have published to lately. */
  readonly topicNames: TopicNames;
  /** Memory for what is written. */
  readonly buffers: BufferPool;
  readonly memory: MemoryCeiling;
  /** Who has a place on which listener. */
  readonly admissions: Admissions;
  /** Every connection, signed in or not. */
  readonly connections: Set<Connection>;
  /** The connections that serve a session now. */
  readonly owners: Map<Session, Connection>;
  /** Aborted at shutdown. */
  readonly signal: AbortSignal;
  readonly senderLimits: SenderLimitsOf;
  /** What a session is made with besides what its client says. */
  sessionParts(clientIdentifier: string): Pick<SessionOptions, "sender" | "onReturn">;
}
