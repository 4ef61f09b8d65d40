/** The five rules, one at a time. The model shows that they are enough, and that none is too many. */
import { assertEquals } from "@std/assert";
import { ClusterState } from "../../src/cluster/cluster_state.ts";
import type { BatchEntry, RecordBody } from "../../src/cluster/record.ts";

/** A log of two shards, and what each record in it comes to, in one word. */
class Reading {
  readonly state = new ClusterState(2);

  say(writer: string, incarnation: number, n: number, body: RecordBody): string {
    const verdict = this.state.apply({ writer, incarnation, n, body });
    return verdict.is === "counts" ? ["counts", ...verdict.entries].at(-1)! : verdict.is;
  }

  up(writer: string, incarnation = 1): string {
    return this.say(writer, incarnation, 0, { type: "up", oldest: 1, newest: 1, address: "" });
  }

  claim(writer: string, n: number, epoch: number, shard = 0): string {
    return this.say(writer, 1, n, { type: "claim", shard, epoch });
  }

  publish(writer: string, n: number, epoch: number, packetIdentifier = 5, incarnation = 1): string {
    const publisher = { shard: 0, epoch, session: 7, packetIdentifier };
    return this.say(writer, incarnation, n, batch({ type: "message", publisher, content: new Uint8Array(1) }));
  }

  release(writer: string, n: number, epoch: number, fields: { ended?: number[]; applied?: number } = {}): string {
    const released = fields.ended ? [] : [{ session: 7, packetIdentifier: 5 }];
    const rest = { applied: 0, ended: [], changes: new Uint8Array(0), ...fields };
    return this.say(writer, 1, n, batch({ type: "part", shard: 0, epoch, released, ...rest }));
  }
}

const heartbeat = { type: "heartbeat", safe: 0 } as const;

function batch(entry: BatchEntry): RecordBody {
  return { type: "batch", entries: [entry] };
}

Deno.test("rule 1: nobody is heard before it is up, nor after its down, nor an older life of it", () => {
  const log = new Reading();
  assertEquals(log.say("a", 1, 1, heartbeat), "dead");
  assertEquals([log.up("a"), log.up("a"), log.up("b")], ["counts", "out-of-turn", "counts"]);
  assertEquals(log.say("a", 1, 1, heartbeat), "counts");
  assertEquals(log.say("b", 1, 1, { type: "down", node: "a", incarnation: 1 }), "counts");
  assertEquals(log.say("b", 1, 2, { type: "down", node: "a", incarnation: 1 }), "void");
  assertEquals([log.say("a", 1, 2, heartbeat), log.up("a")], ["dead", "dead"]);
  assertEquals([log.up("a", 3), log.up("a", 2)], ["counts", "dead"]);
  assertEquals([log.say("a", 1, 1, heartbeat), log.say("a", 3, 1, heartbeat)], ["dead", "counts"]);
  assertEquals(log.say("b", 1, 3, { type: "down", node: "a", incarnation: 1 }), "void");
  assertEquals(log.state.isLive({ node: "a", incarnation: 3 }), true);
  assertEquals(log.say("c", 1, 1, { type: "up", oldest: 1, newest: 1, address: "" }), "void");
});

Deno.test("rule 2: only the next record of a writer counts, and one that is void is its turn too", () => {
  const log = new Reading();
  log.up("a");
  assertEquals(log.say("a", 1, 2, heartbeat), "out-of-turn");
  assertEquals(log.say("a", 1, 1, heartbeat), "counts");
  assertEquals(log.say("a", 1, 1, heartbeat), "out-of-turn");
  assertEquals(log.claim("a", 2, 9), "void");
  assertEquals(log.say("a", 1, 3, heartbeat), "counts");
});

Deno.test("rule 3: of two claims that name one epoch the first counts", () => {
  const log = new Reading();
  log.up("a");
  log.up("b");
  assertEquals([log.claim("a", 1, 0), log.claim("b", 1, 0)], ["counts", "void"]);
  assertEquals(log.state.shard(0)?.owner, { node: "a", incarnation: 1 });
  assertEquals(log.claim("b", 2, 1), "counts");
  assertEquals(log.state.shard(0), { ...log.state.shard(0)!, owner: { node: "b", incarnation: 1 }, epoch: 2 });
  assertEquals(log.state.shard(1)?.owner, undefined);
  assertEquals(log.claim("a", 2, 0, 2), "void");
});

Deno.test("rule 4: only the owner speaks for a shard, in its epoch and its life", () => {
  const log = new Reading();
  log.up("a");
  log.up("b");
  assertEquals(log.publish("a", 1, 0), "not-owner");
  log.claim("a", 2, 0);
  assertEquals(log.publish("a", 3, 1), "counts");
  log.claim("b", 1, 1);
  assertEquals([log.publish("a", 4, 1, 6), log.publish("a", 5, 2, 6)], ["not-owner", "not-owner"]);
  assertEquals(log.release("a", 6, 1), "not-owner");
  assertEquals(log.state.accepted(0, 7, 5), true);
  assertEquals(log.publish("b", 2, 2, 6), "counts");
  log.up("b", 2);
  assertEquals(log.publish("b", 1, 2, 8, 2), "not-owner");
});

Deno.test("rule 4: an owner hands its shard to a node that is live, and what it said before that does not count later", () => {
  const log = new Reading();
  log.up("a");
  log.up("b");
  log.claim("a", 1, 0);
  assertEquals(log.say("a", 1, 2, { type: "yield", shard: 0, epoch: 1, to: "c" }), "void");
  assertEquals(log.say("b", 1, 1, { type: "yield", shard: 0, epoch: 1, to: "b" }), "void");
  assertEquals(log.say("a", 1, 3, { type: "yield", shard: 0, epoch: 1, to: "b" }), "counts");
  assertEquals(log.say("b", 1, 2, { type: "yield", shard: 0, epoch: 2, to: "a" }), "counts");
  assertEquals([log.publish("a", 4, 1), log.publish("a", 5, 3)], ["not-owner", "counts"]);
});

Deno.test("rule 5: a packet identifier that was taken in makes a duplicate until it is released or its session ends", () => {
  const log = new Reading();
  log.up("a");
  log.claim("a", 1, 0);
  assertEquals([log.publish("a", 2, 1), log.publish("a", 3, 1)], ["counts", "duplicate"]);
  assertEquals([log.release("a", 4, 1), log.publish("a", 5, 1)], ["counts", "counts"]);
  assertEquals(log.release("a", 6, 1, { ended: [7], applied: 40 }), "counts");
  assertEquals(log.state.accepted(0, 7, 5), false);
  assertEquals(log.publish("a", 7, 1), "counts");
  assertEquals([log.publish("a", 8, 1, 0), log.publish("a", 9, 1, 0)], ["counts", "counts"]);
  log.release("a", 10, 1, { applied: 30 });
  assertEquals(log.state.shard(0)?.applied, 40);
});

Deno.test("what no session published, as a will, needs no shard", () => {
  const log = new Reading();
  log.up("a");
  const content = new Uint8Array(2);
  assertEquals(log.say("a", 1, 1, batch({ type: "message", publisher: undefined, content })), "counts");
});
