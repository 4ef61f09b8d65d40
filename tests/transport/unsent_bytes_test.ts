import { assert, assertEquals } from "@std/assert";
import { endOf, parseSocketList, UnsentBytes } from "../../src/transport/unsent_bytes.ts";

const ends: readonly [hostname: string, text: string][] = [
  ["127.0.0.1", "0100007F:075B"],
  ["192.168.1.20", "1401A8C0:075B"],
  ["::1", "00000000000000000000000001000000:075B"],
  ["::ffff:127.0.0.1", "0000000000000000FFFF00000100007F:075B"],
  ["2001:db8::ff00:42:8329", "B80D01200000000000FF000029834200:075B"],
];

for (const [hostname, text] of ends) {
  Deno.test(`${hostname} is ${text} in the system's list of sockets`, { ignore: endianness() !== "little" }, () => {
    assertEquals(endOf({ hostname, port: 1883 }), text);
  });
}

Deno.test("The system's list of sockets tells what each still has to send", () => {
  const list = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:075B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1142 1 0 100 0 0 10 0
  13: 0100007F:075B 0100007F:C882 01 0026F2A4:00000000 03:000006F6 00000000     0        0 0 3 0`;
  assertEquals([...parseSocketList(list)], [["0100007F:075B 00000000:0000", 0], [
    "0100007F:075B 0100007F:C882",
    0x26f2a4,
  ]]);
});

Deno.test("What a peer takes of a full send buffer is seen, though no write goes on", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  using reader = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const writer = await listener.accept();
  const writing = (async () => {
    for (;;) await writer.write(new Uint8Array(1 << 20));
  })().catch(() => {});
  const ends = { local: writer.localAddr, remote: writer.remoteAddr };
  // Until it is full and stands still.
  let before = 0;
  for (let now = await unsentOf(ends); now === 0 || now !== before; now = await unsentOf(ends)) before = now;
  let left = before;
  for (const into = new Uint8Array(64 * 1024); left >= before;) {
    await reader.read(into);
    left = await unsentOf(ends);
  }
  assert(left > 0, `${left} of ${before}`);
  writer.close();
  await writing;
});

/** Asks a new one, since what was read serves for a while. */
async function unsentOf(ends: Parameters<UnsentBytes["of"]>[0]): Promise<number> {
  return await new UnsentBytes().of(ends) ?? 0;
}

function endianness(): "little" | "big" {
  return new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? "little" : "big";
}
