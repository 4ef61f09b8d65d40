/** One node of the simulated cluster: a machine on which processes of the broker live, one after the other. */
import { fromFileUrl } from "@std/path";
import { Broker } from "../../../src/broker/broker.ts";
import { simulateGround } from "../../../src/cluster/ground.ts";
import type { ClusterSnapshot } from "../../../src/hooks/figures.ts";
import type { Logger } from "../../../src/logger.ts";
import type { DropReason } from "../../../src/message.ts";
import type { Random } from "../../support/random.ts";
import { hooks } from "../../support/test_broker.ts";
import type { Ledger } from "../ledger.ts";
import { type Line, type LineEnds, Wire } from "../network.ts";
import { DROPS_BY_POLICY } from "../simulation.ts";
import { Process, type World } from "../world.ts";
import type { Deaths } from "./deaths.ts";
import type { Links } from "./links.ts";
import { type LogEngine, LogWay } from "./log.ts";
import { ProcessLog } from "./log.ts";
import type { ClusterSchedule } from "./schedule.ts";

/** What nodes share. */
export interface NodeWorld {
  readonly world: World;
  readonly ledger: Ledger;
  readonly links: Links;
  readonly engine: LogEngine;
  readonly deaths: Deaths;
  readonly schedule: ClusterSchedule;
  readonly logger: Logger;
}

/** A shutdown takes no longer, with a log that does not answer. */
const LONGEST_SHUTDOWN_MS = 60_000;
/** A process that could not start is started again after so long. */
const RESTART_MS = 1000;

export class ClusterNode {
  readonly name: string;
  readonly way: LogWay;
  broker: Broker | undefined;
  process: Process;
  /** Clients are let in, as far as the machine is concerned. */
  isUp = false;
  /** A process is there, perhaps on its way up. */
  isRunning = false;
  #frozenUntilMs = -Infinity;
  /** It says that it is cut off from the log, which may last for longer than what was wrong; and when it said the opposite. */
  #isCutOff = false;
  #backAtMs = -Infinity;
  readonly #shared: NodeWorld;
  readonly #cluster: string;
  readonly #index: number;
  readonly #wires = new Set<Wire>();
  /** What is behind that in the log this process has seen. */
  startedAt = 0;
  #starts = 0;
  #evictions = 0;
  #unsureWills: string[] = [];
  #see: (() => ClusterSnapshot) | undefined;

  constructor(index: number, cluster: string, shared: NodeWorld, random: Random) {
    const { world, schedule, engine } = shared;
    this.name = "abcdef"[index]!;
    this.#index = index;
    this.#cluster = cluster;
    this.#shared = shared;
    this.way = new LogWay(engine, schedule.nodes[index]!.log, random);
    this.process = new Process(world, 0, schedule.slowness);
  }

