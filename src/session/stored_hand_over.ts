import type { Delivery } from "./delivery.ts";
import type { SessionLog } from "./session_log.ts";

/** What an {@linkcode StoredHandOver} works with. */
export interface StoredHandOverParts {
  readonly log: SessionLog;
  /** How many messages it has, whether others may take them or not. */
  readonly messages: number;
  /** Gives a message of a shared subscription to another member, and notes that; false: nobody takes it. */
  readonly onReturn: (delivery: Delivery) => boolean;
  /** Told how many messages nobody has taken. */
  readonly onLost: (messages: number) => void;
}

/** Deliveries that are looked at in one go. */
const SLICE = 100;

/** What a session that has ended has left in the store, where its shared subscriptions' other members get it from. */
export class StoredHandOver {
  readonly #parts: StoredHandOverParts;
  #left: number;

  constructor(parts: StoredHandOverParts) {
    this.#parts = parts;
    this.#left = parts.messages;
  }

  /**
   * Hands over what others take, in its order, and ends what is stored of the session. What is handed over is gone from
   * the store, so that it may be given up at any time and begun again, by this process or the next.
   *
   * @param pause resolves when everything that was noted before is stored, with whether to go on
   * @throws {Error} if the store cannot be read
   */
  async settle(pause: () => Promise<boolean>): Promise<void> {
    const { log, onLost } = this.#parts;
    // What the client has acknowledged last must not go to others.
    if (!await pause()) return;
    const underWay = (await log.loadInflight()).flatMap(({ delivery }) => delivery ?? []);
    // [MQTT-4.8.2-5] 5.0: what is under way at QoS 2 is for this client alone.
    if (!await this.#handOver(underWay.filter(({ qos }) => qos === 1), pause)) return;
    for (let page = await log.load(0); page.length > 0; page = await log.load(page.at(-1)!.sequence)) {
      if (!await this.#handOver(page, pause)) return;
    }
    if (!await pause()) return;
    log.ended();
    onLost(this.#left);
  }

  async #handOver(deliveries: readonly Delivery[], pause: () => Promise<boolean>): Promise<boolean> {
    for (const [index, delivery] of deliveries.entries()) {
      if (index % SLICE === 0 && !await pause()) return false;
      if (delivery.share !== undefined && this.#parts.onReturn(delivery)) this.#left--;
    }
    return true;
  }
}
