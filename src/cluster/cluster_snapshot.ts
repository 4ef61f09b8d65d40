/** A cluster as one of its nodes sees it, in the words of figures. */
import type { ClusterShardSnapshot, ClusterSnapshot } from "../hooks/figures.ts";
import type { ClusterState, Life } from "./cluster_state.ts";
import type { Link } from "./link.ts";

/** What a node knows. */
export interface Seen {
  readonly name: string;
  readonly life: Life;
  readonly nodes: readonly Life[];
  readonly isCutOff: boolean;
  readonly position: number;
  readonly silenceMs: number;
  readonly roundTripMs: number | undefined;
  readonly links: Iterable<Link>;
  readonly state: Pick<ClusterState, "shards" | "shard" | "isLive">;
  readonly handovers: number;
}

/** Tells it. */
export function clusterSnapshot(seen: Seen): ClusterSnapshot {
  return {
    name: seen.name,
    node: seen.life.node,
    nodes: seen.nodes.map(({ node }) => node),
    cutOff: seen.isCutOff,
    logPosition: seen.position,
    logSilenceSeconds: seen.silenceMs / 1000,
    logRoundTripSeconds: secondsOf(seen.roundTripMs),
    links: Array.from(seen.links, (link) => ({
      node: link.peer.node,
      connected: link.connected && !link.detours,
      throughLog: link.detours,
      waitingBytes: link.heldBytes,
      creditBytes: link.creditBytes,
      sentBytes: link.bytesSent,
      receivedBytes: link.bytesReceived,
      roundTripSeconds: secondsOf(link.roundTripMs),
      messagesDropped: link.dropped,
    })),
    shards: shardsOf(seen.state),
    shardHandovers: seen.handovers,
  };
}

function shardsOf(state: Seen["state"]): ClusterShardSnapshot[] {
  return Array.from({ length: state.shards }, (_, shard) => {
    const { owner, epoch } = state.shard(shard)!;
    return { shard, owner: owner && state.isLive(owner) ? owner.node : undefined, epoch };
  });
}

function secondsOf(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : ms / 1000;
}
