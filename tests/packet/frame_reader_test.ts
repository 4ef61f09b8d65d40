import { assert, assertEquals, assertLessOrEqual, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { FrameReader } from "../../src/packet/frame_reader.ts";
import type { ProtocolVersion } from "../../src/packet/packets.ts";
import { ProtocolError } from "../../src/packet/protocol_error.ts";
import { concat, packetOf, string } from "../support/client_codec.ts";
import { feed, hex, readerOf, toHex } from "./frames.ts";

const KIB = 1024;

function publish(size: number): Uint8Array {
  return packetOf(0x30, string("a"), new Uint8Array(size).fill(7));
}

/** The first byte and body of each frame, copied. */
function framesOf(reader: FrameReader, ...chunks: Uint8Array[]): string[] {
  const frames: string[] = [];
  for (const chunk of chunks) {
    feed(reader, chunk, (frame) => {
      frames.push(toHex(concat(frame.firstByte, frame.bytes.subarray(frame.start, frame.end))));
    });
  }
  return frames;
}

/** Lets `reader` read once, `count` bytes of packets that are thrown away. */
function readOnce(reader: FrameReader, bytes: Uint8Array): void {
  const space = reader.space();
  assertLessOrEqual(bytes.length, space.length);
  space.set(bytes);
  reader.filled(bytes.length);
  while (reader.next() !== undefined);
}

Deno.test("a frame reader finds several packets in one chunk", () => {
  const reader = readerOf();
  assertEquals(framesOf(reader, hex("c000 4002 0001 c000 3003 000161")), ["c0", "400001", "c0", "30000161"]);
  assertEquals(reader.bufferedBytes, 0);
});

Deno.test("a frame reader fed byte by byte finds the same packets", () => {
  const bytes = concat(publish(0), publish(130), publish(20_000), hex("c000"));
  const whole = framesOf(readerOf(), bytes);
  const single = framesOf(readerOf(), ...Array.from(bytes, (byte) => Uint8Array.of(byte)));
  assertEquals(whole.length, 4);
  assertEquals(single, whole);
});

Deno.test("a frame reader finds the same packets however the bytes are split", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const sizes = fc.array(fc.oneof(fc.nat(300), fc.nat(5_000), fc.constant(70_000)), { minLength: 1, maxLength: 12 });
  const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 40_000 })), {
    minLength: 1,
  });
  fc.assert(
    fc.property(sizes, cuts, (packetSizes, chunkSizes) => {
      const packets = packetSizes.map(publish);
      const bytes = concat(...packets);
      const chunks: Uint8Array[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const size = chunkSizes[i % chunkSizes.length]! + (i > 200 ? 1_000 : 0);
        chunks.push(bytes.subarray(at, at += size));
      }
      const found: number[] = [];
      const reader = readerOf();
      for (const chunk of chunks) {
        feed(reader, chunk, (frame) => {
          assert(frame.bytes.subarray(frame.start + 3, frame.end).every((byte) => byte === 7));
          found.push(frame.end - frame.start - 3);
        });
      }
      assertEquals(found, packetSizes);
      assertEquals(reader.bufferedBytes, 0);
    }),
    { seed, numRuns: 60 },
  );
});

Deno.test("a frame stays whole until the next space is asked for", () => {
  const reader = readerOf();
  const bytes = concat(publish(10), publish(20));
  reader.space().set(bytes);
  reader.filled(bytes.length);
  const first = reader.next()!;
  const view = first.bytes.subarray(first.start, first.end);
  reader.next();
  assertEquals(view, publish(10).subarray(2));
});

Deno.test("payloads are not copied: a frame lies in the space that was filled", () => {
  const reader = readerOf();
  const space = reader.space();
  space.set(hex("c000"));
  reader.filled(2);
  assertStrictEquals(reader.next()!.bytes.buffer, space.buffer);
});

Deno.test("bufferedBytes counts what waits", () => {
  const reader = readerOf();
  framesOf(reader, hex("c000 3005 0001"));
  assertEquals(reader.bufferedBytes, 4);
});

/** Fills the whole space with one packet. */
function fill(reader: FrameReader): void {
  const size = reader.space().length;
  readOnce(reader, publish(size - (size < 16 * KIB ? 6 : 7)));
}

/** The buffer's size in bytes. */
function sizeOf(reader: FrameReader): number {
  return reader.space().buffer.byteLength;
}

Deno.test("an idle connection holds half a KiB, a read that fills it makes it 4 KiB, another 64 KiB", () => {
  const reader = readerOf();
  const sizes = [sizeOf(reader)];
  for (let i = 0; i < 3; i++) {
    fill(reader);
    sizes.push(sizeOf(reader));
  }
  assertEquals(sizes, [KIB / 2, 4 * KIB, 64 * KIB, 64 * KIB]);
});

