import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import type { Connection } from "../../src/connection/connection.ts";
import { MemoryCeiling } from "../../src/broker/memory_ceiling.ts";
import { noRefusals, Refusals } from "../../src/routing/refusals.ts";
import { Session } from "../../src/session/session.ts";
import { Sessions } from "../../src/session/sessions.ts";
import { FakeSessionJournal } from "../session/fake_session_journal.ts";
import { delivery, senderOptions } from "../session/support.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { CollectingLogger } from "../support/test_broker.ts";

/** Sessions without a client, each with one message of so many bytes. */
function offline(payloadBytes: readonly number[]): { sessions: Sessions; all: Session[]; totalBytes: number } {
  const sessions = new Sessions(() => {});
  const all = payloadBytes.map((bytes, index) => {
    const options = { clientIdentifier: `s${index}`, username: undefined, expiryIntervalSeconds: 10 };
    const { options: sender } = senderOptions();
    const create = () => new Session({ ...options, sender, onReturn: () => false });
    const { session } = sessions.open(options, false, create);
    session.sender.offer(delivery("a", 1, bytes));
    sessions.detach(session, 0);
    return session;
  });
  return { sessions, all, totalBytes: all.reduce((sum, { heldBytes }) => sum + heldBytes, sessions.baseBytes) };
}

function ceiling(
  sessions: Sessions,
  maximumBytes: number,
  others: () => number = () => 0,
): { memory: MemoryCeiling; logger: CollectingLogger } {
  const logger = new CollectingLogger();
  const refusals = new Refusals({ logger, clock: new FakeClock(), statistics: { refused: noRefusals() } });
  const connectionBySession = new Map<Session, Connection>();
  return {
    memory: new MemoryCeiling({
      maximumBytes,
      sessions,
      connections: new Set(),
      connectionBySession,
      logger,
      refusals,
      others,
    }),
    logger,
  };
}

Deno.test("Of very many sessions those that hold most give up their messages, and no more than it takes", () => {
  // Largest and smallest side by side, so that their order does not help to find them.
  const sizes = Array.from({ length: 1000 }, (_, index) => index % 20 === 7 ? 100_000 + index : index % 3);
  const { sessions, all, totalBytes } = offline(sizes);
  const maximumBytes = totalBytes - 1;
  const { memory, logger } = ceiling(sessions, maximumBytes);
  memory.look();
  assert(logger.complains("max-total-bytes"));
  assertLessOrEqual(sessions.heldOffline().bytes, 0.9 * maximumBytes);
  const lost = all.filter(({ sender }) => sender.queued === 0);
  // 50 hold about five sixths of all.
  assert(lost.length > 0 && lost.length < 10, `${lost.length} have lost theirs`);
  const largest = all.filter((_, index) => sizes[index]! >= 100_000).slice(-lost.length);
  assertEquals(lost, largest);
});

Deno.test("Below the ceiling nothing is given up; near it publishers are to be read less", async () => {
  const { sessions, totalBytes } = offline([1000, 1000]);
  const { memory } = ceiling(sessions, Math.floor(totalBytes / 0.95));
  const next = memory.nextLook();
  memory.look();
  await next;
  assertEquals([memory.near, sessions.heldOffline().queued], [true, 2]);
  for (const session of [...sessions].slice(0, 1)) sessions.end(session);
  memory.look();
  assertEquals(memory.near, false);
});

Deno.test("What nobody can give up stays counted", () => {
  const { sessions, totalBytes } = offline([1000]);
  const othersBytes = 10_000;
  const { memory } = ceiling(sessions, 5000, () => othersBytes);
  memory.look();
  assertEquals([memory.totalBytes < othersBytes + totalBytes, memory.totalBytes >= othersBytes], [true, true]);
  assertEquals([memory.near, memory.admit(1)], [true, false]);
});

Deno.test("What is held is added up again when clients have sent an eighth of the room that is left, and not before", () => {
  const { sessions } = offline([]);
  let looked = 0;
  const maximumBytes = 80 * 2 ** 20;
  const { memory } = ceiling(sessions, maximumBytes, () => (looked++, 0));
  memory.look();
  memory.received(maximumBytes / 8 - 1);
  assertEquals(looked, 1);
  memory.received(maximumBytes / 128);
  assertEquals(looked, 2);
});

Deno.test("Sessions that hold nothing are not looked through", () => {
  const { sessions } = offline([1, 2]);
  const { memory } = ceiling(sessions, 2 ** 20);
  const { options: sender } = senderOptions();
  const idle = { clientIdentifier: "idle", username: undefined, expiryIntervalSeconds: 10 };
  const { session } = sessions.open(idle, false, () => new Session({ ...idle, sender, onReturn: () => false }));
  sessions.detach(session, 0);
  memory.look();
  let looked = 0;
  Object.defineProperty(session.sender, "memoryBytes", { get: () => (looked++, 0) });
  memory.look();
  assertEquals([looked, [...sessions.holdersOffline()].length], [0, 2]);
});

/** Three that hold much, each in its way; what is done to them is written down in its order. */
function holders() {
  const happened: string[] = [];
  const sessions = new Sessions(() => {});
  const session = (clientIdentifier: string, messages: number, log?: FakeSessionJournal): Session => {
    const options = { clientIdentifier, username: undefined, expiryIntervalSeconds: 10, log };
    const { options: sender } = senderOptions({ onDrop: () => happened.push(`${clientIdentifier} shed`) });
    const { session } = sessions.open(options, false, () => new Session({ ...options, sender, onReturn: () => false }));
    for (let index = 0; index < messages; index++) session.sender.offer(delivery("a", 1, 100_000));
    sessions.detach(session, 0);
    return session;
  };
  const log = new FakeSessionJournal();
  log.forgotten = () => happened.push("stored spilled");
  session("stored", 3, log);
  session("unstored", 5);
  const connection = {
    ...{ closed: false, open: undefined, heldBytes: 400_000, sharedBytes: () => 0 },
    close() {
      happened.push("slow disconnected");
      this.closed = true;
      this.heldBytes = 0;
    },
    cut() {},
  };
  const totalBytes = sessions.heldOffline().bytes + sessions.baseBytes + connection.heldBytes;
  return { sessions, happened, totalBytes, connection: connection as unknown as Connection };
}

const spilled = Array<string>(3).fill("stored spilled");
for (
  const [neededBytes, expected] of [
    [250_000, spilled],
    [650_000, [...spilled, "slow disconnected"]],
    [850_000, [...spilled, "slow disconnected", "unstored shed", "unstored shed"]],
  ] as const
) {
  Deno.test(`Of ${neededBytes} bytes too many first those go that a store has, then a slow client's, then messages`, () => {
    const { sessions, happened, totalBytes, connection } = holders();
    const maximumBytes = Math.ceil((totalBytes - neededBytes) / 0.9);
    const logger = new CollectingLogger();
    const parts = {
      maximumBytes,
      sessions,
      connections: new Set([connection]),
      connectionBySession: new Map(),
      logger,
      refusals: new Refusals({ logger, clock: new FakeClock(), statistics: { refused: noRefusals() } }),
    };
    new MemoryCeiling(parts).look();
    assertEquals(happened, expected);
  });
}
