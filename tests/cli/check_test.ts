import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite_store.ts";
import { makeAuthority } from "../support/certificates.ts";
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

function inDays(days: number): Date {
  return new Date(Date.now() + days * 86_400_000);
}

Deno.test("--check warns of a server certificate that expires soon", async () => {
  const { certificate, key } = makeAuthority().issue({ commonName: "broker", notAfter: inDays(3.5) });
  const text = `
listeners:
  tls: {bind: 127.0.0.1:0, ssl: on, certfile: c.pem, keyfile: k.pem}
auth: {allow-anonymous: true}
`;
  const { exitCode, error } = await check(text, { "c.pem": certificate, "k.pem": key });
  assertEquals(exitCode, 0);
  assertMatch(
    error.join("\n"),
    /listeners\.tls\.certfile: the server certificate in .*c\.pem expires at .*, in 3 days: renew it/,
  );
});

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
  const { certificate, key } = makeAuthority().issue({ commonName: "broker", notAfter: inDays(90) });
  const files = { "c.pem": certificate, "k.pem": key, passwd: "", "mine.ts": "export default () => ({});" };
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

Deno.test("--check misses files of bridges and of links between nodes", async () => {
  const { certificate, key } = makeAuthority().issue({ commonName: "node-a", notAfter: inDays(90) });
  const { exitCode, error } = await check(
    `bridges:
  cloud:
    address: broker.example
    ssl: on
    cafile: cloud.pem
    certfile: mine.pem
    username: house
    password-file: secret
    topics: [{filter: "a/#", direction: out}]
cluster:
  name: x
  node: a
  certfile: node.pem
  keyfile: gone.pem
  cafile: nodes.pem
`,
    { "mine.pem": certificate + key, "node.pem": certificate },
  );
  assertEquals(exitCode, 2);
  assertEquals(error, [
    "b.yaml:5:13: bridges.cloud.cafile: cloud.pem is not there",
    "b.yaml:8:20: bridges.cloud.password-file: secret is not there",
    "b.yaml:14:12: cluster.keyfile: gone.pem is not there",
    "b.yaml:15:11: cluster.cafile: nodes.pem is not there",
  ]);
});

Deno.test("--check matches the certificate and the key of a node", async () => {
  const authority = makeAuthority();
  const one = authority.issue({ commonName: "node-a", notAfter: inDays(90) });
  const other = authority.issue({ commonName: "node-b", notAfter: inDays(90) });
  const { exitCode, error } = await check(
    `cluster:
  name: x
  node: a
  certfile: node.pem
  keyfile: key.pem
  cafile: nodes.pem
`,
    { "node.pem": one.certificate, "key.pem": other.key, "nodes.pem": authority.certificate },
  );
  assertEquals(exitCode, 2);
  assertMatch(error.join("\n"), /^b\.yaml:\d+:\d+: cluster(\.keyfile)?: .*key\.pem/);
});

Deno.test("--check misses files that sign a node in at its log", async () => {
  const { exitCode, error } = await check(
    `cluster:
  name: x
  log:
    username: node
    password-file: nats-password
    cafile: ca.pem
`,
    {},
  );
  assertEquals(exitCode, 2);
  assertEquals(error, [
    "b.yaml:5:20: cluster.log.password-file: nats-password is not there",
    "b.yaml:6:13: cluster.log.cafile: ca.pem is not there",
  ]);
});

Deno.test("--check shows no password of a node", async () => {
  const { exitCode, out, error } = await check("cluster: {name: x, log: {username: node, password: hush}}", {});
  assertEquals(exitCode, 0);
  assert(![...out, ...error].some((line) => line.includes("hush")));
});

