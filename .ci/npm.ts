/**
 * Makes the npm package, installs it as a program would, and tries it under the `node` of this machine: from a YAML file
 * over TCP, TLS and WebSocket with clients of 3.1.1 and 5.0, with SQLite, and inside another program.
 *
 *     deno run -A .ci/npm.ts
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, connectAsync } from "mqtt";
import { buildPackage } from "../tests/npm/build.ts";
import { makeAuthority, writeServerCertificate } from "../tests/support/certificates.ts";
import { root } from "./program.ts";

const OLDEST_NODE = 20;
const PATIENCE_MS = 60_000;

/** Node, with a config in the folder where the package is installed. */
class NodeBroker implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #written: Promise<unknown>[];
  readonly #waiting = new Set<() => void>();
  text = "";

  constructor(cwd: string, args: readonly string[]) {
    this.#child = new Deno.Command("node", { args: [...args], cwd, stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    this.#written = [this.#child.stdout, this.#child.stderr].map((stream) => this.#gather(stream));
  }

  /** The first thing written that has the pattern. */
  async written(pattern: RegExp): Promise<RegExpExecArray> {
    const ended = this.#child.status.then(() => Promise.all(this.#written));
    for (;;) {
      const found = pattern.exec(this.text);
      if (found) return found;
      const more = new Promise<void>((resolve) => this.#waiting.add(resolve));
      const isOver = await Promise.race([more.then(() => false), ended.then(() => true)]);
      if (isOver && !pattern.test(this.text)) throw new Error(`Node ended before it wrote ${pattern}:\n${this.text}`);
    }
  }

  /** Ends it, or waits for its end. @returns the exit code */
  async end(signal?: "SIGTERM"): Promise<number> {
    if (signal) this.#child.kill(signal);
    const { code } = await this.#child.status;
    await Promise.all(this.#written);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    await this.end();
  }

  async #gather(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.text += text;
      for (const wake of this.#waiting) wake();
      this.#waiting.clear();
    }
  }
}

