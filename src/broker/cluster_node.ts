/** Makes the broker a node of a cluster. Loaded only where a config asks for it. */
import { hostname } from "node:os";
import { Cluster } from "../cluster/cluster.ts";
import { openGround } from "../cluster/ground.ts";
import type { PluginEntry, ResolvedCluster } from "../config/config.ts";
import { whenAborted } from "../embedding/aborting.ts";
import type { ClusterLinkSnapshot, ClusterSnapshot } from "../hooks/figures.ts";
import { type Logger, loggerOf } from "../logger.ts";
import { type DropReason, Message } from "../message.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { parseTopicName } from "../packet/topic.ts";
import type { WillChange, WillEndChange } from "../store/change.ts";
import type { BrokerNode } from "./broker_node.ts";
import type { ConnectionContext } from "../connection/connection_context.ts";
import type { Connection } from "../connection/connection.ts";
import type { Router } from "../routing/router.ts";
import type { Wills } from "../routing/wills.ts";
import type { Chores } from "../work_budget.ts";

/** What a node works with: a part of the broker's parts. */
export interface NodeParts extends
  Pick<
    ConnectionContext,
    "config" | "clock" | "machine" | "work" | "subscriptions" | "retained" | "sessions" | "connectionBySession"
  > {
  readonly logger: Logger;
  readonly chores: Chores;
  readonly router: Router;
  readonly wills: Wills;
  readonly connections: ReadonlySet<Connection>;
  readonly context: { cluster: BrokerNode | undefined };
  /** Aborted when the broker is shut down, also while it starts. */
  readonly ending: AbortController;
  /** A message is given up. */
  drop(clientIdentifier: string | undefined, message: Message, reason: DropReason): void;
  /** Calls `tick` every `ms` milliseconds until the broker ends. */
  every(ms: number, tick: () => void): void;
}

/** How often `$SYS/cluster/…` is published, in milliseconds. */
const FIGURES_MS = 10_000;

/**
 * Joins the cluster, and resolves when clients may come.
 *
 * @throws {Error} if the log is not reached, or the address for other nodes cannot be listened on
 */
export async function openNode(parts: NodeParts, config: ResolvedCluster): Promise<void> {
  const logger = loggerOf(parts.logger, "cluster");
  const ground = await openGround(config, logger, {
    epoch: () => parts.clock.epoch(),
    after: (ms, run) => parts.machine.after(ms, run),
    ending: parts.ending.signal,
  });
  const { clock, machine, work, chores, subscriptions, router, sessions, connectionBySession } = parts;
  const cluster: Cluster = new Cluster({
    name: config.name,
    node: config.node ?? hostname(),
    failureTimeoutMs: config.failureTimeout * 1000,
    maxLinkBytes: config.maxLinkBytes,
    log: ground.log,
    carrier: ground.carrier,
    clock,
    machine,
    work,
    chores,
    logger,
    subscriptions,
    router,
    retained: parts.retained,
    publishWill: (stored, key) => parts.wills.inherited(stored, key),
    onEvicted: () => dropAll(parts),
    onCutOff: (isCutOff) => {
      if (isCutOff && config.onPartition === "stop") dropAll(parts);
    },
    onDrop: (message, reason) => parts.drop(undefined, message, reason),
    hasSession: (clientIdentifier) => sessions.get(clientIdentifier) !== undefined,
    kick: (clientIdentifier) => {
      const session = sessions.get(clientIdentifier);
      if (session === undefined) return;
      const reason = "the client connected anew, to another node";
      connectionBySession.get(session)?.close({ reasonCode: ReasonCode.SessionTakenOver, reason });
      // It is where its client is.
      if (sessions.get(clientIdentifier) === session) sessions.end(session);
    },
  });
  const node = new JoinedNode(parts, config, cluster);
  parts.context.cluster = node;
  router.nodes = cluster.logged;
  ground.watch?.(() => cluster.snapshot());
  const forget = whenAborted(parts.ending.signal, () => void cluster.cut().catch(() => {}));
  try {
    await cluster.join();
  } catch (error) {
    await cluster.cut();
    throw error;
  } finally {
    forget();
  }
  if (speaksOnSys(parts.config.plugins)) node.publishFigures();
}

/** Whether `$SYS` is published at all. */
function speaksOnSys(plugins: readonly PluginEntry[]): boolean {
  return plugins.some(({ specifier, options }) =>
    specifier === "broker_sys" &&
    (options as { interval?: number; sysInterval?: number } | undefined)?.interval !== 0 &&
    (options as { sysInterval?: number } | undefined)?.sysInterval !== 0
  );
}

