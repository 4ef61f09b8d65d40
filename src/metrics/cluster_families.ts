/** Metrics about the cluster that the broker is a node of, as that sees it. */
import type { ClusterLinkSnapshot, ClusterSnapshot } from "../hooks/figures.ts";
import { counter, type Family, gauge, type Sample } from "./family.ts";
import type { Figures } from "./figures.ts";

const PEER = ["peer"];

export const clusterFamilies: readonly Family[] = [
  gauge("amqtt_cluster_nodes", "Nodes that live, this one included.", ofCluster(({ nodes }) => nodes.length)),
  gauge(
    "amqtt_cluster_cut_off",
    "1 if this node does not reach the log, or was declared dead.",
    ofCluster(({ cutOff }) => Number(cutOff)),
  ),
  gauge(
    "amqtt_cluster_log_position",
    "Up to which position the log was read; the same on all nodes that are not behind.",
    ofCluster(({ logPosition }) => logPosition),
  ),
  gauge(
    "amqtt_cluster_log_silence_seconds",
    "Time since this node's own word came by in the log; from failure-timeout on it is cut off.",
    ofCluster(({ logSilenceSeconds }) => logSilenceSeconds),
  ),
  gauge(
    "amqtt_cluster_log_round_trip_seconds",
    "What this node's last word took from being said to being read in the log.",
    ofCluster(({ logRoundTripSeconds }) => logRoundTripSeconds),
  ),
  gauge(
    "amqtt_cluster_shards",
    "Shards of client identifiers that this node owns; of all nodes together there are 64.",
    ofCluster(({ shards, node }) => shards.filter(({ owner }) => owner === node).length),
  ),
  gauge(
    "amqtt_cluster_shards_ownerless",
    "Shards that no live node owns; more than 0 for longer than the log takes is a fault.",
    ofCluster(({ shards }) => shards.filter(({ owner }) => owner === undefined).length),
  ),
  counter(
    "amqtt_cluster_shard_handovers",
    "Shards that went from one owner to another, whoever that was.",
    ofCluster(({ shardHandovers }) => shardHandovers),
  ),
  gauge("amqtt_cluster_link_up", "1 if there is a link.", ofLinks(({ connected }) => Number(connected)), PEER),
  gauge(
    "amqtt_cluster_link_through_log",
    "1 if there is no link, and what is at QoS 1 and 2 goes through the log.",
    ofLinks(({ throughLog }) => Number(throughLog)),
    PEER,
  ),
  gauge(
    "amqtt_cluster_link_waiting_bytes",
    "What waits for the other node, or was not worked off by it.",
    ofLinks(({ waitingBytes }) => waitingBytes),
    PEER,
  ),
  gauge(
    "amqtt_cluster_link_credit_bytes",
    "How much more may leave before the other node has worked off some.",
    ofLinks(({ creditBytes }) => creditBytes),
    PEER,
  ),
  gauge(
    "amqtt_cluster_link_round_trip_seconds",
    "What the other node took last to answer.",
    ofLinks(({ roundTripSeconds }) => roundTripSeconds),
    PEER,
  ),
  counter(
    "amqtt_cluster_link_sent_bytes",
    "Sent to the other node.",
    ofLinks(({ sentBytes }) => sentBytes),
    PEER,
  ),
  counter(
    "amqtt_cluster_link_received_bytes",
    "Received from the other node.",
    ofLinks(({ receivedBytes }) => receivedBytes),
    PEER,
  ),
  counter(
    "amqtt_cluster_link_dropped",
    "QoS 0 messages for the other node that were given up.",
    ofLinks(({ messagesDropped }) => messagesDropped),
    PEER,
  ),
];

function ofCluster(of: (cluster: ClusterSnapshot) => number | undefined): (figures: Figures) => readonly Sample[] {
  return ({ cluster }) => {
    const value = cluster && of(cluster);
    return value === undefined ? [] : [{ value }];
  };
}

function ofLinks(of: (link: ClusterLinkSnapshot) => number | undefined): (figures: Figures) => readonly Sample[] {
  return ({ cluster }) =>
    (cluster?.links ?? []).flatMap((link) => {
      const value = of(link);
      return value === undefined ? [] : [{ labels: { peer: link.node }, value }];
    });
}
