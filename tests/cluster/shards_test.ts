/** Who owns which shard: what nodes have to say, and that saying it ends. */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { ClusterState } from "../../src/cluster/cluster_state.ts";
import type { Claim, ClusterRecord, RecordBody, Yield } from "../../src/cluster/record.ts";
import { snapshotParts } from "../../src/cluster/snapshots.ts";
import {
  desiredOwner,
  ShardKeeper,
  shardOf,
  SHARDS,
  ShardTerms,
  tenureOf,
  wantedChanges,
} from "../../src/cluster/shards.ts";
import { Random } from "../support/random.ts";

const ALL = Array.from({ length: SHARDS }, (_, shard) => shard);

/** Nodes over one log; what one says is in the log only when it is let go. */
class Village {
  readonly log: ClusterRecord[] = [];
  readonly nodes = new Map<string, Villager>();

  add(name: string, incarnation = 1): Villager {
    const node = new Villager(this, name, incarnation);
    this.nodes.set(name, node);
    node.say({ type: "up", oldest: 1, newest: 2, address: "" });
    return node;
  }

  /** All read everything, until nobody has anything more to say. */
  settle(): void {
    for (let end = -1; end !== this.log.length;) {
      end = this.log.length;
      for (const node of this.nodes.values()) node.read(Infinity);
    }
  }

  owners(node: string): string[] {
    const { state } = this.nodes.get(node)!;
    return ALL.map((shard) => {
      const { owner, epoch } = state.shard(shard)!;
      return `${owner && state.isLive(owner) ? owner.node : "-"}${epoch}`;
    });
  }
}

class Villager {
  readonly state = new ClusterState(SHARDS);
  readonly keeper: ShardKeeper;
  readonly changes: (Claim | Yield)[] = [];
  isSilent = false;
  position = 0;
  #n = 0;

  constructor(readonly village: Village, readonly name: string, readonly incarnation: number) {
    this.keeper = new ShardKeeper({
      state: this.state,
      life: () => ({ node: name, incarnation }),
      speaks: () => !this.isSilent,
      say: (change) => {
        this.changes.push(change);
        this.say(change);
      },
      soon: (run) => run(),
    });
  }

