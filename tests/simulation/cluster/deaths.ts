/** Which nodes the log says to be dead while they do not know it. */
import { ClusterState } from "../../../src/cluster/cluster_state.ts";
import { decodeRecord } from "../../../src/cluster/record.ts";
import { SHARDS } from "../../../src/cluster/shards.ts";
import type { LogEngine } from "./log.ts";

export class Deaths {
  readonly #state = new ClusterState(SHARDS);
  readonly #unaware = new Map<string, number>();
  readonly #now: () => number;

  /** @param now counts what happens */
  constructor(engine: LogEngine, now: () => number) {
    this.#now = now;
    engine.tails.add((position) => this.#landed(engine.records[position - 1]!.bytes));
  }

  /** When a node was declared dead; `undefined`: it was not, or knows it. */
  since(node: string): number | undefined {
    return this.#unaware.get(node);
  }

  /** A node has found out. */
  knows(node: string): void {
    this.#unaware.delete(node);
  }

  #landed(bytes: Uint8Array): void {
    const record = decodeRecord(bytes);
    if ("unreadable" in record || this.#state.apply(record).is !== "counts") return;
    const { writer, body } = record;
    if (body.type === "up") this.#unaware.delete(writer);
    if (body.type === "down") this.#unaware.set(body.node, this.#now());
  }
}
