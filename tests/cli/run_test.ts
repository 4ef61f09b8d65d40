import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { getLogger } from "@logtape/logtape";
import type { ResolvedConfig } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/config_error.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { main } from "../../src/cli/main.ts";
import { services as realServices } from "../../src/cli/services.ts";
import { PluginLoadError } from "../../src/hooks/loader.ts";
import type { ReloadReport } from "../../src/broker/broker.ts";
import { type FakeBehaviour, FakeIo, FakeServices, withFiles } from "./support.ts";
import { patiently } from "../support/patience.ts";

/** Runs until the broker serves, then ends it by a signal. */
async function serve(
  args: readonly string[],
  behaviour: FakeBehaviour = {},
  meanwhile?: (io: FakeIo) => Promise<void>,
) {
  const io = new FakeIo();
  const services = new FakeServices(behaviour);
  const done = main(args, io, services);
  await io.listening("SIGHUP");
  await meanwhile?.(io);
  io.raise("SIGTERM");
  const exitCode = await done;
  assertEquals(io.handlerCount, 0, "every signal handler is taken away");
  return { io, services, exitCode };
}

/** Runs a broker that does not get as far as serving. */
/** Where each value was set is told beside the values. */
function withoutOrigin({ origin: _, ...config }: ResolvedConfig): ResolvedConfig {
  return config;
}

async function fail(args: readonly string[], behaviour: FakeBehaviour) {
  const io = new FakeIo();
  const services = new FakeServices(behaviour);
  const exitCode = await main(args, io, services);
  assertEquals(io.handlerCount, 0);
  return { io, services, exitCode };
}

Deno.test("without a file the defaults are served, and the output says so", async () => {
  const addresses = { default: { type: "tcp", secure: false, hostname: "127.0.0.1", port: 1883 } } as const;
  const { io, services, exitCode } = await serve([], { addresses });
  assertEquals(exitCode, 0);
  const expected = resolveConfig({ admin: { bind: "127.0.0.1:9883" } }, { baseDirectory: Deno.cwd() });
  assertEquals(services.configs, [{ ...expected, admin: { ...expected.admin, isDefault: true } }]);
  assertEquals(services.calls, ["start", "shutdown"]);
  assertEquals(io.outLines, ["mqtt://127.0.0.1:1883 (default)"]);
  assertEquals(io.errorLines, ["No config file given: the defaults hold, serving 127.0.0.1:1883"]);
});

Deno.test("every listener has a line when the broker is ready", async () => {
  const { io } = await serve([], {
    addresses: {
      a: { type: "tcp", secure: false, hostname: "0.0.0.0", port: 1883 },
      b: { type: "tcp", secure: true, hostname: "::1", port: 8883 },
      c: { type: "ws", secure: false, hostname: "localhost", port: 8080 },
      d: { type: "ws", secure: true, hostname: "localhost", port: 8443 },
      e: { type: "external", secure: false },
      u: { type: "tcp", secure: false, hostname: "", port: 0, socketPath: "/run/broker.sock" },
    },
  });
  assertEquals(io.outLines, [
    "mqtt://0.0.0.0:1883 (a)",
    "mqtts://[::1]:8883 (b)",
    "ws://localhost:8080 (c)",
    "wss://localhost:8443 (d)",
    "external (e)",
    "mqtt+unix:/run/broker.sock (u)",
  ]);
});

Deno.test("a config file is handed to the broker as it was resolved, with its folder", async () => {
  await withFiles({ "b.yaml": "max-inflight: 5\nplugins: [event_logger]\n" }, async (folder) => {
    const { services } = await serve([`${folder}/b.yaml`]);
    const config = { "max-inflight": 5, plugins: ["event_logger"] };
    assertEquals(services.configs.map(withoutOrigin), [resolveConfig(config, { baseDirectory: folder })]);
  });
});

