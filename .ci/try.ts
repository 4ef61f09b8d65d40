/**
 * Tries the run command, or an example, from outside: starts it on free ports, talks MQTT to it, ends it.
 *
 *     deno run -A .ci/try.ts run COMMAND…
 *     deno run -A .ci/try.ts examples/NAME
 *     deno run -A .ci/try.ts permissions
 *     deno run -A .ci/try.ts cookbook
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { makeAuthority } from "../tests/support/certificates.ts";
import { cookbook } from "./cookbook.ts";
import { deno, Program, root, roundTrip } from "./program.ts";

const PATIENCE_MS = 120_000;

/** The command line on an example, which is copied with free ports in place of its own. */
async function withConfig(
  command: readonly string[],
  name: string,
  attempt: (program: Program) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    for await (const { name, isFile } of Deno.readDir(`${root}examples`)) {
      if (isFile) await Deno.copyFile(`${root}examples/${name}`, `${folder}/${name}`);
    }
    const file = `${folder}/${name}`;
    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.replace(/^( +bind: 127\.0\.0\.1):\d+$/gm, "$1:0"));
    await using program = new Program([...command, file]);
    await attempt(program);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const MQTT = /^mqtt:\/\/\S+/;
const WEBSOCKET = /^ws:\/\/\S+/;
const PAGE = /^http:\/\/\S+/;

/** mosquitto's clients in both versions, if they are installed. The message is retained, so the order does not matter. */
async function tryMosquitto(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  for (const version of ["mqttv31", "mqttv311"]) {
    const common = ["-V", version, "-h", hostname, "-p", port, "-q", "2", "-t", `tried/${version}`];
    const published = await output("mosquitto_pub", [...common, "-r", "-m", version]);
    if (published === undefined) return console.log("mosquitto_pub is not installed: tried with npm:mqtt only");
    assertEquals((await output("mosquitto_sub", [...common, "-C", "1", "-W", "10"]))?.trim(), version);
  }
}

