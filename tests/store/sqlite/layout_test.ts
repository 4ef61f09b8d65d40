/** Databases as older versions left them. */
import { assertEquals } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteConnection } from "../../../src/store/sqlite/connection.ts";
import { SqliteDatabase } from "../../../src/store/sqlite/database.ts";
import { TemporaryFolder } from "../support.ts";

Deno.test("Retained messages of layout 1 come in the order they were stored in, and its subscriptions owe nothing", async () => {
  await using place = new TemporaryFolder();
  SqliteConnection.open({ path: place.file, commit: "os" }, { migrations: [] }).close();
  const old = new DatabaseSync(place.file);
  old.exec(`INSERT INTO session VALUES (1, 'c', NULL, 60, NULL);
    INSERT INTO subscription VALUES (1, 'a/#', 1, 0, 0, NULL);
    INSERT INTO message VALUES (7, 'a/b', x'01', 1, 1, NULL, NULL, NULL, 1), (9, 'a/a', x'02', 1, 1, NULL, NULL, NULL, 1);
    INSERT INTO retained VALUES ('a/a', 9), ('a/b', 7)`);
  old.close();
  for (let time = 0; time < 2; time++) {
    const database = new SqliteDatabase({ path: place.file, commit: "os" });
    database.open();
    const retained = database.retained(0).map(({ serial, message }) => [serial, message.id, `${message.topicName}`]);
    assertEquals(retained, [[1, 7, "a/b"], [2, 9, "a/a"]]);
    const [{ subscriptions }] = database.sessions(0);
    assertEquals(subscriptions.map(({ topicFilter, retained }) => [`${topicFilter}`, retained]), [["a/#", undefined]]);
    database.close();
  }
});
