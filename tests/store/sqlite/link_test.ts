/** A database that is named by a symbolic link. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createStore } from "../../../src/broker/stores.ts";
import { checkDatabase } from "../../../src/store/sqlite/check.ts";
import { SqliteDatabase } from "../../../src/store/sqlite/database.ts";
import { CollectingLogger } from "../../support/test_broker.ts";
import { opened, session } from "../contract.ts";
import { SqlitePlace } from "../support.ts";

function test(title: string, body: (place: SqlitePlace, link: string) => Promise<void>): void {
  // Who may make a link is a matter of its own there.
  Deno.test({
    name: title,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using place = new SqlitePlace();
      await body(place, `${place.path}/link.db`);
    },
  });
}

function storeAt(path: string) {
  const persistence = { type: "sqlite", path, commit: "os" } as const;
  return createStore({ persistence, baseDirectory: "/nowhere" }, new CollectingLogger());
}

/** What a crash leaves that came while the file was made longer: its last page is there in part, and whole in the log. */
function crashed({ file, path }: SqlitePlace): string {
  const database = new SqliteDatabase({ path: file, commit: "os" });
  database.open();
  database.append([session(1)]);
  const left = `${path}/data/broker.db`;
  Deno.mkdirSync(`${path}/data`);
  for (const suffix of ["", "-wal"]) Deno.copyFileSync(file + suffix, left + suffix);
  database.close();
  Deno.writeFileSync(left, new Uint8Array(5000), { append: true });
  return left;
}

test("the log of a database behind a link is looked for beside the file, not beside the link", async (place, link) => {
  Deno.symlinkSync(crashed(place), link);
  assertEquals(checkDatabase(link), undefined);
  const store = await storeAt(link);
  assert(store !== undefined);
  assertEquals((await opened(store)).sessions.map(({ session }) => session), [1]);
  await store.close();
});

test(
  "a log without the database that a link should lead to is told with the link, and nothing is made",
  async (place, link) => {
    const file = crashed(place);
    Deno.symlinkSync(file, link);
    Deno.removeSync(file);
    const text = `${link}: is a symbolic link that leads to no file: restore that file, or name one that is no link (`;
    const finding = checkDatabase(link);
    assertEquals(finding?.kind, "fault");
    assert(finding?.text.startsWith(text), finding?.text);
    const { message } = await assertRejects(() => storeAt(link), Error);
    assert(message.startsWith(text), message);
    assertEquals([...Deno.readDirSync(`${place.path}/data`)].map(({ name }) => name), ["broker.db-wal"]);
  },
);
