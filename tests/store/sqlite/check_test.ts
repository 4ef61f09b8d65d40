/** Looking at a database from outside. */
import { assert, assertEquals } from "@std/assert";
import { SqliteConnection } from "../../../src/store/sqlite/connection.ts";
import { checkDatabase } from "../../../src/store/sqlite/check.ts";
import { SqliteDatabase } from "../../../src/store/sqlite/database.ts";
import { message, session } from "../contract.ts";
import { SqlitePlace } from "../support.ts";

function test(title: string, body: (place: SqlitePlace) => void): void {
  Deno.test(title, async () => {
    await using place = new SqlitePlace();
    body(place);
  });
}

function databaseAt(path: string): SqliteDatabase {
  const database = new SqliteDatabase({ path, commit: "os" });
  database.open();
  database.append([session(1), message(1, { payload: new Uint8Array(100_000) })]);
  return database;
}

/** What every file of a folder holds, and how long it is. */
function contents({ path }: SqlitePlace): Record<string, Uint8Array> {
  return Object.fromEntries(
    Array.from(Deno.readDirSync(path), ({ name }) => [name, Deno.readFileSync(`${path}/${name}`)]),
  );
}

test("a database that can be opened, or made, is in order, and nothing is made or changed", (place) => {
  assertEquals(checkDatabase(place.file), undefined);
  assertEquals(contents(place), {});
  databaseAt(place.file).close();
  const before = contents(place);
  assertEquals(checkDatabase(place.file), undefined);
  assertEquals(contents(place), before);
});

test("a database that is in use is told, and goes on undisturbed", (place) => {
  const database = databaseAt(place.file);
  const before = contents(place);
  const text = `${place.file}: is in use by another process, perhaps by a broker`;
  assertEquals(checkDatabase(place.file), { kind: "in-use", text });
  assertEquals(contents(place), before);
  database.append([session(2)]);
  database.close();
});

test("a database that a crash has left with its log is in order, and both stay as they are", (place) => {
  const database = databaseAt(place.file);
  const crashed = `${place.path}/crashed.db`;
  for (const suffix of ["", "-wal"]) Deno.copyFileSync(place.file + suffix, crashed + suffix);
  database.close();
  const before = contents(place);
  assertEquals(checkDatabase(crashed), undefined);
  assertEquals(contents(place), before);
});

for (
  const [what, spoil, said] of [
    ["cut off", (path: string) => Deno.truncateSync(path, 5000), "is damaged"],
    ["cut off by a byte", (path: string) => Deno.truncateSync(path, Deno.statSync(path).size - 1), "is damaged"],
    ["emptied", (path: string) => Deno.truncateSync(path, 0), "is empty: restore it from a backup"],
    ["deleted, but for its log,", (path: string) => Deno.renameSync(path, `${path}-wal`), "is missing, but its log"],
    ["of a newer layout", setLayout, "is of layout 99, but this version knows layouts up to"],
  ] as const
) {
  test(`a database that is ${what} is a fault`, (place) => {
    databaseAt(place.file).close();
    spoil(place.file);
    const before = contents(place);
    const finding = checkDatabase(place.file);
    assertEquals(finding?.kind, "fault");
    assert(finding?.text.startsWith(`${place.file}: ${said}`), finding?.text);
    assertEquals(contents(place), before);
  });
}

function setLayout(path: string): void {
  const connection = SqliteConnection.open({ path, commit: "os" });
  connection.run("UPDATE meta SET layout = 99");
  connection.close();
}

Deno.test({
  name: "a file or folder that may not be written is a fault",
  // Nothing is forbidden to root.
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
  fn: async () => {
    await using place = new SqlitePlace();
    databaseAt(place.file).close();
    Deno.chmodSync(place.file, 0o400);
    assert(
      checkDatabase(place.file)?.text.includes("cannot be written: give this process the right to read and write"),
    );
    Deno.chmodSync(place.file, 0o600);
    Deno.chmodSync(place.path, 0o500);
    assert(checkDatabase(place.file)?.text.includes("make its folder one that this process may write"));
    Deno.chmodSync(place.path, 0o700);
  },
});
