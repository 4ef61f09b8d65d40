/** What comes of changes when the disk, the process or the worker fails. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteDatabase } from "../../../src/store/sqlite/database.ts";
import { startSqliteWorker } from "../../../src/store/sqlite/worker.ts";
import { type Change, StoreError } from "../../../src/store/store.ts";
import { parseTopicName } from "../../../src/packet/topic.ts";
import { delivery, message, messageOf, opened, queued, session } from "../contract.ts";
import { SqlitePlace } from "../support.ts";

const LOST: readonly Change[] = [
  session(1),
  message(1),
  message(2),
  delivery(1, 1, 1),
  delivery(1, 2, 2),
  { type: "settled", session: 1, sequence: 1 },
  { type: "retain", topicName: messageOf(2).topicName, messageId: 2, serial: 1 },
  delivery(1, 3, 2, { qos: 2 }),
  { type: "sent", session: 1, sequence: 3, packetIdentifier: 1 },
  { type: "released", session: 1, sequence: 3 },
];

/** A database whose next commit can be made to fail, and whose bodies can be counted. */
function faultyDatabase({ file }: SqlitePlace, commit: "disk" | "os" = "os") {
  const state: { fault?: "before" | "after"; opened: number; raw?: DatabaseSync } = { opened: 0 };
  const openFile = (path: string) => {
    const raw = new DatabaseSync(path);
    const prepare = raw.prepare.bind(raw);
    raw.prepare = (sql) => {
      const statement = prepare(sql);
      if (sql !== "COMMIT") return statement;
      const run = statement.run.bind(statement);
      statement.run = () => {
        const fault = state.fault;
        state.fault = undefined;
        const result = fault === "before" ? undefined : run();
        if (fault !== undefined) throw Object.assign(new Error("disk I/O error"), { errcode: 1034 });
        return result!;
      };
      return statement;
    };
    state.opened++;
    state.raw = raw;
    return raw;
  };
  const database = new SqliteDatabase({ path: file, commit }, { openFile });
  database.open();
  const bodies = () =>
    state.raw!.prepare("SELECT id, refs FROM message ORDER BY id").all().map(({ id, refs }) => [id, refs]);
  return { database, state, bodies };
}

Deno.test("a full disk is told as such, changes nothing, and the same changes work once there is room", async () => {
  await using place = new SqlitePlace();
  const { database, state, bodies } = faultyDatabase(place);
  database.append([session(1), message(1), delivery(1, 1, 1)]);
  state.raw!.exec("PRAGMA max_page_count = 40");
  const changes = [
    { type: "settled", session: 1, sequence: 1 },
    message(2, { payload: new Uint8Array(1_000_000) }),
    delivery(1, 2, 2),
  ] as const;
  for (let round = 0; round < 2; round++) {
    const error = assertThrows(() => database.append(changes), StoreError);
    assertEquals(error.full, true);
    assertEquals(
      error.message,
      `${place.file}: cannot be written, since there is no room left: make room on the disk (database or disk is full)`,
    );
    assertEquals(database.deliveries(1, queued).map(({ sequence }) => sequence), [1]);
  }
  state.raw!.exec("PRAGMA max_page_count = 4000");
  database.append(changes);
  assertEquals(database.deliveries(1, queued).map(({ sequence }) => sequence), [2]);
  assertEquals([bodies(), state.opened], [[[2, 1]], 1]);
  database.close();
});

Deno.test("a database for which there is no room leaves no file behind", async () => {
  await using place = new SqlitePlace();
  const openFile = (path: string) => {
    const raw = new DatabaseSync(path);
    raw.exec("PRAGMA max_page_count = 2");
    return raw;
  };
  const database = new SqliteDatabase({ path: place.file, commit: "disk" }, { openFile });
  assertThrows(() => database.open(), Error, "there is no room left");
  assertEquals([...Deno.readDirSync(place.path)], []);
});

for (const fault of ["before", "after"] as const) {
  const title = `a commit that fails ${fault === "before" ? "in truth" : "though its changes are stored"}`;
  Deno.test(`${title} may be given again, on a new connection`, async () => {
    await using place = new SqlitePlace();
    const { database, state, bodies } = faultyDatabase(place, "disk");
    state.fault = fault;
    const error = assertThrows(() => database.append(LOST), StoreError);
    assertEquals(error.full, false);
    assert(error.message.startsWith(`${place.file}: cannot be read or written: look at the disk`), error.message);
    assertEquals(database.deliveries(1, queued).length, fault === "before" ? 0 : 1);
    database.append(LOST);
    assertEquals(state.opened, 2);
    assertEquals(database.deliveries(1, queued).map(({ sequence }) => sequence), [2]);
    assertEquals(database.deliveries(1, { ...queued, underWay: true }).map(({ state }) => state), ["released"]);
    assertEquals(bodies(), [[2, 2]]);
    database.append([{ type: "clear", topicName: messageOf(2).topicName }, {
      type: "settled",
      session: 1,
      sequence: 2,
    }]);
    assertEquals(bodies(), []);
    database.close();
  });
}

