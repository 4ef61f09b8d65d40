/** One run: two whole brokers with a bridge between them, their clients, stores and the link, on one virtual clock. */
import type { Logger } from "../../../src/logger.ts";
import type { DropReason } from "../../../src/message.ts";
import type { HostConnectOptions, HostTcpConnection } from "../../../src/runtime/host_types.ts";
import { Random } from "../../support/random.ts";
import { hooks } from "../../support/test_broker.ts";
import { SimulatedClient } from "../client.ts";
import { House } from "../house.ts";
import { type ClientWorld, hash } from "../profile.ts";
import type { Outcome } from "../simulation.ts";
import { World } from "../world.ts";
import { BridgedLedger } from "./ledger.ts";
import { Link } from "./link.ts";
import { AMPLE, type BridgedAction, type BridgedSchedule, type Side, sides } from "./schedule.ts";

/** Messages that have crossed are counted beside all that were delivered. */
export type BridgedOutcome = Outcome & { readonly crossed: number };

/** Time for everything to come in at the end: between two looks, and for a link that carries little in all. */
const SETTLE_MS = 60_000;
const MOST_SETTLE_MS = 14_400_000;
/** What is given up at QoS 0, or since its session is over. */
const DROPS_BY_POLICY: ReadonlySet<DropReason> = new Set(["offline-qos0", "session-ended", "max-outbound-bytes"]);
const NAME = "link";

const silent: Logger = { debugEnabled: false, debug() {}, info() {}, warn() {}, error() {} };

/** Runs a schedule to its end. */
export async function simulateBridged(schedule: BridgedSchedule, logger = silent): Promise<BridgedOutcome> {
  // What a start loads must not be loaded while the world stands still for it.
  await import("../../../src/bridge/bridges.ts");
  return await new BridgedSimulation(schedule, logger).run();
}

class BridgedSimulation {
  readonly #schedule: BridgedSchedule;
  readonly #world = new World();
  readonly #ledger: BridgedLedger;
  readonly #houses: Readonly<Record<Side, House>>;
  readonly #clients: readonly SimulatedClient[];
  readonly #link: Link;
  #events = 0;
  /** The bridge may be paused no longer. */
  #isEnding = false;

