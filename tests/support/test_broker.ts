/** A broker for one test: listens on a free loopback port, takes in-memory connections, and has a clock that stands still. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { Broker } from "../../src/broker/broker.ts";
import type { BrokerConfig, PluginList } from "../../src/config/config.ts";
import type { Logger } from "../../src/logger.ts";
import type { Machine } from "../../src/runtime/machine.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { FakeClock } from "./fake_clock.ts";
import type { Hooks } from "./hooks_plugin.ts";
import { patiently } from "./patience.ts";
import { type ConnectOptions, type Duplex, RawClient } from "./raw_client.ts";

/** Keeps what is logged, one `level: message` a line. */
export class CollectingLogger implements Logger {
  readonly lines: string[] = [];
  readonly #awaited = new Set<() => void>();

  debug(message: string): void {
    this.#add(`debug: ${message}`);
  }
  info(message: string): void {
    this.#add(`info: ${message}`);
  }
  warn(message: string): void {
    this.#add(`warn: ${message}`);
  }
  error(message: string): void {
    this.#add(`error: ${message}`);
  }

  /** The first line that has the pattern, once there is one. */
  line(pattern: RegExp): Promise<string> {
    const found = new Promise<string>((resolve) => {
      const look = () => {
        const line = this.lines.find((line) => pattern.test(line));
        if (line === undefined) return;
        this.#awaited.delete(look);
        resolve(line);
      };
      this.#awaited.add(look);
      look();
    });
    return patiently(`a line ${pattern} among\n${this.lines.join("\n")}\n`, found);
  }

  #add(line: string): void {
    this.lines.push(line);
    for (const look of this.#awaited) look();
  }

  /** Tells whether a line of `warn` or `error` holds the text. */
  complains(text: string): boolean {
    return this.lines.some((line) => /^(warn|error): /.test(line) && line.includes(text));
  }
}

/** Lets everybody in without a user name, listens on one TCP port, and publishes no `$SYS`. */
const DEFAULTS: BrokerConfig = {
  listeners: { tcp: { bind: "127.0.0.1:0" }, memory: { type: "external" } },
  auth: { plugins: ["auth.anonymous"], allowAnonymous: true },
  sysInterval: 0,
};

export class TestBroker implements AsyncDisposable {
  readonly broker: Broker;
  readonly clock: FakeClock;
  readonly log = new CollectingLogger();
  /** Makes one that logs to the same place, by the same clock, and whose clients {@linkcode TestBroker.lose} knows as well. */
  protected readonly make: (config: BrokerConfig) => Broker;
  readonly #clients: RawClient[] = [];
  readonly #identifiers = new Map<RawClient, string>();
  readonly #awaitedEnds = new Map<string, () => void>();

  constructor(config: BrokerConfig, clock: FakeClock = new FakeClock(), machine?: Machine) {
    this.clock = clock;
    const baseDirectory = fromFileUrl(new URL(".", import.meta.url));
    const observer = hooks({
      clientDisconnected: ({ clientIdentifier }) => this.#awaitedEnds.get(clientIdentifier)?.(),
    });
    const options = { clock, machine, logger: this.log, baseDirectory };
    this.make = (own) => new Broker({ ...DEFAULTS, plugins: [observer], ...own }, options);
    this.broker = this.make(config);
  }

  /** Starts what clients connect to. */
  async start(): Promise<void> {
    await this.broker.start();
  }

  /** A connection in memory on which nothing was said yet. */
  open(listener = "memory"): RawClient {
    return this.keep(new RawClient(inMemory(this.broker, listener)));
  }

  /** A TCP connection on which nothing was said yet. */
  async openTcp(listener = "tcp"): Promise<RawClient> {
    return this.keep(new RawClient(await overTcp(this.broker, listener)));
  }

  /** A client that is signed in, with an identifier of its own unless one is given. */
  async connect(options: ConnectOptions = {}): Promise<RawClient> {
    const client = this.open();
    const { clientIdentifier = `client${this.#clients.length}` } = options;
    const { reasonCode, properties } = await client.connect({ ...options, clientIdentifier });
    assertEquals(reasonCode, 0, "return code of CONNACK");
    this.#identifiers.set(client, properties?.assignedClientIdentifier ?? clientIdentifier);
    return client;
  }

  /** As {@linkcode connect}, with a client of MQTT 5.0. */
  connect5(options: Omit<ConnectOptions, "protocolVersion"> = {}): Promise<RawClient> {
    return this.connect({ ...options, protocolVersion: 5 });
  }

  /** Breaks a client's connection off as a lost network does, and waits until the broker has noticed. */
  async lose(client: RawClient): Promise<void> {
    const clientIdentifier = this.#identifiers.get(client)!;
    const noticed = new Promise<void>((resolve) => this.#awaitedEnds.set(clientIdentifier, resolve));
    await client.close();
    await patiently(`the broker to notice the loss of ${clientIdentifier}`, noticed);
  }

  /** Breaks all connections off. */
  async closeClients(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  /** Ends the connections and the broker. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeClients();
    await this.broker.shutdown();
  }

  /** It is ended with the broker. */
  protected keep(client: RawClient): RawClient {
    this.#clients.push(client);
    return client;
  }
}

/** A connection in memory to a broker. */
export function inMemory(broker: Broker, listener: string): Duplex {
  const [ours, brokers] = memoryPair();
  broker.accept(brokers, { listener }).catch(() => ours.close());
  return ours;
}

/** A TCP connection to a broker. */
export function overTcp(broker: Broker, listener: string): Promise<Duplex> {
  const { hostname, port } = broker.addresses[listener]!;
  return Deno.connect({ hostname, port });
}

/** What {@linkcode startBroker} starts: one broker, unless a suite puts something else in its place. */
export const started = {
  make: (config: BrokerConfig, machine?: Machine): TestBroker => new TestBroker(config, undefined, machine),
};

/** Starts a broker; keys of `config` take the place of the defaults above. */
export async function startBroker(config: BrokerConfig = {}, machine?: Machine): Promise<TestBroker> {
  const broker = started.make(config, machine);
  await broker.start();
  return broker;
}

/** The entry of a plugin list for a plugin with these hooks. */
export function hooks(hooks: Hooks): Record<string, unknown> {
  return { "./hooks_plugin.ts": { hooks } };
}

/** Sign-in for everybody, with any user name or none. */
export const anybody: { readonly plugins: PluginList } = { plugins: [hooks({ authenticate: () => "allow" })] };
