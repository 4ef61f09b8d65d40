import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { SessionFacts } from "../../src/session/session_log.ts";
import { Session, type SessionOptions } from "../../src/session/session.ts";
import { Sessions } from "../../src/session/sessions.ts";
import { FakeSessionJournal } from "./fake_session_journal.ts";
import { delivery, senderOptions } from "./support.ts";

function options(clientIdentifier: string, expiryIntervalSeconds = 10) {
  const { options: sender, dropped } = senderOptions();
  const session: SessionOptions = {
    clientIdentifier,
    username: "alice",
    expiryIntervalSeconds,
    sender,
    onReturn: () => false,
  };
  return { session, dropped };
}

function open(sessions: Sessions, session: SessionOptions, cleanStart: boolean) {
  return sessions.open(session, cleanStart, () => new Session(session));
}

Deno.test("A session is resumed with its state and the new expiry interval", () => {
  const sessions = new Sessions(() => {});
  const first = open(sessions, options("a").session, false);
  assertEquals(first.present, false);
  first.session.sender.offer(delivery("x", 1));
  sessions.detach(first.session, 0);
  const second = open(sessions, options("a", 99).session, false);
  assertStrictEquals(second.session, first.session);
  assertEquals([second.present, second.session.expiryIntervalSeconds, second.session.connected], [true, 99, true]);
  assertEquals([second.session.sender.queued, sessions.size], [1, 1]);
});

Deno.test("A clean start ends the old session and makes another", () => {
  const ended: Session[] = [];
  const sessions = new Sessions((session) => ended.push(session));
  const { session: old, dropped } = options("a");
  const first = open(sessions, old, false).session;
  first.sender.offer(delivery("x", 1));
  const second = open(sessions, options("a").session, true);
  assert(second.session !== first);
  assertEquals([second.present, ended.length, dropped], [false, 1, ["x session-ended"]]);
  assertStrictEquals(ended[0], first);
  assertStrictEquals(sessions.get("a"), second.session);
});

Deno.test("A session that ends is no longer found by whoever is told, and ends once", () => {
  let told = 0;
  const sessions: Sessions = new Sessions(({ clientIdentifier }) => {
    told++;
    assertEquals(sessions.get(clientIdentifier), undefined);
  });
  const { session } = open(sessions, options("a").session, false);
  sessions.end(session);
  sessions.end(session);
  assertEquals([told, sessions.size], [1, 0]);
});

Deno.test("The end of a session that was replaced leaves the new one alone", () => {
  const sessions = new Sessions(() => {});
  const old = open(sessions, options("a").session, false).session;
  const { session } = open(sessions, options("a").session, true);
  sessions.end(old);
  assertStrictEquals(sessions.get("a"), session);
});

Deno.test("Only the sessions whose time is over expire", () => {
  const ended: string[] = [];
  const sessions = new Sessions(({ clientIdentifier }) => ended.push(clientIdentifier));
  for (const [name, seconds] of [["a", 1], ["b", 2], ["c", 1], ["d", 1]] as const) {
    const { session } = open(sessions, options(name, seconds).session, false);
    if (name !== "d") sessions.detach(session, 0);
  }
  sessions.expire(999);
  assertEquals(ended, []);
  sessions.expire(1000);
  assertEquals(ended, ["a", "c"]);
  assertEquals(Array.from(sessions, ({ clientIdentifier }) => clientIdentifier), ["b", "d"]);
  assert(sessions.get("d")?.connected);
});

Deno.test("A session that was resumed does not end when its former time is over", () => {
  const sessions = new Sessions(() => {});
  const { session } = open(sessions, options("a", 10).session, false);
  sessions.detach(session, 0);
  open(sessions, options("a", 10).session, false);
  sessions.expire(10_000);
  assertEquals(sessions.size, 1);
  sessions.detach(session, 5_000);
  sessions.expire(14_999);
  assertEquals(sessions.size, 1);
  sessions.expire(15_000);
  assertEquals(sessions.size, 0);
});

Deno.test("A session that comes back with a shorter expiry interval ends by that", () => {
  const sessions = new Sessions(() => {});
  const { session } = open(sessions, options("a", 1000).session, false);
  sessions.detach(session, 0);
  open(sessions, options("a", 1).session, false);
  sessions.detach(session, 2_000);
  sessions.expire(3_000);
  assertEquals(sessions.size, 0);
});

Deno.test("The end of a session's time is not that of the one that has taken its place", () => {
  const sessions = new Sessions(() => {});
  sessions.detach(open(sessions, options("a", 1).session, false).session, 0);
  const { session } = open(sessions, options("a", 100).session, true);
  sessions.detach(session, 0);
  sessions.expire(1_000);
  assertStrictEquals(sessions.get("a"), session);
});

Deno.test("Ending sessions can be broken off after each, and those come first whose time was over first", () => {
  const ended: string[] = [];
  const sessions = new Sessions(({ clientIdentifier }) => ended.push(clientIdentifier));
  for (const [name, seconds] of [["a", 3], ["b", 1], ["c", 2], ["d", 0xffff_ffff]] as const) {
    sessions.detach(open(sessions, options(name, seconds).session, false).session, 0);
  }
  const expiring = sessions.expiring(9_000);
  expiring.next();
  expiring.next();
  assertEquals(ended, ["b", "c"]);
  sessions.expire(9_000);
  assertEquals(ended, ["b", "c", "a"]);
  assertEquals(sessions.size, 1);
});

