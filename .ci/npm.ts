/**
 * Makes the npm package, installs it as a program would, and tries it under the `node` of this machine or a Bun from npm:
 * from a YAML file over TCP, TLS and WebSocket with clients of 3.1.1 and 5.0, with SQLite, and inside another program.
 *
 *     deno run -A .ci/npm.ts node
 *     deno run -A .ci/npm.ts bun
 */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { connect, connectAsync } from "mqtt";
import { connect as connectTls } from "node:tls";
import { buildPackage } from "../tests/npm/build.ts";
import { makeAuthority, writeServerCertificate } from "../tests/support/certificates.ts";
import { ForeignProgram, run } from "./foreign_program.ts";
import { root, roundTrip } from "./program.ts";

const OLDEST_NODE = 20;
const BUN = "bun@1.4.5";
const PATIENCE_MS = 300_000;

/** Where the package is installed, and what runs it. */
interface Place {
  readonly folder: string;
  readonly program: string;
}

const bin = "node_modules/@amqtt/broker/bin.js";

/** Each version over each transport, at each QoS. */
async function tryClients(broker: ForeignProgram): Promise<void> {
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

async function tryYaml({ folder, program }: Place): Promise<void> {
  await writeServerCertificate(folder, makeAuthority());
  await run(folder, program, [bin, "passwd", "users", "user"], "secret\n");
  await run(folder, program, [bin, "passwd", "--scram", "users", "other"], "secret\n");
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
  assertStringIncludes(await run(folder, program, [bin, "--check", "broker.yaml"]), "secure-web");
  await using broker = new ForeignProgram(folder, program, [bin, "broker.yaml"]);
  await tryClients(broker);
  assertEquals(await broker.end("SIGTERM"), 0, broker.text);
}

/** What a session has left comes after a restart; where the runtime has no SQLite, the start says so. */
async function trySqlite({ folder, program }: Place): Promise<void> {
  await Deno.writeTextFile(
    `${folder}/stored.yaml`,
    `listeners: { plain: { type: tcp, bind: "127.0.0.1:0" } }
auth: { allow-anonymous: true }
persistence: { type: sqlite, path: stored.db }
`,
  );
  const hasSqlite = await run(folder, program, [
    "-e",
    'import("node:sqlite").then(() => console.log("yes"), () => {})',
  ]);
  if (!hasSqlite.includes("yes")) {
    await using broker = new ForeignProgram(folder, program, [bin, "stored.yaml"]);
    assert(await broker.end() !== 0);
    assertStringIncludes(broker.text, "SQLite is missing: this runtime has no module node:sqlite");
    return console.log("SQLite: this runtime has none, and the start says so");
  }
  const options = { clientId: "c", clean: false, reconnectPeriod: 0, protocolVersion: 4 } as const;
  {
    await using broker = new ForeignProgram(folder, program, [bin, "stored.yaml"]);
    const [url] = await broker.written(/mqtt:\/\/\S+/);
    const client = await connectAsync(url, options);
    await client.subscribeAsync("a", { qos: 1 });
    await client.endAsync();
    const other = await connectAsync(url, { reconnectPeriod: 0 });
    await other.publishAsync("a", "kept", { qos: 1 });
    await other.endAsync();
    assertEquals(await broker.end("SIGTERM"), 0, broker.text);
  }
  await using broker = new ForeignProgram(folder, program, [bin, "stored.yaml"]);
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

async function tryProgram({ folder, program }: Place): Promise<void> {
  await Deno.writeTextFile(`${folder}/program.mjs`, PROGRAM);
  const written = (await run(folder, program, ["program.mjs"])).trim().split("\n");
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

async function tryStreams({ folder, program }: Place): Promise<void> {
  await Deno.writeTextFile(`${folder}/streams.mjs`, STREAMS);
  const child = new Deno.Command(program, {
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

/** The programs of the cookbook. */
async function tryCookbook({ folder, program }: Place): Promise<void> {
  for (const name of ["node.mjs", "node_http.mjs"]) {
    await Deno.copyFile(`${root}examples/cookbook/${name}`, `${folder}/${name}`);
  }
  assertEquals(await run(folder, program, ["node.mjs"]), "sensors/door open\n");
  await using server = new ForeignProgram(folder, program, ["node_http.mjs", "0"]);
  const [url] = await server.written(/http:\/\/\S+/);
  const page = await fetch(url, { headers: { Connection: "close" } });
  assertEquals(await page.text(), "0 clients are connected.\n");
  for (const qos of [0, 1, 2] as const) await roundTrip(`${url.replace("http:", "ws:")}mqtt`, "a", qos);
  assertEquals(await server.end("SIGTERM"), 0, server.text);
  console.log("the cookbook's programs");
}

/** Of MQTT 3.1.1. */
const CONNECT = new TextEncoder().encode("\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a");

/** Asks for client certificates, answers over a unix socket, and to a signal with a certificate that was written over. */
async function tryService({ folder, program }: Place): Promise<void> {
  const authority = makeAuthority();
  const write = async (commonName: string) => {
    const { certificate, key } = authority.issue({ commonName, sans: ["IP:127.0.0.1"] });
    await Deno.writeTextFile(`${folder}/server.pem`, certificate);
    await Deno.writeTextFile(`${folder}/server.key`, key);
  };
  await write("first");
  await Deno.writeTextFile(`${folder}/authority.pem`, authority.certificate);
  await Deno.writeTextFile(
    `${folder}/service.yaml`,
    `listeners:
  secure:
    type: tcp
    bind: 127.0.0.1:0
    ssl: true
    certfile: server.pem
    keyfile: server.key
    cafile: authority.pem
    client-certificate: required
  local: { type: tcp, bind: "unix:broker.sock" }
auth: { allow-anonymous: true }
`,
  );
  await using broker = new ForeignProgram(folder, program, [bin, "service.yaml"]);
  const [url] = await broker.written(/mqtts:\/\/\S+/);
  const { certificate: cert, key } = authority.issue({ commonName: "client", usage: "client" });
  assertEquals(await commonNameAt(url, { cert, key }), "first");
  assert(await lets(url, { cert, key }), "a client with a certificate of the authority was refused");
  const stranger = makeAuthority("another").issue({ commonName: "client", usage: "client" });
  for (const shown of [{}, { cert: stranger.certificate, key: stranger.key }]) {
    assert(!await lets(url, shown), "a client without a certificate of the authority was let in");
  }
  using connection = await Deno.connect({ transport: "unix", path: `${folder}/broker.sock` });
  await connection.write(CONNECT);
  const connack = new Uint8Array(4);
  await connection.read(connack);
  assertEquals(connack, Uint8Array.of(0x20, 2, 0, 0));
  await write("second");
  broker.signal("SIGHUP");
  await broker.written(/reload: read again: /);
  assertEquals(await commonNameAt(url, { cert, key }), "second");
  assertEquals(await broker.end("SIGTERM"), 0, broker.text);
  console.log("client certificates, a unix socket, and a new certificate at SIGHUP");
}

/** Whether a client with such a certificate is answered. */
async function lets(url: string, shown: { readonly cert?: string; readonly key?: string }): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false, ...shown });
  socket.write(CONNECT);
  const answered = await new Promise<boolean>((resolve) => {
    socket.once("data", () => resolve(true)).once("error", () => resolve(false)).once("close", () => resolve(false));
  });
  socket.destroy();
  return answered;
}

/** Whose certificate a listener shows. */
async function commonNameAt(
  url: string,
  shown: { readonly cert: string; readonly key: string },
): Promise<string | undefined> {
  const { hostname, port } = new URL(url);
  const socket = connectTls({ host: hostname, port: Number(port), rejectUnauthorized: false, ...shown });
  await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  const { CN } = socket.getPeerCertificate().subject;
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.end();
  await closed;
  return CN as string | undefined;
}

/** A Bun of its own, from npm; `undefined`: there is none for this machine, or no way to it. */
async function installBun(folder: string): Promise<string | undefined> {
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/package.json`, '{ "private": true }');
  const args = ["install", "--no-audit", "--no-fund", "--loglevel=error", BUN];
  const { success } = await new Deno.Command("npm", { args, cwd: folder, stdout: "null", stderr: "null" }).output();
  const program = `${folder}/node_modules/.bin/bun`;
  const runs = success && await run(folder, program, ["--version"]).then(() => true, () => false);
  return runs ? program : undefined;
}

async function programOf(runtime: string | undefined, folder: string): Promise<string | undefined> {
  assert(runtime === "node" || runtime === "bun", `the runtime must be node or bun: got ${runtime}`);
  if (runtime === "bun") {
    const program = await installBun(`${folder}/bun`);
    console.log(program ? BUN : `skipped: the npm package under Bun, since ${BUN} cannot be installed here`);
    return program;
  }
  const version = (await run(folder, runtime, ["--version"])).trim();
  assert(Number(/^v(\d+)/.exec(version)?.[1]) >= OLDEST_NODE, `Node must be ${OLDEST_NODE} or newer: got ${version}`);
  console.log(`Node ${version}`);
  return runtime;
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const program = await programOf(Deno.args[0], folder);
    if (program === undefined) return;
    const place = { folder, program };
    await buildPackage(`${folder}/package`);
    const [packed] = (await run(`${folder}/package`, "npm", ["pack", "--silent"])).trim().split("\n");
    await Deno.writeTextFile(`${folder}/package.json`, '{ "private": true }');
    const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
    await run(folder, "npm", ["install", ...quiet, `./package/${packed}`]);
    await tryYaml(place);
    await tryService(place);
    await trySqlite(place);
    await tryProgram(place);
    await tryStreams(place);
    await tryCookbook(place);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const timer = setTimeout(() => {
  console.error(`not done after ${PATIENCE_MS} ms`);
  Deno.exit(1);
}, PATIENCE_MS);
await main();
clearTimeout(timer);
