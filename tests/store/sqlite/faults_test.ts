/** Whatever a file may have: each fault is told in words that say what to do, and nothing is replaced. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { DatabaseSync } from "node:sqlite";
import { SqliteConnection } from "../../../src/store/sqlite/connection.ts";
import { SqliteDatabase } from "../../../src/store/sqlite/database.ts";
import { type Migration, migrations } from "../../../src/store/sqlite/layout.ts";
import type { TopicName } from "../../../src/packet/topic.ts";
import { SqliteStore } from "../../../src/store/sqlite/sqlite_store.ts";
import { delivery, message, opened, queued, session } from "../contract.ts";
import { SqlitePlace, TemporaryFolder } from "../support.ts";

const RESTORE = "restore it from a backup, or move it away (with its -wal file) to begin with an empty one";

function test(title: string, body: (place: SqlitePlace) => void | Promise<void>): void {
  Deno.test(title, async () => {
    await using place = new SqlitePlace();
    await body(place);
  });
}

/** Of a new database; SQLite does not miss a part of one. */
const PAGE_BYTES = 16 * 1024;

/** Makes a database of some size. */
function fill({ file }: TemporaryFolder, count = 300): void {
  const database = new SqliteDatabase({ path: file, commit: "os" });
  database.open();
  database.append([session(1)]);
  for (let n = 1; n <= count; n++) {
    database.append([message(n, { payload: new Uint8Array(1000) }), delivery(1, n, n)]);
  }
  database.close();
}

function openFault(path: string): string {
  return assertThrows(() => new SqliteDatabase({ path, commit: "disk" }).open(), Error).message;
}

test("a database whose folder is missing cannot be opened, and the store says so as the core does", async (place) => {
  const path = join(place.path, "none", "broker.db");
  assertEquals(openFault(path), `${path}: its folder is missing: create it`);
  const store = new SqliteStore({ path, commit: "disk" });
  const error = await assertRejects(() => store.open(), Error);
  assertEquals([error.name, error.message], ["Error", `${path}: its folder is missing: create it`]);
  await store.close();
});

test("a folder, and a file in the place of the folder, are no databases", (place) => {
  assertEquals(openFault(place.path), `${place.path}: is a folder: name a file in it`);
  Deno.writeTextFileSync(place.file, "x");
  const path = join(place.file, "broker.db");
  assert(openFault(path).startsWith(`${path}: cannot be used: make its folder one that this process may write (`));
});

Deno.test({
  name: "a folder in which nothing may be written is told",
  // Nothing is forbidden to root.
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
  fn: async () => {
    await using place = new TemporaryFolder();
    Deno.chmodSync(place.path, 0o500);
    assert(openFault(place.file).includes("cannot be used: make its folder one that this process may write"));
    Deno.chmodSync(place.path, 0o700);
  },
});

test("a file that is no database is refused and stays as it is", (place) => {
  const text = "hello\n".repeat(2000);
  Deno.writeTextFileSync(place.file, text);
  assertEquals(
    openFault(place.file),
    `${place.file}: is damaged or is no database: ${RESTORE}, or name another file (file is not a database)`,
  );
  assertEquals(Deno.readTextFileSync(place.file), text);
});

test("a database of another program is refused and stays as it is", (place) => {
  const other = new DatabaseSync(place.file);
  other.exec("CREATE TABLE meta (layout INTEGER); INSERT INTO meta VALUES (1)");
  other.close();
  assertEquals(openFault(place.file), `${place.file}: is a database of another program: name another file`);
  const again = new DatabaseSync(place.file);
  assertEquals(again.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.n, 1);
  again.close();
});

test("an empty file is refused, since it may have been a database", (place) => {
  Deno.writeTextFileSync(place.file, "");
  assertEquals(
    openFault(place.file),
    `${place.file}: is empty: restore it from a backup, or remove it to begin anew`,
  );
});

test("a log without its database is refused and stays as it is", (place) => {
  Deno.writeTextFileSync(`${place.file}-wal`, "log");
  assertEquals(
    openFault(place.file),
    `${place.file}: is missing, but its log ${place.file}-wal is there: restore both from a backup, or remove the log ` +
      "to begin anew",
  );
  assertEquals([...Deno.readDirSync(place.path)].map(({ name }) => name), ["broker.db-wal"]);
});

test("a truncated database is refused and stays as it is", (place) => {
  fill(place);
  const { size } = Deno.statSync(place.file);
  for (const length of [size - PAGE_BYTES, Math.floor(size / 2), 5000, 100]) {
    Deno.truncateSync(place.file, length);
    const fault = openFault(place.file);
    assert(fault.startsWith(`${place.file}: is damaged`) && fault.includes(RESTORE), `${length} bytes: ${fault}`);
    assertEquals(Deno.statSync(place.file).size, length);
  }
});