  /** Changes whenever sessions of this node may have ended; -1: nobody is there. */
  get life(): number {
    return this.isUp ? (this.#index + 1) * 1_000_000 + this.#starts * 1000 + this.#evictions : -1;
  }

  /** When its word was last not sure to be in the log. */
  get troubledAtMs(): number {
    const { nowMs } = this.#shared.world;
    if (this.way.isTroubled || this.process.frozen || this.#isCutOff) return nowMs;
    return Math.max(this.way.troubledAtMs, this.#frozenUntilMs, this.#backAtMs);
  }

  /** The cluster as it sees it; `undefined`: it is not there, or knows that it sees nothing. */
  get view(): ClusterSnapshot | undefined {
    const view = this.isUp ? this.#see?.() : undefined;
    return view?.cutOff === false ? view : undefined;
  }

  /** Resolves when what the process loads is there; all else takes the time of the world. */
  async start(): Promise<void> {
    if (this.isRunning) return;
    const { world, schedule, links } = this.#shared;
    this.isRunning = true;
    this.#isCutOff = false;
    this.#see = undefined;
    this.#starts++;
    const process = this.process = new Process(world, 1_000_000 * this.#starts, schedule.slowness);
    process.skewMs = schedule.nodes[this.#index]!.skewMs;
    const broker = this.broker = this.#makeBroker(process);
    const isOpen = Promise.withResolvers<void>();
    simulateGround(this.#cluster, () => {
      isOpen.resolve();
      const [log, carrier] = [new ProcessLog(process, this.way), links.carrier(this.name, process)];
      const watch = (see: () => ClusterSnapshot) => void (this.#see = see);
      return Promise.resolve({ log, carrier, watch });
    });
    const started = broker.start().then(
      () => this.#started(process, broker),
      (error) => this.#notStarted(process, error),
    );
    await Promise.race([isOpen.promise, started]);
  }

  #makeBroker(process: Process): Broker {
    const { schedule } = this.#shared;
    const { failureTimeoutSeconds, maxInflight } = schedule;
    const observer = hooks({ messageDropped: (client, { payload }, reason) => this.#dropped(client, payload, reason) });
    const cluster = { name: this.#cluster, node: this.name, failureTimeout: failureTimeoutSeconds };
    return new Broker({
      listeners: { simulated: { type: "external" } },
      auth: { plugins: ["auth.anonymous"], allowAnonymous: true },
      plugins: [observer],
      sysInterval: 0,
      maxInflight,
      cluster: { ...cluster, log: { type: "memory" } },
    }, {
      clock: process.clock,
      machine: process.machine,
      logger: this.#logger(process),
      baseDirectory: fromFileUrl(new URL("../../support/", import.meta.url)),
    });
  }

  #logger(process: Process): Logger {
    const { logger, world, ledger, deaths } = this.#shared;
    const say = (text: string) => `${(world.nowMs / 1000).toFixed(3).padStart(9)} s  node ${this.name}: ${text}`;
    const hear = (text: string) => {
      if (process !== this.process) return;
      if (text.includes("is cut off from the log")) this.#isCutOff = true;
      if (text.includes("reaches the log again")) {
        this.#isCutOff = false;
        this.#backAtMs = world.nowMs;
      }
      if (!text.includes("was declared dead")) return;
      this.#evictions++;
      deaths.knows(this.name);
      ledger.brokerDied();
    };
    return {
      debugEnabled: logger.debugEnabled === true,
      debug: (text) => logger.debug(say(text)),
      info: (text) => {
        hear(text);
        logger.info(say(text));
      },
      warn: (text) => {
        hear(text);
        logger.warn(say(text));
      },
      error: (text) => {
        hear(text);
        logger.error(say(text));
      },
    };
  }

  #started(process: Process, broker: Broker): void {
    if (process !== this.process || !process.alive) return;
    this.isUp = true;
    this.startedAt = this.#shared.engine.end;
    void this.#watchWills(broker, this.witness);
  }

  /** Who hears of wills in this process. */
  get witness(): string {
    return `node ${this.name} in its life ${this.#starts}`;
  }

  /** A supervisor tries again, where the log was out of reach. */
  #notStarted(process: Process, error: unknown): void {
    if (process !== this.process) return;
    const { world, ledger } = this.#shared;
    if (this.troubledAtMs < world.nowMs - LONGEST_SHUTDOWN_MS) {
      ledger.fault(`node ${this.name} does not start: ${error}`);
    }
    if (process.timers > 0) ledger.fault(`${process.timers} timers are left after a start that has failed`);
    process.kill();
    this.isRunning = false;
    world.after(RESTART_MS, () => this.start());
  }

  /** Every node gets each will once. */
  async #watchWills(broker: Broker, who: string): Promise<void> {
    for await (const { payload } of broker.subscribe("w/#", { qos: 2 })) {
      this.#shared.ledger.wills.delivered(who, new TextDecoder().decode(payload));
    }
  }

  /** Connects a client; `undefined`: nobody is there. */
  dial(line: Line, random: Random, ends: LineEnds): Wire | undefined {
    if (!this.isUp) return undefined;
    const { process, broker } = this;
    const wire = new Wire(process, line, random, ends);
    wire.onFault = (text) => this.#shared.ledger.fault(text);
    this.#wires.add(wire);
    process.notice(() =>
      void broker!.accept(wire.transport, { listener: "simulated" }).then(({ closed }) => closed).then(
        () => process.alive && this.#wires.delete(wire),
        () => wire.processEnded(),
      )
    );
    return wire;
  }

  /** Who comes to a node that is cut off from the log leaves a will that no other node knows of until it reaches it again. */
  hasWelcomed(will: string | undefined): void {
    const { nowMs } = this.#shared.world;
    if (will === undefined || this.troubledAtMs <= nowMs - LONGEST_SHUTDOWN_MS) return;
    this.#unsureWills.push(will);
    if (!this.isUp) this.#excuseWills();
  }

  /** As `kill -9` does. @param isTold its peers hear of it: the machine goes on */
  kill(downMs: number, isTold: boolean): void {
    if (!this.isRunning) return;
    const { ledger, links, world } = this.#shared;
    const { process } = this;
    this.isUp = this.isRunning = false;
    ledger.brokerDied();
    this.#excuseWills();
    process.kill();
    links.processEnded(process, isTold);
    for (const wire of this.#wires) wire.processEnded();
    this.#wires.clear();
    world.after(downMs, () => this.start());
  }

  #excuseWills(): void {
    for (const will of this.#unsureWills.splice(0)) this.#shared.ledger.wills.excuse(will);
  }

  /** As SIGSTOP and SIGCONT do. */
  freeze(ms: number): void {
    const { process } = this;
    const { world } = this.#shared;
    if (!this.isRunning || process.frozen) return;
    process.freeze();
    world.after(ms, () => {
      this.#frozenUntilMs = world.nowMs;
      process.thaw();
    });
  }

  /** As SIGTERM does. */
  shutDown(downMs: number): void {
    if (!this.isUp) return;
    const { process, broker } = this;
    const { world, ledger } = this.#shared;
    this.isUp = false;
    ledger.brokerDied();
    // It waits some seconds for the log, and ends.
    if (this.way.isTroubled) this.#excuseWills();
    process.notice(() => {
      void broker!.shutdown().then(() => {
        // What waits for its turn only is none.
        world.after(1, () => process.notice(() => this.#ended(process, downMs)));
      }, (error) => ledger.fault(`the shutdown of ${this.name} has failed: ${error}`));
    });
    world.after(LONGEST_SHUTDOWN_MS, () => {
      if (process.alive && this.#frozenUntilMs < world.nowMs - LONGEST_SHUTDOWN_MS && !process.frozen) {
        ledger.fault(`the shutdown of ${this.name} takes longer than ${LONGEST_SHUTDOWN_MS} ms`);
      }
    });
  }

  #ended(process: Process, downMs: number): void {
    const { world, ledger } = this.#shared;
    if (process.timers > 0) ledger.fault(`${process.timers} timers are left after the shutdown of ${this.name}`);
    process.kill();
    if (process !== this.process) return;
    this.isRunning = false;
    world.after(downMs, () => this.start());
  }

  #dropped(client: string | undefined, payload: Uint8Array, reason: DropReason): void {
    const { ledger } = this.#shared;
    const text = new TextDecoder().decode(payload).replace(/\.+$/, "");
    if (reason === "cluster-link") return;
    if (reason !== "session-ended") ledger.dropped(client, text);
    if (!DROPS_BY_POLICY.has(reason)) ledger.fault(`${text} was dropped for ${client}: ${reason}`);
  }
}
