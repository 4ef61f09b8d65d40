/** The system's clock as the broker of {@linkcode file} sees it. */
export class WallClock {
  /** What `stepped_cli.ts` reads. */
  readonly file: string;
  #aheadMs = 0;
  #steps = 0;

  constructor(file: string) {
    this.file = file;
    this.setBy(0);
    this.#steps = 0;
  }

  /** How often it was set. */
  get steps(): number {
    return this.#steps;
  }

  /** Sets it forward, or back; whoever looks at it from now on sees that. */
  setBy(ms: number): void {
    this.#steps++;
    this.#aheadMs += ms;
    // A half-written file would be another step.
    Deno.writeTextFileSync(`${this.file}.new`, `${this.#aheadMs}`);
    Deno.renameSync(`${this.file}.new`, this.file);
  }
}