Deno.test("a read one byte short of the space leaves the buffer small", () => {
  const reader = readerOf();
  readOnce(reader, publish(KIB / 2 - 7));
  assertEquals(sizeOf(reader), KIB / 2);
});

Deno.test("the beginning of a packet that does not fit makes the buffer larger step by step", () => {
  const reader = readerOf();
  const packet = publish(5 * KIB);
  const sizes: number[] = [];
  for (let at = 0; at < packet.length;) {
    const part = packet.subarray(at, at + reader.space().length);
    readOnce(reader, part);
    sizes.push(sizeOf(reader));
    at += part.length;
  }
  assertEquals(sizes, [4 * KIB, 64 * KIB, 64 * KIB]);
});

Deno.test("small reads make a busy buffer small again, step by step", () => {
  const reader = readerOf();
  fill(reader);
  fill(reader);
  const sizes: number[] = [];
  for (let i = 0; i < 9; i++) {
    readOnce(reader, hex("c000"));
    sizes.push(sizeOf(reader) / KIB);
  }
  assertEquals(sizes, [64, 64, 64, 4, 4, 4, 4, 0.5, 0.5]);
});

Deno.test("a client whose reads fit 4 KiB keeps them", () => {
  const reader = readerOf();
  fill(reader);
  fill(reader);
  for (let i = 0; i < 12; i++) readOnce(reader, publish(KIB));
  assertEquals(sizeOf(reader), 4 * KIB);
});

Deno.test("a large read in between keeps the buffer large", () => {
  const reader = readerOf();
  fill(reader);
  fill(reader);
  for (let i = 0; i < 3; i++) readOnce(reader, hex("c000"));
  readOnce(reader, publish(30 * KIB));
  for (let i = 0; i < 3; i++) readOnce(reader, hex("c000"));
  assertEquals(sizeOf(reader), 64 * KIB);
});

Deno.test("a buffer shrinks with the beginning of a small packet in it, and loses nothing", () => {
  const reader = readerOf();
  fill(reader);
  for (let i = 0; i < 3; i++) readOnce(reader, hex("c000"));
  readOnce(reader, publish(100).subarray(0, 50));
  assertEquals(sizeOf(reader), KIB / 2);
  assertEquals(framesOf(reader, publish(100).subarray(50)), [toHex(concat(0x30, publish(100).subarray(2)))]);
});

Deno.test("a header that claims 16 MiB does not take memory before bytes come", () => {
  const reader = readerOf();
  readOnce(reader, hex("30 ffffff07"));
  assertEquals(sizeOf(reader), KIB / 2);
});

Deno.test("the buffer of a large packet is at most twice what has arrived, and goes when it is taken", () => {
  const reader = readerOf();
  const packet = publish(1_000_000);
  let taken = 0;
  for (let at = 0; at < packet.length;) {
    const space = reader.space();
    assertLessOrEqual(space.buffer.byteLength, Math.max(64 * KIB, 2 * at));
    const part = packet.subarray(at, at + Math.min(space.length, 10_000));
    space.set(part);
    reader.filled(part.length);
    at += part.length;
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) taken = frame.end - frame.start;
  }
  assertEquals(taken, 1_000_003);
  assertEquals(reader.space().buffer.byteLength, 64 * KIB);
});

Deno.test("the beginning of a small packet behind a large one does not keep the large buffer", () => {
  const reader = readerOf();
  framesOf(reader, concat(publish(300_000), hex("30 05 00")));
  assertEquals(reader.space().buffer.byteLength, 64 * KIB);
  assertEquals(framesOf(reader, hex("01 61 01 02")), ["300001610102"]);
});

Deno.test("there is space even if nobody takes the packets that wait", () => {
  const reader = readerOf();
  const bytes = concat(...Array.from({ length: 100_000 }, () => hex("c000")));
  for (let at = 0; at < bytes.length;) {
    const space = reader.space();
    assert(space.length > 0);
    const part = bytes.subarray(at, at + space.length);
    space.set(part);
    reader.filled(part.length);
    at += part.length;
  }
  assertEquals(reader.bufferedBytes, 200_000);
  let count = 0;
  while (reader.next() !== undefined) count++;
  assertEquals(count, 100_000);
});

Deno.test("a packet of exactly the maximum size is taken, one byte more is 0x95 as soon as the header tells", () => {
  const exact = publish(91);
  assertEquals(exact.length, 96);
  assertEquals(framesOf(readerOf(96), exact).length, 1);
  const fault = assertThrows(() => framesOf(readerOf(95), exact.subarray(0, 2)), ProtocolError);
  assertEquals(fault.reasonCode, 0x95);
});

Deno.test("the maximum packet size may change between packets", () => {
  const reader = readerOf(10);
  framesOf(reader, hex("c000"));
  reader.maximumPacketSizeBytes = 96;
  assertEquals(framesOf(reader, publish(91)).length, 1);
});

