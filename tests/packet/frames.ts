/** Ways for tests to get bytes into the codec. */
import { decode } from "../../src/packet/decode.ts";
import { type Frame, FrameReader } from "../../src/packet/frame_reader.ts";
import type { InboundPacket, ProtocolVersion } from "../../src/packet/packets.ts";
import { ProtocolError } from "../../src/packet/protocol_error.ts";

/** Bytes written as hexadecimal pairs; blanks do not count, and text may stand in single quotes. */
export function hex(text: string): Uint8Array {
  const quoted = text.replaceAll(/'([^']*)'/g, (_, inner: string) => toHex(new TextEncoder().encode(inner)));
  return Uint8Array.fromHex(quoted.replaceAll(/\s/g, ""));
}

/** Hexadecimal pairs without blanks. */
export function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/** Lets `reader` read `bytes`, calling back for every whole frame. */
export function feed(reader: FrameReader, bytes: Uint8Array, onFrame: (frame: Frame) => void): void {
  let at = 0;
  while (at < bytes.length) {
    const space = reader.space();
    if (space.length === 0) throw new Error("the frame reader has no space");
    const count = Math.min(space.length, bytes.length - at);
    space.set(bytes.subarray(at, at + count));
    reader.filled(count);
    at += count;
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) onFrame(frame);
  }
}

/** A reader that takes packets of any size the format can tell; without a version before CONNECT has come. */
export function readerOf(maximumPacketSizeBytes = 268_435_460, version?: ProtocolVersion): FrameReader {
  const reader = new FrameReader({ maximumPacketSizeBytes });
  reader.version = version;
  return reader;
}

/** The packets in `bytes`, decoded as a connection would; payloads are copied. */
export function decodeAll(bytes: Uint8Array, version: ProtocolVersion | undefined): InboundPacket[] {
  const packets: InboundPacket[] = [];
  feed(readerOf(undefined, version), bytes, (frame) => {
    const packet = decode(frame, version);
    packets.push("payload" in packet ? { ...packet, payload: packet.payload.slice() } : packet);
  });
  return packets;
}

/** The packets in `bytes`, or the protocol error they cause. Any other error is thrown. */
export function outcome(bytes: Uint8Array, version: ProtocolVersion | undefined): InboundPacket[] | ProtocolError {
  try {
    return decodeAll(bytes, version);
  } catch (error) {
    if (error instanceof ProtocolError) return error;
    throw error;
  }
}
