/** One run: three whole brokers that are one cluster, their log, links and clients, on one virtual clock. */
import type { Logger } from "../../../src/logger.ts";
import { simulateGround } from "../../../src/cluster/ground.ts";
import { Random } from "../../support/random.ts";
import { SimulatedClient } from "../client.ts";
import { Ledger } from "../ledger.ts";
import { type ClientWorld, hash } from "../profile.ts";
import { actOn, type Outcome } from "../simulation.ts";
import { World } from "../world.ts";
import { Deaths } from "./deaths.ts";
import { Links } from "./links.ts";
import { LogEngine } from "./log.ts";
import { ClusterNode } from "./node.ts";
import { wordOfLog } from "./oracle.ts";
import { Owners } from "./owners.ts";
import type { ClusterAction, ClusterSchedule } from "./schedule.ts";

/** Time for everything to come in at the end: for what is not seen to be under way, and for what is. */
const SETTLE_MS = 60_000;
const MOST_SETTLE_MS = 900_000;

/** How often it is looked at who owns what. */
const LOOK_AFTER_EVENTS = 100;

/** What a node has said is at its client by then. */
const WAY_MS = 1000;

/** A client goes to another node no sooner. */
const MOVE_MS = 1500;

const silent: Logger = { debugEnabled: false, debug() {}, info() {}, warn() {}, error() {} };

/** Runs a schedule to its end. */
export async function simulateCluster(schedule: ClusterSchedule, logger: Logger = silent): Promise<Outcome> {
  return await new ClusterSimulation(schedule, logger).run();
}

/** Where a client is. */
class Place {
  /** Where it is or was welcome last, and where it goes next. */
  welcomeAt: ClusterNode | undefined;
  /** When it has connected last, of its own accord or not. */
  wentAtMs = -Infinity;
  constructor(public node: ClusterNode) {}
}

class ClusterSimulation {
  readonly #schedule: ClusterSchedule;
  readonly #world = new World();
  readonly #ledger = new Ledger();
  readonly #engine = new LogEngine(this.#world);
  readonly #deaths = new Deaths(this.#engine, () => this.#ledger.now);
  readonly #owners = new Owners(this.#engine);
  readonly #links: Links;
  readonly #nodes: readonly ClusterNode[];
  readonly #clients: readonly SimulatedClient[];
  readonly #places: readonly Place[];
  readonly #cluster: string;
  #events = 0;

  constructor(schedule: ClusterSchedule, logger: Logger) {
    const { seed, profiles, nodes, ways } = schedule;
    this.#schedule = schedule;
    this.#ledger.isCluster = true;
    const random = (what: string) => new Random(hash(`${what} ${seed}`));
    this.#links = new Links(this.#world, random("links"), (pair) => ways.get(pair)!);
    this.#links.onFault = (text) => this.#ledger.fault(text);
    const shared = {
      world: this.#world,
      ledger: this.#ledger,
      links: this.#links,
      engine: this.#engine,
      deaths: this.#deaths,
      schedule,
      logger,
    };
    // What the nodes say of it to each other is part of the trace: the same for the same seed.
    this.#cluster = `simulated-${schedule.seed}`;
    this.#nodes = nodes.map((_, i) => new ClusterNode(i, this.#cluster, shared, random(`log ${i}`)));
    this.#places = profiles.map(() => new Place(this.#nodes[0]!));
    this.#clients = profiles.map((profile, i) => new SimulatedClient(profile, this.#clientWorld(this.#places[i]!)));
    this.#ledger.placeOf = (client) => {
      const { name } = this.#places[profiles.findIndex(({ name }) => name === client)]!.node;
      return { node: name, unawareSince: this.#deaths.since(name) };
    };
    this.#world.onEvent = () => {
      if (++this.#events % LOOK_AFTER_EVENTS === 0) this.#lookAtOwners();
    };
  }

