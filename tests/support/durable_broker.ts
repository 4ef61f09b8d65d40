/** Brokers that follow one another on the same store, after a shutdown or a crash. */
import { join } from "@std/path";
import type { BrokerConfig } from "../../src/config/config.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite_store.ts";
import type { Change, DeliveryRange, Store, StoredDelivery, StoredState } from "../../src/store/store.ts";
import { FakeClock } from "./fake_clock.ts";
import { MemoryStore } from "./memory_store.ts";
import { TestBroker } from "./test_broker.ts";

/** What a broker's process leaves behind. */
export interface Disk extends AsyncDisposable {
  /** The store of the next process. */
  store(): Store;
  /** The process is gone: what was not stored by now is lost. */
  crash(): Promise<void> | void;
}

/** A disk in memory, whose store a test can look into and hold. */
export class MemoryDisk implements Disk {
  readonly memory = new MemoryStore();

  store(): Store {
    return this.memory;
  }

  crash(): void {
    this.memory.crash();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

/** A disk with a database file. */
export class SqliteDisk implements Disk {
  readonly #folder = Deno.makeTempDirSync();
  #crashes = 0;

  store(): Store {
    return new SqliteStore({ path: join(this.#current, "broker.db"), commit: "os" });
  }

  /** The former process still has its files; the next one gets them as they are now. */
  async crash(): Promise<void> {
    const before = this.#current;
    this.#crashes++;
    await Deno.mkdir(this.#current, { recursive: true });
    for await (const { name, isFile } of Deno.readDir(before)) {
      if (isFile && !name.endsWith("-shm")) await Deno.copyFile(join(before, name), join(this.#current, name));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }

  get #current(): string {
    return this.#crashes === 0 ? this.#folder : join(this.#folder, `${this.#crashes}`);
  }
}

/** A store as one process uses it: once that has crashed, nothing it says is heard. */
class Process implements Store {
  readonly #store: Store;
  readonly #crash = Promise.withResolvers<void>();
  #crashed = false;
  #pending = 0;
  constructor(store: Store) {
    this.#store = store;
  }

  open(): Promise<StoredState> {
    return this.#store.open();
  }

  append(changes: readonly Change[]): Promise<void> {
    return this.#call(() => this.#store.append(changes), undefined);
  }

  deliveries(session: number, range: DeliveryRange): Promise<readonly StoredDelivery[]> {
    return this.#call(() => this.#store.deliveries(session, range), []);
  }

  async close(): Promise<void> {
    if (!this.#crashed) await this.#store.close();
  }

  /** Resolves when nothing is being stored or waits to be. */
  async idle(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet++) {
      await new Promise((resolve) => setTimeout(resolve));
      if (this.#pending > 0) quiet = -1;
    }
  }

  /** The process is gone; its broker is let believe that all is well, so that it ends soon. */
  crash(): () => Promise<void> {
    this.#crashed = true;
    return async () => {
      this.#crash.resolve();
      // A file stays open until then.
      if (this.#store instanceof SqliteStore) await this.#store.close();
    };
  }

  async #call<T>(call: () => Promise<T>, instead: T): Promise<T> {
    if (this.#crashed) return instead;
    this.#pending++;
    try {
      return await Promise.race([call(), this.#crash.promise.then(() => instead)]);
    } finally {
      this.#pending--;
    }
  }
}

/** A clock of a process that began at another time: it counts from elsewhere, and the epoch goes on. */
class NextClock extends FakeClock {
  readonly #offsetMs: number;

  constructor(before: FakeClock, downMs: number) {
    super(before.now() + 7_654_321);
    this.#offsetMs = before.epoch() + downMs - super.epoch();
  }

  override epoch(): number {
    return super.epoch() + this.#offsetMs;
  }
}

/** How a broker ends. */
export type End = "shutdown" | "crash";

/** A disk, and the broker that runs on it now. */
export class House implements AsyncDisposable {
  readonly disk: Disk;
  #broker: TestBroker | undefined;
  #process: Process | undefined;
  #config: BrokerConfig;

  constructor(disk: Disk, config: BrokerConfig = {}) {
    this.disk = disk;
    this.#config = config;
  }

  /** The broker that runs now. */
  get broker(): TestBroker {
    if (this.#broker === undefined) throw new Error("the broker was not started");
    return this.#broker;
  }

  /** Resolves when everything that has happened is stored. */
  async stored(): Promise<void> {
    await this.#process?.idle();
  }

  async start(clock?: FakeClock): Promise<TestBroker> {
    this.#process = new Process(this.disk.store());
    const persistence = { type: "./store_plugin.ts", store: this.#process };
    this.#broker = new TestBroker({ ...this.#config, persistence }, clock);
    await this.#broker.broker.start();
    return this.#broker;
  }

  /** Ends the broker, once what has happened is stored, and starts the next one `downSeconds` later. */
  async restart(end: End, { downSeconds = 0, config }: RestartOptions = {}): Promise<TestBroker> {
    const { clock } = this.broker;
    await this.stored();
    if (end === "crash") await this.crash();
    else {
      // The broker ends the connections itself.
      await this.broker.broker.shutdown();
      await this.broker.closeClients();
    }
    if (config) this.#config = config;
    return await this.start(new NextClock(clock, downSeconds * 1000));
  }

  /** Ends the broker as kill -9 does. What is held back is lost; nothing may be on its way to a file. */
  async crash(): Promise<void> {
    const { broker } = this;
    const bury = this.#process!.crash();
    await this.disk.crash();
    await broker.closeClients();
    await bury();
    await broker[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#broker?.[Symbol.asyncDispose]();
    await this.disk[Symbol.asyncDispose]();
  }
}

interface RestartOptions {
  /** @default 0 */
  readonly downSeconds?: number;
  /** @default that of before */
  readonly config?: BrokerConfig;
}

/** A broker on a {@linkcode MemoryStore}, which the test sees. */
export async function startDurable(
  config: BrokerConfig = {},
): Promise<{ house: House; broker: TestBroker; store: MemoryStore } & AsyncDisposable> {
  const disk = new MemoryDisk();
  const house = new House(disk, config);
  const broker = await house.start();
  return { house, broker, store: disk.memory, [Symbol.asyncDispose]: () => house[Symbol.asyncDispose]() };
}

/** Waits until something is so that no packet tells of. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let turn = 0; !isSo(); turn++) {
    if (turn === 200_000) throw new Error(`${what}: not so after ${turn} turns of the event loop`);
    await new Promise((resolve) => setTimeout(resolve));
  }
}