async function output(program: string, args: string[]): Promise<string | undefined> {
  try {
    const { success, stdout, stderr } = await new Deno.Command(program, { args }).output();
    assert(success, `${program}: ${new TextDecoder().decode(stderr)}`);
    return new TextDecoder().decode(stdout);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

async function refuses(attempt: Promise<unknown>, what: string): Promise<void> {
  assert(await attempt.then(() => false, () => true), `${what} was let through`);
}

async function tryBroker(program: Program): Promise<void> {
  const url = await program.waitFor(MQTT);
  const webSocketUrl = await program.waitFor(WEBSOCKET);
  for (const qos of [0, 1, 2] as const) {
    await roundTrip(url, `a/${qos}`, qos);
    await roundTrip(`${webSocketUrl}/mqtt`, `b/${qos}`, qos);
  }
  await tryMosquitto(url);
}

const trials: Readonly<Record<string, () => Promise<void>>> = {
  "permissions": tryPermissions,
  "cookbook": cookbook,
  "examples/broker.yaml": () => withConfig([...deno, "cli.ts"], "broker.yaml", tryBroker),
  "examples/acl.yaml": () =>
    withConfig([...deno, "cli.ts"], "acl.yaml", async (program) => {
      const url = await program.waitFor(MQTT);
      await roundTrip(url, "home/door", 1, { username: "alice", password: "wonderland" });
      await roundTrip(url, "devices/shed/lamp", 2, { clientId: "shed", username: "bob", password: "builder" });
      await refuses(roundTrip(url, "home/door", 1, { username: "bob", password: "builder" }), "a denied topic");
      await refuses(roundTrip(url, "home/door", 1, { username: "alice", password: "builder" }), "a wrong password");
    }),
  "examples/custom_plugin.yaml": () =>
    withConfig([...deno, "cli.ts"], "custom_plugin.yaml", async (program) => {
      const url = await program.waitFor(MQTT);
      await roundTrip(url, "users/alice/x", 1, { username: "alice", password: "swordfish" });
      await refuses(roundTrip(url, "users/alice/x", 1, { username: "alice", password: "herring" }), "a wrong word");
    }),
  "examples/embedded.ts": async () => {
    await using program = new Program([...deno, "examples/embedded.ts", "127.0.0.1:0"]);
    const url = await program.waitFor(MQTT);
    await roundTrip(url, "sensors/door", 1, { clientId: "door" });
    await program.waitFor(/^sensors\/door: at QoS 1 \(from door\)$/);
  },
  "examples/serve_upgrade.ts": async () => {
    await using program = new Program([...deno, "examples/serve_upgrade.ts", "0"]);
    const url = await program.waitFor(PAGE);
    await roundTrip(`${url.replace("http:", "ws:")}mqtt`, "a", 2);
    assertMatch(await (await fetch(url)).text(), /^\d+ clients are connected\.\n$/);
  },
  "examples/browser.ts": async () => {
    await using program = new Program([...deno, "examples/browser.ts", "0", "127.0.0.1:0"]);
    const url = await program.waitFor(PAGE);
    const page = await (await fetch(url)).text();
    const webSocketUrl = /ws:\/\/[\w.:]+\/mqtt/.exec(page)?.[0];
    assert(webSocketUrl !== undefined, page);
    assert((await (await fetch(`${url}mqtt.js`)).text()).includes("export"), "MQTT.js is not served");
    await roundTrip(webSocketUrl, "chat/a", 1);
  },
};

/** A config for each row of the manual's table of permissions; `acl_users` has the user alice. */
const configs: Readonly<Record<string, string>> = {
  "in memory": "listeners: { mqtt: { bind: 127.0.0.1:PORT } }",
  "TLS": "listeners: { mqtt: { bind: 127.0.0.1:PORT, ssl: on, certfile: server.pem, keyfile: server.key } }",
  "unix socket": "listeners: { mqtt: { bind: unix:m.sock } }",
  "SQLite": "listeners: { mqtt: { bind: 127.0.0.1:PORT } }\npersistence: { type: sqlite, path: m.sqlite }",
  "password file":
    "listeners: { mqtt: { bind: 127.0.0.1:PORT } }\nauth: { allow-anonymous: false, password-file: acl_users }",
};

/** Runs each config with exactly the permissions that the manual names for it, and with each one taken away. */
async function tryPermissions(): Promise<void> {
  const page = await Deno.readTextFile(`${root}docs/operating.md`);
  const rows = [...page.matchAll(/^\| ([^|]+?) +\| `(--allow-[^`]+)` +\|$/gm)];
  assertEquals(rows.map(([, what]) => what), Object.keys(configs), "rows of the manual's table of permissions");
  for (const [, what, flags] of rows) await tryFlags(what!, flags!);
}

/** MQTT.js knows no unix sockets. */
async function signInThrough(path: string): Promise<void> {
  using connection = await Deno.connect({ transport: "unix", path });
  await connection.write(new TextEncoder().encode("\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a"));
  const connack = new Uint8Array(4);
  await connection.read(connack);
  assertEquals(connack, Uint8Array.of(0x20, 2, 0, 0));
}

async function tryFlags(what: string, flags: string): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const { certificate, key } = makeAuthority().issue({ commonName: "localhost", sans: ["IP:127.0.0.1"] });
    await Deno.writeTextFile(`${folder}/server.pem`, certificate);
    await Deno.writeTextFile(`${folder}/server.key`, key);
    await Deno.copyFile(`${root}examples/acl_users`, `${folder}/acl_users`);
    // A port of its own: --allow-net names it.
    const port = freePort();
    await Deno.writeTextFile(`${folder}/b.yaml`, configs[what]!.replace("PORT", String(port)));
    const socketPath = what === "unix socket" ? `${folder}/m.sock` : undefined;
    const address = socketPath === undefined ? `127.0.0.1:${port}` : `unix:${socketPath}`;
    const allowed = flags.replace("ADDRESSES", address).replaceAll("CONFIG", folder).split(" ");
    const command = (allowed: readonly string[]) =>
      [Deno.execPath(), "run", "--no-prompt", ...allowed, "cli.ts", `${folder}/b.yaml`] as const;
    {
      await using program = new Program(command(allowed));
      const url = await program.waitFor(/^mqtt\S+/);
      const user = what === "password file" ? { username: "alice", password: "wonderland" } : {};
      if (socketPath === undefined) await roundTrip(url, "home/a", 1, { ...user, rejectUnauthorized: false });
      else await signInThrough(socketPath);
    }
    for (const flag of allowed) {
      const named = /^--allow-(\w+)/.exec(flag)![1]!;
      const { code, stderr } = await start(command(allowed.filter((other) => other !== flag)));
      assert(code !== 0 && stderr.includes(`--allow-${named}`), `${what} without ${flag}: ${code}, ${stderr}`);
    }
    console.log(`${what}: ${flags}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A program that is expected to end by itself. */
async function start([program, ...args]: readonly string[]): Promise<{ code: number; stderr: string }> {
  const { code, stderr } = await new Deno.Command(program!, { args, cwd: root, stdin: "null" }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

const [name, ...command] = Deno.args;
// What hangs is a fault, too.
const alarm = setTimeout(() => {
  console.error(`${name} was not done after ${PATIENCE_MS} ms`);
  Deno.exit(1);
}, PATIENCE_MS);
const trial = name === "run" ? () => withConfig(command, "broker.yaml", tryBroker) : trials[name ?? ""];
assert(trial !== undefined, `there is no trial for ${name}`);
await trial();
clearTimeout(alarm);
