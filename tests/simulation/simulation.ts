/** One run: a whole broker, its clients, network and store in one process, on a virtual clock. */
import type { Broker } from "../../src/broker/broker.ts";
import type { Logger } from "../../src/logger.ts";
import type { DropReason } from "../../src/message.ts";
import { PacketType } from "../../src/packet/packets.ts";
import { concat, encodeClientPacket, packetOf } from "../support/client_codec.ts";
import { connectPacket, publishPacket } from "../support/client_packets.ts";
import { Random } from "../support/random.ts";
import { hooks } from "../support/test_broker.ts";
import { SimulatedClient } from "./client.ts";
import { Crowd } from "./crowd.ts";
import { House } from "./house.ts";
import { type ClientWorld, hash, type Profile } from "./profile.ts";
import { Ledger } from "./ledger.ts";
import type { Line } from "./network.ts";
import type { Action, Happening, Schedule } from "./schedule.ts";
import { World } from "./world.ts";

/** How a run went. */
export interface Outcome {
  readonly faults: readonly string[];
  /** The same for the same run, whatever machine it is on. */
  readonly trace: number;
  readonly deliveries: number;
  readonly events: number;
}

/** Steps of a message that is just not routed in pieces. */
const LONGEST_PIECE_STEPS = 1000;
/** Time for everything to come in at the end: for what is not seen to be under way, and for what is. */
const SETTLE_MS = 60_000;
const MOST_SETTLE_MS = 900_000;
export const DROPS_BY_POLICY: ReadonlySet<DropReason> = new Set([
  "queue-limit",
  "message-expired",
  "offline-qos0",
  "session-ended",
  "max-outbound-bytes",
]);
const GOOD_LINE: Line = { delayMs: 1, jitterMs: 0, pieceBytes: 65_536, windowBytes: 65_536 };

const WATCH: Profile = {
  name: "watch",
  version: 5,
  expirySeconds: 1_000_000,
  receiveMaximum: 10,
  topicAliasMaximum: 0,
  keepAliveSeconds: 0,
  returnsAfterMs: 700,
  line: GOOD_LINE,
};

const silent: Logger = { debugEnabled: false, debug() {}, info() {}, warn() {}, error() {} };

/** Runs a schedule to its end. */
export async function simulate(schedule: Schedule, logger: Logger = silent): Promise<Outcome> {
  return await new Simulation(schedule, logger).run();
}

class Simulation {
  readonly #schedule: Schedule;
  readonly #world = new World();
  readonly #ledger = new Ledger();
  readonly #house: House;
  readonly #clients: SimulatedClient[];
  readonly #watch: SimulatedClient;
  #crowd: Crowd | undefined;
  #steppedAtMs = -Infinity;
  #events = 0;

