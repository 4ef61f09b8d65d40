import { assert, assertEquals } from "@std/assert";
import { Connection } from "./load/connection.ts";
import type { Channel } from "./load/channel.ts";
import { parseLoadOptions } from "./load/options.ts";
import { runLoad } from "./load/run.ts";

const CONNACK = Uint8Array.of(0x20, 2, 0, 0);

/** Takes the bytes of a socket apart by way of the generator's own scanner. */
function channelOf(conn: Deno.TcpConn): Channel {
  return {
    headroomBytes: 0,
    read: (into) => conn.read(into),
    write: async (bytes, start, end) => {
      for (let at = start; at < end;) at += await conn.write(bytes.subarray(at, end));
    },
    close: () => conn.close(),
  };
}

/** A relay from everybody to the first who subscribes, which passes on only what it is told to. */
function startRelay(passes: (message: number) => number) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const ends: Promise<void>[] = [];
  let subscriber: Connection | undefined;
  let messages = 0;
  const packet = (connection: Connection, firstByte: number, start: number, end: number) => {
    const { bytes } = connection;
    if (firstByte >> 4 === 1) connection.send(CONNACK);
    if (firstByte >> 4 === 8) {
      subscriber = connection;
      connection.send(Uint8Array.of(0x90, 3, bytes[start]!, bytes[start + 1]!, 0));
    }
    if (firstByte >> 4 !== 3) return;
    for (let copies = passes(messages++); copies > 0; copies--) subscriber?.send(bytes.subarray(start - 2, end));
  };
  const accepting = (async () => {
    for await (const conn of listener) {
      const connection = new Connection(channelOf(conn), 0);
      ends.push(connection.run({ packet }).catch(() => {}).finally(() => connection.close()));
    }
  })();
  const stop = async () => {
    listener.close();
    await accepting;
    await Promise.all(ends);
  };
  return { port: listener.addr.port, stop };
}

async function loadOn(passes: (message: number) => number) {
  const relay = startRelay(passes);
  const flags = ["--duration", "0.1", "--warmup", "0", "--drain", "0.1", "--pubs", "1", "--subs", "1", "--window", "8"];
  const result = await runLoad(parseLoadOptions(["pubsub", ...flags, "--port", `${relay.port}`]));
  await relay.stop();
  return { sent: 0, received: 0, lost: 0, duplicate: 0, ...result };
}

Deno.test("The generator finds nothing missing where all arrives", async () => {
  const { sent, received, lost, duplicate, errors, first_error } = await loadOn(() => 1);
  assert(sent > 0);
  assertEquals([received, lost, duplicate, errors, first_error], [sent, 0, 0, 0, ""]);
});

Deno.test("The generator sees each message that a broker drops", async () => {
  const { sent, received, lost } = await loadOn((message) => message % 4 === 3 ? 0 : 1);
  assert(sent >= 4);
  assertEquals([received, lost], [sent - Math.floor(sent / 4), Math.floor(sent / 4)]);
});

Deno.test("The generator sees each message that comes twice", async () => {
  const { sent, received, duplicate, lost } = await loadOn((message) => message % 2 === 0 ? 2 : 1);
  assert(sent > 0);
  assertEquals([received, duplicate, lost], [sent, Math.ceil(sent / 2), 0]);
});
