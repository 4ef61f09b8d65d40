import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { encode, encodedSizeBytes } from "../../src/packet/encode.ts";
import { OutputBuffer } from "../../src/packet/output_buffer.ts";
import { PacketType, type ProtocolVersion } from "../../src/packet/packets.ts";
import { ProtocolError } from "../../src/packet/protocol_error.ts";
import { decodeServerPackets, encodeClientPacket } from "../support/client_codec.ts";
import { inboundPacket, outboundPacket } from "./arbitraries.ts";
import { decodeAll, outcome, toHex } from "./frames.ts";

const versions = [[3, "3.1"], [4, "3.1.1"], [5, "5.0"]] as const;

function seeded(numRuns: number): { seed: number; numRuns: number } {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  return { seed, numRuns };
}

/** The version a connection has when such a packet comes. */
function knownVersion(firstByte: number, version: ProtocolVersion): ProtocolVersion | undefined {
  return firstByte >> 4 === PacketType.Connect ? undefined : version;
}

for (const [version, name] of versions) {
  Deno.test(`whatever a client of ${name} sends is read as it was meant`, () => {
    fc.assert(
      fc.property(inboundPacket(version), (packet) => {
        const bytes = encodeClientPacket(packet, version);
        assertEquals(decodeAll(bytes, knownVersion(bytes[0]!, version)), [packet]);
      }),
      seeded(1_000),
    );
  });

  Deno.test(`whatever the broker sends to a client of ${name} is read as it was meant`, () => {
    fc.assert(
      fc.property(fc.array(outboundPacket(version), { maxLength: 4 }), (packets) => {
        const out = new OutputBuffer();
        let size = 0;
        for (const packet of packets) {
          assert(encode(out, packet, version));
          size += encodedSizeBytes(packet, version);
        }
        assertEquals(out.length, size);
        assertEquals(decodeServerPackets(out.take(), version), { packets, rest: new Uint8Array(0) });
      }),
      seeded(1_000),
    );
  });

  Deno.test(`a packet of ${name} whose body is cut short at any length is read or refused, nothing else`, () => {
    fc.assert(
      fc.property(inboundPacket(version), (packet) => {
        const bytes = encodeClientPacket(packet, version);
        const known = knownVersion(bytes[0]!, version);
        const headerSize = bytes[1]! < 0x80 ? 2 : 3;
        for (let size = 0; size < bytes.length; size++) assertEquals(outcome(bytes.subarray(0, size), known), []);
        for (let size = 0; size < Math.min(bytes.length - headerSize, 128); size++) {
          const cut = new Uint8Array([bytes[0]!, size, ...bytes.subarray(headerSize, headerSize + size)]);
          assertReadOrRefused(cut, known);
        }
      }),
      seeded(100),
    );
  });

  Deno.test(`a packet of ${name} with any byte changed is read or refused, nothing else`, () => {
    const other = fc.integer({ min: 1, max: 255 });
    fc.assert(
      fc.property(inboundPacket(version), fc.array(other, { minLength: 4, maxLength: 4 }), (packet, differences) => {
        const bytes = encodeClientPacket(packet, version);
        for (let at = 0; at < bytes.length; at++) {
          for (const difference of differences) {
            const changed = bytes.with(at, bytes[at]! ^ difference);
            assertReadOrRefused(changed, knownVersion(bytes[0]!, version));
          }
        }
      }),
      seeded(100),
    );
  });

  Deno.test(`random bytes behind every first byte are read or refused in ${name}, nothing else`, () => {
    fc.assert(
      fc.property(fc.integer({ min: 0x10, max: 0xff }), fc.uint8Array({ maxLength: 100 }), (firstByte, body) => {
        const bytes = new Uint8Array([firstByte, body.length, ...body]);
        assertReadOrRefused(bytes, knownVersion(firstByte, version));
      }),
      seeded(3_000),
    );
  });
}

/** Whatever is read must also be what a client could have meant: written again, it reads the same. */
function assertReadOrRefused(bytes: Uint8Array, known: ProtocolVersion | undefined): void {
  const result = outcome(bytes, known);
  if (result instanceof ProtocolError) {
    assert([0x81, 0x82, 0x84, 0x94].includes(result.reasonCode), `${result} for ${toHex(bytes)}`);
    return;
  }
  for (const packet of result) {
    const version = packet.type === PacketType.Connect ? packet.protocolVersion : known!;
    const again = encodeClientPacket(packet, version);
    assertEquals(decodeAll(again, knownVersion(again[0]!, version)), [packet]);
  }
}
