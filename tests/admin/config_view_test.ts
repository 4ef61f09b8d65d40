import { assert, assertEquals } from "@std/assert";
import { configEntries } from "../../src/admin/config_view.ts";
import { loadConfigFile } from "../../src/config/load.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { withFiles } from "../cli/support.ts";

const TEXT = `listeners:
  default: {max-connections: 7}
  tls:
    bind: 127.0.0.1:0
    ssl: on
    certfile: c.pem
    keyfile-passphrase: hush
    queue-limit: \${QUEUE:-5}
auth:
  password-file: users
topic-check:
  enabled: on
  acl: {ada: ["house/#"]}
max_packet_size: \${SIZE}
admin:
  bind: [127.0.0.1:0]
  users: {ada: admin}
plugins:
  - ./mine.ts: {apiKey: abc, url: "mysql://me:hush@db"}
`;

Deno.test("each value of the config tells its file and line, its variables, or that it is the default", async () => {
  await withFiles({ "b.yaml": TEXT }, async (folder) => {
    const file = `${folder}/b.yaml`;
    const { resolved } = await loadConfigFile(file, { environment: (name) => name === "SIZE" ? "1000" : undefined });
    const entries = new Map(configEntries(resolved).map((entry) => [entry.key, entry]));
    const brief = (key: string) => {
      const { value, source, place, variables } = entries.get(key)!;
      return [value, source, place?.slice(folder.length + 1) ?? null, ...variables];
    };
    assertEquals(brief("max-packet-size"), ["1000 B", "environment", "b.yaml:14", "SIZE"]);
    assertEquals(brief("listeners.tls.queue-limit"), ["5", "environment", "b.yaml:8", "QUEUE"]);
    assertEquals(brief("listeners.tls.max-connections"), ["7", "config", "b.yaml:2"]);
    assertEquals(brief("listeners.tls.keyfile-passphrase"), ["(hidden)", "config", "b.yaml:7"]);
    assertEquals(brief("max-sessions"), ["1,000,000", "default", null]);
    assertEquals(brief("admin.users"), ['{"ada":"admin"}', "config", "b.yaml:17"]);
    assertEquals(brief("admin.bind"), ['["127.0.0.1:0"]', "config", "b.yaml:16"]);
    assert([...entries.values()].some(({ value }) => value.includes('"ada":["house/#"]')));
    const all = JSON.stringify([...entries.values()]);
    for (const secret of ["hush", "abc"]) assert(!all.includes(secret), secret);
  });
});

Deno.test("the password of a node at its log is hidden, and the file of one is told", () => {
  const shown = (log: object) => {
    const config = resolveConfig({ cluster: { name: "x", log } }, { baseDirectory: "/base" });
    return configEntries(config).find(({ key }) => key === "cluster")!.value;
  };
  const password = shown({ username: "node", password: "hush" });
  assert(password.includes('"username":"node","password":"(hidden)"') && !password.includes("hush"), password);
  assert(shown({ username: "node", passwordFile: "p" }).includes('"passwordFile":"/base/p"'));
});

Deno.test("a config of a program tells values and defaults, and no places", () => {
  const entries = configEntries(resolveConfig({ maxSessions: 5 }, { baseDirectory: Deno.cwd() }));
  const entry = entries.find(({ key }) => key === "max-sessions")!;
  assertEquals(entry, {
    key: "max-sessions",
    value: "5",
    default: "1,000,000",
    source: "config",
    place: null,
    variables: [],
  });
});
