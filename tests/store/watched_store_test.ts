/** A database file that is deleted or replaced while it is in use. */
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { createStore } from "../../src/broker/stores.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite_store.ts";
import { StoreError } from "../../src/store/store.ts";
import { WatchedStore } from "../../src/store/sqlite/watched_store.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { CollectingLogger } from "../support/test_broker.ts";
import { opened, queued, session } from "./contract.ts";
import { SqlitePlace } from "./support.ts";

/** Longer than the file may go without being looked at. */
const LATER_MS = 10_000;

/** An open store whose file is looked at after each {@linkcode LATER_MS}. */
async function watched({ file }: SqlitePlace) {
  const clock = { nowMs: 0 };
  const store = new WatchedStore(new SqliteStore({ path: file, commit: "os" }), file, { now: () => clock.nowMs });
  await opened(store);
  await store.append([session(1)]);
  clock.nowMs += LATER_MS;
  await store.append([session(2)]);
  clock.nowMs += LATER_MS;
  return { store, clock };
}

async function faultOf(work: () => Promise<unknown>): Promise<StoreError> {
  return await assertRejects(work, StoreError);
}

function test(title: string, body: (place: SqlitePlace) => Promise<void>): void {
  // What is open cannot be deleted there.
  Deno.test({
    name: title,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using place = new SqlitePlace();
      await body(place);
    },
  });
}

test("a database that was moved away is told, nothing is stored, and all goes on when it is back", async (place) => {
  const { store, clock } = await watched(place);
  Deno.renameSync(place.file, `${place.file}.away`);
  for (let round = 0; round < 2; round++) {
    const { message, fault, lasting } = await faultOf(() => store.append([session(3)]));
    assertEquals([fault, lasting], ["corrupt", true]);
    assertEquals(
      message,
      `${place.file}: was deleted or moved away while it was in use: put the file that was there back in its place, or ` +
        "restart the broker to go on with what is there now, which may be nothing",
    );
    await faultOf(() => store.deliveries(1, queued));
    clock.nowMs += LATER_MS;
  }
  Deno.renameSync(`${place.file}.away`, place.file);
  await store.append([session(3)]);
  await store.close();
  const again = place.create();
  assertEquals((await opened(again)).sessions.map(({ session }) => session), [1, 2, 3]);
  await again.close();
});

test("a database that was replaced is told, and the other file stays as it is", async (place) => {
  const { store } = await watched(place);
  Deno.copyFileSync(place.file, `${place.file}.copy`);
  Deno.renameSync(`${place.file}.copy`, place.file);
  const before = Deno.readFileSync(place.file);
  const { message } = await faultOf(() => store.append([session(3)]));
  assert(message.startsWith(`${place.file}: was replaced by another file while it was in use: `), message);
  assertEquals(Deno.readFileSync(place.file), before);
  await store.close();
});

test("a log that was deleted is told, and a shutdown saves what it held", async (place) => {
  const { store } = await watched(place);
  Deno.removeSync(`${place.file}-wal`);
  const { message, fault } = await faultOf(() => store.append([session(3)]));
  assertEquals(fault, "corrupt");
  assert(message.startsWith(`${place.file}-wal: was deleted or moved away while it was in use: `), message);
  await store.close();
  const again = place.create();
  assertEquals((await opened(again)).sessions.map(({ session }) => session), [1, 2]);
  await again.close();
});

test("after any fault the file is looked at again at once, so that no new one is made in its place", async (place) => {
  const inner = new MemoryStore();
  Deno.writeTextFileSync(place.file, "x");
  const store = new WatchedStore(inner, place.file, { now: () => 0 });
  await store.open();
  Deno.removeSync(place.file);
  // It is not time to look yet.
  await store.append([session(1)]);
  inner.failNext(new StoreError("broken", "io"));
  assertEquals((await faultOf(() => store.append([session(2)]))).fault, "io");
  assertEquals((await faultOf(() => store.append([session(2)]))).fault, "corrupt");
  await store.close();
});

Deno.test("the broker's database file is looked at while it is in use", async () => {
  const persistence = { type: "sqlite", path: "/nowhere/broker.db", commit: "os" } as const;
  assertInstanceOf(await createStore({ persistence, baseDirectory: "/nowhere" }, new CollectingLogger()), WatchedStore);
});
