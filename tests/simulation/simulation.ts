/** One run: a whole broker, its clients, network and store in one process, on a virtual clock. */
import { fromFileUrl } from "@std/path";
import { Broker } from "../../src/broker/broker.ts";
import type { Logger } from "../../src/logger.ts";
import type { DropReason } from "../../src/message.ts";
import { PacketType } from "../../src/packet/packets.ts";
import { concat, encodeClientPacket, packetOf } from "../support/client_codec.ts";
import { connectPacket, publishPacket } from "../support/client_packets.ts";
import { Random } from "../support/random.ts";
import { hooks } from "../support/test_broker.ts";
import { SimulatedClient } from "./client.ts";
import { Crowd } from "./crowd.ts";
import { type ClientWorld, hash, type Profile } from "./profile.ts";
import { Ledger } from "./ledger.ts";
import { type Line, type LineEnds, Wire } from "./network.ts";
import type { Action, Schedule } from "./schedule.ts";
import { Disk, ProcessStore } from "./store.ts";
import { Process, World } from "./world.ts";

/** How a run went. */
export interface Outcome {
  readonly faults: readonly string[];
  /** The same for the same run, whatever machine it is on. */
  readonly trace: number;
  readonly deliveries: number;
  readonly events: number;
}

/** Longest work between two looks at the sockets, in milliseconds by its steps: twice the budget's turn, and one frame each. */
const MOST_TURN_MS = 20;
/** Steps of a message that is just not routed in pieces. */
const LONGEST_PIECE_STEPS = 1000;
/** Time for everything to come in at the end: for what is not seen to be under way, and for what is. */
const SETTLE_MS = 60_000;
const MOST_SETTLE_MS = 900_000;
const DROPS_BY_POLICY: ReadonlySet<DropReason> = new Set([
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
  readonly #logger: Logger;
  readonly #world = new World();
  readonly #ledger = new Ledger();
  readonly #disk: Disk;
  readonly #clients: SimulatedClient[];
  readonly #watch: SimulatedClient;
  readonly #wires = new Set<Wire>();
  #process: Process;
  #store: ProcessStore | undefined;
  #broker: Broker | undefined;
  #crowd: Crowd | undefined;
  /** Counts the starts. */
  #life = 0;
  #isUp = false;
  #storeFailedAtMs = -Infinity;
  #startedAtMs = 0;
  #steppedAtMs = -Infinity;
  #events = 0;

  constructor(schedule: Schedule, logger: Logger) {
    const { seed, profiles } = schedule;
    this.#schedule = schedule;
    this.#logger = logger;
    this.#disk = new Disk(new Random(hash(`disk ${seed}`)));
    this.#process = new Process(this.#world, 0, schedule.slowness);
    const shared: ClientWorld = {
      world: this.#world,
      ledger: this.#ledger,
      seed,
      life: () => this.#isUp ? this.#life : -1,
      dial: (line, random, ends) => this.#dial(line, random, ends),
      storeFailedAtMs: () => this.#disk.fault ? this.#world.nowMs : this.#storeFailedAtMs,
    };
    this.#clients = profiles.map((profile) => new SimulatedClient(profile, shared));
    this.#watch = new SimulatedClient(WATCH, shared);
    this.#world.onEvent = () => this.#lookAtWork();
  }

  async run(): Promise<Outcome> {
    const world = this.#world;
    await this.#start();
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
    const disk = this.#disk;
    switch (action.type) {
      case "latency":
        return void (disk.latencyMs = action.ms);
      case "fail":
        disk.fault = { kind: action.kind, written: action.written };
        return this.#world.after(action.ms, () => this.#mendStore());
      case "step":
        return this.#stepClock(action.ms);
      case "crash":
        return this.#crash(action.downMs);
      case "shutdown":
        return this.#shutDown(action.downMs);
      case "hostile":
        return this.#attack(action);
      default:
        return actOn(this.#clients[action.client]!, action);
    }
  }

  async #start(): Promise<void> {
    if (this.#isUp) return;
    const { slowness, queueLimit, maxInflight } = this.#schedule;
    this.#life++;
    this.#startedAtMs = this.#world.nowMs;
    this.#process = new Process(this.#world, 1_000_000 * this.#life, slowness);
    this.#store = new ProcessStore(this.#disk, this.#process);
    const observer = hooks({
      messageDropped: (client, message, reason) => this.#dropped(client, message.payload, reason),
    });
    this.#broker = new Broker({
      listeners: { simulated: { type: "external" } },
      auth: { plugins: ["auth.anonymous"], allowAnonymous: true },
      plugins: [observer],
      persistence: { type: "./store_plugin.ts", store: this.#store },
      sysInterval: 0,
      queueLimit,
      maxInflight,
    }, {
      clock: this.#process.clock,
      machine: this.#process.machine,
      logger: this.#logger,
      baseDirectory: fromFileUrl(new URL("../support/", import.meta.url)),
    });
    await this.#broker.start();
    this.#crowd = this.#schedule.crowd > 0 ? new Crowd(this.#broker, this.#schedule.crowd) : undefined;
    this.#isUp = true;
  }

  #dial(line: Line, random: Random, ends: LineEnds): Wire | undefined {
    if (!this.#isUp) return undefined;
    const wire = new Wire(this.#process, line, random, ends);
    wire.onFault = (text) => this.#ledger.fault(text);
    this.#wires.add(wire);
    const process = this.#process;
    void this.#broker!.accept(wire.transport, { listener: "simulated" }).then(({ closed }) => closed).then(
      () => process.alive && this.#wires.delete(wire),
      () => wire.processEnded(),
    );
    return wire;
  }

  async #crash(downMs: number): Promise<void> {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#lookAtClock();
    this.#ledger.crashed = true;
    this.#process.kill();
    await this.#store!.crash();
    for (const wire of this.#wires) wire.processEnded();
    this.#wires.clear();
    this.#world.after(downMs, () => this.#start());
  }

  #shutDown(downMs: number): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#lookAtClock();
    const process = this.#process;
    void this.#broker!.shutdown().then(
      () => {
        if (process.timers > 0) this.#ledger.fault(`${process.timers} timers are left after the shutdown`);
        this.#lookAtCrowd();
        process.kill();
        this.#world.after(downMs, () => this.#start());
      },
      (error) => this.#ledger.fault(`the shutdown has failed: ${error}`),
    );
  }

  #lookAtCrowd(): void {
    for (const fault of this.#crowd?.faults() ?? []) this.#ledger.fault(fault);
  }

  /** What the clock was set by while nobody looked cannot be told from time that has passed. */
  #stepClock(ms: number): void {
    if (!this.#isUp) return;
    this.#steppedAtMs = this.#world.nowMs;
    this.#world.step(ms);
  }

  /** The process ends before it can have stored how the clock was set. */
  #lookAtClock(): void {
    const storableAtMs = this.#disk.fault ? Infinity : Math.max(this.#steppedAtMs, this.#storeFailedAtMs) + 5000;
    if (this.#steppedAtMs < this.#startedAtMs || storableAtMs < this.#world.nowMs) return;
    for (const client of this.#clients) client.becomeUncertain();
  }

  #mendStore(): void {
    this.#disk.fault = undefined;
    this.#storeFailedAtMs = this.#world.nowMs;
  }

  #dropped(client: string | undefined, payload: Uint8Array, reason: DropReason): void {
    const text = new TextDecoder().decode(payload).replace(/\.+$/, "");
    if (reason === "queue-limit") this.#ledger.allowed_++;
    if (reason !== "session-ended") this.#ledger.dropped(client, text);
    if (!DROPS_BY_POLICY.has(reason)) this.#ledger.fault(`${text} was dropped for ${client}: ${reason}`);
    if (reason === "queue-limit" && this.#schedule.queueLimit === 10_000) {
      this.#ledger.fault(`${text} was dropped for ${client} by a limit that was not reached`);
    }
  }

  #attack({ kind, salt }: Extract<Action, { type: "hostile" }>): void {
    const random = new Random(salt);
    const line: Line = { delayMs: 1, jitterMs: 20, pieceBytes: random.pick([1, 65_536]), windowBytes: 500 };
    const wire = this.#dial(line, random, { onBytes: () => {}, onEnd: () => {} });
    if (!wire) return;
    for (const bytes of hostileBytes(kind, random)) wire.send(bytes);
    this.#world.after(random.between(10, 20_000), () => random.chance(0.5) ? wire.cut() : wire.close());
  }

  #lookAtWork(): void {
    this.#events++;
    const { turnMs } = this.#process;
    this.#process.turnMs = 0;
    const { slowness, crowd } = this.#schedule;
    const pieceMs = crowd > 0 ? LONGEST_PIECE_STEPS * slowness / 1000 : 0;
    if (turnMs > MOST_TURN_MS * Math.max(1, slowness / 10) + pieceMs) {
      this.#ledger.fault(`work of ${turnMs.toFixed(1)} ms was done in one go`);
    }
  }

  /** All is well from now on: everybody comes, and gets what is his. */
  async #settle(): Promise<void> {
    const world = this.#world;
    this.#mendStore();
    this.#disk.latencyMs = Math.min(this.#disk.latencyMs, 3);
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
    const { retained } = this.#broker!;
    for (const topicName of this.#ledger.retainedTopics) {
      const message = retained.get(topicName);
      this.#ledger.checkRetained(topicName, message && new TextDecoder().decode(message.payload).replace(/\.+$/, ""));
    }
    this.#ledger.finish();
  }

  get #isBusy(): boolean {
    const { messagesQueued, inflightInbound, inflightOutbound } = this.#broker!.statistics;
    return messagesQueued + inflightInbound + inflightOutbound > 0;
  }

  /** Everybody ends its session, and nothing must be left. */
  async #takeDown(): Promise<void> {
    const world = this.#world;
    for (const client of [...this.#clients, this.#watch]) client.endSession();
    await world.run(world.nowMs + 5000);
    const broker = this.#broker!;
    for (const topicName of broker.retained.keys()) void broker.publish(topicName, "", { retain: true });
    await world.run(world.nowMs + 5000);
    const { clientsConnected, clientsDisconnected, inflightInbound, inflightOutbound, ...rest } = figures(broker);
    const left = { clientsConnected, clientsDisconnected, inflightInbound, inflightOutbound, ...rest };
    left.subscriptions -= this.#schedule.crowd;
    for (const [name, count] of Object.entries({ ...left, "stored messages": this.#disk.contents.messages })) {
      if (count !== 0) this.#ledger.fault(`${count} ${name} are left at the end`);
    }
    this.#shutDown(1e9);
    await world.run(world.nowMs + 30_000);
    if (this.#process.alive) this.#ledger.fault("the shutdown takes longer than 30 s");
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

function actOn(client: SimulatedClient, action: Extract<Action, { client: number }>): void {
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
