/** Who has a client identifier, among nodes whose links break and whose clients come and go at any time. */
import { assertEquals } from "@std/assert";
import { Claims } from "../../src/cluster/claims.ts";
import { Random } from "../support/random.ts";

const NODES = ["a", "b", "c"];
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** What goes from one node to another, in order; a broken link keeps it. */
class Wire {
  readonly frames: (() => void)[] = [];
  connected = true;
}

class Net {
  readonly wires = new Map<string, Wire>();
  readonly nodes = new Map<string, Node>();
  timers = new Set<() => void>();
  nowMs = 1e6;

  constructor() {
    for (const from of NODES) for (const to of NODES) this.wires.set(`${from}${to}`, new Wire());
    for (const name of NODES) this.nodes.set(name, new Node(name, this));
  }

  wire(from: string, to: string): Wire {
    return this.wires.get(`${from}${to}`)!;
  }

  node(name: string): Node {
    return this.nodes.get(name)!;
  }

  ask(from: string, to: string, question: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve) =>
      this.wire(from, to).frames.push(() => {
        const answered = this.node(to).claims.answer({ node: from, incarnation: 1 }, question.slice());
        void answered.then((answer) => this.wire(to, from).frames.push(() => resolve(answer)));
      })
    );
  }

  /** All links hold, and everything has come that is under way. */
  async settle(): Promise<void> {
    for (const wire of this.wires.values()) wire.connected = true;
    for (let quiet = 0; quiet < 5; quiet++) {
      for (const { claims } of this.nodes.values()) claims.tick();
      for (const { frames } of this.wires.values()) {
        if (frames.length > 0) quiet = 0;
        for (const deliver of frames.splice(0)) deliver();
      }
      await turn();
    }
  }

  /** Where a client of that identifier is connected. */
  at(clientIdentifier: string): string[] {
    return NODES.filter((name) => this.node(name).sessions.has(clientIdentifier));
  }
}

class Node {
  readonly claims: Claims;
  readonly sessions = new Map<string, number>();

  constructor(readonly name: string, readonly net: Net) {
    this.claims = new Claims({
      node: name,
      nodes: () => NODES.map((node) => ({ node, incarnation: 1 })),
      link: (to) => ({
        connected: net.wire(name, to).connected,
        ask: (question) => net.ask(name, to, question),
      }),
      epoch: () => net.nowMs,
      hasSession: (clientIdentifier) => this.sessions.has(clientIdentifier),
      kick: (clientIdentifier) => this.end(clientIdentifier),
      soon: (run) => void setImmediate(run),
      after: (_ms, run) => {
        net.timers.add(run);
        return () => void net.timers.delete(run);
      },
      patienceMs: 1000,
    });
  }

  async signIn(clientIdentifier: string, stays = true): Promise<void> {
    const problem = await this.claims.claim(clientIdentifier);
    if (!stays || problem !== undefined) return;
    this.sessions.set(clientIdentifier, this.net.nowMs);
    this.claims.signedIn(clientIdentifier);
  }

  end(clientIdentifier: string): void {
    if (this.sessions.delete(clientIdentifier)) this.claims.sessionEnded(clientIdentifier);
  }
}

Deno.test("of two clients of one identifier that come to two nodes at once one is left", async () => {
  for (const [first, second] of [["a", "b"], ["b", "c"], ["c", "a"]] as const) {
    for (const clientIdentifier of ["x", "y", "z", "u", "v"]) {
      const net = new Net();
      const both = [net.node(first).signIn(clientIdentifier), net.node(second).signIn(clientIdentifier)];
      await net.settle();
      await Promise.all(both);
      await net.settle();
      assertEquals(net.at(clientIdentifier).length, 1, `${clientIdentifier} at ${net.at(clientIdentifier)}`);
    }
  }
});

Deno.test("who was not reached when another node got his identifier is told when he is", async () => {
  for (const [first, second] of [["a", "b"], ["b", "c"], ["c", "a"]] as const) {
    for (const clientIdentifier of ["x", "y", "z", "u", "v"]) {
      const net = new Net();
      const one = net.node(first).signIn(clientIdentifier);
      await net.settle();
      await one;
      for (const [name, wire] of net.wires) if (name.includes(first)) wire.connected = false;
      net.nowMs += 1000;
      const other = net.node(second).signIn(clientIdentifier);
      for (let i = 0; i < 5; i++) {
        for (const wire of net.wires.values()) {
          if (wire.connected) { for (const deliver of wire.frames.splice(0)) deliver(); }
        }
        await turn();
      }
      await other;
      await net.settle();
      assertEquals(net.at(clientIdentifier), [second]);
    }
  }
});

Deno.test("whatever breaks and whoever comes and goes, in the end one connection of an identifier is left", async () => {
  const first = Date.now() % 1e9;
  for (let seed = first; seed < first + 150; seed++) {
    const random = new Random(seed);
    const net = new Net();
    const signingIn: Promise<void>[] = [];
    for (let step = 0; step < 60; step++) {
      const node = net.node(random.pick(NODES));
      const clientIdentifier = random.pick(["x", "y"]);
      const wire = random.pick([...net.wires.values()]);
      const what = random.between(0, 9);
      if (what < 2) signingIn.push(node.signIn(clientIdentifier, random.chance(0.9)));
      else if (what === 2) node.end(clientIdentifier);
      else if (what === 3) wire.connected = !wire.connected;
      else if (what === 4) node.claims.tick();
      else if (what === 5) {
        for (const run of [...net.timers]) if (random.chance(0.5)) run();
      } else if (wire.connected) {
        for (const deliver of wire.frames.splice(0, random.between(1, 4))) deliver();
      }
      net.nowMs += random.between(0, 3);
      if (random.chance(0.5)) await turn();
    }
    await net.settle();
    await Promise.all(signingIn);
    await net.settle();
    for (const clientIdentifier of ["x", "y"]) {
      const at = net.at(clientIdentifier);
      assertEquals(at.length <= 1, true, `seed ${seed}: ${clientIdentifier} at ${at}`);
    }
    const held = NODES.reduce((sum, name) => sum + net.node(name).claims.held, 0);
    assertEquals(held, net.at("x").length + net.at("y").length, `seed ${seed}: holders`);
    // And it is the last one.
    const last = net.node(random.pick(NODES));
    const coming = last.signIn("x");
    await net.settle();
    await coming;
    await net.settle();
    assertEquals(net.at("x"), [last.name], `seed ${seed}`);
  }
});
