/** Who owns which shard, as nodes that are processes of their own say: in one epoch of a shard it is one and the same. */
import { addToken } from "../../src/admin/access/tokens.ts";
import type { ClusterSnapshot } from "../../src/hooks/figures.ts";
import type { Station } from "./station.ts";

/** A node that does not answer for so long is frozen, or gone. */
const PATIENCE_MS = 1000;

/** How a node's admin API is reached. */
export interface AdminPlace {
  readonly port: number;
  readonly token: string;
}

/** @param file of tokens, which is made */
export async function makeAdminPlace(port: number, file: string): Promise<AdminPlace> {
  return { port, token: await addToken(file, "faults", "viewer", new Date()) };
}

/** Asks, and writes down. */
export class ShardLedger {
  readonly #places: ReadonlyMap<Station, AdminPlace>;
  /** By shard and epoch: who owned it. */
  readonly #owners = new Map<string, string>();
  /** How many times a node was asked, and has answered. */
  answers = 0;
  readonly faults: string[] = [];

  constructor(places: ReadonlyMap<Station, AdminPlace>) {
    this.#places = places;
  }

  /** How many owners each shard has had, in all. */
  get tenures(): number {
    return this.#owners.size;
  }

  /** Asks all nodes. @returns why it is not so that all name one live owner of each shard; `undefined`: it is */
  async look(): Promise<string | undefined> {
    const views = await Promise.all(Array.from(this.#places, ([{ name }, place]) => this.#ask(name, place)));
    const seen = views.filter((view) => view !== undefined && !view.cutOff) as ClusterSnapshot[];
    if (seen.length < views.length) return `${views.length - seen.length} nodes do not answer, or are cut off`;
    const { nodes, shards } = seen[0]!;
    const told = ({ shard, owner, epoch }: ClusterSnapshot["shards"][number]) => `${shard}: ${owner} in epoch ${epoch}`;
    const other = seen.flatMap((view) => view.shards.filter((one, i) => told(one) !== told(shards[i]!)));
    if (other.length > 0) return `node ${seen[0]!.node} names other owners than ${other.map(told)}`;
    const ownerless = shards.filter(({ owner }) => !nodes.includes(owner!)).map(({ shard }) => shard);
    return ownerless.length === 0 ? undefined : `shards without a live owner: ${ownerless}`;
  }

  async #ask(name: string, { port, token }: AdminPlace): Promise<ClusterSnapshot | undefined> {
    try {
      const response = await fetch(`http://127.0.0.1:${port}/api/v1/cluster`, {
        headers: { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const view = await response.json() as ClusterSnapshot;
      if (!response.ok) throw new Error(JSON.stringify(view));
      this.#note(name, view);
      return view;
    } catch {
      return undefined;
    }
  }

  #note(name: string, { shards }: ClusterSnapshot): void {
    this.answers++;
    for (const { shard, owner, epoch } of shards) {
      // A dead owner is not named; who looks later may still name it.
      if ((owner ?? undefined) === undefined) continue;
      const key = `${shard} in epoch ${epoch}`;
      const known = this.#owners.get(key);
      if (known === undefined) this.#owners.set(key, owner!);
      else if (known !== owner) this.faults.push(`shard ${key} has two owners: ${known}, and by node ${name} ${owner}`);
    }
  }
}