/** All that clients have of this node is void: their wills are published by others. */
function dropAll({ connections, sessions, chores }: NodeParts): void {
  const reason = "this node was cut off from the cluster";
  for (const connection of connections) {
    connection.takeWill();
    connection.close({ reasonCode: ReasonCode.ServerShuttingDown, reason });
  }
  chores.add((function* () {
    for (const session of [...sessions]) {
      sessions.end(session);
      yield;
    }
  })());
}

function stateOf({ connected, throughLog }: ClusterLinkSnapshot): string {
  if (connected) return "linked";
  return throughLog ? "through-log" : "broken";
}

class JoinedNode implements BrokerNode {
  readonly willLog: BrokerNode["willLog"];
  readonly #parts: NodeParts;
  readonly #config: ResolvedCluster;
  readonly #cluster: Cluster;
  /** Whose figures are on `$SYS`. */
  readonly #shownNodes = new Set<string>();

  constructor(parts: NodeParts, config: ResolvedCluster, cluster: Cluster) {
    this.#parts = parts;
    this.#config = config;
    this.#cluster = cluster;
    const { clock } = parts;
    this.willLog = {
      writeQueue: { append: (change) => this.#takeDown(change) },
      times: {
        toStored: (ms) => Math.round(clock.epoch() + ms - clock.now()),
        fromStored: (storedMs) => storedMs - clock.epoch() + clock.now(),
      },
    };
  }

  get heldBytes(): number {
    return this.#cluster.heldBytes;
  }

  snapshot(): ClusterSnapshot {
    return this.#cluster.snapshot();
  }

  goesByLog(message: Message): boolean {
    return this.#cluster.logged.goesByLog(message);
  }

  refusalOf(message: Message): string | undefined {
    return this.#cluster.logged.refusalOf(message);
  }

  get refusalOfWills(): string | undefined {
    return this.#cluster.logged.refusalOfWills;
  }

  subscribed(): Promise<void> | undefined {
    return this.#cluster.routesTaken();
  }

  caughtUp(): Promise<void> {
    return this.#cluster.caughtUp();
  }

  claim(clientIdentifier: string): Promise<string | undefined> {
    const { onPartition } = this.#config;
    const isClosed = !this.#cluster.joined || (this.#cluster.isCutOff && onPartition === "stop");
    if (isClosed) return Promise.resolve("this node is cut off from the cluster");
    return this.#cluster.claim(clientIdentifier);
  }

  signedIn(clientIdentifier: string): Promise<void> | undefined {
    return this.#cluster.signedIn(clientIdentifier);
  }

  sessionEnded(clientIdentifier: string): void {
    this.#cluster.sessionEnded(clientIdentifier);
  }

  willKey(clientIdentifier: string): string {
    return this.#cluster.logged.willKey(clientIdentifier);
  }

  settled(): Promise<void> {
    return this.#cluster.settled();
  }

  close(): Promise<void> {
    this.#parts.router.nodes = undefined;
    return this.#cluster.close();
  }

  /** `$SYS/cluster/…`, of this node's own view. */
  publishFigures(): void {
    const publish = () => {
      for (const [topic, value] of Object.entries(this.#figures())) {
        const payload = new TextEncoder().encode(String(value));
        const topicName = parseTopicName(`$SYS/cluster/${topic}`);
        void this.#parts.router.publish(Message.of({ topicName, payload, retain: true }));
      }
    };
    publish();
    this.#parts.every(FIGURES_MS, publish);
  }

  #figures(): Record<string, string | number> {
    const { name, node, nodes, cutOff, logPosition, links, shards, shardHandovers } = this.snapshot();
    const figures: Record<string, string | number> = {
      "name": name,
      "node": node,
      "nodes/count": nodes.length,
      "nodes/live": nodes.join(" "),
      "log/position": logPosition,
      "log/state": cutOff ? "cut-off" : "ok",
      "shards/ownerless": shards.filter(({ owner }) => owner === undefined).length,
      "shards/handovers": shardHandovers,
    };
    // A node that is gone is told to own none, as its figure is retained.
    for (const one of nodes) this.#shownNodes.add(one);
    for (const one of this.#shownNodes) {
      figures[`nodes/${one}/shards`] = shards.filter(({ owner }) => owner === one).length;
    }
    for (const link of links) {
      const place = `links/${link.node}`;
      figures[`${place}/state`] = stateOf(link);
      figures[`${place}/bytes/sent`] = link.sentBytes;
      figures[`${place}/bytes/received`] = link.receivedBytes;
      figures[`${place}/bytes/waiting`] = link.waitingBytes;
      figures[`${place}/bytes/credit`] = link.creditBytes;
      figures[`${place}/messages/dropped`] = link.messagesDropped;
    }
    return figures;
  }

  #takeDown(change: WillChange | WillEndChange): void {
    if (change.type === "will") this.#cluster.logged.will(change);
    else this.#cluster.logged.willEnd(change.clientIdentifier);
  }
}
