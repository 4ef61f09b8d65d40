import type { ClusterNode } from "../connection/connection_context.ts";
import type { ClusterSnapshot } from "../hooks/figures.ts";
import type { WillLog } from "../routing/wills.ts";

/** The node of a cluster that this broker is, as the broker starts and ends it. */
export interface BrokerNode extends ClusterNode {
  /** Takes wills down, so that other nodes publish them if this one dies. */
  readonly willLog: WillLog;
  /** Names the will of a client of this node. */
  willKey(clientIdentifier: string): string;
  /** What is kept for other nodes, in bytes. */
  readonly heldBytes: number;
  /** The cluster as this node sees it. */
  snapshot(): ClusterSnapshot;
  /** Resolves when all that this node has said is in the log, or never will be. */
  settled(): Promise<void>;
  /** Says goodbye and ends. */
  close(): Promise<void>;
}