for (const flag of ["-c", "--config"]) {
  Deno.test(`${flag} FILE runs a broker on FILE`, async () => {
    await withFiles({ "b.yaml": "max-inflight: 5\n" }, async (folder) => {
      const { services, io, exitCode } = await serve([flag, `${folder}/b.yaml`]);
      assertEquals(services.configs.map(({ limits }) => limits.maxInflight), [5]);
      assertEquals([io.errorLines, exitCode], [[], 0]);
    });
  });
}

Deno.test("an empty config file is pointed out", async () => {
  await withFiles({ "b.yaml": "" }, async (folder) => {
    const { io } = await serve([`${folder}/b.yaml`]);
    assertEquals(io.errorLines, [`${folder}/b.yaml: is empty: the defaults hold`]);
  });
});

for (
  const [plugins, expected] of [
    ["", { event_logger: undefined, broker_sys: { interval: 20 }, packet_logger: undefined }],
    ["plugins: [./a.ts]", { "./a.ts": undefined, broker_sys: { interval: 20 }, packet_logger: undefined }],
    ["plugins: {./a.ts: {x: 1}}", { "./a.ts": { x: 1 }, broker_sys: { interval: 20 }, packet_logger: undefined }],
    ["plugins: []\nsys-interval: 0", { packet_logger: undefined }],
    ["plugins: [amqtt.plugins.logging_amqtt.PacketLoggerPlugin]", {
      packet_logger: undefined,
      broker_sys: { interval: 20 },
    }],
    ["plugins: []\nsys-interval: 0\nlog: {exclude-sys: false}", { packet_logger: { excludeSys: false } }],
  ] as const
) {
  Deno.test(`--debug logs packets with the config ${plugins || "that lists no plugins"}`, async () => {
    await withFiles({ "b.yaml": plugins }, async (folder) => {
      for (const flag of ["-d", "--debug"]) {
        const { services } = await serve([flag, `${folder}/b.yaml`]);
        const plugins = services.configs[0]!.plugins.map(({ specifier, options }) => [specifier, options] as const);
        assertEquals(plugins.length, Object.keys(expected).length);
        assertEquals<Readonly<Record<string, unknown>>>(Object.fromEntries(plugins), expected);
      }
    });
  });
}

Deno.test("a faulty config ends with exit code 2 and a line for every fault", async () => {
  await withFiles({ "b.yaml": "queue-limit: 0\nlisteners:\n  a: {bind: 70000}\n" }, async (folder) => {
    const file = `${folder}/b.yaml`;
    const { io, services, exitCode } = await fail([file], {});
    assertEquals(exitCode, 2);
    assertEquals(io.errorLines, [
      `${file}:1:14: queue-limit: must be at least 1: got 0`,
      `${file}:3:13: listeners.a.bind: port must be 0 to 65535: got 70000`,
    ]);
    assertEquals(services.configs, []);
  });
});

Deno.test("a config file that is not there ends with exit code 2", async () => {
  const { io, exitCode } = await fail(["/no/such.yaml"], {});
  assertEquals(exitCode, 2);
  assertEquals(io.errorLines, ["Cannot read config file /no/such.yaml: there is no such file"]);
});

Deno.test("a fault that the broker finds in the config ends with exit code 2 and its position", async () => {
  await withFiles({ "b.yaml": "queue-limit: 1\n" }, async (folder) => {
    const create = () => {
      throw new ConfigError([{ path: ["queue-limit"], message: "is odd" }]);
    };
    const { io, exitCode } = await fail([`${folder}/b.yaml`], { create });
    assertEquals(exitCode, 2);
    assertEquals(io.errorLines, [`${folder}/b.yaml:1:14: queue-limit: is odd`]);
  });
});

Deno.test("a plugin that cannot be loaded ends with exit code 2 and its place in the file", async () => {
  await withFiles({ "b.yaml": "plugins:\n  - event_logger\n  - ./nope.ts\n" }, async (folder) => {
    const start = () => Promise.reject(new PluginLoadError('plugins[1]: cannot load plugin "./nope.ts": not found'));
    const { io, exitCode } = await fail([`${folder}/b.yaml`], { start });
    assertEquals(exitCode, 2);
    assertEquals(io.errorLines, [`${folder}/b.yaml:3:5: plugins[1]: cannot load plugin "./nope.ts": not found`]);
  });
});

