import type { ResolvedConfig } from "../config/config.ts";
import type { HookChain } from "../hooks/chain.ts";
import type { Logger } from "../logger.ts";
import type { Session } from "../session/session.ts";
import type { Sessions } from "../session/sessions.ts";
import type { SenderOptions } from "../session/sender.ts";
import type { ResolvedLimits } from "../config/config.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { Connection } from "./connection.ts";
import type { Clock } from "./environment.ts";
import type { MessagePipe } from "./message_pipe.ts";
import type { Statistics } from "./statistics.ts";

/** What the connections of one broker share. */
export interface Core {
  readonly config: ResolvedConfig;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly hooks: HookChain;
  readonly sessions: Sessions;
  readonly subscriptions: Subscriptions;
  readonly retained: RetainedMessages;
  readonly pipe: MessagePipe;
  readonly statistics: Statistics;
  /** Every connection, signed in or not. */
  readonly connections: Set<Connection>;
  /** The connections that serve a session now. */
  readonly owners: Map<Session, Connection>;
  /** Aborted at shutdown. */
  readonly signal: AbortSignal;
  senderOptions(clientIdentifier: string, limits: ResolvedLimits): SenderOptions;
}
