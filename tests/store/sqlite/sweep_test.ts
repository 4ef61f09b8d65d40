/** Sessions that end with very many messages are deleted in parts. */
import { assert, assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteDatabase } from "../../../src/store/sqlite/database.ts";
import type { Change } from "../../../src/store/store.ts";
import { delivery, message, opened, queued, session } from "../contract.ts";
import { SqlitePlace } from "../support.ts";

const MANY = 5001;

/** Messages `1` to {@linkcode MANY} wait for session 1, the first of them for session 2 too. */
function many(): Change[] {
  const changes: Change[] = [session(1), session(2)];
  for (let n = 1; n <= MANY; n++) changes.push(message(n), delivery(1, n, n));
  return [...changes, delivery(2, 1, 1), delivery(2, 2, MANY)];
}

function openDatabase({ file }: SqlitePlace) {
  let raw: DatabaseSync | undefined;
  const openFile = (path: string) => raw = new DatabaseSync(path);
  const database = new SqliteDatabase({ path: file, commit: "os" }, { openFile });
  database.open();
  const count = (table: string) => Number(raw!.prepare(`SELECT count(*) AS n FROM ${table}`).get()!.n);
  return { database, left: () => ({ deliveries: count("delivery"), messages: count("message") }) };
}

Deno.test("a session that ends with many messages is gone at once, and they go in parts, over restarts", async () => {
  await using place = new SqlitePlace();
  const first = openDatabase(place);
  first.database.append(many());
  first.database.append([{ type: "session-end", session: 1 }]);
  assertEquals(first.database.sessions(0).map(({ session }) => session), [2]);
  assertEquals(first.database.deliveries(1, queued), []);
  assert(first.database.isUntidy && first.left().deliveries > 2);
  first.database.close();

  const second = openDatabase(place);
  assertEquals(second.database.sessions(0).map(({ session }) => session), [2]);
  assertEquals(second.database.deliveries(1, queued), []);
  const before = second.left().deliveries;
  second.database.tidy();
  assert(second.left().deliveries < before && second.database.isUntidy);
  second.database.close();

  const third = openDatabase(place);
  while (third.database.isUntidy) third.database.tidy();
  assertEquals(third.left(), { deliveries: 2, messages: 2 });
  assertEquals(third.database.deliveries(2, queued).map(({ message }) => message?.id), [1, MANY]);
  third.database.append([{ type: "session-end", session: 2 }]);
  assertEquals(third.left(), { deliveries: 0, messages: 0 });
  third.database.close();
});

Deno.test("many sessions that end at once go in parts too, and so do large messages", async () => {
  await using place = new SqlitePlace();
  const { database, left } = openDatabase(place);
  const changes: Change[] = [];
  const payload = new Uint8Array(1_000_000);
  for (let n = 1; n <= 20; n++) {
    changes.push(session(n), message(n, { payload }), { ...delivery(n, 1, n), sizeBytes: payload.length } as Change);
  }
  database.append(changes);
  database.append(Array.from({ length: 20 }, (_, n) => ({ type: "session-end", session: n + 1 })));
  assertEquals(database.sessions(0), []);
  assert(left().deliveries > 0 && left().deliveries < 20);
  while (database.isUntidy) database.tidy();
  assertEquals(left(), { deliveries: 0, messages: 0 });
  database.close();
});

Deno.test("the store's worker deletes the parts by itself, between what else is asked of it", async () => {
  await using place = new SqlitePlace();
  const store = place.create();
  await opened(store);
  await store.append(many());
  await store.append([{ type: "session-end", session: 1 }]);
  for (let n = 3; n < 200; n++) await store.append([session(n)]);
  // The turns of the worker's event loop, and not the time that they take, are what it needs.
  for (let round = 0; round < 100; round++) assertEquals(await store.deliveries(1, queued), []);
  await store.close();
  const { database, left } = openDatabase(place);
  assert(left().deliveries < MANY - 2000, `${left().deliveries} are left`);
  database.close();
});