  constructor(schedule: Schedule, logger: Logger) {
    const { seed, profiles, slowness, crowd, queueLimit, maxInflight } = schedule;
    this.#schedule = schedule;
    const house = this.#house = new House({
      world: this.#world,
      random: new Random(hash(`disk ${seed}`)),
      slowness,
      pieceMs: crowd > 0 ? LONGEST_PIECE_STEPS * slowness / 1000 : 0,
      config: { queueLimit, maxInflight },
      observer: hooks({
        messageDropped: (client, message, reason) => this.#dropped(client, message.payload, reason),
      }),
      logger,
      onFault: (text) => this.#ledger.fault(text),
      onStart: (broker) => this.#crowd = crowd > 0 ? new Crowd(broker, crowd) : undefined,
      onEnd: (how) => this.#processEnds(how),
      onShutDown: () => this.#lookAtCrowd(),
    });
    const shared: ClientWorld = {
      world: this.#world,
      ledger: this.#ledger,
      seed,
      life: () => house.life,
      dial: (line, random, ends) => house.dial(line, random, ends),
      storeFailedAtMs: () => house.storeFailedAtMs,
    };
    this.#clients = profiles.map((profile) => new SimulatedClient(profile, shared));
    this.#watch = new SimulatedClient(WATCH, shared);
    this.#ledger.packetLimits = new Map(
      profiles.flatMap(({ name, maximumPacketBytes: bytes }) => bytes === undefined ? [] : [[name, bytes] as const]),
    );
    this.#world.onEvent = () => {
      this.#events++;
      house.lookAtWork();
    };
  }

  async run(): Promise<Outcome> {
    const world = this.#world;
    await this.#house.start();
    for (const client of [...this.#clients, this.#watch]) client.stay(true);
    this.#watch.connect({ clean: false, willDelay: undefined });
    await world.run(100);
    this.#watch.subscribe({ filter: "w/#", qos: 2, noLocal: false });
    await world.run(1000);
    const { actions } = this.#schedule;
    for (const action of actions) world.after(action.atMs, () => this.#act(action));
    await world.run(world.nowMs + (actions.at(-1)?.atMs ?? 0) + 1);
    await this.#settle();
    await this.#takeDown();
    return {
      faults: this.#ledger.faults,
      trace: world.trace,
      deliveries: this.#ledger.deliveries,
      events: this.#events,
    };
  }

  #act(action: Action): void | Promise<void> {
    const house = this.#house;
    switch (action.type) {
      case "latency":
        return void (house.disk.latencyMs = action.ms);
      case "fail":
        return house.failStore(action);
      case "step":
        return this.#stepClock(action.ms);
      case "crash":
        return house.crash(action.downMs);
      case "shutdown":
        return house.shutDown(action.downMs);
      case "hostile":
        return this.#attack(action);
      default:
        return actOn(this.#clients[action.client]!, action);
    }
  }

  #processEnds(how: "kill" | "shutdown"): void {
    if (how === "kill") this.#ledger.brokerDied();
    this.#lookAtClock();
  }

  #lookAtCrowd(): void {
    for (const fault of this.#crowd?.faults() ?? []) this.#ledger.fault(fault);
  }

  /** What the clock was set by while nobody looked cannot be told from time that has passed. */
  #stepClock(ms: number): void {
    if (!this.#house.isUp) return;
    this.#steppedAtMs = this.#world.nowMs;
    this.#world.step(ms);
  }

  /** The process ends before it can have stored how the clock was set. */
  #lookAtClock(): void {
    const { disk, storeFailedAtMs, startedAtMs } = this.#house;
    const storableAtMs = disk.fault ? Infinity : Math.max(this.#steppedAtMs, storeFailedAtMs) + 5000;
    if (this.#steppedAtMs < startedAtMs || storableAtMs < this.#world.nowMs) return;
    for (const client of this.#clients) client.becomeUncertain();
  }

  #dropped(client: string | undefined, payload: Uint8Array, reason: DropReason): void {
    const text = new TextDecoder().decode(payload).replace(/\.+$/, "");
    if (reason === "queue-limit") this.#ledger.allowed_++;
    if (reason === "maximum-packet-size") return this.#ledger.tooLarge(`${client}`, text);
    if (reason !== "session-ended") this.#ledger.dropped(client, text);
    if (!DROPS_BY_POLICY.has(reason)) this.#ledger.fault(`${text} was dropped for ${client}: ${reason}`);
    if (reason === "queue-limit" && this.#schedule.queueLimit === 10_000) {
      this.#ledger.fault(`${text} was dropped for ${client} by a limit that was not reached`);
    }
  }

  #attack({ kind, salt }: Extract<Action, { type: "hostile" }>): void {
    const random = new Random(salt);
    const line: Line = { delayMs: 1, jitterMs: 20, pieceBytes: random.pick([1, 65_536]), windowBytes: 500 };
    const wire = this.#house.dial(line, random, { onBytes: () => {}, onEnd: () => {} });
    if (!wire) return;
    for (const bytes of hostileBytes(kind, random)) wire.send(bytes);
    this.#world.after(random.between(10, 20_000), () => random.chance(0.5) ? wire.cut() : wire.close());
  }

  /** All is well from now on: everybody comes, and gets what is his. */
  async #settle(): Promise<void> {
    const world = this.#world;
    this.#house.mendStore();
    this.#house.disk.latencyMs = Math.min(this.#house.disk.latencyMs, 3);
    const everybody = [...this.#clients, this.#watch];
    for (const client of everybody) {
      client.stay(false);
      client.delayAcknowledgements(0);
    }
    await world.run(world.nowMs + 30_000);
    for (const client of this.#clients) {
      if (!client.connected) client.connect({ clean: client.profile.expirySeconds === 0, willDelay: undefined });
    }
    if (!this.#watch.connected) this.#watch.connect({ clean: false, willDelay: undefined });
    // Who has little room and a slow line takes its time.
    const endMs = world.nowMs + MOST_SETTLE_MS;
    do await world.run(world.nowMs + SETTLE_MS); while (world.nowMs < endMs && this.#isBusy);
    for (const client of everybody) {
      if (!client.connected) this.#ledger.fault(`${client.profile.name} cannot connect at the end`);
      for (const text of client.unanswered) this.#ledger.fault(text);
    }
    const { retained } = this.#house.broker;
    for (const topicName of this.#ledger.retainedTopics) {
      const message = retained.get(topicName);
      this.#ledger.checkRetained(topicName, message && new TextDecoder().decode(message.payload).replace(/\.+$/, ""));
    }
    this.#ledger.finish();
  }

  get #isBusy(): boolean {
    const { messagesQueued, inflightInbound, inflightOutbound } = this.#house.broker.statistics;
    return messagesQueued + inflightInbound + inflightOutbound > 0;
  }

  /** Everybody ends its session, and nothing must be left. */
  async #takeDown(): Promise<void> {
    const world = this.#world;
    for (const client of [...this.#clients, this.#watch]) client.endSession();
    await world.run(world.nowMs + 5000);
    const { broker, disk } = this.#house;
    for (const topicName of broker.retained.keys()) void broker.publish(topicName, "", { retain: true });
    await world.run(world.nowMs + 5000);
    const { clientsConnected, clientsDisconnected, inflightInbound, inflightOutbound, ...rest } = figures(broker);
    const left = { clientsConnected, clientsDisconnected, inflightInbound, inflightOutbound, ...rest };
    left.subscriptions -= this.#schedule.crowd;
    for (const [name, count] of Object.entries({ ...left, "stored messages": disk.contents.messages })) {
      if (count !== 0) this.#ledger.fault(`${count} ${name} are left at the end`);
    }
    this.#house.shutDown(1e9);
    await world.run(world.nowMs + 30_000);
    if (this.#house.process.alive) this.#ledger.fault("the shutdown takes longer than 30 s");
  }
}

function figures({ statistics }: Broker) {
  const { clientsConnected, clientsDisconnected, inflightInbound, inflightOutbound } = statistics;
  const { messagesQueued, retainedMessages, subscriptions, changesWaiting } = statistics;
  return {
    clientsConnected,
    clientsDisconnected,
    inflightInbound,
    inflightOutbound,
    messagesQueued,
    retainedMessages,
    subscriptions,
    changesWaiting,
  };
}

/** Has a client do something. */
export function actOn(client: SimulatedClient, action: Extract<Happening, { client: number }>): void {
  switch (action.type) {
    case "connect":
      return client.connect(action.wish);
    case "leave":
      return client.leave(action.how);
    case "publish":
      for (let i = 0; i < action.count; i++) client.publish(action);
      return;
    case "subscribe":
      return client.subscribe(action);
    case "unsubscribe":
      return client.unsubscribe(action.filter);
    case "pause":
      return client.pause(action.ms);
    case "acknowledge-late":
      return client.delayAcknowledgements(action.ms);
  }
}

function hostileBytes(kind: Extract<Action, { type: "hostile" }>["kind"], random: Random): Uint8Array[] {
  const hello = encodeClientPacket(connectPacket({ clientIdentifier: `h${random.between(0, 3)}` }), 4);
  switch (kind) {
    case "garbage":
      return [Uint8Array.from({ length: random.between(1, 200) }, () => random.between(0, 255))];
    case "half-connect":
      return [hello.subarray(0, random.between(1, hello.length - 1))];
    case "huge-length":
      return [hello, Uint8Array.of(0x30, 0xff, 0xff, 0xff, 0x7f, 1, 2, 3)];
    case "wrong-acknowledgement":
      return [hello, packetOf(random.pick([4, 5, 6, 7]) << 4 | 2, [0, random.between(1, 3)])];
    case "flood": {
      const one = encodeClientPacket({ type: PacketType.Pingreq }, 4);
      const message = encodeClientPacket(publishPacket(0, "h/flood", "x"), 4);
      const many = Array.from({ length: random.between(100, 3000) }, () => random.chance(0.5) ? one : message);
      return [hello, concat(...many)];
    }
  }
}