const refused: readonly [title: string, bytes: string][] = [
  ["[MQTT-2.2.2-2] 3.1.1, [MQTT-2.1.3-1] 5.0 packet type 0", "00"],
  ["[MQTT-2.2.2-2] 3.1.1, [MQTT-2.1.3-1] 5.0 CONNECT with flags", "11"],
  ["[MQTT-2.2.2-2] 3.1.1, [MQTT-2.1.3-1] 5.0 PUBACK with flags", "42"],
  ["[MQTT-3.6.1-1] 3.1.1 and 5.0 PUBREL without flag 2", "60"],
  ["[MQTT-3.8.1-1] 3.1.1 and 5.0 SUBSCRIBE without flag 2", "80"],
  ["[MQTT-3.10.1-1] 3.1.1 and 5.0 UNSUBSCRIBE without flag 2", "a0"],
  ["[MQTT-3.14.1-1] 3.1.1 and 5.0 DISCONNECT with flags", "e1"],
  ["[MQTT-3.15.1-1] 5.0 AUTH with flags", "f1"],
  ["[MQTT-3.3.1-4] 3.1.1 and 5.0 PUBLISH with QoS 3", "36"],
  ["[MQTT-3.3.1-2] 3.1.1 and 5.0 PUBLISH with DUP at QoS 0", "38"],
  ["MQTT 3.1.1 §2.2.3 remaining length of five bytes", "30 ffffffff"],
  ["[MQTT-1.5.5-1] 5.0 remaining length longer than need be", "30 8000"],
  ["[MQTT-1.5.5-1] 5.0 remaining length of four bytes that three can tell", "30 ffff8000"],
];

for (const [title, bytes] of refused) {
  Deno.test(`${title} is malformed`, () => {
    const fault = assertThrows(() => framesOf(readerOf(undefined, 5), hex(bytes)), ProtocolError);
    assertEquals(fault.reasonCode, 0x81);
  });
}

function takenFirstBytes(version: ProtocolVersion | undefined): string[] {
  const taken = Array.from({ length: 256 }, (_, firstByte) => firstByte).filter((firstByte) => {
    try {
      framesOf(readerOf(undefined, version), Uint8Array.of(firstByte));
      return true;
    } catch {
      return false;
    }
  });
  return taken.map((byte) => byte.toString(16));
}

const publishes = ["30", "31", "32", "33", "34", "35", "3a", "3b", "3c", "3d"];
const connectsOf31 = Array.from({ length: 16 }, (_, flags) => `1${flags.toString(16)}`);

Deno.test("[MQTT-2.2.2-2] 3.1.1, [MQTT-2.1.3-1] 5.0: a first byte is taken as the table of packet types says", () => {
  const others = ["10", "20", "40", "50", "62", "70", "82", "90", "a2", "b0", "c0", "d0", "e0", "f0"];
  for (const version of [4, 5] as const) assertEquals(takenFirstBytes(version), [...publishes, ...others].sort());
  assertEquals(takenFirstBytes(undefined), [...publishes, ...others.slice(1), ...connectsOf31].sort());
});

Deno.test("In 3.1 flags that a packet does not use may be anything, CONNECT of an unknown version included", () => {
  const unused = [1, 2, 4, 5, 7, 9, 0xb, 0xc, 0xd, 0xe];
  const anyFlags = unused.flatMap((type) => Array.from({ length: 16 }, (_, flags) => (type << 4 | flags).toString(16)));
  const withQoS1 = [6, 8, 0xa].flatMap((type) => [2, 3, 10, 11].map((flags) => (type << 4 | flags).toString(16)));
  assertEquals(takenFirstBytes(3), [...publishes, ...anyFlags, ...withQoS1, "f0"].sort());
});

Deno.test("A remaining length that is longer than need be is taken before 5.0", () => {
  for (const version of [undefined, 3, 4] as const) {
    for (const bytes of ["c0 8000", "c0 80808000", "30 838000 0001 61"]) {
      const sizes: number[] = [];
      feed(readerOf(undefined, version), hex(bytes), ({ start, end }) => sizes.push(end - start));
      assertEquals(sizes, [bytes.startsWith("c0") ? 0 : 3]);
    }
  }
});

Deno.test("after an error next() throws the same again, and packets before it were given out", () => {
  const reader = readerOf();
  const bytes = hex("c000 00 c000");
  reader.space().set(bytes);
  reader.filled(bytes.length);
  assertEquals(reader.next()?.firstByte, 0xc0);
  const first = assertThrows(() => reader.next(), ProtocolError);
  reader.space().set(hex("c000"));
  reader.filled(2);
  assertStrictEquals(assertThrows(() => reader.next(), ProtocolError), first);
});
