/** What happens to a simulated cluster, drawn from the seed before it begins, and told in words. */
import { Random } from "../../support/random.ts";
import type { Leaving, Profile } from "../profile.ts";
import { drawProfile, type Happening, tellAction as tellOfClient, tellProfile } from "../schedule.ts";
import type { LinkWay } from "./links.ts";
import type { LogDistance } from "./log.ts";
import { drawWeighted, type Weighted } from "../weighted.ts";

type OfClient = Exclude<Extract<Happening, { readonly client: number }>, { readonly type: "connect" }>;

/** Something that happens. */
export type ClusterHappening =
  | OfClient
  | Extract<Happening, { readonly type: "connect" }> & { readonly node: number }
  | { readonly type: "kill"; readonly node: number; readonly downMs: number; readonly isTold: boolean }
  | { readonly type: "shutdown"; readonly node: number; readonly downMs: number }
  | { readonly type: "freeze"; readonly node: number; readonly ms: number }
  | { readonly type: "log-cut"; readonly node: number; readonly ms: number }
  | { readonly type: "tail-pause"; readonly node: number; readonly ms: number }
  | { readonly type: "log-faults"; readonly node: number; readonly ms: number; readonly oneIn: number }
  | { readonly type: "link-cut"; readonly pair: string }
  | { readonly type: "link-half-open"; readonly pair: string }
  | { readonly type: "link-dark"; readonly pair: string; readonly ms: number };

export type ClusterAction = ClusterHappening & { readonly atMs: number };

/** How a node's machine is. */
export interface SimulatedNode {
  readonly log: LogDistance;
  /** How far its wall clock is from the log's, in milliseconds. */
  readonly skewMs: number;
}

/** A run: the cluster as it is at the beginning, and what happens to it. */
export interface ClusterSchedule {
  readonly seed: number;
  readonly profiles: readonly Profile[];
  readonly nodes: readonly SimulatedNode[];
  readonly ways: ReadonlyMap<string, LinkWay>;
  readonly failureTimeoutSeconds: number;
  readonly maxInflight: number;
  /** Milliseconds that a broker takes for a thousand steps of work. */
  readonly slowness: number;
  readonly actions: readonly ClusterAction[];
}

const NODES = 3;
const PAIRS = ["a-b", "a-c", "b-c"];

/** Draws a run. */
export function drawClusterSchedule(seed: number): ClusterSchedule {
  const random = new Random(seed);
  const profiles = Array.from({ length: random.between(3, 6) }, (_, i) => drawProfile(random, i));
  const nodes = Array.from({ length: NODES }, () => ({
    log: { delayMs: random.pick([0, 1, 5, 40]), jitterMs: random.pick([0, 3, 100]) },
    skewMs: random.pick([0, 0, -400, 400]),
  }));
  const ways = new Map(PAIRS.map((pair) => [pair, {
    delayMs: random.pick([0, 1, 10, 100]),
    jitterMs: random.pick([0, 5, 50]),
    pieceBytes: random.pick([1, 7, 65_536, 65_536]),
    windowBytes: random.pick([500, 65_536, 1_000_000]),
  }]));
  return {
    seed,
    profiles,
    nodes,
    ways,
    failureTimeoutSeconds: random.pick([1, 2, 5]),
    maxInflight: random.pick([2, 10, 1000]),
    slowness: random.pick([1, 1, 10]),
    actions: new Drawer(random, profiles).all(random.between(40, 220)),
  };
}

class Drawer {
  readonly #random: Random;
  readonly #profiles: readonly Profile[];
  readonly #kinds: Weighted<ClusterHappening>;
  #atMs = 0;
  /** Who is likely to be connected. */
  readonly #present = new Set<number>();
  /** Where each client connects as a rule. */
  readonly #homes: number[];

