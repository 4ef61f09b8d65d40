/** The way between two simulated brokers, on which the bridge connects, and what happens to it. */
import type { HostConnectOptions, HostTcpConnection } from "../../../src/runtime/host_types.ts";
import type { Random } from "../../support/random.ts";
import type { House } from "../house.ts";
import type { Line } from "../network.ts";
import type { World } from "../world.ts";
import { Pipe } from "./pipe.ts";
import type { LinkEvent } from "./schedule.ts";

/** What a {@linkcode Link} joins. */
export interface LinkParts {
  readonly world: World;
  readonly line: Line;
  readonly random: Random;
  /** Who connects. */
  readonly here: House;
  readonly there: House;
  readonly onFault: (text: string) => void;
}

export class Link {
  /** Whether anybody can connect. */
  isThere = true;
  readonly #parts: LinkParts;
  readonly #pipes = new Set<Pipe>();
  /** It stands still as long as there is a reason. */
  #reasons = 0;

  constructor(parts: LinkParts) {
    this.#parts = parts;
  }

  /** Connects to the broker there. Without a link nobody answers; a machine without a broker refuses. */
  connect({ signal }: HostConnectOptions): Promise<HostTcpConnection> {
    const { world, line, here } = this.#parts;
    const { promise, resolve, reject } = Promise.withResolvers<HostTcpConnection>();
    const caller = here.process;
    signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    world.after(2 * line.delayMs, () => {
      if (!caller.alive || signal?.aborted || !this.isThere) return;
      if (this.#parts.there.isUp) resolve(this.#open().caller);
      else reject(new Error("Connection refused"));
    });
    return promise;
  }

  act(event: LinkEvent): void {
    const { world } = this.#parts;
    switch (event.type) {
      case "cut":
        return this.#forAll((pipe) => pipe.cut());
      case "vanish":
        return this.#forAll((pipe) => pipe.vanish());
      case "cut-for":
        return this.#forAll((pipe) => pipe.cutFor(event.end));
      case "freeze":
        this.#reasons++;
        this.#forAll((pipe) => pipe.freeze());
        return world.after(event.ms, () => this.#thaw());
      case "away":
        this.isThere = false;
        this.#forAll((pipe) => pipe.vanish());
        return world.after(event.ms, () => void (this.isThere = true));
    }
  }

  /** Nothing is in the way any longer. */
  mend(): void {
    this.isThere = true;
    this.#reasons = 1;
    this.#thaw();
  }

  #open(): Pipe {
    const { world, line, random, here, there, onFault } = this.#parts;
    const pipe = new Pipe({ world, called: there.process, line, random, onFault });
    if (this.#reasons > 0) pipe.freeze();
    this.#pipes.add(pipe);
    there.accept(pipe.called, { processEnded: () => pipe.processEnded("called") });
    here.holds({ processEnded: () => pipe.processEnded("caller") });
    return pipe;
  }

  #thaw(): void {
    this.#reasons = Math.max(0, this.#reasons - 1);
    if (this.#reasons === 0) this.#forAll((pipe) => pipe.thaw());
  }

  #forAll(act: (pipe: Pipe) => void): void {
    for (const pipe of this.#pipes) act(pipe);
  }
}
