/** Who lives: three nodes over one log, with a clock that is moved by hand. */
import { assertEquals } from "@std/assert";
import { ClusterState } from "../../src/cluster/cluster_state.ts";
import { Membership } from "../../src/cluster/membership.ts";
import type { ClusterRecord, RecordBody } from "../../src/cluster/record.ts";

const TIMEOUT_MS = 5000;

/** Nodes whose words land at once in one log, unless they are silenced; who is deaf reads nothing. */
class Village {
  nowMs = 0;
  readonly silent = new Set<string>();
  readonly deaf = new Set<string>();
  readonly downs: string[] = [];
  readonly cutOff: string[] = [];
  readonly #log: ClusterRecord[] = [];
  readonly #nodes = new Map<string, { membership: Membership; state: ClusterState; read: number; n: number }>();

  constructor(...names: string[]) {
    for (const name of names) {
      const state = new ClusterState(0);
      const node = { state, read: 0, n: 0, membership: undefined as unknown as Membership };
      node.membership = new Membership({
        node: name,
        failureTimeoutMs: TIMEOUT_MS,
        state,
        now: () => this.nowMs,
        say: (body) => this.#say(name, node, body),
        position: () => node.read,
        onCutOff: (isCutOff) => this.cutOff.push(`${name} ${isCutOff}`),
      });
      this.#nodes.set(name, node);
      this.#say(name, node, { type: "up", oldest: 1, newest: 1, address: "" });
    }
  }

  /** Lets so much time pass, in pieces of 250 ms. */
  pass(ms: number): void {
    for (const end = this.nowMs + ms; this.nowMs < end;) {
      this.nowMs += 250;
      for (const [name, node] of this.#nodes) {
        if (!this.deaf.has(name)) this.#read(node);
        node.membership.tick();
      }
    }
  }

  #say(writer: string, node: { n: number }, body: RecordBody): void {
    if (this.silent.has(writer)) return;
    this.#log.push({ writer, incarnation: 1, n: node.n++, body });
    if (body.type === "down") this.downs.push(`${writer}: ${body.node}`);
  }

  #read(node: { membership: Membership; state: ClusterState; read: number }): void {
    for (; node.read < this.#log.length; node.read++) {
      const record = this.#log[node.read]!;
      if (node.state.apply(record).is === "counts") node.membership.heard(record.writer);
    }
  }
}

Deno.test("nobody is declared dead while all are heard", () => {
  const village = new Village("a", "b", "c");
  village.pass(60_000);
  assertEquals([village.downs, village.cutOff], [[], []]);
});

Deno.test("who is silent knows it after the timeout, and is declared dead after half as much again, by the lowest", () => {
  const village = new Village("a", "b", "c");
  village.pass(2000);
  village.silent.add("a");
  village.pass(TIMEOUT_MS + 1250);
  assertEquals([village.downs, village.cutOff], [[], ["a true"]]);
  village.pass(TIMEOUT_MS);
  assertEquals(village.downs, ["b: a"]);
});

Deno.test("who reads nothing accuses nobody", () => {
  const village = new Village("a", "b", "c");
  village.pass(2000);
  village.deaf.add("a");
  village.pass(4 * TIMEOUT_MS);
  assertEquals(village.downs, []);
  assertEquals(village.cutOff, ["a true"]);
  village.deaf.delete("a");
  village.pass(2000);
  assertEquals([village.downs, village.cutOff], [[], ["a true", "a false"]]);
});

Deno.test("after the log was away for all, who is heard first gives the others their time anew", () => {
  const village = new Village("a", "b", "c");
  village.pass(2000);
  for (const name of ["a", "b", "c"]) village.silent.add(name);
  village.pass(4 * TIMEOUT_MS);
  assertEquals(village.cutOff, ["a true", "b true", "c true"]);
  village.silent.delete("c");
  village.pass(TIMEOUT_MS);
  village.silent.delete("a");
  village.pass(2000);
  assertEquals(village.downs, []);
  // "b" does not come back.
  village.pass(1.5 * TIMEOUT_MS);
  assertEquals(village.downs, ["a: b"]);
});

Deno.test("where the lowest two are silent the third speaks, once of each", () => {
  const village = new Village("a", "b", "c");
  village.silent.add("a").add("b");
  village.pass(3 * TIMEOUT_MS);
  assertEquals(village.downs.sort(), ["c: a", "c: b"]);
});
