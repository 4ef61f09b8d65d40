/** The SQLite store against the plain one of the tests, under any changes, restarts and crashes. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { DatabaseSync } from "node:sqlite";
import { parseTopicFilter, parseTopicName } from "../../../src/packet/topic.ts";
import { SqliteStore } from "../../../src/store/sqlite/sqlite_store.ts";
import type { Change, DeliveryState, Store } from "../../../src/store/store.ts";
import { MemoryStore } from "../../support/memory_store.ts";
import { delivery, message, opened, queued, session, underWay } from "../contract.ts";
import { TemporaryFolder } from "../support.ts";

type Step = readonly [kind: number, which: number, extra: number];

/** Makes steps into changes that a broker could make: it does not end what has not begun. */
class Script {
  readonly #sessions = new Set<number>();
  readonly #retained = new Map<number, number>();
  readonly #kinds: readonly ((which: number, extra: number) => Change[])[] = [
    (which, extra) => this.#begin(which, extra),
    (which) => this.#end(which),
    (which, extra) => this.#deliver(which, extra),
    (which, extra) => this.#deliver(which, extra),
    (which, extra) => this.#deliver(which, extra),
    (which) => this.#move(which, "queued", "sent"),
    (which) => this.#move(which, "sent", "released"),
    (which) => this.#settle(which),
    (which, extra) => this.#subscribe(which, extra),
    (which, extra) => this.#accept(which, extra),
    (which, extra) => this.#retain(which, extra),
    (which, extra) => this.#will(which, extra),
  ];
  #deliveries: { readonly session: number; readonly sequence: number; state: DeliveryState }[] = [];
  #last = 0;

  batch(steps: readonly Step[]): Change[] {
    return steps.flatMap(([kind, which, extra]) => this.#kinds[kind % this.#kinds.length](which, extra));
  }

  #begin(which: number, extra: number): Change[] {
    const number = 1 + which % 4;
    this.#sessions.add(number);
    return [session(number, extra % 2 === 0 ? { username: `u${extra}`, disconnectedAt: extra } : {})];
  }

  #end(which: number): Change[] {
    const number = 1 + which % 4;
    this.#sessions.delete(number);
    this.#deliveries = this.#deliveries.filter(({ session }) => session !== number);
    return [{ type: "session-end", session: number }];
  }

  #deliver(which: number, extra: number): Change[] {
    const shared = this.#retained.get(extra % 3);
    const id = shared ?? ++this.#last;
    const isSent = extra % 5 === 0;
    const state = isSent ? "sent" : "queued";
    const how = { sizeBytes: extra, qos: 2, state, packetIdentifier: isSent ? 1 + extra : 0 } as const;
    const targets = [...this.#sessions].filter((_, index) => (which >> index) % 2 === 0);
    const changes = targets.map((number) => {
      const sequence = ++this.#last;
      this.#deliveries.push({ session: number, sequence, state });
      return delivery(number, sequence, id, how);
    });
    return shared === undefined ? [message(id, { payload: new Uint8Array(extra) }), ...changes] : changes;
  }

  #move(which: number, from: "queued" | "sent", to: "sent" | "released"): Change[] {
    const one = this.#deliveries.filter(({ state }) => state === from).at(which % 7);
    if (one === undefined) return [];
    one.state = to;
    const { session, sequence } = one;
    return [
      to === "sent" ? { type: to, session, sequence, packetIdentifier: 1 + which } : { type: to, session, sequence },
    ];
  }

  #settle(which: number): Change[] {
    const [one] = this.#deliveries.splice(which % 7, 1);
    return [{ type: "settled", session: one?.session ?? 1, sequence: one?.sequence ?? 1_000_000 }];
  }

  #subscribe(which: number, extra: number): Change[] {
    const number = 1 + which % 4;
    const topicFilter = parseTopicFilter(`f/${extra % 3}`);
    if (!this.#sessions.has(number)) return [];
    if (extra % 4 === 0) return [{ type: "unsubscribe", session: number, topicFilter }];
    const options = { qos: 1, noLocal: extra % 2 === 0, retainAsPublished: false, identifier: 1 + extra } as const;
    return [{ type: "subscribe", session: number, subscription: { topicFilter, ...options } }];
  }

  #accept(which: number, extra: number): Change[] {
    const number = 1 + which % 4;
    if (!this.#sessions.has(number)) return [];
    return [{ type: extra % 2 === 0 ? "accept" : "release", session: number, packetIdentifier: 1 + extra % 5 }];
  }

  #retain(which: number, extra: number): Change[] {
    const topicName = parseTopicName(`r/${which % 3}`);
    this.#retained.delete(which % 3);
    if (extra % 4 === 0) return [{ type: "clear", topicName }];
    const id = ++this.#last;
    this.#retained.set(which % 3, id);
    return [message(id, { topicName }), { type: "retain", topicName, messageId: id, serial: id }];
  }

  #will(which: number, extra: number): Change[] {
    const clientIdentifier = `c${which % 3}`;
    if (extra % 3 === 0) return [{ type: "will-end", clientIdentifier }];
    const fields = { topicName: parseTopicName("w"), payload: new Uint8Array(extra), qos: 1, retain: false } as const;
    const will = { ...fields, delayIntervalSeconds: which, properties: { contentType: "x" } };
    return [{ type: "will", clientIdentifier, ...extra % 2 === 0 && { dueAt: extra }, will }];
  }
}

