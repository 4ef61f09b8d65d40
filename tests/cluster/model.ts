/**
 * A model of a cluster: three nodes that crash, sleep and suspect each other wrongly, clients that publish at QoS 2 through
 * whoever owns their shard, and a log that loses, delays and repeats what is appended. The rules are those of the broker, and
 * so are the records' bytes; an observer who reads the same log decides what was promised and what was kept.
 */
import { ClusterState, type Rules, rules, type Verdict } from "../../src/cluster/cluster_state.ts";
import { type ClusterRecord, decodeRecord } from "../../src/cluster/record.ts";
import { Random } from "../support/random.ts";
import { ModelClient } from "./model_client.ts";
import { ModelNode } from "./model_node.ts";

/** How many shards the model has. */
export const SHARDS = 4;
const CLIENTS = 8;
const FAULTY_STEPS = 300;
const HEALING_STEPS = 600;

/** What a run came to. */
export interface ModelOutcome {
  /** Promises that were not kept; empty if all were. */
  readonly faults: readonly string[];
  readonly records: number;
  readonly changesOfOwner: number;
  readonly messages: number;
}

interface UnderWay {
  readonly bytes: Uint8Array;
  readonly landsAt: number;
}

/** What nodes and clients live in. */
export class World {
  readonly random: Random;
  readonly log: ClusterRecord[] = [];
  readonly nodes: readonly ModelNode[];
  readonly clients: readonly ModelClient[];
  readonly faults: string[] = [];
  /** Whether things still go wrong. */
  faulty = true;
  step = 0;
  changesOfOwner = 0;
  readonly #observer: ClusterState;
  readonly #verdicts: string[] = [];
  readonly #meant = new Map<string, number>();
  readonly #owners = Array.from({ length: SHARDS }, () => 0);
  #underWay: UnderWay[] = [];

  constructor(seed: number, readonly rules: Rules) {
    this.random = new Random(seed);
    this.#observer = new ClusterState(SHARDS, rules);
    this.nodes = ["a", "b", "c"].map((name) => new ModelNode(this, name));
    this.clients = Array.from({ length: CLIENTS }, (_, index) => new ModelClient(this, index % SHARDS, index));
  }

  run(): ModelOutcome {
    for (const node of this.nodes) node.start();
    for (; this.step < FAULTY_STEPS; this.step++) this.#turn();
    this.faulty = false;
    for (const node of this.nodes) node.heal();
    const last = FAULTY_STEPS + HEALING_STEPS;
    for (; this.step < last && !this.clients.every((client) => client.done); this.step++) this.#turn();
    for (const client of this.clients) this.faults.push(...client.faults());
    const messages = this.clients.reduce((sum, { queued }) => sum + queued.length, 0);
    return { faults: this.faults, records: this.log.length, changesOfOwner: this.changesOfOwner, messages };
  }

  append(bytes: Uint8Array): void {
    const { random } = this;
    if (this.faulty && random.chance(0.1)) return;
    if (!this.faulty || !random.chance(0.08)) {
      this.#underWay.push({ bytes, landsAt: this.step + (this.faulty ? random.between(0, 3) : 0) });
    }
    if (this.faulty && random.chance(0.08)) {
      this.#underWay.push({ bytes, landsAt: this.step + random.between(10, 150) });
    }
  }

  /** Notes how many owners a shard has had as far as the writer of a claim knows. */
  meansToUnseat(claim: ClusterRecord, owners: number): void {
    this.#meant.set(keyOf(claim), owners);
  }

  /** Checks that a node judges as everybody does. */
  compare(position: number, verdict: Verdict, node: string): void {
    const [here, there] = [wordOf(verdict), this.#verdicts[position]];
    if (here !== there) this.faults.push(`position ${position}: ${node} says ${here}, another ${there}`);
  }

  #turn(): void {
    const landing = this.#underWay.filter(({ landsAt }) => landsAt <= this.step);
    this.#underWay = this.#underWay.filter(({ landsAt }) => landsAt > this.step);
    for (const { bytes } of landing) this.#land(bytes);
    for (const node of this.nodes) node.turn();
    for (const client of this.clients) client.turn();
  }

  #land(bytes: Uint8Array): void {
    const record = decodeRecord(bytes);
    if ("unreadable" in record) throw new Error(record.text);
    const verdict = this.#observer.apply(record);
    this.log.push(record);
    this.#verdicts.push(wordOf(verdict));
    if (verdict.is !== "counts") return;
    const { body } = record;
    if (body.type === "claim") this.#checkClaim(record, body.shard);
    if (body.type === "claim" || body.type === "yield") {
      this.#owners[body.shard]!++;
      this.changesOfOwner++;
    }
    if (body.type !== "batch") return;
    body.entries.forEach((entry, index) => {
      if (entry.type !== "message" || verdict.entries[index] !== "counts") return;
      const id = entry.content[0]! << 8 | entry.content[1]!;
      this.clients[entry.publisher!.session]!.queued.push(id);
    });
  }

  #checkClaim(record: ClusterRecord, shard: number): void {
    if (this.#meant.get(keyOf(record)) === this.#owners[shard]) return;
    this.faults.push(
      `position ${this.log.length - 1}: ${record.writer} took shard ${shard} from whom it did not know of`,
    );
  }
}

function keyOf({ writer, incarnation, n }: ClusterRecord): string {
  return `${writer} ${incarnation} ${n}`;
}

function wordOf(verdict: Verdict): string {
  return verdict.is === "counts" ? `counts ${verdict.entries.join()}` : verdict.is;
}

/** Runs the model once; `theRules` are those in force unless a test takes one out. */
export function runModel(seed: number, theRules: Rules = rules): ModelOutcome {
  return new World(seed, theRules).run();
}
