/** What a node of a cluster stands on, and tells the broker. */
import type { Log } from "../log/log.ts";
import type { Logger } from "../logger.ts";
import type { DropReason, Message } from "../message.ts";
import type { Router } from "../routing/router.ts";
import type { Clock } from "../runtime/environment.ts";
import type { Machine } from "../runtime/machine.ts";
import type { StoredWill } from "../store/store.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { Chores, WorkBudget } from "../work_budget.ts";
import type { LinkCarrier } from "./connections.ts";

/** What a node works with. */
export interface ClusterParts {
  /** The cluster's name. */
  readonly name: string;
  /** This node's name. */
  readonly node: string;
  readonly failureTimeoutMs: number;
  readonly maxLinkBytes: number;
  readonly log: Log;
  readonly carrier: LinkCarrier;
  readonly clock: Clock;
  readonly machine: Pick<Machine, "letRun" | "after" | "now">;
  readonly work: WorkBudget;
  readonly chores: Pick<Chores, "add">;
  readonly logger: Logger;
  readonly subscriptions: Subscriptions;
  readonly router: Router;
  /** What is retained; `$` topics are each node's own. */
  readonly retained: Iterable<Message>;
  /** Publishes the will of a client of a dead node, as the will of this key. */
  publishWill(stored: StoredWill, key: string): void;
  /** This node was declared dead: all that its clients have is void. */
  onEvicted(): void;
  /** This node is cut off from the log, or no longer. */
  onCutOff(isCutOff: boolean): void;
  onDrop(message: Message, reason: DropReason): void;
  /** Whether this node has a session of that client. */
  hasSession(clientIdentifier: string): boolean;
  /** Closes this node's connection of that client, and ends its session. */
  kick(clientIdentifier: string): void;
}