async function contentsOf(store: Store) {
  const { lastMessageId, lastSession, ...state } = await opened(store);
  const deliveries = [];
  for (let number = 1; number <= 4; number++) {
    deliveries.push(await store.deliveries(number, queued), await store.deliveries(number, underWay));
  }
  return { last: [lastMessageId, lastSession], contents: { ...state, deliveries } };
}

/** Bodies whose count is wrong. */
function wrongBodies(path: string): unknown[] {
  const database = new DatabaseSync(path);
  const rows = database.prepare(
    `SELECT id, refs FROM message WHERE refs = 0 OR refs <>
      (SELECT count(*) FROM delivery WHERE message = message.id AND state < 2) +
      (SELECT count(*) FROM retained WHERE message = message.id)`,
  ).all();
  database.close();
  return rows;
}

Deno.test("the SQLite store agrees with a plain one under any changes, restarts and crashes", async () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const step = fc.tuple(fc.nat(11), fc.nat(40), fc.nat(40));
  const batch = fc.array(step, { minLength: 1, maxLength: 12 });
  const lives = fc.array(fc.record({ batches: fc.array(batch, { maxLength: 8 }), crash: fc.boolean() }), {
    minLength: 1,
    maxLength: 3,
  });
  await fc.assert(
    fc.asyncProperty(lives, async (all) => {
      await using folder = new TemporaryFolder();
      const model = new MemoryStore();
      const script = new Script();
      let path = folder.file;
      for (const [life, { batches, crash }] of all.entries()) {
        const store = new SqliteStore({ path, commit: "os" });
        const [expected, found] = [await contentsOf(model), await contentsOf(store)];
        assertEquals(found.contents, expected.contents);
        assert(found.last[0] >= expected.last[0] && found.last[1] >= expected.last[1]);
        // Not each after the other's promise, so that some become one transaction.
        const changes = batches.map((steps) => script.batch(steps));
        await Promise.all(changes.flatMap((one) => [store.append(one), model.append(one)]));
        if (crash) {
          // What a process that is killed leaves behind.
          const next = `${folder.file}-${life}`;
          Deno.copyFileSync(path, next);
          Deno.copyFileSync(`${path}-wal`, `${next}-wal`);
          path = next;
        }
        await store.close();
        await model.close();
      }
      const store = new SqliteStore({ path, commit: "os" });
      assertEquals((await contentsOf(store)).contents, (await contentsOf(model)).contents);
      await store.close();
      assertEquals(wrongBodies(path), []);
    }),
    { seed, numRuns: 40 },
  );
});