Deno.test("a broker that cannot start ends with exit code 1 and one line", async () => {
  const start = () => Promise.reject(new Error("Cannot listen on 127.0.0.1:1883:\n  the port is in use"));
  const { io, services, exitCode } = await fail([], { start });
  assertEquals(exitCode, 1);
  assertEquals(io.errorLines.slice(1), ["Cannot listen on 127.0.0.1:1883: the port is in use"]);
  assertEquals(io.outLines, []);
  assertEquals(services.calls, ["start"]);
});

for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  Deno.test(`${signal} shuts down with exit code 0, and a second one ends at once with ${code}`, async () => {
    const gate = Promise.withResolvers<void>();
    const stopping = Promise.withResolvers<void>();
    const shutdown = () => {
      stopping.resolve();
      return gate.promise;
    };
    const io = new FakeIo();
    const done = main([], io, new FakeServices({ shutdown }));
    await io.listening("SIGHUP");
    io.raise(signal);
    await stopping.promise;
    assertEquals(io.exits, []);
    io.raise(signal);
    assertEquals(io.exits, [code]);
    gate.resolve();
    assertEquals(await done, 0);
  });
}

Deno.test("a signal while the broker starts shuts it down once it has started", async () => {
  const io = new FakeIo();
  const start = () => {
    io.raise("SIGINT");
    return Promise.resolve();
  };
  const services = new FakeServices({ start });
  assertEquals(await main([], io, services), 0);
  assertEquals(services.calls, ["start", "shutdown"]);
});

Deno.test("a signal ends a broker whose start still waits for something", async () => {
  const io = new FakeIo();
  const started = Promise.withResolvers<void>();
  const start = () => {
    io.raise("SIGTERM");
    return started.promise;
  };
  const shutdown = () => Promise.resolve(started.reject(new Error("it was shut down meanwhile")));
  const services = new FakeServices({ start, shutdown });
  assertEquals(await patiently("the command to end", main([], io, services)), 0);
  assertEquals(services.calls, ["start", "shutdown"]);
});

Deno.test("SIGHUP reads the config again and hands it to the broker", async () => {
  await withFiles({ "b.yaml": "topic-check: {enabled: on, acl: {a: [x]}}\n" }, async (folder) => {
    const reloaded = Promise.withResolvers<ResolvedConfig>();
    const reload = (config: ResolvedConfig) => {
      reloaded.resolve(config);
      return Promise.resolve();
    };
    await serve([`${folder}/b.yaml`], { reload }, async (io) => {
      await Deno.writeTextFile(`${folder}/b.yaml`, "topic-check: {enabled: on, acl: {a: [y]}}\n");
      io.raise("SIGHUP");
      const config = { "topic-check": { enabled: "on", acl: { a: ["y"] } } };
      assertEquals(withoutOrigin(await reloaded.promise), resolveConfig(config, { baseDirectory: folder }));
    });
  });
});

Deno.test("a fault at SIGHUP is logged and the broker goes on", async () => {
  await withFiles({ "b.yaml": "queue-limit: 5\n" }, async (folder) => {
    const reloaded = Promise.withResolvers<void>();
    const reload = () => {
      reloaded.resolve();
      return Promise.reject(new Error("passwd:3: no hash"));
    };
    const { io, exitCode, services } = await serve([`${folder}/b.yaml`], { reload }, async (io) => {
      await Deno.writeTextFile(`${folder}/b.yaml`, "queue-limit: 0\n");
      io.raise("SIGHUP");
      await io.said("queue-limit");
      await Deno.writeTextFile(`${folder}/b.yaml`, "queue-limit: 5\n");
      io.raise("SIGHUP");
      await reloaded.promise;
      await io.said("no hash");
    });
    assertEquals(exitCode, 0);
    assertEquals(services.calls, ["start", "reload", "shutdown"]);
    const [first = "", second = ""] = io.errorLines;
    assert(first.endsWith(`ERROR reload: ${folder}/b.yaml:1:14: queue-limit: must be at least 1: got 0`), first);
    assert(second.endsWith("ERROR reload: passwd:3: no hash"), second);
  });
});

