import { assertEquals, assertRejects } from "@std/assert";
import { memoryPair } from "../../src/transport/memory.ts";
import { type ByteStream, streamTransport } from "../../src/transport/stream.ts";
import { ended, readBytes } from "./support.ts";

Deno.test("a memory pair holds no more than its capacity", async () => {
  const [ours, peers] = memoryPair({ capacityBytes: 4 });
  await ours.write(new Uint8Array(4));
  let done = false;
  const writing = ours.write(Uint8Array.of(1, 2, 3, 4, 5, 6)).then(() => done = true);
  await readBytes(peers, 3);
  assertEquals(done, false);
  assertEquals((await readBytes(peers, 7)).subarray(1), Uint8Array.of(1, 2, 3, 4, 5, 6));
  await writing;
});

Deno.test("closing one end of a memory pair lets the other read what had come, and write no more", async () => {
  const [ours, peers] = memoryPair();
  await ours.write(Uint8Array.of(1));
  ours.close();
  assertEquals(await readBytes(peers, 1), Uint8Array.of(1));
  assertEquals(await peers.read(new Uint8Array(1)), null);
  await assertRejects(() => peers.write(Uint8Array.of(1)), Error, "closed");
});

Deno.test("a stream transport tells the address of a connection, or the one it is given", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [inner, outer] = await Promise.all([listener.accept(), Deno.connect({ port: listener.addr.port })]);
  listener.close();
  const { hostname, port } = outer.localAddr as Deno.NetAddr;
  assertEquals(streamTransport(inner).remote, { hostname, port });
  const remote = { hostname: "10.0.0.1", port: 1 };
  const transport = streamTransport(inner, { remote, secure: true });
  assertEquals(transport.remote, remote);
  assertEquals(transport.secure, true);
  assertEquals(transport.kind, "stream");
  transport.close();
  outer.close();
});

Deno.test({
  name: "a unix socket is a stream without an address",
  ignore: Deno.build.os === "windows",
  async fn() {
    const folder = await Deno.makeTempDir();
    const path = `${folder}/socket`;
    const listener = Deno.listen({ transport: "unix", path });
    const [inner, outer] = await Promise.all([listener.accept(), Deno.connect({ transport: "unix", path })]);
    listener.close();
    const [ours, peers] = [streamTransport(inner), streamTransport(outer)];
    assertEquals(ours.remote, {});
    await peers.write(Uint8Array.of(1));
    assertEquals(await readBytes(ours, 1), Uint8Array.of(1));
    ours.close();
    await ended(peers);
    peers.close();
    await Deno.remove(folder, { recursive: true });
  },
});

Deno.test("a stream's writes may be short", async () => {
  const taken: number[] = [];
  const stream: ByteStream = {
    readable: new ReadableStream(),
    writable: new WritableStream(),
    read: () => Promise.resolve(null),
    write: (bytes) => {
      taken.push(...bytes.subarray(0, 2));
      return Promise.resolve(Math.min(2, bytes.length));
    },
  };
  await streamTransport(stream).write(Uint8Array.of(1, 2, 3, 4, 5));
  assertEquals(taken, [1, 2, 3, 4, 5]);
});

Deno.test("empty chunks of a web stream are skipped", async () => {
  const readable = ReadableStream.from([new Uint8Array(0), Uint8Array.of(1), new Uint8Array(0)]);
  const transport = streamTransport({ readable, writable: new WritableStream() });
  assertEquals(await readBytes(transport, 1), Uint8Array.of(1));
  assertEquals(await transport.read(new Uint8Array(1)), null);
  transport.close();
});

Deno.test("a stream that is stuck keeps nobody waiting once it is closed", async () => {
  const never = () => new Promise<never>(() => {});
  const web = {
    readable: new ReadableStream<Uint8Array>(),
    writable: new WritableStream<Uint8Array>({ write: never }),
  };
  const calls = { ...web, read: never, write: never, close() {} };
  for (const connection of [web, calls]) {
    const transport = streamTransport(connection);
    const reading = transport.read(new Uint8Array(1));
    const writing = transport.write(new Uint8Array(1));
    const ending = transport.closeWrite();
    transport.close();
    await assertRejects(() => writing, Error, "the connection was closed");
    assertEquals([await reading, await ending], [null, undefined]);
  }
});
