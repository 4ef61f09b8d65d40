/** The cluster that the broker is a node of, as that sees it. */
import { Problem } from "../problem.ts";
import { type Call, get, type Route } from "../route.ts";

export function showCluster({ host }: Call) {
  const cluster = host.cluster();
  if (cluster === undefined) throw new Problem(404, "the broker is no node of a cluster");
  const { links, shards, logRoundTripSeconds, ...rest } = cluster;
  return {
    ...rest,
    logRoundTripSeconds: logRoundTripSeconds ?? null,
    links: links.map((link) => ({ ...link, roundTripSeconds: link.roundTripSeconds ?? null })),
    shards: shards.map((shard) => ({ ...shard, owner: shard.owner ?? null })),
  };
}

export const clusterRoutes: readonly Route[] = [
  get("/cluster", {
    needs: "viewer",
    summary:
      "The cluster that the broker is a node of: who lives, how far the log was read, the links, and who owns shards",
    handle: showCluster,
  }),
];