test("damage in the middle of a database is told when it is met", async (place) => {
  fill(place);
  const { size } = Deno.statSync(place.file);
  const file = Deno.openSync(place.file, { write: true });
  // The header and the schema stay.
  file.seekSync(4096, Deno.SeekMode.Start);
  file.writeSync(new Uint8Array(size - 4096).fill(0xaa));
  file.close();
  const store = place.create();
  const error = await assertRejects(async () => {
    try {
      await opened(store);
      await store.deliveries(1, queued);
    } finally {
      await store.close();
    }
  }, Error);
  assert(error.message.startsWith(`${place.file}: is damaged: ${RESTORE}`), error.message);
});

test("a database of a newer layout is refused and stays as it is", (place) => {
  const steps: Migration[] = [...migrations, (connection) => connection.run("CREATE TABLE extra (x)"), () => {}];
  const newer = new SqliteDatabase({ path: place.file, commit: "os" }, { migrations: steps });
  newer.open();
  newer.append([session(1)]);
  newer.close();
  assertEquals(
    openFault(place.file),
    `${place.file}: is of layout ${steps.length + 1}, but this version knows layouts up to ${
      migrations.length + 1
    } only: run the newer version that wrote ` +
      "it, or restore a backup",
  );
  newer.open();
  assertEquals(newer.sessions(0).length, 1);
  newer.close();
});

test("a database of an older layout is migrated, and keeps what it holds", (place) => {
  fill(place, 3);
  const ran: number[] = [];
  const steps: Migration[] = [
    ...migrations,
    (connection) => {
      ran.push(1);
      connection.run("ALTER TABLE message RENAME COLUMN payload TO body");
    },
    (connection) => {
      ran.push(2);
      connection.run("ALTER TABLE message RENAME COLUMN body TO payload");
    },
  ];
  for (let round = 0; round < 2; round++) {
    const database = new SqliteDatabase({ path: place.file, commit: "os" }, { migrations: steps });
    database.open();
    assertEquals(database.deliveries(1, queued).map(({ message }) => message?.payload.length), [1000, 1000, 1000]);
    database.close();
    assertEquals(ran, [1, 2]);
  }
});

test("names with U+0000 in a database of layout 1 are whole in a later one, and can be found by them", (place) => {
  const options = { path: place.file, commit: "os" } as const;
  const former = SqliteConnection.open(options, { migrations: [] });
  former.run("INSERT INTO session VALUES (1, ?, ?, 60, NULL)", "c\0d", "\0");
  former.run("INSERT INTO session VALUES (2, 'plain', NULL, 60, NULL)");
  former.run("INSERT INTO message VALUES (1, ?, x'00', 1, 1, NULL, ?, NULL, 1)", "a\0b", "\ufeffp\0");
  former.run("INSERT INTO retained VALUES (?, 1)", "a\0b");
  former.close();
  const database = new SqliteDatabase(options);
  assertEquals(database.open(), { lastMessageId: 0, lastSession: 0 });
  assertEquals(database.sessions(0).map(({ clientIdentifier, username }) => [clientIdentifier, username]), [
    ["c\0d", "\0"],
    ["plain", undefined],
  ]);
  assertEquals(database.retained(0).map(({ message }) => [message.topicName as string, message.publisher]), [
    ["a\0b", "\ufeffp\0"],
  ]);
  database.append([{ type: "clear", topicName: "a\0b" as TopicName }]);
  assertEquals(database.retained(0), []);
  database.close();
});

test("a migration that fails changes nothing", (place) => {
  fill(place, 3);
  const steps: Migration[] = [...migrations, (connection) => connection.run("DROP TABLE delivery"), () => {
    throw new Error("no luck");
  }];
  const database = new SqliteDatabase({ path: place.file, commit: "os" }, { migrations: steps });
  assertThrows(() => database.open(), Error, `${place.file}: no luck`);
  const former = new SqliteDatabase({ path: place.file, commit: "os" });
  former.open();
  assertEquals(former.deliveries(1, queued).length, 3);
  former.close();
});

test("a database that is in use is refused until it is closed", async (place) => {
  const first = place.create();
  await opened(first);
  const program = `
    import { SqliteDatabase } from "${new URL("../../../src/store/sqlite/database.ts", import.meta.url)}";
    new SqliteDatabase({ path: Deno.args[0], commit: "os" }).open();
  `;
  const another = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", `data:application/typescript,${encodeURIComponent(program)}`, place.file],
    stdout: "null",
    stderr: "piped",
  });
  const { success, stderr } = await another.output();
  const text = new TextDecoder().decode(stderr);
  assert(!success && text.includes(`${place.file}: is in use by another process: end that one`), text);
  assert(openFault(place.file).includes("is in use by another process"));
  await first.append([session(1)]);
  await first.close();
  assertEquals((await another.output()).success, true);
});

test("a database can be read by its owner only", async (place) => {
  if (Deno.build.os === "windows") return;
  const store = place.create();
  await opened(store);
  await store.append([session(1)]);
  const modes = [...Deno.readDirSync(place.path)].map(({ name }) =>
    [name, Deno.statSync(join(place.path, name)).mode! & 0o777] as const
  );
  assertEquals(Object.fromEntries(modes), { "broker.db": 0o600, "broker.db-wal": 0o600 });
  await store.close();
  assertEquals([...Deno.readDirSync(place.path)].map(({ name }) => name), ["broker.db"]);
});
