/** What keeps the broker apart from the runtime, and Node's side of it, as far as Deno can run that. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import * as net from "node:net";
import { setImmediate } from "node:timers";
import ts from "typescript";
import type { HostConnection } from "../../src/runtime/host.ts";
import { errors } from "../../src/runtime/node/errors.ts";
import * as files from "../../src/runtime/node/files.ts";
import { inspectAsDeno } from "../../src/runtime/node/inspect.ts";
import { connect, listen } from "../../src/runtime/node/sockets.ts";

const source = fromFileUrl(new URL("../../src", import.meta.url));

async function* filesUnder(folder: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    if (isDirectory) yield* filesUnder(path);
    else if (name.endsWith(".ts")) yield path;
  }
}

/** How often the code, without its comments and texts, names the global `Deno`. */
function namesDeno(text: string): number {
  let count = 0;
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node.text === "Deno") count++;
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile("x.ts", text, ts.ScriptTarget.ESNext));
  return count;
}

Deno.test("nothing under src/ names Deno but src/runtime/host.ts", async () => {
  const found: string[] = [];
  for await (const file of filesUnder(source)) {
    if (namesDeno(await Deno.readTextFile(file)) > 0) found.push(file.slice(source.length + 1).replaceAll("\\", "/"));
  }
  assertEquals(found, ["runtime/host.ts"]);
  assertEquals(namesDeno("// Deno\nconst a: Deno.Conn = 'Deno'; globalThis.Deno;"), 2);
});

async function pair(place: { hostname: string; port: number } | { transport: "unix"; path: string }) {
  if ("path" in place) {
    const listener = await listen(place);
    const [near, far] = await Promise.all([connect(place), listener.accept()]);
    return { listener, near, far };
  }
  const listener = await listen(place);
  const address = { hostname: listener.addr.hostname, port: listener.addr.port };
  const [near, far] = await Promise.all([connect(address), listener.accept()]);
  assertEquals(far.remoteAddr, near.localAddr);
  return { listener, near, far };
}

/** Resolves after the runtime has turned so often. */
async function turns(count: number): Promise<undefined> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function readAll(connection: HostConnection, chunkBytes: number): Promise<string> {
  const chunk = new Uint8Array(chunkBytes);
  let text = "";
  for (let count; (count = await connection.read(chunk)) !== null;) {
    text += new TextDecoder().decode(chunk.subarray(0, count));
  }
  return text;
}

Deno.test("a connection of Node's carries bytes in pieces of any size, each side ending by itself", async () => {
  const folder = await Deno.makeTempDir();
  for (
    const place of [{ hostname: "127.0.0.1", port: 0 }, { transport: "unix", path: join(folder, "socket") }] as const
  ) {
    const { listener, near, far } = await pair(place);
    const reading = readAll(far, 3);
    assertEquals(await near.write(new TextEncoder().encode("hello, world")), 12);
    await near.closeWrite();
    assertEquals(await reading, "hello, world");
    await far.write(new TextEncoder().encode("back"));
    await far.closeWrite();
    assertEquals(await readAll(near, 100), "back");
    near.close();
    far.close();
    const accepting = listener.accept();
    listener.close();
    await assertRejects(() => accepting, errors.BadResource as never);
  }
  await Deno.remove(folder, { recursive: true });
});

Deno.test("a connection of Node's that is closed fails who reads it", async () => {
  const { listener, near, far } = await pair({ hostname: "127.0.0.1", port: 0 });
  const reading = near.read(new Uint8Array(1));
  near.close();
  await assertRejects(() => reading, Error, "the connection is closed");
  await assertRejects(() => near.read(new Uint8Array(1)), Error, "the connection is closed");
  far.close();
  listener.close();
});

Deno.test("a write of Node's fails if the connection is closed before the system has taken it", async () => {
  const { listener, near, far } = await pair({ hostname: "127.0.0.1", port: 0 });
  const bytes = new Uint8Array(1 << 24);
  let taken = 0;
  let writing = near.write(bytes);
  // Nobody reads: at last the system takes no more.
  for (;;) {
    const count = await Promise.race([writing, turns(200)]);
    if (count === undefined) break;
    assert(count > 0 && count < bytes.length);
    taken += count;
    writing = near.write(bytes);
  }
  assert(taken > 0);
  near.close();
  await assertRejects(() => writing, Error, "the connection is closed");
  await assertRejects(() => near.write(bytes), Error, "the connection is closed");
  await assertRejects(() => near.closeWrite(), Error, "the connection is closed");
  far.close();
  listener.close();
});

Deno.test("what Node has read already of a connection is gone once it is closed", async () => {
  const { listener, near, far } = await pair({ hostname: "127.0.0.1", port: 0 });
  await near.write(new Uint8Array(3));
  assertEquals(await far.read(new Uint8Array(1)), 1);
  far.close();
  await assertRejects(() => far.read(new Uint8Array(1)), Error, "the connection is closed");
  near.close();
  listener.close();
});

