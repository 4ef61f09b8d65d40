/** Whole brokers that are one cluster, in this process: over a log in memory, or one on NATS. */
import type { BrokerConfig, ClusterLogConfig } from "../../src/config/config.ts";
import { sharedMemoryEngine } from "../../src/log/memory_log.ts";
import type { MemoryEngine } from "../../src/log/memory_log.ts";
import { decodeRecord } from "../../src/cluster/record.ts";
import { desiredOwner, SHARDS } from "../../src/cluster/shards.ts";
import { until } from "../support/durable_broker.ts";
import { FakeClock } from "../support/fake_clock.ts";
import type { ConnectOptions, RawClient } from "../support/raw_client.ts";
import { TestBroker } from "../support/test_broker.ts";

/** What nodes are started with. */
export interface NodesOptions {
  /** Keys of the config of all of them. */
  readonly config?: BrokerConfig;
  /** Keys of the section `cluster`. */
  readonly cluster?: NonNullable<BrokerConfig["cluster"]>;
  readonly log?: ClusterLogConfig;
}

let clusters = 0;

/** A cluster; its nodes are called `a`, `b`, `c`, and their clock stands still. */
export class Nodes implements AsyncDisposable {
  readonly clock = new FakeClock();
  readonly name = `test-${Deno.pid}-${++clusters}`;
  readonly all: TestBroker[] = [];
  readonly #options: NodesOptions;
  /** Ends what the log stands on. */
  onDispose: () => Promise<void> = () => Promise.resolve();
  #clients = 0;

  constructor(options: NodesOptions) {
    this.#options = options;
  }

  static async start(count: number, options: NodesOptions = {}): Promise<Nodes> {
    const nodes = new Nodes(options);
    for (let i = 0; i < count; i++) await nodes.add("abcdef"[i]!);
    return nodes;
  }

  /** The log in memory that they share. */
  get engine(): MemoryEngine {
    return sharedMemoryEngine(this.name)!;
  }

  /** A client of 5.0 at a node, with an identifier that no other has unless one is given. */
  connect(broker: TestBroker, options: Omit<ConnectOptions, "protocolVersion"> = {}): Promise<RawClient> {
    return broker.connect5({ clientIdentifier: `client ${++this.#clients}`, ...options });
  }

  /** Starts one more. @param own its keys of the section `cluster` @param more and of its config */
  async add(node: string, own: BrokerConfig["cluster"] = {}, more: BrokerConfig = {}): Promise<TestBroker> {
    const { config, cluster, log = { type: "memory" } } = this.#options;
    const section = { name: this.name, node, bind: "127.0.0.1:0", log, ...cluster, ...own };
    const broker = new TestBroker({ ...config, ...more, cluster: section }, this.clock);
    this.all.push(broker);
    await broker.broker.start();
    return broker;
  }

  /** From now on what these nodes say is not heard in the log. */
  silence(...names: string[]): void {
    this.engine.fault = (bytes) => {
      const record = decodeRecord(bytes);
      return "writer" in record && names.includes(record.writer) ? "lost" : undefined;
    };
  }

  /** Resolves when each of these nodes owns the shards that it should, and all have read so. */
  async shardsShared(...names: string[]): Promise<void> {
    const lives = names.map((node) => ({ node, incarnation: 1 }));
    const owned = Map.groupBy(Array(SHARDS).keys(), (shard) => desiredOwner(lives, shard)!.node);
    const brokers = this.all.slice(0, names.length);
    const figure = ({ broker }: TestBroker, name: string) =>
      new RegExp(`^amqtt_cluster_${name} (\\d+)$`, "m").exec(broker.observability.metrics(null).body)?.[1];
    await until("each node owns its shards", () => {
      const positions = new Set(brokers.map((broker) => figure(broker, "log_position")));
      return positions.size === 1 && brokers.every((broker, i) => {
        return figure(broker, "shards") === `${owned.get(names[i]!)!.length}`;
      });
    });
  }

  /** Moves the clock on by so much, in steps that let everybody act on each. */
  async pass(ms: number, stepMs = 250): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advance(stepMs);
      for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const broker of this.all) await broker[Symbol.asyncDispose]();
    await this.onDispose();
  }
}
