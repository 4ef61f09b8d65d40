/** Who owns the shards at each position of the log, by the rules alone, and whether the nodes say the same. */
import { ClusterState } from "../../../src/cluster/cluster_state.ts";
import { decodeRecord } from "../../../src/cluster/record.ts";
import { SHARDS } from "../../../src/cluster/shards.ts";
import type { ClusterSnapshot } from "../../../src/hooks/figures.ts";
import type { LogEngine } from "./log.ts";

type Shards = ClusterSnapshot["shards"];

export class Owners {
  readonly #state = new ClusterState(SHARDS);
  /** From that position on it is as told, in their order. */
  readonly #history: { readonly from: number; readonly told: string }[] = [{ from: 0, told: this.#tell() }];
  /** How many times they were other ones than before. */
  changes = 0;

  constructor(engine: LogEngine) {
    engine.tails.add((position) => this.#landed(position, engine.records[position - 1]!.bytes));
  }

  /** What is wrong with what a node says; `undefined`: nothing. */
  problemOf({ node, logPosition, shards }: ClusterSnapshot): string | undefined {
    const { told } = this.#history.findLast(({ from }) => from <= logPosition)!;
    const said = tell(shards);
    return said === told ? undefined : `node ${node} says at ${logPosition} of the log ${said}, which says ${told}`;
  }

  /** What is wrong when everything is quiet: each shard has one owner, which lives. */
  static problemAtRest(seen: readonly ClusterSnapshot[]): string | undefined {
    const [first] = seen;
    const other = seen.find(({ shards }) => tell(shards) !== tell(first!.shards));
    if (other !== undefined) return `nodes ${first!.node} and ${other.node} name other owners`;
    const ownerless = first!.shards.filter(({ owner }) => owner === undefined || !first!.nodes.includes(owner));
    return ownerless.length === 0 ? undefined : `shards without an owner: ${ownerless.map(({ shard }) => shard)}`;
  }

  #landed(position: number, bytes: Uint8Array): void {
    const record = decodeRecord(bytes);
    if ("unreadable" in record || this.#state.apply(record).is !== "counts") return;
    if (!["up", "down", "claim", "yield"].includes(record.body.type)) return;
    const told = this.#tell();
    if (told === this.#history.at(-1)!.told) return;
    this.changes++;
    this.#history.push({ from: position, told });
  }

  #tell(): string {
    return tell(Array.from({ length: SHARDS }, (_, shard) => {
      const { owner, epoch } = this.#state.shard(shard)!;
      return { shard, owner: owner && this.#state.isLive(owner) ? owner.node : undefined, epoch };
    }));
  }
}

function tell(shards: Shards): string {
  return shards.map(({ owner, epoch }) => `${owner ?? "-"}${epoch}`).join(" ");
}