/** Node's server as the listeners of {@linkcode listen} have it. */
async function listenerAndServer() {
  const created: net.Server[] = [];
  const original = net.Server.prototype.listen;
  net.Server.prototype.listen = function (this: net.Server, ...args: never[]) {
    created.push(this);
    return Reflect.apply(original, this, args);
  } as typeof original;
  try {
    return { listener: await listen({ hostname: "127.0.0.1", port: 0 }), server: created[0]! };
  } finally {
    net.Server.prototype.listen = original;
  }
}

Deno.test("a listener of Node's goes on after a connection that it could not accept", async () => {
  const { listener, server } = await listenerAndServer();
  const shortage = () => Object.assign(new Error("accept EMFILE"), { code: "EMFILE" });
  const accepting = listener.accept();
  server.emit("error", shortage());
  await assertRejects(() => accepting, Error, "EMFILE");
  server.emit("error", shortage());
  await assertRejects(() => listener.accept(), Error, "EMFILE");
  const [near, far] = await Promise.all([connect(listener.addr), listener.accept()]);
  assertEquals(far.remoteAddr, near.localAddr);
  near.close();
  far.close();
  listener.close();
  await assertRejects(() => listener.accept(), Error, "the listener is closed");
});

Deno.test("a listener of Node's accepts no connection whose peer has gone, and lets no more wait than a limit", async () => {
  const { listener, server } = await listenerAndServer();
  const gone = new net.Socket();
  server.emit("connection", gone);
  assert(gone.destroyed);
  const near = await Promise.all(Array.from({ length: 8 }, () => connect(listener.addr)));
  const far = await Promise.all(near.map(() => listener.accept()));
  const sockets = Array.from({ length: 515 }, () => {
    const socket = new net.Socket();
    Object.defineProperties(socket, { remoteAddress: { value: "127.0.0.1" }, remotePort: { value: 1 } });
    return socket;
  });
  for (const socket of sockets) server.emit("connection", socket);
  assertEquals(sockets.map((socket) => socket.destroyed).indexOf(true), 511);
  for (let i = 0; i < 511; i++) (await listener.accept()).close();
  await assertRejects(() => listener.accept(), Error, "more than 511 connections waited to be accepted");
  for (const connection of [...near, ...far]) connection.close();
  listener.close();
});

Deno.test("errors of Node are told by their code", async () => {
  const listener = await listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const inUse = await assertRejects(() => listen({ hostname: "127.0.0.1", port }));
  assert(inUse instanceof errors.AddrInUse && !(inUse instanceof errors.NotFound));
  listener.close();
  const missing = await assertRejects(() => files.readTextFile("/nowhere/at/all"));
  assert(missing instanceof errors.NotFound);
});

Deno.test("files of Node are written, told of, moved and removed", async () => {
  const folder = await Deno.makeTempDir();
  const [one, other] = [join(folder, "one"), join(folder, "other")];
  {
    using file = await files.open(one, { write: true, createNew: true, mode: 0o600 });
    assertEquals(await file.write(new TextEncoder().encode("text")), 4);
    await file.sync();
  }
  await assertRejects(() => files.writeFile(one, new Uint8Array(), { createNew: true }));
  const { size, isDirectory, mtime } = await files.stat(one);
  assertEquals([size, isDirectory, mtime instanceof Date], [4, false, true]);
  await files.rename(one, other);
  assertEquals(await Array.fromAsync(files.readDir(folder)), [{ name: "other", isDirectory: false }]);
  assertEquals([files.readTextFileSync(other), (await files.readFile(other)).constructor], ["text", Uint8Array]);
  files.removeSync(other);
  assertEquals([...files.readDirSync(folder)], []);
  await Deno.remove(folder);
});

Deno.test("what Node shows of text is shortened and quoted as Deno does it", () => {
  for (const text of ['a "quoted"\n', "x".repeat(20)]) {
    const options = { strAbbreviateSize: 10 };
    const quoted = inspectAsDeno(text, options);
    assertEquals(JSON.parse(quoted).replace(/\.{3}$/, ""), text.slice(0, 10) === text ? text : text.slice(0, 10));
  }
  assertEquals(inspectAsDeno({ a: [1, 2, 3] }, { iterableLimit: 1 }), "{ a: [ 1, ... 2 more items ] }");
});

Deno.test("an attempt of Node's to connect is given up by its signal, with its reason", async () => {
  const listener = await listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const reason = new Error("no longer wanted");
  await assertRejects(() => connect({ hostname, port, signal: AbortSignal.abort(reason) }), Error, reason.message);
  const late = new AbortController();
  const connection = await connect({ hostname, port, signal: late.signal });
  const accepted = await listener.accept();
  late.abort();
  assertEquals(await connection.write(new Uint8Array(1)), 1);
  connection.close();
  accepted.close();
  listener.close();
});
