import { Broker, type BrokerEnvironment } from "../broker/broker.ts";
import type { CheckedConfig } from "../config/checked_config.ts";
import type { BrokerConfig } from "../config/config.ts";
import type { ApplicationMessage } from "../message.ts";
import { HandClock } from "./hand_clock.ts";
import { patiently, WAIT_MS } from "./patience.ts";

/** Lets everybody in, listens on a free port, takes clients of the kit, and publishes no `$SYS`. */
const DEFAULTS: BrokerConfig = {
  listeners: { tcp: { bind: "127.0.0.1:0" } },
  auth: { plugins: ["auth.anonymous"], allowAnonymous: true },
  sysInterval: 0,
};

/**
 * Starts a broker for one test: it listens on a free port of this machine, lets everybody in, and its clock stands still
 * until {@linkcode TestBroker.clock} is moved.
 *
 * @param config takes the place of these defaults, key by key; a listener `memory` for clients of the kit is added
 * @param environment what else it is given. @default the working directory, and a log that says nothing
 * @throws {ConfigError} if the config has faults
 * @throws {Error} if it cannot start
 * @category Testing
 *
 * @example
 * ```ts
 * import { startTestBroker } from "@amqtt/broker/testing";
 *
 * await using broker = await startTestBroker();
 * const heard = broker.next("greetings/#");
 * // Here the code under test would connect to broker.url.
 * await broker.publish("greetings/hello", "world");
 * console.log(new TextDecoder().decode((await heard).payload));
 * ```
 */
export async function startTestBroker<
  Plugins extends readonly unknown[] = never,
  SignInPlugins extends readonly unknown[] = never,
  TopicPlugins extends readonly unknown[] = never,
>(
  config: CheckedConfig<Plugins, SignInPlugins, TopicPlugins> = {},
  environment: Omit<BrokerEnvironment, "clock"> = {},
): Promise<TestBroker> {
  const broker = new TestBroker(config as BrokerConfig, environment);
  await broker.start();
  return broker;
}

/**
 * A broker with what a test wants of it beside. It ends with `await using`.
 *
 * @category Testing
 */
export class TestBroker extends Broker {
  /** The broker's time, which moves when it is told to. */
  readonly clock: HandClock;
  readonly #heard = new Map<string, Heard>();

  /** Checks the config; `startTestBroker` makes and starts one. */
  constructor(config: BrokerConfig = {}, environment: Omit<BrokerEnvironment, "clock"> = {}) {
    const clock = new HandClock();
    const listeners = { ...config.listeners ?? DEFAULTS.listeners, memory: { type: "external" } as const };
    super({ ...DEFAULTS, ...config, listeners }, { logger: silent, ...environment, clock });
    this.clock = clock;
  }

  /**
   * Where its first listener with a port is reached, such as `mqtt://127.0.0.1:40123`; `mqtts`, `ws` and `wss` likewise.
   *
   * @throws {Error} if it listens on no port
   */
  get url(): string {
    const address = Object.values(this.addresses).find(({ port }) => port > 0);
    if (address === undefined) throw new Error("Cannot tell the broker's URL: it listens on no port");
    const { type, secure, hostname, port } = address;
    const protocol = `${type === "tcp" ? "mqtt" : "ws"}${secure ? "s" : ""}`;
    return `${protocol}://${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
  }

  /**
   * The next message that matches the topic filter. From the first call with a filter on, such messages wait for the next
   * calls with the same one; a message that is retained at the first call comes, too.
   *
   * @param ms how long to wait for it, in milliseconds of the system's clock. @default 5000
   * @throws {TopicError} if the topic filter is wrong
   * @throws {Error} if none comes, or the broker has ended
   */
  async next(topicFilter: string, ms: number = WAIT_MS): Promise<ApplicationMessage> {
    const heard = this.#heard.get(topicFilter) ?? { messages: this.subscribe(topicFilter), givenUp: [] };
    this.#heard.set(topicFilter, heard);
    const pending = heard.givenUp.shift() ?? heard.messages.next();
    const { done, value } = await patiently(`a message for ${topicFilter}`, pending, ms).catch((error) => {
      heard.givenUp.push(pending);
      throw error;
    });
    if (done) throw new Error(`waited for a message for ${topicFilter}: the broker has ended`);
    return value;
  }
}

/** The subscription behind the calls of `next` with one filter. */
interface Heard {
  readonly messages: AsyncIterableIterator<ApplicationMessage>;
  /** What calls have waited for too long: it is for the next ones. */
  readonly givenUp: Promise<IteratorResult<ApplicationMessage>>[];
}

const silent = { debug() {}, info() {}, warn() {}, error() {} };