Deno.test("the broker's log goes to standard error, one line an event, and debug only on demand", async () => {
  const logger = getLogger("amqtt");
  const start = () => {
    logger.info`client ${"a\nb\u001b[0m\u202e {x}"} connected`;
    logger.warn`careful`;
    logger.debug`packet`;
    return Promise.resolve();
  };
  const { io } = await serve([], { start });
  const lines = io.errorLines.slice(1);
  assertEquals(lines.length, 2);
  assertMatch(lines[0]!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z INFO client a b\\u001b\[0m\\u202e \{x\} connected$/);
  assertMatch(lines[1]!, /Z WARNING careful$/);
  const debug = await serve(["-d"], { start });
  assertMatch(debug.io.errorLines.at(-1)!, /Z DEBUG packet$/);
  logger.error`after the end`;
  assert(!debug.io.errorLines.some((line) => line.includes("after the end")));
});

/** Runs with these flags and this config, and tells what was logged at each level by each part. */
async function logged(flags: readonly string[], config: string): Promise<string[]> {
  const start = () => {
    for (const part of [[], ["store"], ["plugins", "./x.ts"]]) {
      const logger = getLogger(["amqtt", ...part]);
      logger.debug`d ${part.join("/")}`;
      logger.info`i ${part.join("/")}`;
      logger.warn`w ${part.join("/")}`;
    }
    return Promise.resolve();
  };
  return await withFiles({ "b.yaml": config }, async (folder) => {
    const { io } = await serve([...flags, `${folder}/b.yaml`], { start });
    return io.errorLines.map((line) => line.replace(/^\S+Z \w+ /, "").trim());
  });
}

for (
  const [flags, config, expected] of [
    [[], "log: {level: info}", "i,w,i store,w store,i plugins/./x.ts,w plugins/./x.ts"],
    [[], "log: {level: warning}", "w,w store,w plugins/./x.ts"],
    [[], "log: {level: off}", ""],
    [[], "log: {level: error, categories: {store: debug}}", "d store,i store,w store"],
    [[], "log: {level: error, categories: {'plugins../x.ts': info}}", "i plugins/./x.ts,w plugins/./x.ts"],
    [[], "log: {level: warning, categories: {plugins: off}}", "w,w store"],
    [["-q"], "log: {level: debug}", "w,w store,w plugins/./x.ts"],
    [["-q"], "log: {level: error}", ""],
    [["-q"], "log: {categories: {store: debug, plugins: error}}", "w,w store"],
    [["-v"], "log: {level: error, categories: {store: off, plugins: warning}}", "d,i,w,w plugins/./x.ts"],
  ] as const
) {
  Deno.test(`${flags.join(" ") || "without flags"}, ${config} logs ${expected || "nothing"}`, async () => {
    assertEquals((await logged(flags, config)).join(","), expected);
  });
}

for (
  const [flags, config, expected] of [
    [[], "log: {packets: headers}", "packet"],
    [["-q"], "log: {packets: headers}", ""],
    [["-q"], "log: {categories: {plugins.packet_logger: debug}}", ""],
    [["-d"], "log: {categories: {plugins.packet_logger: off}}", "packet"],
    [["-d"], "log: {categories: {plugins: warning}}", "packet"],
  ] as const
) {
  Deno.test(`${flags.join(" ") || "without flags"}, ${config} logs ${expected ? "the" : "no"} headers of packets`, async () => {
    const start = () => {
      getLogger(["amqtt", "plugins", "packet_logger"]).debug`packet`;
      return Promise.resolve();
    };
    await withFiles({ "b.yaml": config }, async (folder) => {
      const { io } = await serve([...flags, `${folder}/b.yaml`], { start });
      assertEquals(io.errorLines.map((line) => line.replace(/^\S+Z \w+ /, "").trim()).join(","), expected);
    });
  });
}

Deno.test("-q and -v do not go together", async () => {
  const { exitCode, io } = await fail(["-q", "-v"], {});
  assertEquals(exitCode, 2);
  assert(io.errorLines.join().includes("cannot be used with option"), io.errorLines.join());
});

Deno.test("log.format: json makes every line a JSON object with time, level, category and message", async () => {
  const start = () => {
    getLogger(["amqtt", "store"]).warn`a "b" ${"c\n\u202ed"}`;
    return Promise.reject(new Error("Cannot listen"));
  };
  await withFiles({ "b.yaml": "log: {format: json}\n" }, async (folder) => {
    const { io } = await fail([`${folder}/b.yaml`], { start });
    const lines = io.errorLines.map((line) => JSON.parse(line) as Record<string, string>);
    assert(io.errorLines[0]!.includes("\\u202e"));
    assertEquals(lines.map(({ level, category, message }) => ({ level, category, message })), [
      { level: "warning", category: "amqtt.store", message: 'a "b" c \u202ed' },
      { level: "error", category: "amqtt.cli", message: "Cannot listen" },
    ]);
    assertMatch(lines[0]!.time!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });
});

Deno.test("an error of several lines is one line of the log, without a literal line break", async () => {
  const start = () => {
    getLogger("amqtt").error`plugin threw: ${"a\n    at b\r\n  at c"}`;
    return Promise.resolve();
  };
  const { io } = await serve([], { start });
  assertMatch(io.errorLines.at(-1)!, /ERROR plugin threw: a at b at c$/);
});

Deno.test("SIGHUP says what was read again and what needs a restart, and takes over the log", async () => {
  const before = "listeners: {mqtt: {bind: 1883}}\nmax-inflight: 5\nlog: {level: info}\n";
  const after = "listeners: {mqtt: {bind: 1884}}\nmax-inflight: 6\nlog: {level: warning}\n" +
    "persistence: {type: sqlite}\n";
  await withFiles({ "b.yaml": before }, async (folder) => {
    const report: ReloadReport = {
      certificates: ["tls"],
      plugins: ["auth.file", "topic_acl"],
      needsRestart: [],
      failed: [],
    };
    const reports = [report, {
      ...report,
      needsRestart: ["max-inflight"],
      failed: [{ place: "listeners.x", reason: "-" }],
    }];
    const reload = () => Promise.resolve(reports.shift()!);
    const { io } = await serve([`${folder}/b.yaml`], { reload }, async (io) => {
      io.raise("SIGHUP");
      await io.said("nothing that has changed needs a restart");
      await Deno.writeTextFile(`${folder}/b.yaml`, after);
      io.raise("SIGHUP");
      await io.said("needs a restart:");
    });
    assertEquals(io.errorLines.map((line) => line.replace(/^\S+ /, "")), [
      "INFO reload: read again: certificates of listeners.tls, auth.file, topic_acl, log",
      "INFO reload: nothing that has changed needs a restart",
      "ERROR reload: the old stays: listeners.x",
      "WARNING reload: needs a restart: max-inflight",
    ]);
  });
});

Deno.test("without a config file a broker goes on without its admin API if that port is taken", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const config = {
    listeners: { a: { bind: "127.0.0.1:0" } },
    plugins: [],
    admin: { bind: `127.0.0.1:${taken.addr.port}` },
  };
  const resolved = resolveConfig(config, { baseDirectory: Deno.cwd() });
  const asked = await realServices.createBroker(resolved);
  const error = await assertRejects(() => asked.start(), Error);
  assertStringIncludes(error.message, "the port is in use");
  const broker = await realServices.createBroker({ ...resolved, admin: { ...resolved.admin, isDefault: true } });
  await broker.start();
  assertEquals(broker.adminUrl, undefined);
  assertEquals(Object.keys(broker.addresses), ["a"]);
  await broker.shutdown();
});
