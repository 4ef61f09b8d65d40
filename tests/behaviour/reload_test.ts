/** `broker.reload()`: permissions and passwords anew, nobody dropped, faults keep the old. */
import { assert, assertEquals } from "@std/assert";
import { setPassword } from "../../src/plugins/password_file.ts";
import { startBroker } from "../support/test_broker.ts";

const aclOf = (...filters: string[]) => ({
  listeners: { tcp: { bind: "127.0.0.1:0" }, memory: { type: "external" as const } },
  auth: { plugins: ["auth.anonymous"], allowAnonymous: true },
  topicCheck: { enabled: true, plugins: ["topic_acl"], acl: { anonymous: filters } },
  sysInterval: 0,
});

Deno.test("reload() with a new config takes its ACL over and drops nobody", async () => {
  await using broker = await startBroker({ ...aclOf("a"), plugins: [] });
  const client = await broker.connect();
  assertEquals(await client.subscribe(["a", "b"]), [0, 0x80]);
  await broker.broker.reload({ ...aclOf("b"), plugins: [] });
  assertEquals(await client.subscribe(["a", "b"]), [0x80, 0]);
});

Deno.test("reload() reads the password file again, and a faulty one keeps the old", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const passwordFile = `${directory}/users`;
    await setPassword(passwordFile, "alice", "one");
    await using broker = await startBroker({ auth: { plugins: ["auth.file"], passwordFile }, plugins: [] });
    const signIn = async (username: string, password: string) => {
      const { reasonCode } = await broker.open().connect({ clientIdentifier: username, username, password });
      return reasonCode as number;
    };
    assertEquals([await signIn("alice", "one"), await signIn("bob", "two")], [0, 4]);
    await setPassword(passwordFile, "bob", "two");
    await broker.broker.reload();
    assertEquals(await signIn("bob", "two"), 0);
    await Deno.writeTextFile(passwordFile, "bob:plain\n");
    await broker.broker.reload();
    assert(broker.log.complains(`${passwordFile}:1`), broker.log.lines.join("\n"));
    assertEquals(await signIn("bob", "two"), 0);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
