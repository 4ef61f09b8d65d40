/** What {@linkcode SignsOfLife} does when it is time. */
export interface SignsOfLifeOptions {
  /** Seconds between signs of life; 0: none are asked for. */
  readonly keepAliveSeconds: number;
  readonly nowMs: number;
}

/** When something was said to a remote last, and when it was heard. */
export class SignsOfLife {
  readonly #keepAliveMs: number;
  #saidAtMs: number;
  #heardAtMs: number;
  #askedAtMs: number;
  #takenAtMs = 0;

  constructor({ keepAliveSeconds, nowMs }: SignsOfLifeOptions) {
    this.#keepAliveMs = keepAliveSeconds * 1000;
    this.#saidAtMs = this.#heardAtMs = this.#askedAtMs = nowMs;
  }

  said(nowMs: number): void {
    this.#saidAtMs = nowMs;
  }

  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
  }

  /** The remote's machine has taken some of what waits for it: it cannot answer what it has not got yet. */
  taken(nowMs: number): void {
    this.#takenAtMs = nowMs;
  }

  /** `ask`: PINGREQ is due, which also asks a remote that is only spoken to; `over`: it has been silent too long. */
  due(nowMs: number): "ask" | "over" | undefined {
    if (this.#keepAliveMs === 0) return undefined;
    if (nowMs - Math.max(this.#heardAtMs, this.#takenAtMs) >= 1.5 * this.#keepAliveMs) return "over";
    const quietSinceMs = Math.max(this.#askedAtMs, Math.min(this.#saidAtMs, this.#heardAtMs));
    if (nowMs - quietSinceMs < this.#keepAliveMs) return undefined;
    this.#askedAtMs = nowMs;
    return "ask";
  }
}