Deno.test("A session whose time is over can be ended before its turn, and no other one", () => {
  const sessions = new Sessions(() => {});
  for (const name of ["a", "b", "c"]) {
    const { session } = open(sessions, options(name, 1).session, false);
    if (name !== "c") sessions.detach(session, 0);
  }
  sessions.expireOne("a", 999);
  assert(sessions.get("a"));
  for (const name of ["a", "c", "x"]) sessions.expireOne(name, 1_000);
  assertEquals(Array.from(sessions, ({ clientIdentifier }) => clientIdentifier), ["b", "c"]);
});

Deno.test("A client that comes and goes all the time does not outlive its expiry interval", () => {
  const sessions = new Sessions(() => {});
  // More often than former endings are kept.
  for (let nowMs = 0; nowMs < 5_000; nowMs++) {
    sessions.detach(open(sessions, options("a", 10).session, false).session, nowMs);
  }
  sessions.expire(14_998);
  assertEquals(sessions.size, 1);
  sessions.expire(14_999);
  assertEquals(sessions.size, 0);
});

Deno.test("A session that a store has had ends when its time is over", () => {
  const sessions = new Sessions(() => {});
  const { session } = options("a", 10);
  sessions.restore(new Session({ ...session, disconnectedAtMs: -4_000 }));
  sessions.expire(5_999);
  assertEquals(sessions.size, 1);
  sessions.expire(6_000);
  assertEquals(sessions.size, 0);
});

const nothing = { bytes: 0, queued: 0, inflightInbound: 0, inflightOutbound: 0 };

Deno.test("What sessions without a client hold is told together, and changes with them", () => {
  const sessions = new Sessions(() => {});
  const [a, b] = ["a", "b"].map((name) => open(sessions, options(name).session, false).session) as [Session, Session];
  const message = delivery("x", 1);
  a.sender.offer(message);
  a.receiver.accept(1);
  // They have a client.
  assertEquals([sessions.heldOffline(), [...sessions.holdersOffline()]], [nothing, []]);
  sessions.detach(a, 0);
  sessions.detach(b, 0);
  const bytes = a.sender.memoryBytes;
  const identifiers = a.heldBytes - bytes;
  assert(bytes > message.message.sizeBytes && identifiers > 0);
  assertEquals(sessions.heldOffline(), { bytes: a.heldBytes, queued: 1, inflightInbound: 1, inflightOutbound: 0 });
  assertEquals([...sessions.holdersOffline()], [a]);
  b.sender.offer(delivery("x", 1));
  sessions.changed(b);
  assertEquals([...sessions.holdersOffline()], [a, b]);
  assertEquals(sessions.heldOffline(), {
    bytes: 2 * bytes + identifiers,
    queued: 2,
    inflightInbound: 1,
    inflightOutbound: 0,
  });
  open(sessions, options("a").session, false);
  assertEquals(sessions.heldOffline(), { bytes, queued: 1, inflightInbound: 0, inflightOutbound: 0 });
  sessions.end(b);
  assertEquals([sessions.heldOffline(), [...sessions.holdersOffline()]], [nothing, []]);
});

Deno.test("What has changed in a session that holds something is found without being told", () => {
  const sessions = new Sessions(() => {});
  const { session } = open(sessions, options("a").session, false);
  session.sender.offer(delivery("x", 1));
  sessions.detach(session, 0);
  assertEquals(sessions.heldOffline().queued, 1);
  session.sender.offer(delivery("x", 1));
  assertEquals(sessions.heldOffline().queued, 2);
});

Deno.test("What a session is said to hold after its end counts no longer", () => {
  const sessions = new Sessions(() => {});
  const { session } = open(sessions, options("a").session, false);
  sessions.detach(session, 0);
  sessions.end(session);
  session.sender.offer(delivery("x", 1));
  sessions.changed(session);
  assertEquals(sessions.heldOffline(), nothing);
});

Deno.test("Sessions count for what they take by being there, and for their user, until they end", () => {
  const sessions = new Sessions(() => {});
  const { session: alice } = options("a");
  const { session: bob } = options("bb");
  const first = open(sessions, { ...alice, network: "net" }, false).session;
  const second = new Session({ ...bob, username: "bob", disconnectedAtMs: 0 });
  sessions.restore(second);
  assertEquals(sessions.baseBytes, first.baseBytes + second.baseBytes);
  const { owners } = sessions;
  assertEquals([owners.ofUser("alice"), owners.ofUser("bob"), owners.ofNetwork("net")], [1, 1, 1]);
  sessions.end(first);
  assertEquals([sessions.baseBytes, owners.ofUser("alice"), owners.ofNetwork("net")], [second.baseBytes, 0, 0]);
  sessions.end(second);
  assertEquals([sessions.baseBytes, owners.ofUser("bob")], [0, 0]);
});

Deno.test("What a session from a store holds is told at once, and one that holds nothing is not looked at", () => {
  const sessions = new Sessions(() => {});
  const [full, empty] = ["full", "empty"].map((name) => new Session({ ...options(name).session, disconnectedAtMs: 0 }));
  full!.sender.restore({ messages: 3, bytes: 300, underWay: 0, lastSequence: 3, mayBeShared: false });
  for (const session of [full!, empty!]) sessions.restore(session);
  assertEquals([...sessions.holdersOffline()], [full]);
  assertEquals(sessions.heldOffline().queued, 3);
});

Deno.test("A session that begins says so, with its expiry interval, as one that goes on does", () => {
  const noted: number[] = [];
  class Log extends FakeSessionJournal {
    override changed(facts?: SessionFacts): void {
      if (facts) noted.push(facts.expiryIntervalSeconds);
    }
  }
  const sessions = new Sessions(() => {});
  const { session } = open(sessions, { ...options("a", 7).session, log: new Log() }, false);
  open(sessions, options("a", 8).session, false);
  assertEquals([noted, session.durable], [[7, 8], true]);
});
