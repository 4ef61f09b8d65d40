import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import { ConfigError } from "../../src/config/config_error.ts";
import { loadConfigFile, type LoadedConfig } from "../../src/config/load.ts";
import { alreadyResolved, resolveConfig } from "../../src/config/resolve.ts";

/** Writes a file into a folder of its own for the time of `body`. */
async function withFile<T>(
  content: string | Uint8Array,
  body: (file: string, folder: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "broker.yaml");
  try {
    await Deno.writeFile(file, typeof content === "string" ? new TextEncoder().encode(content) : content);
    return await body(file, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function load(text: string): Promise<LoadedConfig> {
  return withFile(text, (file) => loadConfigFile(file));
}

/** The lines that a file is refused with, its folder cut off. */
function faults(content: string | Uint8Array): Promise<string[]> {
  return withFile(content, async (file, folder) => {
    const error = await assertRejects(() => loadConfigFile(file), ConfigError);
    return error.message.replaceAll(`${folder}/`, "").split("\n");
  });
}

/** The example of aMQTT's documentation with its indentation, its second `capath` as `cadata`, and values filled in. */
const DOCUMENTED = `
listeners:
    default:
        max-connections: 50000
        type: tcp
    my-tcp-1:
        bind: 127.0.0.1:1883
    my-tcp-2:
        bind: 1.2.3.4:1884
        max-connections: 1000
    my-tcp-ssl-1:
        bind: 127.0.0.1:8885
        ssl: on
        cafile: /some/cafile
        capath: /some/folder
        cadata: certificate data
        certfile: /some/certfile
        keyfile: /some/key
    my-ws-1:
        bind: 0.0.0.0:8080
        type: ws
timeout-disconnect-delay: 2
auth:
    plugins: ['auth.anonymous'] #List of plugins to activate for authentication among all registered plugins
    allow-anonymous: true
    password-file: /some/passwd_file
topic-check:
    enabled: true # Set to False if topic filtering is not needed
    plugins: ['topic_acl'] #List of plugins to activate for topic filtering among all registered plugins
    acl:
        # username: [list of allowed topics]
        username1: ['repositories/+/master', 'calendar/#', 'data/memes']
        username2: ['x']
        anonymous: [] # List of topics on which an anonymous client can publish and subscribe
`;

Deno.test("the example of aMQTT's documentation is read", async () => {
  const { resolved } = await load(DOCUMENTED);
  assertEquals(
    resolved.listeners.map((l) => [l.name, l.type, `${l.hostname}:${l.port}`, l.maxConnections, l.tls !== undefined]),
    [
      ["my-tcp-1", "tcp", "127.0.0.1:1883", 50_000, false],
      ["my-tcp-2", "tcp", "1.2.3.4:1884", 1000, false],
      ["my-tcp-ssl-1", "tcp", "127.0.0.1:8885", 50_000, true],
      ["my-ws-1", "ws", "0.0.0.0:8080", 50_000, false],
    ],
  );
  assertEquals(resolved.listeners[2]?.tls, {
    certfile: "/some/certfile",
    keyfile: "/some/key",
    cafile: "/some/cafile",
    capath: "/some/folder",
    cadata: "certificate data",
    clientCertificate: "optional",
  });
  assertEquals(resolved.limits.timeoutDisconnectDelay, 2);
  assertEquals(resolved.plugins.map(({ specifier }) => specifier), [
    "auth.anonymous",
    "topic_acl",
    "event_logger",
    "broker_sys",
  ]);
});

Deno.test("aMQTT's default config is read", async () => {
  const { resolved } = await load(`
listeners:
  default:
    type: tcp
    bind: 0.0.0.0:1883
timeout_disconnect_delay: 0
plugins:
  amqtt.plugins.logging_amqtt.EventLoggerPlugin:
  amqtt.plugins.logging_amqtt.PacketLoggerPlugin:
  amqtt.plugins.authentication.AnonymousAuthPlugin:
    allow_anonymous: true
  amqtt.plugins.sys.broker.BrokerSysPlugin:
    sys_interval: 20
`);
  assertEquals(resolved.plugins.map(({ specifier, options }) => [specifier, options]), [
    ["event_logger", undefined],
    ["packet_logger", undefined],
    ["auth.anonymous", { allowAnonymous: true }],
    ["broker_sys", { interval: 20 }],
  ]);
  assertEquals(resolved.anonymous, "plugins");
  assertEquals(resolved.warnings, []);
});

Deno.test("an aMQTT config with new-style plugins is read, and what differs is said", async () => {
  const { resolved, warnings } = await load(`
listeners:
  default: {type: tcp, bind: 0.0.0.0:1883}
  ws-mqtt: {bind: 127.0.0.1:8080, type: ws, max_connections: 10, reader: null}
plugins:
  - amqtt.plugins.authentication.FileAuthPlugin:
      password_file: passwd
  - amqtt.plugins.topic_checking.TopicAccessControlListPlugin:
      acl:
        alice: ["a/#"]
`);
  assertEquals(resolved.topicCheck, true);
  assertEquals(warnings.length, 1);
  assertEquals(
    warnings[0]?.replace(/^.*broker/, "broker"),
    "broker.yaml:8:5: plugins[1]: acl covers publishing and receiving here, not only subscribing as in aMQTT: name it " +
      "subscribe-acl to keep that meaning, or give publish-acl, too",
  );
});

Deno.test("an old config of hbmqtt is read", async () => {
  const { resolved } = await load(`
listeners:
  default: {type: tcp, bind: 0.0.0.0:1883}
sys_interval: 10
auth: {allow-anonymous: yes, password-file: passwd, plugins: [auth_file, auth_anonymous]}
topic-check: {enabled: on, plugins: [topic_taboo]}
`);
  assertEquals(resolved.plugins.map(({ specifier }) => specifier), [
    "auth.file",
    "auth.anonymous",
    "topic_taboo",
    "event_logger",
    "broker_sys",
  ]);
});

Deno.test("paths start at the folder of the file", async () => {
  await withFile("auth: {password-file: passwd}", async (file, folder) => {
    const { resolved, baseDirectory } = await loadConfigFile(file);
    assertEquals(baseDirectory, folder);
    assertEquals((resolved.plugins[1]?.options as { passwordFile: string }).passwordFile, join(folder, "passwd"));
  });
});

Deno.test("all faults are told at once, in the order of the file, with line and column", async () => {
  assertEquals(
    await faults(`# bind: no
topic-check:
  enabled: on
  acl:
    alice: [a/#,
      "#a"]
listeners:
  my-tcp-1: {max-conections: 1}
  my-tcp-2:
    # a comment
    bind: 127.0.0.1:70000
    ssl: on
plugins:
  - ./a.ts
  - nonsense.py.Thing
  - amqtt.contrib.shadows.ShadowPlugin:
      option: 1
queue-limit: 0
`),
    [
      'broker.yaml:6:7: topic-check.acl.alice[1]: "#" must be the last level of a topic filter, on its own: got "#a"',
      "broker.yaml:8:14: listeners.my-tcp-1.max-conections: unknown key: did you mean max-connections?",
      "broker.yaml:11:11: listeners.my-tcp-2.bind: port must be 0 to 65535: got 70000",
      "broker.yaml:15:5: plugins[1]: nonsense.py.Thing is a Python class, a plugin here is an ES module: give its " +
      "import specifier",
      "broker.yaml:16:5: plugins[2]: amqtt.contrib.shadows.ShadowPlugin of aMQTT has no counterpart here",
      "broker.yaml:18:14: queue-limit: must be at least 1: got 0",
    ],
  );
});

Deno.test("a fault about a key that is not there stands where its section does", async () => {
  assertEquals(await faults("listeners:\n  default: {ssl: on}\n  a:\n    bind: 1\n"), [
    "broker.yaml:3:3: listeners.a.ssl: needs certfile and keyfile: got no certfile and no keyfile",
  ]);
});

Deno.test("an address in brackets without quotes is refused with how to write it", async () => {
  for (
    const [text, place] of [
      ["listeners:\n  a:\n    bind: [::1]:1883\n", "3:11"],
      ["listeners: {a: {bind: [::1]:1883}}", "1:23"],
      ["listeners:\n  a:\n    bind: [::]:1883 # all\n    type: ws\n", "3:11"],
    ] as const
  ) {
    const [fault = ""] = await faults(text);
    const address = text.includes("::1") ? "[::1]:1883" : "[::]:1883";
    assertEquals(fault, `broker.yaml:${place}: an address in brackets must be quoted: write "${address}"`);
  }
  assertEquals(await faults("listeners:\n  a:\n    bind: [::1]\n"), [
    'broker.yaml:3:11: listeners.a.bind: an address in brackets must be quoted, such as "[::1]:1883": got a list',
  ]);
});

Deno.test("a number, an address and a quoted address are read as bind", async () => {
  const { resolved } = await load(
    `listeners:\n  a: {bind: 1884}\n  b: {bind: ":1885"}\n  c:\n    bind: "[::1]:1886"\n`,
  );
  assertEquals(resolved.listeners.map(({ hostname, port }) => [hostname, port]), [
    ["0.0.0.0", 1884],
    ["0.0.0.0", 1885],
    ["::1", 1886],
  ]);
});

Deno.test("a key that is given twice is refused", async () => {
  assertEquals(await faults("listeners:\n  a:\n    bind: 1\n    bind: 2\n"), [
    "broker.yaml:4:5: a key may be given only once: got bind again",
  ]);
  assertEquals(await faults("auth:\n  plugins: []\nqueue-limit: 3\nauth:\n  x: 1\n  y: 2\n"), [
    "broker.yaml:4:1: a key may be given only once: got auth again",
  ]);
});

Deno.test("what is no YAML is refused with its place", async () => {
  const [fault = ""] = await faults("listeners:\n  a: [1,\n");
  assertEquals(
    fault,
    "broker.yaml:3:1: not valid YAML: Cannot read flow collection: unexpected end of the stream within a flow collection",
  );
  assertEquals((await faults("a: b: c\n"))[0]?.startsWith("broker.yaml:1:5: not valid YAML: "), true);
  assertEquals((await faults("a: 1\n---\nb: 2\n"))[0]?.startsWith("broker.yaml:2:1: not valid YAML: "), true);
});

Deno.test("a tab as indentation is refused: the parser would take it for none", async () => {
  assertEquals(await faults("listeners:\n\ta: {}\n"), ["broker.yaml:2:1: a tab cannot indent in YAML: use spaces"]);
  await load("listeners:\n\t# a comment\n  a: {}\n\t\n");
});

Deno.test("an empty file means the defaults, and is pointed out", async () => {
  for (const text of ["", "# nothing\n", "---\n"]) {
    const { config, resolved, notes } = await load(text);
    assertEquals(config, {});
    assertEquals(resolved.listeners[0]?.hostname, "127.0.0.1");
    assertEquals(notes.map((note) => note.replace(/^.*broker/, "broker")), [
      "broker.yaml: is empty: the defaults hold",
    ]);
  }
  assertEquals((await load("queue-limit: 5")).notes, []);
});

Deno.test("a file that holds no mapping is refused", async () => {
  assertEquals(await faults("- 1\n"), ["broker.yaml:1:1: must be a mapping of keys to values: got [1]"]);
  assertEquals(await faults("listeners"), ['broker.yaml:1:1: must be a mapping of keys to values: got "listeners"']);
});

Deno.test("a file that cannot be read is refused by name", async () => {
  await withFile("", async (file, folder) => {
    const missing = await assertRejects(() => loadConfigFile(join(folder, "none.yaml")), ConfigError);
    assertEquals(missing.message, `Cannot read config file ${folder}/none.yaml: there is no such file`);
    const directory = await assertRejects(() => loadConfigFile(folder), ConfigError);
    assertEquals(directory.message, `Cannot read config file ${folder}: it is a folder`);
    await Deno.writeFile(file, new Uint8Array([0xff, 0xfe, 0x61, 0x00]));
    const encoding = await assertRejects(() => loadConfigFile(file), ConfigError);
    assertEquals(encoding.message, `Cannot read config file ${file}: it is not UTF-8 text`);
  });
});

Deno.test("a byte order mark and Windows line ends are no trouble", async () => {
  assertEquals((await load("\uFEFFlisteners:\r\n  a:\r\n    bind: 5\r\n")).resolved.listeners[0]?.port, 5);
});

Deno.test("the place of a plugin is found from what the loader says about it", async () => {
  await withFile("queue-limit: 5\nplugins:\n  - event_logger\n  - ./nope.ts\n", async (file) => {
    const { locate } = await loadConfigFile(file);
    assertEquals(locate("plugins[1]: cannot load plugin"), { file, line: 4, column: 5 });
    assertEquals(locate(["queue-limit"]), { file, line: 1, column: 14 });
    assertEquals(locate("no such key"), undefined);
  });
});

Deno.test("aliases and merged keys are read", async () => {
  const { resolved } = await load(`
listeners:
  a: &common
    max-connections: 5
    bind: 1
  b:
    <<: *common
    bind: 2
`);
  assertEquals(resolved.listeners.map(({ port, maxConnections }) => [port, maxConnections]), [[1, 5], [2, 5]]);
});

Deno.test("flags in YAML 1.1's words are flags only where a flag belongs", async () => {
  const { resolved } = await load(`
listeners:
  a: {type: ws, ssl: off, queue-qos0: no, origins: ["*"]}
topic-check:
  enabled: yes
  acl: {off: [on, no]}
`);
  assertEquals(resolved.topicCheck, true);
  assertEquals(resolved.listeners[0]?.limits.queueQos0, false);
  const { acl } = resolved.plugins[0]?.options as { acl: Record<string, string[]> };
  assertEquals(Object.entries(acl), [["off", ["on", "no"]]]);
});

Deno.test("what is resolved already is not checked again", () => {
  const config = resolveConfig({ "max-inflight": 5 }, { baseDirectory: "/a" });
  const changed = { ...config, plugins: [] };
  assert(resolveConfig(alreadyResolved(changed), { baseDirectory: "/b" }) === changed);
  assertEquals(Object.keys(alreadyResolved(changed)), []);
});