async function run(cwd: string, program: string, args: readonly string[], input = ""): Promise<string> {
  const child = new Deno.Command(program, { args: [...args], cwd, stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  assertEquals(code, 0, `${program} ${args.join(" ")}: ${text}`);
  return text;
}

const bin = "node_modules/@amqtt/broker/bin.js";

/** Each version over each transport, at each QoS. */
async function tryClients(broker: NodeBroker): Promise<void> {
  const urls = await Promise.all(
    [/mqtt:\/\/\S+/, /mqtts:\/\/\S+/, /ws:\/\/\S+/, /wss:\/\/\S+/].map(async (pattern) =>
      (await broker.written(pattern))[0]
    ),
  );
  for (const url of urls) {
    for (const protocolVersion of [4, 5] as const) {
      const client = await connectAsync(url, {
        protocolVersion,
        username: "user",
        password: "secret",
        rejectUnauthorized: false,
        reconnectPeriod: 0,
      });
      for (const qos of [0, 1, 2] as const) {
        const message = new Promise<string>((resolve) => client.once("message", (_, bytes) => resolve(String(bytes))));
        await client.subscribeAsync("a/+", { qos });
        // More than a socket takes at once.
        const payload = `${url} at ${qos}`.padEnd(qos === 1 ? 3_000_000 : 0, ".");
        await client.publishAsync("a/b", payload, { qos });
        assertEquals((await message).length, payload.length);
      }
      await client.endAsync();
    }
    console.log(`${url}: 3.1.1 and 5.0`);
  }
  const refused = await connectAsync(urls[0]!, { username: "user", password: "wrong", reconnectPeriod: 0 })
    .then(() => "let in", (error: Error) => error.message);
  assertMatch(refused, /Not authorized|bad user ?name or password/i);
}

async function tryYaml(folder: string): Promise<void> {
  await writeServerCertificate(folder, makeAuthority());
  await run(folder, "node", [bin, "passwd", "users", "user"], "secret\n");
  await run(folder, "node", [bin, "passwd", "--scram", "users", "other"], "secret\n");
  const tls = "certfile: certificate.pem\n    keyfile: key.pem\n    ssl: true";
  await Deno.writeTextFile(
    `${folder}/broker.yaml`,
    `listeners:
  plain: { type: tcp, bind: "127.0.0.1:0" }
  secure:
    type: tcp
    bind: 127.0.0.1:0
    ${tls}
  web: { type: ws, bind: "127.0.0.1:0" }
  secure-web:
    type: ws
    bind: 127.0.0.1:0
    ${tls}
auth:
  password-file: users
`,
  );
  assertStringIncludes(await run(folder, "node", [bin, "--check", "broker.yaml"]), "secure-web");
  await using broker = new NodeBroker(folder, [bin, "broker.yaml"]);
  await tryClients(broker);
  assertEquals(await broker.end("SIGTERM"), 0, broker.text);
}

/** What a session has left comes after a restart; where Node has no SQLite, the start says so. */
async function trySqlite(folder: string): Promise<void> {
  await Deno.writeTextFile(
    `${folder}/stored.yaml`,
    `listeners: { plain: { type: tcp, bind: "127.0.0.1:0" } }
auth: { allow-anonymous: true }
persistence: { type: sqlite, path: stored.db }
`,
  );
  const hasSqlite = await run(folder, "node", ["-e", 'import("node:sqlite").then(() => console.log("yes"), () => {})']);
  if (!hasSqlite.includes("yes")) {
    await using broker = new NodeBroker(folder, [bin, "stored.yaml"]);
    assert(await broker.end() !== 0);
    assertStringIncludes(broker.text, "SQLite is missing: this runtime has no module node:sqlite");
    return console.log("SQLite: this Node has none, and the start says so");
  }
  const options = { clientId: "c", clean: false, reconnectPeriod: 0, protocolVersion: 4 } as const;
  {
    await using broker = new NodeBroker(folder, [bin, "stored.yaml"]);
    const [url] = await broker.written(/mqtt:\/\/\S+/);
    const client = await connectAsync(url, options);
    await client.subscribeAsync("a", { qos: 1 });
    await client.endAsync();
    const other = await connectAsync(url, { reconnectPeriod: 0 });
    await other.publishAsync("a", "kept", { qos: 1 });
    await other.endAsync();
    assertEquals(await broker.end("SIGTERM"), 0, broker.text);
  }
  await using broker = new NodeBroker(folder, [bin, "stored.yaml"]);
  const [url] = await broker.written(/mqtt:\/\/\S+/);
  const client = connect(url, options);
  // It may come right behind CONNACK.
  const message = new Promise<string>((resolve) => client.once("message", (_, bytes) => resolve(String(bytes))));
  assertEquals(await message, "kept");
  await client.endAsync();
  assertEquals(await broker.end("SIGTERM"), 0, broker.text);
  console.log("SQLite: a session outlives a restart");
}

const PROGRAM = `
import { Broker } from "@amqtt/broker";
import { connectTestClient, startTestBroker } from "@amqtt/broker/testing";

const broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } }, admin: { bind: "127.0.0.1:0" } });
await broker.start();
const heard = broker.subscribe("a/#");
await broker.publish("a/b", "in a program", { qos: 1 });
console.log(new TextDecoder().decode((await heard.next()).value.payload));
const refused = broker.upgrade?.(new Request("http://127.0.0.1/", { headers: {} }));
console.log(refused.status);
console.log((await fetch(new URL("/livez", broker.adminUrl))).status, broker.adminUrl.includes("#token="));
await broker.shutdown();

const kit = await startTestBroker();
const client = await connectTestClient(kit, { protocolVersion: 5 });
await client.subscribe("t");
await kit.publish("t", "in a test");
console.log((await client.next()).text);
await client.disconnect();
await kit.shutdown();
`;

async function tryProgram(folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/program.mjs`, PROGRAM);
  const written = (await run(folder, "node", ["program.mjs"])).trim().split("\n");
  // The broker's warnings come to the console.
  const lines = written.filter((line) => !line.startsWith("amqtt"));
  assertEquals([lines[0], lines[2], lines.at(-1)], ["in a program", "200 true", "in a test"]);
  console.log("in a program, and the kit for tests");
}

/** What nobody reads of standard error is told to who wrote it; a full pipe is waited for. */
const STREAMS = `
import { stderr } from "./node_modules/@amqtt/broker/src/runtime/node/standard_streams.js";

await stderr.write(new Uint8Array(1));
const bytes = new Uint8Array(300_000);
for (let written = 0; written < bytes.length;) written += stderr.writeSync(bytes.subarray(written));
console.log("written");
for await (const _ of process.stdin);
console.log(await stderr.write(bytes).then(() => "taken", (error) => error.code));
await new Promise((resolve) => setTimeout(resolve, 1));
console.log("alive");
`;

async function tryStreams(folder: string): Promise<void> {
  await Deno.writeTextFile(`${folder}/streams.mjs`, STREAMS);
  const child = new Deno.Command("node", {
    args: ["streams.mjs"],
    cwd: folder,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stderr.getReader();
  for (let read = 0; read < 300_001;) {
    const { value, done } = await reader.read();
    assert(!done, "standard error ended before all was written");
    read += value.length;
  }
  await reader.cancel();
  await child.stdin.close();
  const lines = (await new Response(child.stdout).text()).trim().split("\n");
  assertEquals([lines, (await child.status).code], [["written", "EPIPE", "alive"], 0]);
  console.log("standard error: full, and without a reader");
}

/** The program of the cookbook. */
async function tryCookbook(folder: string): Promise<void> {
  await Deno.copyFile(`${root}examples/cookbook/node.mjs`, `${folder}/node.mjs`);
  assertEquals(await run(folder, "node", ["node.mjs"]), "sensors/door open\n");
  console.log("the cookbook's program");
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const version = (await run(folder, "node", ["--version"])).trim();
    assert(Number(/^v(\d+)/.exec(version)?.[1]) >= OLDEST_NODE, `Node must be ${OLDEST_NODE} or newer: got ${version}`);
    console.log(`Node ${version}`);
    await buildPackage(`${folder}/package`);
    const [packed] = (await run(`${folder}/package`, "npm", ["pack", "--silent"])).trim().split("\n");
    await Deno.writeTextFile(`${folder}/package.json`, '{ "private": true }');
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    await run(folder, "npm", ["install", ...quiet, `./package/${packed}`]);
    await tryYaml(folder);
    await trySqlite(folder);
    await tryProgram(folder);
    await tryStreams(folder);
    await tryCookbook(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const timer = setTimeout(() => {
  console.error(`not done after ${PATIENCE_MS} ms`);
  Deno.exit(1);
}, PATIENCE_MS * 5);
await main();
clearTimeout(timer);