  constructor(schedule: BridgedSchedule, logger: Logger) {
    const { seed, members, line, isLinked } = schedule;
    this.#schedule = schedule;
    this.#ledger = new BridgedLedger(schedule);
    this.#houses = { here: this.#makeHouse("here", logger), there: this.#makeHouse("there", logger) };
    this.#link = new Link({
      world: this.#world,
      line,
      random: new Random(hash(`link ${seed}`)),
      here: this.#houses.here,
      there: this.#houses.there,
      onFault: (text) => this.#ledger.fault(text),
    });
    this.#link.isThere = isLinked;
    this.#clients = members.map(({ side, profile }) => new SimulatedClient(profile, this.#worldOf(this.#houses[side])));
    this.#world.onEvent = () => {
      this.#events++;
      for (const side of sides) this.#houses[side].lookAtWork();
      this.#ledger.isKnown ||= this.#houses.here.isUp && this.#bridge.state === "connected";
    };
  }

  async run(): Promise<BridgedOutcome> {
    const world = this.#world;
    for (const side of sides) await this.#houses[side].start();
    for (const client of this.#clients) {
      client.stay(true);
      client.connect({ clean: false, willDelay: undefined });
    }
    await world.run(2000);
    for (const [i, client] of this.#clients.entries()) {
      if (isWitness(this.#schedule, i)) client.subscribe({ filter: "#", qos: 2, noLocal: false });
    }
    await world.run(10_000);
    const { actions } = this.#schedule;
    for (const action of actions) world.after(action.atMs, () => this.#act(action));
    await world.run(world.nowMs + (actions.at(-1)?.atMs ?? 0) + 1);
    await this.#settle();
    await this.#takeDown();
    const { faults, deliveries, crossed } = this.#ledger;
    return { faults, trace: world.trace, deliveries, crossed, events: this.#events };
  }

  get #bridge() {
    return this.#houses.here.broker.bridges()[0]!;
  }

  #makeHouse(side: Side, logger: Logger): House {
    const { seed, slowness, queueLimit, maxInflight } = this.#schedule;
    return new House({
      world: this.#world,
      random: new Random(hash(`disk ${side} ${seed}`)),
      slowness,
      pieceMs: 0,
      config: { queueLimit, maxInflight: maxInflight[side], ...side === "here" && { bridges: this.#bridges() } },
      observer: hooks({
        messageDropped: (client, message, reason) => this.#dropped(side, client, message.payload, reason),
      }),
      logger,
      onFault: (text) => this.#ledger.fault(`${side}: ${text}`),
      ...side === "here" && {
        connect: (options: HostConnectOptions): Promise<HostTcpConnection> => this.#link.connect(options),
      },
    });
  }

  #bridges() {
    const { version, start, keepAlive, queueQos0, crossings } = this.#schedule;
    const topics = crossings.map(({ root, direction, qos, localPrefix, remotePrefix }) => ({
      filter: `${root}/#`,
      direction,
      qos,
      localPrefix: localPrefix || undefined,
      remotePrefix: remotePrefix || undefined,
    }));
    return { [NAME]: { address: "there", clientId: NAME, version, start, keepAlive, queueQos0, topics } };
  }

  #worldOf(house: House): ClientWorld {
    return {
      world: this.#world,
      ledger: this.#ledger,
      seed: this.#schedule.seed,
      life: () => house.life,
      dial: (line, random, ends) => house.dial(line, random, ends),
      storeFailedAtMs: () => house.storeFailedAtMs,
    };
  }

  #act(action: BridgedAction): void | Promise<void> {
    switch (action.type) {
      case "publish":
        for (let i = 0; i < action.count; i++) this.#clients[action.client]!.publish(action);
        return;
      case "leave":
        return this.#clients[action.client]!.leave(action.how);
      case "stall":
        return this.#clients[action.client]!.pause(action.ms);
      case "latency":
        return void (this.#houses[action.side].disk.latencyMs = action.ms);
      case "fail":
        this.#ledger.storeFails(action.side);
        return this.#houses[action.side].failStore({ ...action, written: false });
      case "crash":
        return this.#houses[action.side].crash(action.downMs);
      case "shutdown":
        return this.#houses[action.side].shutDown(action.downMs);
      case "reconnect":
        return this.#houses.here.isUp ? this.#houses.here.broker.reconnectBridge(NAME) : undefined;
      case "pause":
        return this.#pauseBridge(action.ms);
      default:
        return this.#link.act(action);
    }
  }

  #pauseBridge(ms: number): void {
    const { here } = this.#houses;
    if (!here.isUp) return;
    const { broker } = here;
    broker.pauseBridge(NAME);
    this.#world.after(ms, () => {
      if (here.broker === broker && here.isUp && !this.#isEnding) broker.resumeBridge(NAME);
    });
  }

  #dropped(side: Side, client: string | undefined, payload: Uint8Array, reason: DropReason): void {
    const text = textOf(payload);
    if (reason !== "session-ended") this.#ledger.dropped(side, client, text);
    if (DROPS_BY_POLICY.has(reason) || (reason === "queue-limit" && this.#schedule.queueLimit < AMPLE)) return;
    this.#ledger.fault(`${side}: ${text} was dropped for ${client}: ${reason}`);
  }

  /** All is well from now on: everybody comes, and gets what is his. */
  async #settle(): Promise<void> {
    const world = this.#world;
    this.#link.mend();
    for (const side of sides) {
      const { disk } = this.#houses[side];
      this.#houses[side].mendStore();
      disk.latencyMs = Math.min(disk.latencyMs, 3);
    }
    // Whoever is down comes back, and whatever is half-open is found out.
    await world.run(world.nowMs + 100_000);
    this.#isEnding = true;
    this.#houses.here.broker.resumeBridge(NAME);
    const endMs = world.nowMs + MOST_SETTLE_MS;
    do {
      // What waits for a lazy bridge at the remote is none of its reasons to connect.
      if (this.#bridge.state === "idle") this.#houses.here.broker.reconnectBridge(NAME);
      await world.run(world.nowMs + SETTLE_MS);
    } while (world.nowMs < endMs && this.#isBusy);
    for (const client of this.#clients) {
      if (!client.connected) this.#ledger.fault(`${client.profile.name} cannot connect at the end`);
      for (const text of client.unanswered) this.#ledger.fault(text);
    }
    const { state, error } = this.#bridge;
    if (this.#isBusy) this.#ledger.fault(`something is still on its way at the end; the bridge is ${state}: ${error}`);
    this.#ledger.checkRetained((side, topicName) => {
      const message = this.#houses[side].broker.retained.get(topicName);
      return message && textOf(message.payload);
    });
    this.#ledger.finish();
  }

  get #isBusy(): boolean {
    const { state } = this.#bridge;
    return (state !== "connected" && this.#schedule.start !== "lazy") || sides.some((side) => {
      const { messagesQueued, inflightInbound, inflightOutbound } = this.#houses[side].broker.statistics;
      return messagesQueued + inflightInbound + inflightOutbound > 0;
    });
  }

  /** The clients end their sessions, what is retained is cleared, and of all messages nothing must be left. */
  async #takeDown(): Promise<void> {
    const world = this.#world;
    for (const client of this.#clients) {
      client.stay(false);
      client.endSession();
    }
    await world.run(world.nowMs + 5000);
    for (const side of sides) {
      const { broker } = this.#houses[side];
      const topics = [...broker.retained.keys()].filter((topicName) => !topicName.startsWith("$SYS/"));
      for (const topicName of topics) void broker.publish(topicName, "", { retain: true, qos: 1 });
    }
    await world.run(world.nowMs + 300_000);
    for (const side of sides) this.#lookForRemains(side);
    for (const side of ["here", "there"] as const) {
      const house = this.#houses[side];
      house.shutDown(1e9);
      await world.run(world.nowMs + 30_000);
      if (house.process.alive) this.#ledger.fault(`${side}: the shutdown takes longer than 30 s`);
    }
  }

  #lookForRemains(side: Side): void {
    const { broker, disk } = this.#houses[side];
    const { inflightInbound, inflightOutbound, messagesQueued, changesWaiting } = broker.statistics;
    // What the bridge tells of itself is retained, but not stored.
    const retained = [...broker.retained.keys()].filter((topicName) => !topicName.startsWith("$SYS/")).length;
    const stored = disk.contents.messages;
    const left = { inflightInbound, inflightOutbound, messagesQueued, changesWaiting, retained, stored };
    for (const [name, count] of Object.entries(left)) {
      if (count !== 0) this.#ledger.fault(`${side}: ${count} ${name} are left at the end`);
    }
  }
}

function isWitness({ members }: BridgedSchedule, client: number): boolean {
  return members[client]!.profile.name.endsWith("0");
}

function textOf(payload: Uint8Array): string {
  return new TextDecoder().decode(payload).replace(/\.+$/, "");
}