Deno.test("a database that another process has taken after a fault is told as such until it is free again", async () => {
  await using place = new SqlitePlace();
  const { database, state } = faultyDatabase(place);
  state.fault = "before";
  assertThrows(() => database.append(LOST), StoreError);
  const other = new SqliteDatabase({ path: place.file, commit: "os" });
  other.open();
  const { message } = assertThrows(() => database.append(LOST), StoreError);
  assertEquals(
    message,
    `${place.file}: is in use by another process: end that one, or give each its own file (database is locked)`,
  );
  other.close();
  database.append(LOST);
  assertEquals(database.sessions(0).length, 1);
  database.close();
});

Deno.test("bodies that nobody refers to any more are deleted, and those of one batch never written", async () => {
  await using place = new SqlitePlace();
  const { database, bodies } = faultyDatabase(place);
  const topicName = parseTopicName("r");
  database.append([session(1), session(2), message(1), message(2), message(3), delivery(1, 1, 1), delivery(2, 1, 1)]);
  assertEquals(bodies(), [[1, 2]]);
  database.append([message(2), delivery(1, 2, 2), delivery(1, 3, 2), delivery(2, 3, 2), {
    type: "settled",
    session: 1,
    sequence: 1,
  }]);
  assertEquals(bodies(), [[1, 1], [2, 3]]);
  database.append([{ type: "session-end", session: 1 }, { type: "retain", topicName, messageId: 1, serial: 1 }]);
  assertEquals(bodies(), [[1, 2], [2, 1]]);
  database.append([{ type: "session-end", session: 2 }]);
  assertEquals(bodies(), [[1, 1]]);
  database.append([{ type: "retain", topicName, messageId: 1, serial: 1 }, message(4), {
    type: "retain",
    topicName,
    messageId: 4,
    serial: 2,
  }]);
  assertEquals(bodies(), [[4, 1]]);
  database.append([{ type: "clear", topicName }]);
  assertEquals(bodies(), []);
  database.close();
});

Deno.test("a delivery of a message that is not there is refused with its batch", async () => {
  await using place = new SqlitePlace();
  const store = place.create();
  await opened(store);
  await store.append([session(1)]);
  await assertRejects(
    () => store.append([session(2), delivery(1, 1, 7)]),
    StoreError,
    "a delivery or retained message refers to message 7, which is not stored",
  );
  await store.append([message(7), delivery(1, 1, 7)]);
  await store.close();
  const again = place.create();
  assertEquals((await opened(again)).sessions.map(({ session, queued }) => [session, queued]), [[1, 1]]);
  await again.close();
});

Deno.test("a batch that had worked may be given again, though a message that it has moved and ended is gone", async () => {
  await using place = new SqlitePlace();
  const { database, state, bodies } = faultyDatabase(place);
  database.append([session(1), session(2), message(1), delivery(1, 1, 1)]);
  const moved: readonly Change[] = [
    delivery(2, 1, 1),
    { type: "settled", session: 1, sequence: 1 },
    { type: "session-end", session: 2 },
  ];
  state.fault = "after";
  assertThrows(() => database.append(moved), StoreError);
  database.append(moved);
  assertEquals(bodies(), []);
  database.close();
});

Deno.test("appends that wait behind one that fails fail with it, and later ones do not", async () => {
  await using place = new SqlitePlace();
  const store = place.create();
  await opened(store);
  const appends = [
    store.append([session(1)]),
    store.append([session(2), delivery(1, 1, 7)]),
    store.append([session(3)]),
  ];
  const reading = store.deliveries(1, queued);
  appends.push(store.append([session(4)]));
  const results = await Promise.allSettled(appends);
  assertEquals(results.map(({ status }) => status), ["fulfilled", "rejected", "rejected", "rejected"]);
  assertEquals(await reading, []);
  await store.append([session(5)]);
  await store.close();
  const again = place.create();
  assertEquals((await opened(again)).sessions.map(({ session }) => session), [1, 5]);
  await again.close();
});

