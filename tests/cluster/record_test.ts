/** Records as bytes: there and back, and whatever else bytes may be. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteSink } from "../../src/cluster/bytes.ts";
import {
  type ClusterRecord,
  decodeRecord,
  encodeRecord,
  RECORD_VERSION,
  type RecordBody,
} from "../../src/cluster/record.ts";

const number = fc.oneof(fc.nat(300), fc.maxSafeNat());
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => new Uint8Array(array));
const text = fc.string({ unit: "binary", maxLength: 20 });
const publisher = fc.record({ shard: number, epoch: number, session: number, packetIdentifier: number });
const message = fc.record({
  type: fc.constant("message" as const),
  publisher: fc.option(publisher, { nil: undefined }),
  content: bytes,
});
const part = fc.record({
  type: fc.constant("part" as const),
  shard: number,
  epoch: number,
  applied: number,
  released: fc.array(fc.record({ session: number, packetIdentifier: number }), { maxLength: 4 }),
  ended: fc.array(number, { maxLength: 4 }),
  changes: bytes,
});
const body: fc.Arbitrary<RecordBody> = fc.oneof(
  fc.record({ type: fc.constant("up" as const), oldest: number, newest: number, address: text }),
  fc.record({ type: fc.constant("heartbeat" as const), safe: number }),
  fc.record({ type: fc.constant("down" as const), node: text, incarnation: number }),
  fc.record({ type: fc.constant("claim" as const), shard: number, epoch: number }),
  fc.record({ type: fc.constant("yield" as const), shard: number, epoch: number, to: text }),
  fc.record({
    type: fc.constant("snapshot" as const),
    position: number,
    part: number,
    isLast: fc.boolean(),
    writers: fc.array(
      fc.record({ node: text, incarnation: number, live: fc.boolean(), next: number, address: text }),
      { maxLength: 3 },
    ),
    shards: fc.array(
      fc.record({
        owner: fc.option(fc.record({ node: text, incarnation: number }), { nil: undefined }),
        epoch: number,
      }),
      { maxLength: 3 },
    ),
    items: fc.array(
      fc.record({ node: text, incarnation: number, timeMs: number, isOrphan: fc.boolean(), content: bytes }),
      { maxLength: 3 },
    ),
  }),
  fc.record({ type: fc.constant("batch" as const), entries: fc.array(fc.oneof(message, part), { maxLength: 6 }) }),
);
const record: fc.Arbitrary<ClusterRecord> = fc.record({ writer: text, incarnation: number, n: number, body });

function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (_, inner) => inner instanceof Uint8Array ? Array.from(inner) : inner));
}

Deno.test("a record comes back as it was, from whatever place its bytes stand in", () => {
  fc.assert(fc.property(record, fc.nat(9), (one, before) => {
    const encoded = encodeRecord(one);
    const within = new Uint8Array(encoded.length + before + 3).fill(0xa7);
    within.set(encoded, before);
    assertEquals(plain(decodeRecord(within.subarray(before, before + encoded.length))), plain(one));
  }));
});

Deno.test("a record with a wrong byte is not read", () => {
  fc.assert(fc.property(record, fc.nat(), fc.integer({ min: 1, max: 255 }), (one, place, change) => {
    const encoded = encodeRecord(one);
    encoded[place % encoded.length]! ^= change;
    assert("unreadable" in decodeRecord(encoded));
  }));
});

Deno.test("a record that was cut, or has something behind it, is not read", () => {
  fc.assert(fc.property(record, fc.nat(), (one, place) => {
    const encoded = encodeRecord(one);
    assert("unreadable" in decodeRecord(encoded.subarray(0, place % encoded.length)));
    assert("unreadable" in decodeRecord(Uint8Array.from([...encoded, 0])));
  }));
});

/** Bytes with the right head, checksum included, so that the fields themselves are tried. */
async function withHead(fields: Uint8Array): Promise<Uint8Array> {
  const { crc32 } = await import("node:zlib");
  const all = new Uint8Array(6 + fields.length);
  all.set([0xa7, RECORD_VERSION]);
  new DataView(all.buffer).setUint32(2, crc32(fields, RECORD_VERSION));
  all.set(fields, 6);
  return all;
}

Deno.test("whatever stands behind a right checksum is read as the one record that gives these bytes, or told as damaged", async () => {
  let read = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.array(fc.nat(5), { maxLength: 30 })),
      async (fields) => {
        const bytes = await withHead(Uint8Array.from(fields));
        const decoded = decodeRecord(bytes);
        if ("unreadable" in decoded) return assertEquals(decoded.unreadable, "damaged");
        read++;
        assertEquals(encodeRecord(decoded), bytes);
      },
    ),
    { numRuns: 5_000 },
  );
  assert(read > 0);
});

Deno.test("a number of items above what the bytes can hold is refused before room is made", async () => {
  const sink = new ByteSink();
  sink.text("a");
  for (const one of [1, 1]) sink.number(one);
  sink.u8(5);
  sink.number(2 ** 40);
  const decoded = decodeRecord(await withHead(sink.take()));
  assertEquals(decoded, { unreadable: "damaged", text: "a record is damaged: it ends too early" });
});

Deno.test("a record of the version before is read: its snapshots know of no shards", async () => {
  const { crc32 } = await import("node:zlib");
  const fields = new ByteSink();
  fields.text("a");
  for (const number of [7, 3]) fields.number(number);
  fields.u8(6);
  for (const number of [100, 0]) fields.number(number);
  fields.u8(1);
  // Neither nodes nor items.
  for (const number of [0, 0]) fields.number(number);
  const bytes = Uint8Array.from([0xa7, 1, 0, 0, 0, 0, ...fields.take()]);
  new DataView(bytes.buffer).setUint32(2, crc32(bytes.subarray(6)));
  const body = { type: "snapshot", position: 100, part: 0, isLast: true, writers: [], shards: [], items: [] };
  assertEquals(decodeRecord(bytes), { writer: "a", incarnation: 7, n: 3, body } as ClusterRecord);
  bytes[1] = 2;
  assertEquals("unreadable" in decodeRecord(bytes), true);
});

Deno.test("what is wrong with bytes that are no record is told", () => {
  const good = encodeRecord({ writer: "a", incarnation: 1, n: 0, body: { type: "heartbeat", safe: 4 } });
  assertEquals(decodeRecord(new Uint8Array(3)), {
    unreadable: "foreign",
    text: "3 bytes are no record of this cluster",
  });
  const newer = good.slice();
  newer[1] = 9;
  assertEquals(decodeRecord(newer), { unreadable: "version", text: "a record of version 9, expected 1 to 2" });
  const damaged = good.slice();
  damaged[8]! ^= 1;
  const told = decodeRecord(damaged);
  assert("unreadable" in told && /^a record's checksum is \d+, expected \d+$/.test(told.text), JSON.stringify(told));
});

Deno.test("numbers that a record cannot hold are refused when it is written", () => {
  for (const n of [-1, 0.5, 2 ** 53, NaN]) {
    assertThrows(
      () => encodeRecord({ writer: "a", incarnation: 1, n, body: { type: "heartbeat", safe: 0 } }),
      RangeError,
      "expected 0 to 2^53-1",
    );
  }
});