  #clientWorld(place: Place): ClientWorld {
    return {
      world: this.#world,
      ledger: this.#ledger,
      seed: this.#schedule.seed,
      life: () => place.node.life,
      dial: (line, random, ends) => {
        const wire = place.node.dial(line, random, ends);
        if (wire !== undefined) place.wentAtMs = this.#world.nowMs;
        return wire;
      },
      storeFailedAtMs: () => place.node.troubledAtMs + WAY_MS,
      cluster: {
        mustBeginAnew: () => place.node !== place.welcomeAt,
        welcomed: (will) => {
          place.welcomeAt = place.node;
          place.node.hasWelcomed(will);
        },
      },
    };
  }

  async run(): Promise<Outcome> {
    const world = this.#world;
    try {
      for (const node of this.#nodes) await node.start();
      for (const client of this.#clients) client.stay(true);
      await world.run(10_000);
      for (const action of this.#schedule.actions) world.after(action.atMs, () => this.#act(action));
      await world.run(world.nowMs + (this.#schedule.actions.at(-1)?.atMs ?? 0) + 1);
      await this.#settle();
      await this.#takeDown();
    } finally {
      simulateGround(this.#cluster, undefined);
    }
    const { faults, deliveries } = this.#ledger;
    return { faults, trace: world.trace, deliveries, events: this.#events };
  }

  #act(action: ClusterAction): void {
    const links = this.#links;
    const node = "node" in action ? this.#nodes[action.node]! : undefined;
    switch (action.type) {
      case "kill":
        return node!.kill(action.downMs, action.isTold);
      case "shutdown":
        return node!.shutDown(action.downMs);
      case "freeze":
        return node!.freeze(action.ms);
      case "log-cut":
        return this.#trouble(node!, action.ms, { isCut: true }, { isCut: false });
      case "tail-pause":
        return this.#trouble(node!, action.ms, { isTailPaused: true }, { isTailPaused: false });
      case "log-faults":
        return this.#trouble(node!, action.ms, { oneFaultIn: action.oneIn }, { oneFaultIn: 0 });
      case "link-cut":
        return links.cut(action.pair);
      case "link-half-open":
        return links.halfOpen(action.pair);
      case "link-dark":
        links.darken(action.pair);
        return this.#world.after(action.ms, () => links.lighten(action.pair));
      case "connect":
        return this.#goTo(action, node!);
      default:
        return actOn(this.#clients[action.client]!, action);
    }
  }

  /** Clocks are right to a second, and so is what nodes that do not see each other make of who came later. */
  #goTo(action: Extract<ClusterAction, { type: "connect" }>, node: ClusterNode): void {
    const place = this.#places[action.client]!;
    const client = this.#clients[action.client]!;
    const waitMs = place.node === node ? 0 : Math.max(0, place.wentAtMs + MOVE_MS - this.#world.nowMs);
    if (waitMs > 0) return this.#world.after(waitMs, () => this.#goTo(action, node));
    if (place.node !== node) this.#ledger.moves(client.profile.name);
    place.node = node;
    actOn(client, action);
  }

  #trouble(
    { way }: ClusterNode,
    ms: number,
    begins: Partial<ClusterNode["way"]>,
    ends: Partial<ClusterNode["way"]>,
  ): void {
    Object.assign(way, begins);
    this.#world.after(ms, () => {
      Object.assign(way, ends);
      way.mended(this.#world.nowMs);
    });
  }

  /** All is well from now on: everybody comes, and gets what is his. */
  async #settle(): Promise<void> {
    const world = this.#world;
    for (const client of this.#clients) {
      client.stay(false);
      client.delayAcknowledgements(0);
    }
    // What was to end by itself has ended by then.
    await world.run(world.nowMs + 60_000);
    for (const [i, client] of this.#clients.entries()) {
      if (client.connected) continue;
      if (!this.#places[i]!.node.isUp) this.#ledger.fault(`node ${this.#places[i]!.node.name} is not up at the end`);
      client.connect({ clean: client.profile.expirySeconds === 0, willDelay: undefined });
    }
    const endMs = world.nowMs + MOST_SETTLE_MS;
    do await world.run(world.nowMs + SETTLE_MS); while (world.nowMs < endMs && this.#isBusy);
    for (const client of this.#clients) {
      if (!client.connected) this.#ledger.fault(`${client.profile.name} cannot connect at the end`);
      for (const text of client.unanswered) this.#ledger.fault(text);
    }
    this.#lookAtNodes();
    this.#ledger.finish();
  }

  get #isBusy(): boolean {
    return this.#nodes.some(({ broker }) => {
      const { messagesQueued, inflightInbound, inflightOutbound } = broker!.statistics;
      return messagesQueued + inflightInbound + inflightOutbound > 0;
    });
  }

  /** Where two nodes have read as far they name the same owners. */
  #lookAtOwners(): void {
    for (const { view } of this.#nodes) {
      const problem = view && this.#owners.problemOf(view);
      if (problem !== undefined) this.#ledger.fault(problem);
    }
  }

  #lookAtNodes(): void {
    const ledger = this.#ledger;
    this.#lookAtOwners();
    const views = this.#nodes.map(({ view }) => view).filter((view) => view !== undefined);
    const problem = views.length < this.#nodes.length ? "a node does not see the log" : Owners.problemAtRest(views);
    if (problem !== undefined) ledger.fault(problem);
    for (const client of this.#clients) {
      const { name } = client.profile;
      const where = this.#nodes.filter(({ broker }) =>
        broker!.clients.some(({ clientIdentifier }) => clientIdentifier === name)
      );
      if (where.length > 1) ledger.fault(`${name} has a connection at ${where.length} nodes`);
      const sessions = this.#nodes.filter(({ broker }) => broker!.session(name) !== undefined);
      if (sessions.length > 1) ledger.fault(`${name} has a session at ${sessions.length} nodes`);
    }
    const { retained, published } = wordOfLog(this.#engine);
    for (const [payload] of published) ledger.wills.published(payload);
    for (const { startedAt, witness } of this.#nodes) {
      const missed = published.filter(([payload, position]) =>
        position > startedAt && !ledger.wills.has(witness, payload)
      );
      for (const [payload] of missed) ledger.fault(`${witness} has not got ${payload}`);
    }
    for (const { name, broker } of this.#nodes) {
      for (const topicName of new Set([...retained.keys(), ...broker!.retained.keys()])) {
        const message = broker!.retained.get(topicName);
        const found = message && textOf(message.payload);
        if (found === retained.get(topicName)) continue;
        ledger.fault(`node ${name} retains ${found} on ${topicName}, the log says ${retained.get(topicName)}`);
      }
    }
    for (const topicName of ledger.retainedTopics) ledger.checkRetained(topicName, retained.get(topicName));
  }

  /** Everybody ends its session, and nothing must be left. */
  async #takeDown(): Promise<void> {
    const world = this.#world;
    for (const client of this.#clients) client.endSession();
    await world.run(world.nowMs + 10_000);
    const [first] = this.#nodes;
    for (const topicName of first!.broker!.retained.keys()) {
      void first!.broker!.publish(topicName, "", { retain: true });
    }
    await world.run(world.nowMs + 10_000);
    for (const node of this.#nodes) this.#lookAtRest(node);
    await this.#lookAtLinks();
    const { wills } = wordOfLog(this.#engine);
    if (wills > 0) this.#ledger.fault(`${wills} wills are left in the log`);
    for (const node of this.#nodes) node.shutDown(1e9);
    await world.run(world.nowMs + 70_000);
    for (const { name, process } of this.#nodes) {
      if (process.alive) this.#ledger.fault(`the shutdown of ${name} has not ended`);
    }
  }

  /** Nodes compare what they know now and then, so that something may be under way at any one moment. */
  async #lookAtLinks(): Promise<void> {
    const world = this.#world;
    const waiting = () => this.#nodes.map(({ broker }) => waitingBytes(broker!.observability.metrics(null).body));
    let least = waiting();
    for (let look = 0; look < 20; look++) {
      await world.run(world.nowMs + 250);
      least = waiting().map((bytes, i) => Math.min(bytes, least[i]!));
    }
    for (const [i, bytes] of least.entries()) {
      if (bytes > 0) this.#ledger.fault(`${bytes} bytes wait for links of node ${this.#nodes[i]!.name} at the end`);
    }
  }

  #lookAtRest({ name, broker }: ClusterNode): void {
    const { clientsConnected, clientsDisconnected, inflightInbound, inflightOutbound } = broker!.statistics;
    const { messagesQueued, retainedMessages, subscriptions } = broker!.statistics;
    const left = {
      clientsConnected,
      clientsDisconnected,
      inflightInbound,
      inflightOutbound,
      messagesQueued,
      retainedMessages,
      // One is the ledger's own.
      subscriptions: subscriptions - 1,
    };
    for (const [what, count] of Object.entries(left)) {
      if (count !== 0) this.#ledger.fault(`${count} ${what} are left at node ${name} at the end`);
    }
  }
}

function waitingBytes(metrics: string): number {
  const lines = metrics.matchAll(/^amqtt_cluster_link_waiting_bytes\{[^}]*\} (\d+)/gm);
  return Array.from(lines, ([, bytes]) => Number(bytes)).reduce((sum, bytes) => sum + bytes, 0);
}

function textOf(payload: Uint8Array): string {
  return new TextDecoder().decode(payload).replace(/\.+$/, "");
}
