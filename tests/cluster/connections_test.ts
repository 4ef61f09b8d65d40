/** Who is at the other end of a connection between nodes: an address outlives the life of a node. */
import { assert, assertEquals } from "@std/assert";
import { BatchReader } from "../../src/cluster/batch.ts";
import type { Life } from "../../src/cluster/cluster_state.ts";
import { Connections, type LinkCarrier } from "../../src/cluster/connections.ts";
import { hearHello, sayHello } from "../../src/cluster/handshake.ts";
import type { RouteChange } from "../../src/cluster/frames.ts";
import { Link, type LinkObserver } from "../../src/cluster/link.ts";
import type { TopicFilter } from "../../src/packet/topic.ts";
import { TopicNames } from "../../src/packet/topic_names.ts";
import { systemMachine } from "../../src/runtime/machine.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { WorkBudget } from "../../src/work_budget.ts";

const machine = systemMachine();
const silent = { debugEnabled: false, debug() {}, info() {}, warn() {}, error() {} };
const turns = async (count = 20) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Addresses, and who listens there now. */
class Net {
  readonly #listeners = new Map<string, (transport: Transport) => void>();
  /** Whoever connects waits for this. */
  gate: Promise<void> = Promise.resolve();
  dials = 0;

  carrier(address: string): LinkCarrier {
    return {
      address,
      accept: (take) => void this.#listeners.set(address, take),
      dial: async (to) => {
        this.dials++;
        await this.gate;
        const take = this.#listeners.get(to);
        if (take === undefined) throw new Error("nobody is there");
        const [here, there] = memoryPair();
        take(there);
        return here;
      },
      close: async () => {},
    };
  }
}

/** One life of a node: its connections, and at most one link. */
class Node implements LinkObserver {
  readonly connections: Connections;
  readonly routes: string[] = [];
  readonly #timers = new Set<() => void>();
  life: Life;

  constructor(net: Net, address: string, life: Life) {
    this.life = life;
    this.connections = new Connections({
      cluster: "x",
      carrier: net.carrier(address),
      detours: { accept() {}, dial: () => memoryPair()[0] },
      logger: silent,
      life: () => this.life,
      after: (ms, run) => {
        // Nobody waits in vain here, so that patience has no end.
        if (ms >= 1000) return () => {};
        this.#timers.add(run);
        return () => void this.#timers.delete(run);
      },
    });
  }

  /** The life of a peer has come by in the log. */
  link(peer: Life, address = ""): Link {
    const link = new Link({
      peer,
      maximumBytes: 2 ** 20,
      names: new TopicNames(),
      work: new WorkBudget(machine),
      observer: this,
      now: () => performance.now(),
      soon: (run) => void setImmediate(run),
      spokenAt: () => 0,
    });
    this.connections.add(link, address);
    return link;
  }

  /** What is tried again after a while is tried now. */
  runTimers(): void {
    for (const run of [...this.#timers]) {
      this.#timers.delete(run);
      run();
    }
  }

  onMessage = () => true;
  onRoutes(_link: Link, changes: readonly RouteChange[]): void {
    this.routes.push(...changes.map(({ topicFilter }) => topicFilter));
  }
  onDigest(): void {}
  onRoutesWanted(): void {}
  onRequest = () => Promise.resolve(new Uint8Array());
  onReturn(): void {}
  readUpTo(): undefined {}
  onDrop(): void {}
}

const routeOf = (topicFilter: string) => ({ topicFilter: topicFilter as TopicFilter, shareName: undefined, weight: 1 });

Deno.test("what a node had from a former life of another is not taken for what the next one has said", async () => {
  const net = new Net();
  const a = new Node(net, "a:1", { node: "a", incarnation: 1 });
  const former = new Node(net, "b:1", { node: "b", incarnation: 1 });
  const toFormer = a.link(former.life, "b:1");
  const fromFormer = former.link(a.life);
  for (let i = 0; i < 5; i++) fromFormer.tellRoutes([routeOf(`old/${i}`)], false);
  await fromFormer.routesTaken();
  assertEquals([a.routes.length, toFormer.received], [5, 5]);
  // The process is killed, and the next one listens at the same address; `a` has not read of it in the log yet.
  const next = new Node(net, "b:1", { node: "b", incarnation: 2 });
  const closed = former.connections.close();
  await turns();
  a.runTimers();
  await turns();
  const fromNext = next.link(a.life);
  fromNext.tellRoutes([routeOf("new")], true);
  await turns();
  // Now it has.
  a.connections.remove(toFormer);
  toFormer.end();
  const toNext = a.link(next.life, "b:1");
  const dials = net.dials;
  for (let i = 0; i < 5 && !(fromNext.connected && toNext.connected); i++) {
    await turns();
    a.runTimers();
  }
  await turns();
  assertEquals(a.routes.slice(5), ["new"]);
  assertEquals(fromNext.routesTaken(), undefined);
  assert(net.dials - dials <= 1, "the link to the new life was taken away again");
  await Promise.all([closed, a.connections.close(), next.connections.close()]);
});

Deno.test("a node that was declared dead while it connects does not give out in its next life what it had before", async () => {
  const net = new Net();
  const a = new Node(net, "a:1", { node: "a", incarnation: 1 });
  const b = new Node(net, "b:1", { node: "b", incarnation: 1 });
  const first = { a: a.link(b.life, "b:1"), b: b.link(a.life) };
  for (let i = 0; i < 5; i++) first.b.tellRoutes([routeOf(`old/${i}`)], false);
  await first.b.routesTaken();
  const [early, late] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  net.gate = early.promise;
  first.a.breakOff();
  await turns();
  a.runTimers();
  await turns();
  // It connects; both read that `a` is dead and begins anew.
  for (const [node, link] of [[a, first.a], [b, first.b]] as const) {
    node.connections.remove(link);
    link.end();
  }
  a.life = { node: "a", incarnation: 2 };
  net.gate = late.promise;
  const again = { a: a.link(b.life, "b:1"), b: b.link(a.life) };
  again.b.tellRoutes([routeOf("new")], true);
  early.resolve();
  await turns();
  late.resolve();
  for (let i = 0; i < 5 && !(again.a.connected && again.b.connected); i++) {
    await turns();
    a.runTimers();
  }
  await turns();
  assertEquals(a.routes.slice(5), ["new"]);
  assertEquals(again.b.routesTaken(), undefined);
  await Promise.all([a.connections.close(), b.connections.close()]);
});

Deno.test("whoever does not answer who he is costs a link nothing: the connection that there is goes on", async () => {
  const net = new Net();
  const b = new Node(net, "b:1", { node: "b", incarnation: 1 });
  const a = new Node(net, "a:1", { node: "a", incarnation: 1 });
  const [toB, toA] = [a.link(b.life, "b:1"), b.link(a.life)];
  await turns();
  assert(toB.connected && toA.connected);
  // Somebody says that he is `a`, and looks for another life of `b`.
  const stranger = await net.carrier("x:1").dial("b:1");
  await sayHello(stranger, { cluster: "x", from: a.life, to: { node: "b", incarnation: 7 } });
  assertEquals(await hearHello(new BatchReader(stranger)), undefined);
  assert(toB.connected && toA.connected);
  await Promise.all([a.connections.close(), b.connections.close()]);
});