for (const moment of ["before", "after"] as const) {
  Deno.test(`a worker that dies ${moment} a commit fails all that waits, and is started anew`, async () => {
    await using place = new SqlitePlace();
    let started = 0;
    const url = new URL("./dying_worker.ts", import.meta.url);
    const dying = () => new Worker(url, { type: "module", name: moment });
    const startWorker = () => ++started === 1 ? dying() : startSqliteWorker();
    const store = place.create({ startWorker });
    await opened(store);
    const calls = [store.append(LOST), store.append([session(2)]), store.deliveries(1, queued)];
    for (const call of calls) {
      const { message, full } = await assertRejects(() => call, StoreError);
      assert(message.startsWith(`${place.file}: the worker of the store has died (`), message);
      assert(message.includes(`${moment} the commit`) && !full, message);
    }
    await store.append(LOST);
    assertEquals((await store.deliveries(1, queued)).map(({ sequence }) => sequence), [2]);
    assertEquals(started, 2);
    await store.close();
    const again = place.create();
    assertEquals((await opened(again)).sessions.map(({ session }) => session), [1]);
    await again.close();
  });
}

Deno.test("a worker that cannot be started anew fails what is asked of it, and is tried again with the next request", async () => {
  await using place = new SqlitePlace();
  let probed = 0;
  let started = 0;
  const url = new URL("./dying_worker.ts", import.meta.url);
  const store = place.create({
    startWorker: () => ++started === 1 ? new Worker(url, { type: "module", name: "before" }) : startSqliteWorker(),
    probe: () => {
      if (++probed === 2) throw new Error("too few file descriptors are left");
    },
  });
  await opened(store);
  await assertRejects(() => store.append([session(1)]), StoreError, "has died");
  const reason = "cannot be started: too few file descriptors are left";
  await assertRejects(() => store.append([session(1)]), StoreError, reason);
  await store.append([session(1)]);
  assertEquals([probed, started], [3, 2]);
  await store.close();
});

Deno.test("a store that is not open takes nothing, and closes twice", async () => {
  await using place = new SqlitePlace();
  const store = place.create();
  await assertRejects(() => store.append([session(1)]), StoreError, "the store is not open");
  await opened(store);
  await store.close();
  await store.close();
  await assertRejects(() => store.deliveries(1, queued), StoreError, "the store is not open");
});

Deno.test("numbers are never given twice, though their rows are gone", async () => {
  await using place = new SqlitePlace();
  let floor = { message: 0, session: 0 };
  for (let round = 0; round < 3; round++) {
    const store = place.create();
    const { lastMessageId, lastSession } = await opened(store);
    assert(lastMessageId >= floor.message && lastSession >= floor.session);
    floor = { message: lastMessageId + 20_001, session: lastSession + 301 };
    const { message: id, session: number } = floor;
    await store.append([session(number), message(id), delivery(number, 1, id)]);
    await store.append([{ type: "session-end", session: number }]);
    await store.close();
  }
});

Deno.test("the log stays bounded, and so does the file when messages come and go", async () => {
  await using place = new SqlitePlace();
  const store = place.create();
  await opened(store);
  await store.append([session(1)]);
  let largest = 0;
  const payload = new Uint8Array(1_000_000);
  for (let n = 1; n <= 80; n++) {
    const appended = store.append([message(n, { payload }), delivery(1, n, n)]);
    await Promise.all([appended, store.append([{ type: "settled", session: 1, sequence: n - 1 }])]);
    largest = Math.max(largest, Deno.statSync(`${place.file}-wal`).size);
  }
  assert(largest < 40_000_000, `the log had ${largest} bytes`);
  await store.close();
  const { size } = Deno.statSync(place.file);
  assert(size < 8_000_000, `the file has ${size} bytes`);
});

Deno.test("changes that no disk will take are rejected, and the store goes on with others", async () => {
  await using place = new SqlitePlace();
  const store = place.create();
  await opened(store);
  const error = await assertRejects(() => store.append([session(1), delivery(1, 1, 1)]), StoreError);
  assertEquals([error.fault, error.lasting], ["rejected", true]);
  const odd = [{ ...session(2), expiryIntervalSeconds: undefined as unknown as number }];
  const unfit = await assertRejects(() => store.append(odd), StoreError);
  assertEquals(unfit.fault, "rejected");
  assert(unfit.message.startsWith(`${place.file}: does not take what is to be stored: report this`), unfit.message);
  await store.append([session(3)]);
  await store.close();
});
