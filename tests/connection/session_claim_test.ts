import { assertEquals, assertRejects } from "@std/assert";
import type { ConnectionContext } from "../../src/connection/connection_context.ts";
import { claimSession } from "../../src/connection/session_claim.ts";

interface Held {
  readonly username: string | undefined;
  unread: boolean;
}

/** Sessions of client `c`, which come one after the other while each is read. */
function contextOf(sessions: Held[], { persistent = true, fails = false } = {}) {
  const read: Held[] = [];
  const persistence = {
    isUnread: (session: Held) => session.unread,
    async read(session: Held) {
      await Promise.resolve();
      if (fails) throw new Error("no disk");
      session.unread = false;
      read.push(session);
      if (sessions.length > 1) sessions.shift();
    },
  };
  const context = {
    clock: { now: () => 0 },
    sessions: { expireOne: () => {}, changed: () => {}, get: () => sessions[0] },
    persistence: persistent ? persistence : undefined,
  };
  return { context: context as unknown as ConnectionContext, read };
}

const claimant = { clientIdentifier: "c", username: "u", cleanStart: false };
const unread = (username: string | undefined): Held => ({ username, unread: true });

Deno.test("A session is claimed when all that the store has of it is read, also of the one that took its place meanwhile", async () => {
  const sessions = [unread("u"), unread("u")];
  const all = [...sessions];
  const { context, read } = contextOf(sessions);
  await claimSession(context, claimant);
  assertEquals(read, all);
});

Deno.test("Nothing is read for who begins anew, has no session, has another's, or where nothing is stored", async () => {
  for (
    const [{ context, read }, cleanStart] of [
      [contextOf([unread("u")]), true],
      [contextOf([]), false],
      [contextOf([unread("another")]), false],
      [contextOf([unread(undefined)]), false],
      [contextOf([unread("u")], { persistent: false }), false],
      [contextOf([{ username: "u", unread: false }]), false],
    ] as const
  ) {
    await claimSession(context, { ...claimant, cleanStart });
    assertEquals(read, []);
  }
});

Deno.test("A session that cannot be read cannot be claimed", async () => {
  const { context } = contextOf([unread("u")], { fails: true });
  await assertRejects(() => claimSession(context, claimant), Error, "no disk");
});