  say(body: RecordBody): void {
    this.village.log.push({ writer: this.name, incarnation: this.incarnation, n: this.#n++, body });
  }

  read(count: number): void {
    for (let left = count; left > 0 && this.position < this.village.log.length; left--) {
      const record = this.village.log[this.position++]!;
      const { body } = record;
      const verdict = this.state.apply(record).is;
      const isOwn = record.writer === this.name && record.incarnation === this.incarnation;
      if (body.type === "claim" || body.type === "yield") {
        this.keeper.passed(body.shard, isOwn, verdict === "counts");
      } else this.keeper.look();
    }
  }
}

const livesOf = (...names: string[]) => names.map((node) => ({ node, incarnation: 1 }));

Deno.test("identifiers are spread over all shards, and shards over all nodes", () => {
  const counts = ALL.map(() => 0);
  for (let i = 0; i < 6400; i++) counts[shardOf(`sensor-${i}`)]!++;
  assert(Math.min(...counts) > 50 && Math.max(...counts) < 160, `${counts}`);
  for (const names of [["a", "b", "c"], ["node-1", "node-2", "node-3", "node-4", "node-5"]]) {
    const owned = Map.groupBy(ALL, (shard) => desiredOwner(livesOf(...names), shard)!.node);
    for (const name of names) {
      const count = owned.get(name)?.length ?? 0;
      assert(count > SHARDS / names.length / 2, `${name} of ${names} owns ${count}`);
    }
  }
});

Deno.test("when a node dies its shards move and no others, in whatever order nodes are known", () => {
  const [four, three] = [livesOf("a", "b", "c", "d"), livesOf("d", "c", "a")];
  for (const shard of ALL) {
    const before = desiredOwner(four, shard)!.node;
    assertEquals(desiredOwner(four.toReversed(), shard)!.node, before);
    if (before !== "b") assertEquals(desiredOwner(three, shard)!.node, before);
    else assertNotEquals(desiredOwner(three, shard)!.node, "b");
  }
  assertEquals(desiredOwner([], 0), undefined);
});

Deno.test("each shard is claimed by who should own it, yielded to who comes, and claimed of who dies", () => {
  const village = new Village();
  const a = village.add("a");
  village.settle();
  assertEquals(village.owners("a"), ALL.map(() => "a1"));
  const b = village.add("b");
  village.settle();
  const desired = (names: string[], epoch: (shard: number) => number) =>
    ALL.map((shard) => `${desiredOwner(livesOf(...names), shard)!.node}${epoch(shard)}`);
  const epochs = village.owners("a").map((owner) => Number(owner.slice(1)));
  assertEquals(village.owners("b"), desired(["a", "b"], (shard) => epochs[shard]!));
  const before = a.changes.length;
  const c = village.add("c");
  village.settle();
  const moved = ALL.filter((shard) => desiredOwner(livesOf("a", "b", "c"), shard)!.node === "c");
  const gained = (by: number) => (shard: number) => epochs[shard]! + (moved.includes(shard) ? by : 0);
  assertEquals(village.owners("c"), desired(["a", "b", "c"], gained(1)));
  assertEquals(village.owners("a"), village.owners("c"));
  // Nobody takes from a living node what that has not given.
  assertEquals(c.changes, []);
  const given = [...a.changes.slice(before), ...b.changes];
  assertEquals(given.map(({ type, shard }) => [type, shard]).sort(), moved.map((shard) => ["yield", shard]).sort());
  const handovers = a.keeper.handovers;
  a.say({ type: "down", node: "c", incarnation: 1 });
  village.nodes.delete("c");
  village.settle();
  assertEquals(village.owners("b"), desired(["a", "b"], gained(2)));
  assertEquals([a.keeper.handovers, b.keeper.handovers], [handovers + moved.length, handovers + moved.length]);
});

Deno.test("what is under way is not said again, and what came to nothing is, if it is still wanted", () => {
  const village = new Village();
  const a = village.add("a");
  a.read(1);
  assertEquals(a.changes.length, SHARDS);
  a.keeper.look();
  assertEquals(a.changes.length, SHARDS);
  village.settle();
  // Gives to a node that is dead before that comes by.
  village.add("b");
  a.say({ type: "down", node: "b", incarnation: 1 });
  a.read(1);
  const given = a.changes.slice(SHARDS);
  assert(given.length > 0 && given.every(({ type }) => type === "yield"));
  village.settle();
  assertEquals(village.owners("a"), ALL.map(() => "a1"));
  const again = village.add("b", 2);
  village.settle();
  assertEquals(a.changes.slice(SHARDS + given.length), given);
  assertEquals(village.owners("a").filter((owner) => owner === "b2").length, given.length);
  assertEquals(again.changes, []);
});

Deno.test("a node that is no longer one says nothing, and neither does a life that is over", () => {
  const village = new Village();
  const a = village.add("a");
  a.isSilent = true;
  village.settle();
  assertEquals(a.changes, []);
  assertEquals(wantedChanges(a.state, { node: "a", incarnation: 1 }).length, SHARDS);
  assertEquals(wantedChanges(a.state, { node: "a", incarnation: 2 }), []);
  assertEquals(wantedChanges(a.state, { node: "b", incarnation: 1 }), []);
});

Deno.test("while nobody owns a shard the one decides who will; a life that is over decides about nothing", () => {
  const village = new Village();
  const [a, b] = [village.add("a"), village.add("b")];
  a.isSilent = b.isSilent = true;
  village.settle();
  const heir = desiredOwner(livesOf("a", "b"), 7)!;
  assertEquals(tenureOf(a.state, 7)?.owner.node, heir.node);
  assertEquals(tenureOf(new ClusterState(SHARDS), 7), undefined);
  const terms = new ShardTerms((shard) => tenureOf(a.state, shard));
  assertEquals([terms.look(7), terms.look(7), terms.of(7)], ["owner", undefined, 1]);
  const other = heir.node === "a" ? b : a;
  other.say({ type: "claim", shard: 7, epoch: 0 });
  village.settle();
  assertEquals(tenureOf(a.state, 7), { owner: { node: other.name, incarnation: 1 }, epoch: 1 });
  assertEquals([terms.look(7), terms.of(7)], ["owner", 2]);
  a.say({ type: "down", node: other.name, incarnation: 1 });
  b.say({ type: "down", node: other.name, incarnation: 1 });
  village.settle();
  assertEquals(tenureOf(a.state, 7)?.owner.node, heir.node);
  assertEquals(tenureOf(a.state, 7)?.epoch, 1);
  assertEquals(terms.look(7), "owner");
});

Deno.test("whoever comes and goes in whatever order, in the end each shard has one owner, and all say the same", () => {
  const first = Date.now() % 1e9;
  for (let seed = first; seed < first + 60; seed++) {
    const random = new Random(seed);
    const village = new Village();
    village.add("a");
    for (let step = 0; step < 40; step++) {
      const names = [...village.nodes.keys()];
      const name = random.pick(["b", "c", "d"]);
      if (random.chance(0.2) && !village.nodes.has(name)) village.add(name, step + 1);
      else if (random.chance(0.1) && village.nodes.has(name)) {
        const { incarnation } = village.nodes.get(name)!;
        village.nodes.delete(name);
        village.nodes.get("a")!.say({ type: "down", node: name, incarnation });
      } else village.nodes.get(random.pick(names))!.read(random.between(1, 70));
    }
    village.settle();
    const live = [...village.nodes.keys()];
    for (const name of live) assertEquals(village.owners(name), village.owners("a"), `seed ${seed}`);
    const expected = ALL.map((shard) => desiredOwner(livesOf(...live), shard)!.node);
    assertEquals(village.owners("a").map((owner) => owner[0]!), expected, `seed ${seed}`);
  }
});

Deno.test("who begins with a snapshot knows the owners and epochs, those of dead nodes too", () => {
  const village = new Village();
  const [a] = [village.add("a"), village.add("b")];
  village.settle();
  village.nodes.delete("b");
  a.isSilent = true;
  a.say({ type: "down", node: "b", incarnation: 1 });
  village.settle();
  const [part] = [...snapshotParts({
    position: a.position,
    writers: a.state.writers(),
    shards: ALL.map((shard) => a.state.shard(shard)!),
    retained: [],
    wills: [],
    nowMs: 0,
    epochMs: 0,
  })];
  const state = new ClusterState(SHARDS);
  state.restore(part!.writers, part!.shards);
  for (const shard of ALL) assertEquals(state.shard(shard), a.state.shard(shard));
  const life = { node: "a", incarnation: 1 };
  assertEquals(wantedChanges(state, life), wantedChanges(a.state, life));
  state.restore([], []);
  for (const shard of ALL) assertEquals([state.shard(shard)?.owner, state.shard(shard)?.epoch], [undefined, 0]);
});
