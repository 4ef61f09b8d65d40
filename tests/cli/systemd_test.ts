import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { main } from "../../src/cli/main.ts";
import { Systemd } from "../../src/cli/systemd.ts";
import { patiently } from "../support/patience.ts";
import { FakeIo, FakeServices, withFiles } from "./support.ts";

const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));
const decoder = new TextDecoder();

/** What systemd is told with these variables, and what is warned of. */
function told(variables: Readonly<Record<string, string>>) {
  const texts: string[] = [];
  const paths: string[] = [];
  const warnings: string[] = [];
  const options = {
    env: (name: string) => variables[name],
    pid: 42,
    open: (path: string) => {
      paths.push(path);
      return { send: (text: string) => Promise.resolve(void texts.push(text)), close: () => void texts.push("closed") };
    },
    warn: (text: string) => void warnings.push(text),
  };
  return { texts, paths, warnings, systemd: new Systemd(options), options };
}

Deno.test("systemd is told that the broker is ready and that it stops", async () => {
  const io = new FakeIo();
  const { texts, options } = told({ NOTIFY_SOCKET: "/run/systemd/notify" });
  io.supervisor = options;
  const tcp = { type: "tcp", secure: false, hostname: "127.0.0.1", port: 1883 } as const;
  const calls: string[] = [];
  const start = () => Promise.resolve(void calls.push(`started after ${texts.length} texts`));
  const shutdown = () => Promise.resolve(void calls.push(`shut down after ${texts.length} texts`));
  const done = main([], io, new FakeServices({ addresses: { tcp }, start, shutdown }));
  await io.listening("SIGHUP");
  io.raise("SIGTERM");
  assertEquals(await done, 0);
  assertEquals(texts, ["READY=1\nSTATUS=serving tcp", "STOPPING=1\nSTATUS=shutting down", "closed"]);
  assertEquals(calls, ["started after 0 texts", "shut down after 2 texts"]);
});

Deno.test("a broker that cannot start is never called ready", async () => {
  const io = new FakeIo();
  const { texts, options } = told({ NOTIFY_SOCKET: "/run/systemd/notify" });
  io.supervisor = options;
  assertEquals(await main([], io, new FakeServices({ start: () => Promise.reject(new Error("in use")) })), 1);
  assertEquals(texts, ["closed"]);
});

Deno.test("an abstract socket and one with a path are reached, others are warned of", () => {
  assertEquals(told({ NOTIFY_SOCKET: "@org/x" }).paths, ["\0org/x"]);
  assertEquals(told({ NOTIFY_SOCKET: "/run/x" }).paths, ["/run/x"]);
  assertEquals(told({}).warnings, []);
  const { paths, warnings } = told({ NOTIFY_SOCKET: "vsock:2:1234" });
  assertEquals(paths, []);
  assertEquals(warnings, [
    "systemd is told nothing, NOTIFY_SOCKET=vsock:2:1234 cannot be used: only /path and @name are served",
  ]);
});

for (
  const [title, variables, beats] of [
    ["in its time", { WATCHDOG_USEC: "4000" }, true],
    ["of this process", { WATCHDOG_USEC: "4000", WATCHDOG_PID: "42" }, true],
    ["of another process", { WATCHDOG_USEC: "4000", WATCHDOG_PID: "43" }, false],
    ["that is off", {}, false],
  ] as const
) {
  Deno.test(`a watchdog ${title} ${beats ? "hears of the broker, again and again" : "is told nothing"}`, async () => {
    const { systemd, texts } = told({ NOTIFY_SOCKET: "/run/x", ...variables });
    await systemd.ready("serving");
    for (let turn = 0; turn < 1000 && texts.length < 4; turn++) {
      await new Promise((resolve) => setTimeout(resolve, beats ? 1 : 0));
      if (!beats && turn > 10) break;
    }
    systemd.close();
    assertEquals(texts.slice(1, 4), beats ? ["WATCHDOG=1", "WATCHDOG=1", "WATCHDOG=1"] : ["closed"]);
  });
}

for (const kind of ["path", "abstract"] as const) {
  Deno.test({
    name: `the program tells a real socket with ${kind === "path" ? "a path" : "an abstract name"} of its life`,
    ignore: Deno.build.os !== "linux",
    fn: () =>
      withFiles({ "b.yaml": "listeners:\n  a: {bind: 127.0.0.1:0}\n" }, async (folder) => {
        const path = kind === "path" ? `${folder}/notify` : `\0${folder}/notify`;
        const socket = Deno.listenDatagram({ transport: "unixpacket", path });
        const next = async () => decoder.decode((await patiently("a text", socket.receive()))[0]);
        const child = new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--quiet", CLI, `${folder}/b.yaml`],
          env: { NOTIFY_SOCKET: path.replace("\0", "@"), WATCHDOG_USEC: "100000", NO_COLOR: "1" },
          stdin: "null",
          stdout: "null",
          stderr: "piped",
        }).spawn();
        const log = new Response(child.stderr).text();
        try {
          assertEquals(await next(), "READY=1\nSTATUS=serving a");
          assertEquals([await next(), await next()], ["WATCHDOG=1", "WATCHDOG=1"]);
        } finally {
          child.kill("SIGTERM");
        }
        let last = await next();
        while (last === "WATCHDOG=1") last = await next();
        assertEquals(last, "STOPPING=1\nSTATUS=shutting down");
        socket.close();
        const { code } = await child.status;
        assert(code === 0, await log);
        assertEquals((await log).includes("systemd"), false);
      }),
  });
}
