import type { ClientTime } from "./client_time.ts";

/** By when a client has to be heard of. */
export class Deadline {
  readonly #time: Pick<ClientTime, "now">;
  #atMs: number;
  #silenceMs = Infinity;

  /** @param patienceMs how long from now on the client may take */
  constructor(time: Pick<ClientTime, "now">, patienceMs: number) {
    this.#time = time;
    this.#atMs = time.now() + patienceMs;
  }

  /** Whether the time is over. */
  passed(nowMs: number): boolean {
    return nowMs >= this.#atMs;
  }

  /** The client may take so long from now on. */
  extend(ms: number): void {
    this.#atMs = this.#time.now() + ms;
  }

  /** Nothing is expected of the client, since it is not read. */
  suspend(): void {
    this.#atMs = Infinity;
  }

  /** What the client has agreed to; the time begins with {@linkcode Deadline.heard}. */
  agree(keepAliveSeconds: number, delaySeconds: number): void {
    this.#silenceMs = silenceMs(keepAliveSeconds, delaySeconds);
  }

  /** The client was heard of. */
  heard(): void {
    this.extend(this.#silenceMs);
  }
}

/** How long a client may be silent: one and a half keep-alive intervals ([MQTT-3.1.2-24] 3.1.1), or sooner by aMQTT's rule. */
function silenceMs(keepAliveSeconds: number, delaySeconds: number): number {
  if (keepAliveSeconds === 0) return Infinity;
  const longestMs = keepAliveSeconds * 1500;
  return delaySeconds > 0 ? Math.min(longestMs, (keepAliveSeconds + delaySeconds) * 1000) : longestMs;
}
