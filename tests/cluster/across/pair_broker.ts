/** What a test takes for one broker, and is two nodes of a cluster: its clients connect to them in turn. */
import type { Broker } from "../../../src/broker/broker.ts";
import type { BrokerConfig, ClusterLogConfig } from "../../../src/config/config.ts";
import type { Machine } from "../../../src/runtime/machine.ts";
import { patiently } from "../../support/patience.ts";
import { type Duplex, RawClient } from "../../support/raw_client.ts";
import { inMemory, overTcp, TestBroker } from "../../support/test_broker.ts";
import { LateDuplex } from "./late_duplex.ts";

/** No test's clock is moved on by so much that a node takes the other for dead. */
const FAILURE_TIMEOUT_S = 86_400;
/** What a link has to give while the peer has worked off all that it was sent. */
const FULL_CREDIT = 8 * 2 ** 20;

/** How a pair is made. */
export interface PairOptions {
  readonly log: ClusterLogConfig;
  /** The first client connects to the node that the test holds. */
  readonly here: boolean;
  readonly machine: Machine | undefined;
}

let clusters = 0;

/**
 * Two nodes, of which the test holds one. The first client of a test connects to the other one, the second to this one, and so
 * on, or the other way round; a client that comes back finds the node where it was.
 */
export class PairBroker extends TestBroker {
  readonly other: Broker;
  /** Where each client identifier is. */
  readonly #places = new Map<string, Broker>();
  #turns = 0;
  #barriers = 0;

  constructor(config: BrokerConfig, { log, here, machine }: PairOptions) {
    const name = `across-${Deno.pid}-${++clusters}-${crypto.randomUUID().slice(0, 8)}`;
    const node = (node: string): BrokerConfig => ({
      ...config,
      cluster: { name, node, bind: "127.0.0.1:0", failureTimeout: FAILURE_TIMEOUT_S, log },
    });
    super(node("a"), undefined, machine);
    this.other = this.make(node("b"));
    if (here) this.#turns = 1;
    const publish = this.broker.publish.bind(this.broker);
    this.broker.publish = async (topicName, payload, options) => {
      const result = await publish(topicName, payload, options);
      if (options?.retain && !options.qos) await this.#retained();
      return result;
    };
  }

  override async start(): Promise<void> {
    await this.broker.start();
    try {
      await this.other.start();
    } catch (error) {
      await this.broker.shutdown();
      throw error;
    }
  }

  override open(listener = "memory"): RawClient {
    return this.#late((broker) => Promise.resolve(inMemory(broker, listener)));
  }

  override openTcp(listener = "tcp"): Promise<RawClient> {
    return Promise.resolve(this.#late((broker) => overTcp(broker, listener)));
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.closeClients();
    await Promise.all([this.broker.shutdown(), this.other.shutdown()]);
  }

  #late(connect: (broker: Broker) => Promise<Duplex>): RawClient {
    const client = new RawClient(new LateDuplex((identifier) => connect(this.#place(identifier))));
    client.othersArrived = () => this.#settled();
    client.retainedArrived = () => this.#retained();
    return this.keep(client);
  }

  #place(clientIdentifier: string | undefined): Broker {
    const known = clientIdentifier && this.#places.get(clientIdentifier);
    if (known) return known;
    const place = this.#turns++ % 2 === 0 ? this.other : this.broker;
    if (clientIdentifier) this.#places.set(clientIdentifier, place);
    return place;
  }

  /** What either node has said in the log before is there: a client with a will is let in behind it. */
  async #retained(): Promise<void> {
    const will = { topicName: "barrier", payload: "" };
    for (const broker of [this.broker, this.other]) {
      const client = new RawClient(inMemory(broker, "memory"));
      try {
        // It may be refused, where the test is about who is let in.
        const { reasonCode } = await client.connect({ clientIdentifier: `barrier${++this.#barriers}`, will });
        if (reasonCode === 0) await client.disconnect();
      } catch {
        // There is no such listener, or the broker is shut down.
      } finally {
        await client.close();
      }
    }
    await this.#settled();
  }

  /** What either node has sent to the other has come, and both have read the log equally far. */
  async #settled(): Promise<void> {
    let isAwaited = true;
    const quiet = async () => {
      while (isAwaited && !this.#isQuiet()) await new Promise((resolve) => setImmediate(resolve));
    };
    try {
      await patiently("what nodes have sent to each other", quiet());
    } finally {
      isAwaited = false;
    }
  }

  #isQuiet(): boolean {
    const [one, other] = [this.broker, this.other].map((node) => node.observability.metrics(null).body);
    const position = (page: string) => figure(page, "log_position");
    if (position(one!) !== position(other!)) return false;
    return [one!, other!].every((page) =>
      figure(page, "link_waiting_bytes") === 0 && figure(page, "link_credit_bytes") === FULL_CREDIT
    );
  }
}

/** A figure of a page of metrics. */
function figure(page: string, name: string): number {
  const line = new RegExp(`^amqtt_cluster_${name}(\\{.*\\})? (\\S+)$`, "m").exec(page);
  if (line === null) throw new Error(`amqtt_cluster_${name}: not there`);
  return Number(line[2]);
}
