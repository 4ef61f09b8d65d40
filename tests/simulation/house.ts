/** One broker of a simulated world, with what outlives its process: it starts, is shut down or killed, and starts again. */
import { fromFileUrl } from "@std/path";
import { Broker } from "../../src/broker/broker.ts";
import type { BrokerConfig } from "../../src/config/config.ts";
import type { Logger } from "../../src/logger.ts";
import type { Machine } from "../../src/runtime/machine.ts";
import type { Transport } from "../../src/transport/transport.ts";
import type { Random } from "../support/random.ts";
import type { hooks } from "../support/test_broker.ts";
import { type Line, type LineEnds, Wire } from "./network.ts";
import type { Action } from "./schedule.ts";
import { Disk, ProcessStore } from "./store.ts";
import { Process, type World } from "./world.ts";

/** Longest work between two looks at the sockets, in milliseconds by its steps: twice the budget's turn, and one frame each. */
const MOST_TURN_MS = 20;

/** What a {@linkcode House} is made of. */
export interface HouseParts {
  readonly world: World;
  /** What its disk does by chance. */
  readonly random: Random;
  /** Milliseconds that the broker takes for a thousand steps of work. */
  readonly slowness: number;
  /** Milliseconds that one piece of work may take beyond a turn. */
  readonly pieceMs: number;
  /** The config, but for listener, users and store. */
  readonly config: BrokerConfig;
  readonly observer: ReturnType<typeof hooks>;
  readonly logger: Logger;
  readonly onFault: (text: string) => void;
  /** Called when the broker has started. */
  readonly onStart?: (broker: Broker) => void;
  /** Called before a process ends, in whatever way. */
  readonly onEnd?: (how: "kill" | "shutdown") => void;
  /** Called when a shutdown is over. */
  readonly onShutDown?: () => void;
  /** Connects the broker to another one. @default there is none */
  readonly connect?: Machine["connect"];
}

/** Something that a process has open, and that is over when it ends. */
interface Open {
  processEnded(): void;
}

export class House {
  readonly disk: Disk;
  readonly #parts: HouseParts;
  readonly #open = new Set<Open>();
  #process: Process;
  #store: ProcessStore | undefined;
  #broker: Broker | undefined;
  /** Counts the starts. */
  #life = 0;
  #isUp = false;
  #startedAtMs = 0;
  #storeFailedAtMs = -Infinity;

  constructor(parts: HouseParts) {
    this.#parts = parts;
    this.disk = new Disk(parts.random);
    this.#process = new Process(parts.world, 0, parts.slowness);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** The present process, or the last one. */
  get process(): Process {
    return this.#process;
  }

  /** The broker that was started last. */
  get broker(): Broker {
    return this.#broker!;
  }

  /** It changes with each start, and is -1 while there is no broker. */
  get life(): number {
    return this.#isUp ? this.#life : -1;
  }

  /** When the present process has started. */
  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  /** The last moment at which the store was found failing. */
  get storeFailedAtMs(): number {
    return this.disk.fault ? this.#parts.world.nowMs : this.#storeFailedAtMs;
  }

  async start(): Promise<void> {
    if (this.#isUp) return;
    const { world, slowness, config, observer, logger, onStart, connect } = this.#parts;
    this.#life++;
    this.#startedAtMs = world.nowMs;
    const process = this.#process = new Process(world, 1_000_000 * this.#life, slowness);
    const store = this.#store = new ProcessStore(this.disk, process);
    this.#broker = new Broker({
      listeners: { simulated: { type: "external" } },
      auth: { plugins: ["auth.anonymous"], allowAnonymous: true },
      plugins: [observer],
      persistence: { type: "./store_plugin.ts", store },
      sysInterval: 0,
      ...config,
    }, {
      clock: process.clock,
      machine: { ...process.machine, ...connect && { connect } },
      logger,
      baseDirectory: fromFileUrl(new URL("../support/", import.meta.url)),
    });
    await this.#broker.start();
    store.started();
    onStart?.(this.#broker);
    this.#isUp = true;
  }

  /** A client comes; `undefined`: nobody is there. */
  dial(line: Line, random: Random, ends: LineEnds): Wire | undefined {
    if (!this.#isUp) return undefined;
    const wire = new Wire(this.#process, line, random, ends);
    wire.onFault = this.#parts.onFault;
    this.accept(wire.transport, wire);
    return wire;
  }

  /** Hands a connection to the broker, which has to be up. */
  accept(transport: Transport, open: Open): void {
    const process = this.#process;
    this.holds(open);
    void this.broker.accept(transport, { listener: "simulated" }).then(({ closed }) => closed).then(
      () => process.alive && this.#open.delete(open),
      () => open.processEnded(),
    );
  }

  /** The process has something open. */
  holds(open: Open): void {
    this.#open.add(open);
  }

  /** As `kill -9` does, or a power failure: what was not confirmed may be lost. */
  async crash(downMs: number): Promise<void> {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#parts.onEnd?.("kill");
    this.#process.kill();
    await this.#store!.crash();
    this.#endAll();
    this.#parts.world.after(downMs, () => this.start());
  }

  shutDown(downMs: number): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    const { world, onEnd, onShutDown, onFault } = this.#parts;
    onEnd?.("shutdown");
    const process = this.#process;
    void this.broker.shutdown().then(
      () => {
        if (process.timers > 0) onFault(`${process.timers} timers are left after the shutdown`);
        onShutDown?.();
        process.kill();
        this.#endAll();
        world.after(downMs, () => this.start());
      },
      (error) => onFault(`the shutdown has failed: ${error}`),
    );
  }

  failStore({ ms, kind, written }: Extract<Action, { type: "fail" }>): void {
    this.disk.fault = { kind, written };
    this.#parts.world.after(ms, () => this.mendStore());
  }

  mendStore(): void {
    this.disk.fault = undefined;
    this.#storeFailedAtMs = this.#parts.world.nowMs;
  }

  /** Finds work that was done in one go and is too much. */
  lookAtWork(): void {
    const { slowness, pieceMs, onFault } = this.#parts;
    const { turnMs } = this.#process;
    this.#process.turnMs = 0;
    if (turnMs > MOST_TURN_MS * Math.max(1, slowness / 10) + pieceMs) {
      onFault(`work of ${turnMs.toFixed(1)} ms was done in one go`);
    }
  }

  #endAll(): void {
    for (const open of this.#open) open.processEnded();
    this.#open.clear();
  }
}
