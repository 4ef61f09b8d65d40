import { assertEquals, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { SqliteStore } from "../../src/store/sqlite_store.ts";
import { FakeIo, FakeServices, withFiles } from "./support.ts";

/** Runs `--check` on a file and cuts its folder off the output. */
async function check(text: string, others: Readonly<Record<string, string>> = {}) {
  return await withFiles({ ...others, "b.yaml": text }, async (folder) => {
    const io = new FakeIo();
    const services = new FakeServices();
    const exitCode = await main(["--check", `${folder}/b.yaml`], io, services);
    assertEquals(services.configs, [], "nothing is started");
    const cut = (line: string) => line.replaceAll(`${folder}/`, "");
    return { exitCode, out: io.outLines.map(cut), error: io.errorLines.map(cut) };
  });
}

Deno.test("--check prints what would be started", async () => {
  const text = `
listeners:
  default: {max-connections: 100}
  tcp: {bind: "[::1]:1883"}
  tls: {ssl: on, certfile: c.pem, keyfile: k.pem, max-connections: 0, queue-limit: 5}
  web: {type: ws, bind: 127.0.0.1:0}
  unix: {type: external}
auth: {password-file: passwd}
max-packet-size: 1 MiB
queue-qos0: off
queue-policy: disconnect
stall-timeout: 1 h
response-information: replies/
timeout-disconnect-delay: 2
plugins: [./mine.ts]
`;
  const files = { "c.pem": "", "k.pem": "", passwd: "", "mine.ts": "" };
  const { exitCode, out, error } = await check(text, files);
  assertEquals(exitCode, 0);
  assertEquals(error, []);
  assertEquals(out, [
    "listeners:",
    "  mqtt://[::1]:1883 (tcp), at most 100 connections",
    "  mqtts://0.0.0.0:8883 (tls)",
    "  ws://127.0.0.1:0 (web), at most 100 connections",
    "  external (unix), at most 100 connections",
    "plugins:",
    "  auth.anonymous (auth)",
    "  auth.file (auth)",
    "  ./mine.ts (plugins[0])",
    "  broker_sys (sys-interval)",
    "persistence: memory",
    "limits:",
    "  max-packet-size: 1 MiB",
    "  stall-timeout: 1 h",
    "  timeout-disconnect-delay: 2 s",
    "  queue-qos0: false",
    "  queue-policy: disconnect",
    "  response-information: replies/",
    "  queue-limit: 5 (tls)",
  ]);
});

Deno.test("--check prints warnings and an empty file as such, with exit code 0", async () => {
  const { exitCode, out, error } = await check("topic-check:\n  acl: {}\n");
  assertEquals(exitCode, 0);
  assertEquals(out.at(-1), "limits: as by default");
  assertEquals(error, ["warning: b.yaml:2:8: topic-check.acl: has no effect: topic-check is not enabled"]);
  assertEquals((await check("")).error, ["warning: b.yaml: is empty: the defaults hold"]);
});

Deno.test("--check prints every fault, with exit code 2", async () => {
  const { exitCode, out, error } = await check("queue-limit: 0\nplugin: []\n");
  assertEquals(exitCode, 2);
  assertEquals(out, []);
  assertEquals(error, [
    "b.yaml:1:14: queue-limit: must be at least 1: got 0",
    "b.yaml:2:1: plugin: unknown key: did you mean plugins?",
  ]);
});

Deno.test("--check misses files that the config names", async () => {
  const { exitCode, error } = await check(
    `listeners:
  a:
    ssl: on
    certfile: c.pem
    keyfile: folder.yaml
    capath: c.pem
auth: {password-file: passwd}
plugins:
  - ./mine.ts
`,
    { "folder.yaml": "", "c.pem": "" },
  );
  assertEquals(exitCode, 2);
  assertEquals(error, [
    "b.yaml:6:13: listeners.a.capath: c.pem must be a folder: got a file",
    "b.yaml:7:7: auth: passwd is not there",
    "b.yaml:9:5: plugins[0]: mine.ts is not there",
  ]);
});

Deno.test("--check prints where sessions and messages are kept", async () => {
  const shown = async (persistence: string, others: Readonly<Record<string, string>> = {}) =>
    (await check(`persistence: ${persistence}`, others)).out.find((line) => line.startsWith("persistence: "));
  assertEquals(
    await shown("{type: sqlite, commit: os}"),
    "persistence: sqlite (amqtt-broker.sqlite, commit: os)",
  );
  assertEquals(await shown("{type: ./store.ts, x: 1}", { "store.ts": "" }), "persistence: ./store.ts");
  assertEquals(await shown("{type: npm:store}"), "persistence: npm:store");
});

Deno.test("--check misses a store module and the folder of a database", async () => {
  const module = await check("persistence:\n  type: ./store.ts\n");
  assertEquals([module.exitCode, module.error], [2, ["b.yaml:2:9: persistence.type: store.ts is not there"]]);
  const sqlite = await check("persistence:\n  type: sqlite\n  path: data/b.sqlite\n");
  assertEquals([sqlite.exitCode, sqlite.error], [2, [
    "b.yaml:3:9: persistence.path: data/b.sqlite: its folder is missing: create it",
  ]]);
});

Deno.test("--check looks at the database: a damaged one is a fault, one in use a warning, and none is made", async () => {
  const text = "persistence:\n  type: sqlite\n  path: b.sqlite\n";
  const fault = await check(text, {
    "b.sqlite": "no database at all, but long enough to be taken for one".repeat(100),
  });
  assertEquals(fault.exitCode, 2);
  assertStringIncludes(fault.error[0], "b.yaml:3:9: persistence.path: b.sqlite: is damaged or is no database: ");
  await withFiles({ "b.yaml": text }, async (folder) => {
    const run = async () => {
      const io = new FakeIo();
      const exitCode = await main(["--check", `${folder}/b.yaml`], io, new FakeServices());
      return { exitCode, error: io.errorLines };
    };
    assertEquals(await run(), { exitCode: 0, error: [] });
    assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name), ["b.yaml"]);
    const path = `${folder}/b.sqlite`;
    const store = new SqliteStore({ path, commit: "os" });
    await store.open();
    const place = `warning: ${folder}/b.yaml:3:9: persistence.path`;
    const inUse = `${place}: ${path}: is in use by another process, perhaps by a broker`;
    assertEquals(await run(), { exitCode: 0, error: [inUse] });
    await store.close();
    assertEquals(await run(), { exitCode: 0, error: [] });
  });
});

Deno.test({
  name: "--check tells a database that is a link to no file",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await withFiles({ "b.yaml": "persistence:\n  type: sqlite\n  path: b.sqlite\n" }, async (folder) => {
      Deno.symlinkSync(`${folder}/gone.sqlite`, `${folder}/b.sqlite`);
      const io = new FakeIo();
      assertEquals(await main(["--check", `${folder}/b.yaml`], io, new FakeServices()), 2);
      const at = `${folder}/b.yaml:3:9: persistence.path: ${folder}/b.sqlite`;
      assertStringIncludes(
        io.errorLines.join("\n"),
        `${at}: is a symbolic link that leads to no file: restore that file`,
      );
      assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(), ["b.sqlite", "b.yaml"]);
    });
  },
});

Deno.test("--check without a file checks the defaults", async () => {
  const io = new FakeIo();
  assertEquals(await main(["--check"], io, new FakeServices()), 0);
  assertEquals(io.outLines[1], "  mqtt://127.0.0.1:1883 (default)");
});
