import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Session, type SessionOptions } from "../../src/session/session.ts";
import { Sessions } from "../../src/session/sessions.ts";
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
  first.session.detach(0);
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
    if (name !== "d") session.detach(0);
  }
  sessions.expire(999);
  assertEquals(ended, []);
  sessions.expire(1000);
  assertEquals(ended, ["a", "c"]);
  assertEquals(Array.from(sessions, ({ clientIdentifier }) => clientIdentifier), ["b", "d"]);
  assert(sessions.get("d")?.connected);
});