Deno.test("--check prints where sessions and messages are kept", async () => {
  const shown = async (persistence: string, others: Readonly<Record<string, string>> = {}) =>
    (await check(`persistence: ${persistence}`, others)).out.find((line) => line.startsWith("persistence: "));
  const module = `export default () => ({ open() {}, append() {}, deliveries() {}, close() {} });`;
  assertEquals(
    await shown("{type: sqlite, commit: os}"),
    "persistence: sqlite (amqtt-broker.sqlite, commit: os)",
  );
  assertEquals(await shown("{type: ./store.ts, x: 1}", { "store.ts": module }), "persistence: ./store.ts");
  const url = `data:text/javascript,${encodeURIComponent(module)}`;
  assertEquals(await shown(`{type: "${url}"}`), `persistence: ${url}`);
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

const authority = makeAuthority();
const [server, other] = ["broker", "other"].map((commonName) => authority.issue({ commonName }));

Deno.test("--check parses certificates and keys, and tells a key of another certificate", async () => {
  const listener = (name: string, keys: string) =>
    `  ${name}: {bind: 127.0.0.1:0, ssl: on, certfile: ${name}.pem, keyfile: key.pem${keys}}\n`;
  const listeners = listener("right", "") + listener("wrong", "") + listener("none", "") +
    listener("right2", ", cafile: key.pem");
  const { exitCode, out, error } = await check(`listeners:\n${listeners}`, {
    "key.pem": server!.key,
    "right.pem": server!.certificate,
    "right2.pem": server!.certificate,
    "wrong.pem": other!.certificate,
    "none.pem": "no certificate",
  });
  assertEquals([exitCode, out], [2, []]);
  assertEquals(error, [
    'b.yaml:3:69: listeners.wrong.keyfile: Cannot read keyfile "key.pem": the key does not belong to the certificate in ' +
    '"wrong.pem"',
    'b.yaml:4:48: listeners.none.certfile: Cannot read certfile "none.pem": there is no PEM certificate in it',
    'b.yaml:5:88: listeners.right2.cafile: Cannot read cafile "key.pem": there is no PEM certificate in it',
  ]);
});

Deno.test("--check reads the password file, and tells its faults in one line", async () => {
  const { exitCode, error } = await check("auth:\n  password-file: passwd\n", { passwd: "alice:plain\nbob\n" });
  assertEquals([exitCode, error.length], [2, 1]);
  assertStringIncludes(error[0]!, 'b.yaml:1:1: auth: cannot load plugin "auth.file": passwd:1: ');
  assertStringIncludes(error[0]!, ' passwd:2: expected "user:hash": there is no ":" in the line');
});

Deno.test("--check calls the factories of plugins and of the store, tells what they refuse, and ends what they made", async () => {
  const files = {
    "refuses.ts": 'export default () => { throw new Error("needs a colour"); };',
    "none.ts": "export const x = 1;",
    "hears.ts": `export default (options, context) => {
      context.logger.warn("looks odd");
      context.every(1, () => {});
      return {
        beforeStart() { context.logger.warn("started"); },
        afterShutdown() { context.logger.warn(\`ended, aborted: \${context.signal.aborted}\`); },
      };
    };`,
    "store.ts": 'export default () => { throw new Error("no such disk"); };',
  };
  const plugins = "plugins: [./hears.ts]\n";
  const right = await check(plugins, files);
  assertEquals(right.exitCode, 0);
  assertEquals(right.error, ["warning: ./hears.ts: looks odd", "warning: ./hears.ts: ended, aborted: true"]);
  const wrong = await check(
    "plugins:\n  - ./hears.ts\n  - ./refuses.ts\n  - ./none.ts\npersistence:\n  type: ./store.ts\n",
    files,
  );
  assertEquals([wrong.exitCode, wrong.error], [2, [
    'b.yaml:3:5: plugins[1]: cannot load plugin "./refuses.ts": needs a colour',
    'b.yaml:4:5: plugins[2]: cannot load plugin "./none.ts": its default export must be a function that returns hooks: ' +
    "there is none",
    'b.yaml:6:9: persistence.type: cannot load store "./store.ts": no such disk',
  ]]);
});

Deno.test("--check warns of what surprises: nobody let in, port 1883 not served, an acl that covers publishing", async () => {
  const { exitCode, error } = await check(
    "listeners:\n  default: {type: tcp}\n  a: {bind: 0.0.0.0:1884}\ntopic-check: {enabled: true, acl: {a: [b]}}\n",
  );
  assertEquals(exitCode, 0);
  assertEquals(error.map((line) => /^warning: (\S+): (\S+): (.{30})/.exec(line)?.slice(1)), [
    ["b.yaml:4:35", "topic-check.acl", "covers publishing and receivin"],
    ["b.yaml:2:12", "listeners.default", "has no bind and does not liste"],
    ["b.yaml:3:6", "listeners.a", "lets nobody in on 0.0.0.0: wit"],
  ]);
  const [line = ""] = (await check("auth: {allow-anonymous: off}\n")).error;
  assertStringIncludes(line, "warning: b.yaml:1:7: auth: lets nobody in: allow-anonymous is false");
});

Deno.test("--check tells of unix sockets that cannot be made: the folder is missing, the path too long, or a file there", async () => {
  const long = `${"x".repeat(120)}.sock`;
  const listeners = [["a", "none/x"], ["b", long], ["c", "b.yaml"], ["d", "b.yaml/x"]].map(([name, path]) =>
    `  ${name}: {bind: "unix:${path}"}\n`
  );
  const { exitCode, error } = await check(`listeners:\n${listeners.join("")}`);
  assertEquals([exitCode, error.length], [2, 4], error.join("\n"));
  const told = error.map((line) => line.replace(/^b\.yaml:\d+:\d+: listeners\./, ""));
  assertMatch(told[0]!, /^a\.bind: unix:none\/x: the folder .*none is not there$/);
  assertMatch(told[1]!, /^b\.bind: unix:x+\.sock: the path of a unix socket may have 10[37] bytes at most: got \d{3}$/);
  assertEquals(told.slice(2), [
    "c.bind: unix:b.yaml: there is something else than a socket at the path",
    "d.bind: unix:b.yaml/x: b.yaml is no folder",
  ]);
});

Deno.test("--check tells of two listeners that want one address under different names", async () => {
  for (
    const [one, other] of [
      ["127.0.0.1:1883", "localhost:1883"],
      ["localhost:1883", "127.0.0.1:1883"],
      ["0.0.0.0:1883", "127.0.0.1:1883"],
      ["127.0.0.1:1883", "0.0.0.0:1883"],
      ["[::]:1883", "127.0.0.1:1883"],
      ["[::1]:1883", "[0:0::1]:1883"],
      ["[::ffff:127.0.0.1]:1883", "127.0.0.1:1883"],
    ]
  ) {
    const { exitCode, error } = await check(
      `listeners: {a: {bind: "${one}"}, b: {bind: "${other}"}}\nauth: {allow-anonymous: true}\n`,
    );
    assertEquals([exitCode, error.length], [2, 1], `${one} ${other}: ${error.join("\n")}`);
    assertMatch(
      error[0]!,
      /listeners\.b\.bind: \S+ is taken by listener a, which has \S+:1883: give one of them another/,
    );
  }
  for (
    const [one, other] of [["127.0.0.1:1", "localhost:2"], ["127.0.0.1:0", "0.0.0.0:0"], ["127.0.0.1:1", "[::1]:1"]]
  ) {
    const { exitCode, error } = await check(
      `listeners: {a: {bind: "${one}"}, b: {bind: "${other}"}}\nauth: {allow-anonymous: true}\n`,
    );
    assertEquals([exitCode, error], [0, []]);
  }
});

Deno.test("--check warns of a name that cannot be looked up now", async () => {
  const { exitCode, error } = await check(
    "listeners: {a: {bind: no-such-host.invalid:1883}}\nauth: {allow-anonymous: true}\n",
  );
  assertEquals([exitCode, error.length], [0, 1]);
  assertMatch(error[0]!, /^warning: listeners\.a\.bind: no-such-host\.invalid cannot be looked up now: /);
});

Deno.test("--check warns of an empty password file if nobody else is let in", async () => {
  const empty = { passwd: "# nobody yet\n" };
  const { exitCode, error } = await check("auth: {allow-anonymous: false, password-file: passwd}\n", empty);
  assertEquals([exitCode, error], [0, [
    "warning: auth: lets nobody in: no user stands in passwd, and nobody else is let in (allow-anonymous is false). Add one " +
    "with passwd passwd USER",
  ]]);
  assertEquals((await check("auth: {allow-anonymous: true, password-file: passwd}\n", empty)).error, []);
});

Deno.test("-c FILE is checked as FILE is", async () => {
  await withFiles({ "b.yaml": "queue-limit: 5\n" }, async (folder) => {
    const io = new FakeIo();
    assertEquals(await main(["--check", "-c", `${folder}/b.yaml`], io, new FakeServices()), 0);
    assertEquals(io.outLines.at(-1), "  queue-limit: 5");
  });
});

Deno.test("--check tells what each bridge would publish and subscribe to, and warns of what may come twice", async () => {
  const text = `
listeners: {tcp: {bind: 127.0.0.1:0}}
auth: {allow-anonymous: true}
bridges:
  cloud:
    address: [mqtt.example.org, "[::1]:1884"]
    ssl: on
    topics:
      - {filter: a/#, direction: both, qos: 2, remote-prefix: r/}
      - {filter: a/+, direction: in, remote-prefix: r/}
      - {filter: b/+/c, remote: d/$1, direction: out}
`;
  const { exitCode, out, error } = await check(text);
  assertEquals(exitCode, 0);
  const from = out.indexOf("bridges:");
  assertEquals(out.slice(from, from + 6), [
    "bridges:",
    "  cloud: mqtt.example.org:8883, [::1]:1884, TLS, MQTT auto",
    "    publishes a/# as r/a/# there, QoS 2",
    "    subscribes to r/a/# there, as a/# here, QoS 2",
    "    subscribes to r/a/+ there, as a/+ here, QoS 1",
    "    publishes b/+/c as d/+ there, QoS 1",
  ]);
  assertStringIncludes(error.join("\n"), "a/+ overlaps");
});
