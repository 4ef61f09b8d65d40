/** What keeps the broker apart from the runtime, and Node's side of it, as far as Deno can run that. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
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
