/** Who has a client identifier, where questions come late or not at all. */
import { assert, assertEquals } from "@std/assert";
import { Claims } from "../../src/cluster/claims.ts";
import type { Life } from "../../src/cluster/cluster_state.ts";
import type { Link } from "../../src/cluster/link.ts";
import { desiredOwner } from "../../src/cluster/shards.ts";

const PATIENCE_MS = 5000;

/** Nodes that ask each other as if over links; a question that is held comes when it is let go. */
class Party {
  readonly nodes = new Map<string, Claims>();
  readonly sessions = new Map<string, string[]>();
  nowMs = 100_000;
  isHeld = false;
  isConnected = true;
  lives: readonly Life[];
  /** What is to be done by and by. @default it is done at once */
  chores: Iterator<void, void>[] | undefined;
  readonly #held: (() => void)[] = [];
  readonly #timers: { readonly atMs: number; readonly run: () => void }[] = [];

  constructor(names: readonly string[]) {
    this.lives = names.map((node) => ({ node, incarnation: 1 }));
    for (const name of names) this.nodes.set(name, this.#claims(name));
    for (const claims of this.nodes.values()) claims.ownersChanged();
  }

  /** The process of a node ends without a word, and another one comes in its place before the others have missed it. */
  restart(node: string): void {
    this.lives = this.lives.map((life) => life.node === node ? { node, incarnation: life.incarnation + 1 } : life);
    this.nodes.set(node, this.#claims(node));
    for (const claims of this.nodes.values()) claims.ownersChanged();
  }

  #claims(node: string): Claims {
    const own: string[] = [];
    const life = this.lives.find((life) => life.node === node)!;
    this.sessions.set(node, own);
    return new Claims({
      node,
      life: () => life,
      nodes: () => this.lives,
      tenure: (shard) => ({ owner: desiredOwner(this.lives, shard)!, epoch: 1 }),
      position: () => 1,
      readUpTo: () => undefined,
      link: (name) => this.#link(node, name),
      epoch: () => this.nowMs,
      hasSession: (id) => own.includes(id),
      kick: (id) => void own.splice(own.indexOf(id), own.includes(id) ? 1 : 0),
      soon: (run) => void setImmediate(run),
      after: (ms, run) => {
        const timer = { atMs: this.nowMs + ms, run };
        this.#timers.push(timer);
        return () => void this.#timers.splice(this.#timers.indexOf(timer), this.#timers.includes(timer) ? 1 : 0);
      },
      chores: { add: (work) => this.chores ? void this.chores.push(work) : done(work) },
      work: { steps: 0 },
      patienceMs: PATIENCE_MS,
    });
  }

  #link(from: string, to: string): Link {
    const ask = async (question: Uint8Array) => {
      if (this.isHeld) await new Promise<void>((resolve) => this.#held.push(resolve));
      return await this.nodes.get(to)!.answer({ node: from, incarnation: 1 }, question);
    };
    return { connected: this.isConnected, ask } as unknown as Link;
  }

  async signIn(node: string, id: string): Promise<string | undefined> {
    const problem = await this.nodes.get(node)!.claim(id);
    if (problem !== undefined) return problem;
    this.sessions.get(node)!.push(id);
    this.nodes.get(node)!.signedIn(id);
  }

  async pass(ms: number): Promise<void> {
    this.nowMs += ms;
    for (const timer of this.#timers.splice(0)) timer.atMs <= this.nowMs ? timer.run() : this.#timers.push(timer);
    for (const claims of this.nodes.values()) claims.tick();
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  async letGo(): Promise<void> {
    this.isHeld = false;
    for (const go of this.#held.splice(0)) go();
    await this.pass(0);
  }

  where(id: string): string[] {
    return [...this.sessions].filter(([, own]) => own.includes(id)).map(([node]) => node);
  }
}

function done(work: Iterator<void, void>): void {
  while (!work.next().done);
}

/** Identifiers of different owners. */
const ids = Array.from({ length: 12 }, (_, i) => `client ${i}`);

Deno.test("an identifier is where it was claimed last", async () => {
  const party = new Party(["a", "b", "c"]);
  for (const id of ids) {
    for (const node of ["a", "b", "c", "a"]) {
      assertEquals(await party.signIn(node, id), undefined);
      assertEquals(party.where(id), [node]);
    }
  }
});

Deno.test("a claim that comes when nobody waits for it takes the identifier from nobody who came later", async () => {
  const party = new Party(["a", "b", "c"]);
  for (const id of ids) {
    party.isHeld = true;
    const first = party.signIn("a", id);
    await party.pass(PATIENCE_MS);
    assertEquals(await first, undefined);
    party.isHeld = false;
    await party.pass(1000);
    await party.signIn("b", id);
    party.isHeld = true;
    await party.letGo();
    await party.pass(PATIENCE_MS);
    assertEquals(party.where(id), ["b"], id);
  }
});

Deno.test("a node that is not reached at the time is told later that another has the identifier", async () => {
  const party = new Party(["a", "b", "c"]);
  for (const id of ids) await party.signIn("a", id);
  party.isConnected = false;
  await party.pass(10);
  for (const id of ids) await party.signIn("b", id);
  party.isConnected = true;
  await party.pass(1000);
  for (const id of ids) assertEquals(party.where(id), ["b"], id);
});

Deno.test("what a node had is nobody's when its process was replaced before anybody has missed it", async () => {
  const party = new Party(["a", "b", "c"]);
  for (const id of ids) await party.signIn("a", id);
  await party.signIn("b", "stays");
  await party.pass(10);
  party.restart("a");
  await party.pass(1000);
  const held = () => [...party.nodes.values()].reduce((sum, claims) => sum + claims.held, 0);
  assertEquals(held(), 1);
  for (const id of ids) assertEquals(await party.signIn("a", id), undefined);
  assertEquals(held(), 1 + ids.length);
});

Deno.test("new owners are told by and by, and not of who has gone meanwhile", async () => {
  const party = new Party(["a", "b"]);
  await party.pass(10);
  const many = Array.from({ length: 3000 }, (_, i) => `client ${i}`);
  for (const id of many) await party.signIn("a", id);
  await party.pass(10);
  party.chores = [];
  party.restart("b");
  await party.pass(10);
  const [telling] = party.chores;
  // All are marked, and half of them looked at.
  for (let step = 0; step < 4500; step++) assert(!telling!.next().done);
  const held = () => party.nodes.get("a")!.held + party.nodes.get("b")!.held;
  await party.pass(10);
  const before = held();
  assert(before < many.length, `${before}`);
  for (const id of many) {
    party.sessions.get("a")!.pop();
    party.nodes.get("a")!.sessionEnded(id);
  }
  await party.pass(10);
  for (const work of party.chores) done(work);
  await party.pass(10);
  assertEquals(held(), 0);
});

Deno.test("a client whose identifier was given to another node while it signs in is not let in", async () => {
  const party = new Party(["a", "b"]);
  const refused: string[] = [];
  for (const id of ids) {
    // Both ask at once: the one that the owner serves last has it.
    const [a, b] = await Promise.all([party.signIn("a", id), party.signIn("b", id)]);
    await party.pass(10);
    if (a ?? b) refused.push(id);
    assertEquals(party.where(id).length, 1, `${id}: ${party.where(id)}`);
  }
  assert(refused.length > 0);
});
