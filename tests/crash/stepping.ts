import { DurableClient } from "./durable_client.ts";
import { EXPIRING_EVERY } from "./expiring.ts";
import type { Part, Stage } from "./part.ts";
import type { WallClock } from "./wall_clock.ts";

const DAY_MS = 86_400_000;

/**
 * The system's clock is set by days in nearly every round, forward and back, while everything else goes on: nothing may end or
 * live longer for that. It comes behind the parts that leave something behind before the kill.
 */
export class Stepping implements Part {
  readonly #stage: Stage;
  readonly #clock: WallClock;
  readonly #client: DurableClient;
  /** By so much it was set back while the broker was down. */
  #behindMs = 0;

  constructor(stage: Stage, clock: WallClock) {
    this.#stage = stage;
    this.#clock = clock;
    const onFault = (text: string) => stage.ledger.fault(text);
    this.#client = new DurableClient({ clientIdentifier: "k-client", protocolVersion: 4, onFault });
  }

  setUp(): Promise<void> {
    return Promise.resolve();
  }

  async prepare(port: number, round: number): Promise<void> {
    const { random, ledger } = this.#stage;
    if (random.chance(0.2)) return;
    // As a machine without a clock is set right once it is in the network.
    this.#clock.setBy(this.#behindMs + this.#randomMs() - this.#randomMs());
    this.#behindMs = 0;
    // A step is known to the next run once anything is stored after it.
    await this.#client.connect(port);
    if (!await this.#client.published("k/step", `${round}`, { qos: 1, retain: true })) {
      ledger.fault(`after the step of round ${round} nothing was acknowledged`);
    }
    await this.#client.cut();
  }

  run(): Promise<void> {
    return Promise.resolve();
  }

  lost(round: number): Promise<void> {
    // Then no time counts as passed, which is not for what has to be over.
    if (round % EXPIRING_EVERY !== 1 && this.#stage.random.chance(0.3)) {
      const backMs = this.#randomMs();
      this.#behindMs += backMs;
      this.#clock.setBy(-backMs);
    }
    return Promise.resolve();
  }

  verify(): Promise<void> {
    return Promise.resolve();
  }

  drain(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#client.cut();
  }

  #randomMs(): number {
    return this.#stage.random.between(0, 20) * DAY_MS;
  }
}