  constructor(random: Random, profiles: readonly Profile[]) {
    this.#random = random;
    this.#profiles = profiles;
    this.#homes = profiles.map(() => random.between(0, NODES - 1));
    const client = () => random.between(0, profiles.length - 1);
    const node = () => random.between(0, NODES - 1);
    const pair = () => random.pick(PAIRS);
    // Some runs are without some kinds, so that others come up together more often.
    const often = (weight: number) => random.chance(0.6) ? weight : 0;
    const long = () => random.pick([100, 1000, 3000, 8000, 20_000]);
    this.#kinds = [
      [3, () => this.#connect(client())],
      [2, () => ({ type: "leave", client: client(), how: this.#leaving() })],
      [16, () => this.#publish(client())],
      [often(7), () => this.#retain(client())],
      [6, () => this.#subscribe(client())],
      [often(1.5), () => ({ type: "unsubscribe", client: client(), filter: this.#filter(client()) })],
      [often(0.5), () => ({ type: "pause", client: client(), ms: random.between(100, 8000) })],
      [often(0.5), () => ({ type: "acknowledge-late", client: client(), ms: random.pick([0, 50, 1000, 5000]) })],
      [often(0.6), () => ({ type: "kill", node: node(), downMs: long(), isTold: random.chance(0.6) })],
      [often(0.4), () => ({ type: "shutdown", node: node(), downMs: long() })],
      [often(0.6), () => ({ type: "freeze", node: node(), ms: long() })],
      [often(0.6), () => ({ type: "log-cut", node: node(), ms: long() })],
      [often(0.6), () => ({ type: "tail-pause", node: node(), ms: long() })],
      [often(0.8), () => ({ type: "log-faults", node: node(), ms: long(), oneIn: random.pick([2, 5]) })],
      [often(1.2), () => ({ type: "link-cut", pair: pair() })],
      [often(0.6), () => ({ type: "link-half-open", pair: pair() })],
      [often(0.8), () => ({ type: "link-dark", pair: pair(), ms: long() })],
    ];
  }

  all(count: number): ClusterAction[] {
    const actions: ClusterAction[] = [];
    this.#profiles.forEach((_, client) => actions.push({ atMs: this.#next(), ...this.#connect(client) }));
    this.#profiles.forEach((_, client) => actions.push({ atMs: this.#next(), ...this.#subscribe(client) }));
    while (actions.length < count) {
      const one = this.#any();
      // Who is away can do nothing but come.
      const isAway = "client" in one && !this.#present.has(one.client);
      actions.push({ atMs: this.#next(), ...isAway ? this.#connect(one.client) : one });
      if (one.type === "leave") this.#present.delete(one.client);
    }
    return actions;
  }

  #next(): number {
    const random = this.#random;
    this.#atMs += random.pick([0, 1, 10, 10, 100, 100, 300, 1000]) + (random.chance(0.02) ? 20_000 : 0);
    return this.#atMs;
  }

  #any(): ClusterHappening {
    return drawWeighted(this.#random, this.#kinds) ?? this.#connect(0);
  }

  #connect(client: number): ClusterHappening {
    const random = this.#random;
    this.#present.add(client);
    const isTransient = this.#profiles[client]!.expirySeconds === 0;
    const clean = isTransient || random.chance(0.08);
    const willDelay = random.chance(0.5) ? random.pick([0, 0, 2, 30]) : undefined;
    const node = random.chance(0.7) ? this.#homes[client]! : random.between(0, NODES - 1);
    return { type: "connect", client, node, wish: { clean, willDelay } };
  }

  #leaving(): Leaving {
    return this.#random.pick(["disconnect", "disconnect", "disconnect-with-will", "close", "cut", "cut", "vanish"]);
  }

  #publish(client: number): ClusterHappening {
    const random = this.#random;
    return {
      type: "publish",
      client,
      topicName: `${random.pick(["a", "b", "s"])}/${random.between(0, 2)}`,
      qos: random.pick([0, 1, 1, 2, 2]),
      count: random.pick([1, 1, 2, 5, 20]),
      bytes: random.pick([0, 0, 0, 300, 5000]),
      retain: false,
      clears: false,
    };
  }

  /**
   * Every client has its own topics for that, one for each QoS, so that what is last is known; and there is one for all. Now
   * and then what is sent there is not retained, and takes the other way between the nodes.
   */
  #retain(client: number): ClusterHappening {
    const random = this.#random;
    const qos = random.pick([1, 2] as const);
    const topicName = random.chance(0.2) ? "r/all" : `r/c${client}/${qos}`;
    const retain = random.chance(0.7);
    const clears = retain && random.chance(0.15);
    return { type: "publish", client, topicName, qos, count: random.pick([1, 3]), bytes: 0, retain, clears };
  }

  #subscribe(client: number): ClusterHappening {
    const random = this.#random;
    const noLocal = random.chance(0.1) && this.#profiles[client]!.version === 5;
    const filter = this.#filter(client);
    const qos = random.pick([0, 1, 1, 2, 2, 2] as const);
    return { type: "subscribe", client, filter, qos, noLocal: noLocal && !filter.startsWith("$") };
  }

  /** A client's filters do not overlap: what comes for which is known then. */
  #filter(client: number): string {
    const random = this.#random;
    const root = random.pick(["a", "b", "r", "s"]);
    if (root === "s") return client % 4 === 2 ? "s/#" : `$share/g${client % 2}/s/+`;
    if (root === "r") return client % 4 === 3 ? "$share/h/r/#" : "r/#";
    return client % 3 === 0 ? `${root}/#` : `${root}/${random.between(0, 2)}`;
  }
}

/** The run in words, one line for each thing. */
export function tellCluster(schedule: ClusterSchedule): string {
  const { seed, profiles, nodes, ways, failureTimeoutSeconds, maxInflight, slowness, actions } = schedule;
  const involved = new Set(actions.flatMap((action) => "client" in action ? [action.client] : []));
  return [
    `seed ${seed}: failure-timeout ${failureTimeoutSeconds} s, max-inflight ${maxInflight}, ${slowness} µs a step`,
    ...nodes.map(({ log, skewMs }, i) =>
      `node ${"abc"[i]}: the log is ${log.delayMs} to ${
        log.delayMs + log.jitterMs
      } ms away each way, its clock ${skewMs} ms off`
    ),
    ...[...ways].map(([pair, way]) =>
      `link ${pair}: ${way.delayMs} to ${way.delayMs + way.jitterMs} ms each way, ${way.pieceBytes} B at once, ` +
      `window ${way.windowBytes} B`
    ),
    ...profiles.filter((_, i) => involved.has(i)).map(tellProfile),
    ...actions.map((action) => `${(action.atMs / 1000).toFixed(3).padStart(9)} s  ${tell(action)}`),
  ].join("\n");
}

function tell(action: ClusterAction): string {
  const node = "node" in action ? `node ${"abc"[action.node]}` : "";
  switch (action.type) {
    case "connect":
      return `${tellOfClient(action)}, to ${node}`;
    case "kill":
      return `${node} is killed${
        action.isTold ? "" : ", with its machine"
      }, and starts again after ${action.downMs} ms`;
    case "shutdown":
      return `${node} is shut down, and starts again ${action.downMs} ms later`;
    case "freeze":
      return `${node} is frozen for ${action.ms} ms`;
    case "log-cut":
      return `${node} does not reach the log for ${action.ms} ms`;
    case "tail-pause":
      return `${node} gets nothing from the log for ${action.ms} ms`;
    case "log-faults":
      return `one in ${action.oneIn} records of ${node} is lost, late, twice or not answered for ${action.ms} ms`;
    case "link-cut":
      return `the link ${action.pair} breaks`;
    case "link-half-open":
      return `the link ${action.pair} breaks, and one side does not know`;
    case "link-dark":
      return `nothing gets through between ${action.pair} for ${action.ms} ms`;
    default:
      return tellOfClient(action);
  }
}
