import { FrameReader } from "../../../src/packet/frame_reader.ts";
import { publishTemplate, type TemplateOptions } from "../load/packets.ts";

/** How many packets one iteration of a benchmark handles; figures are divided by it. */
export const PACKETS = 1000;

/** A PUBLISH of 64 bytes payload to `load/0000000`. */
export function publishBytes(options: Partial<TemplateOptions> = {}): Uint8Array {
  return publishTemplate({
    version: 4,
    shape: "load/@",
    qos: 0,
    isRetained: false,
    payloadBytes: 64,
    userProperties: 0,
    topicAlias: "none",
    ...options,
  }).bytes;
}

/** Feeds the packet over and over to a frame reader, as a socket would, and calls back for each frame. */
export function frameFeed(
  packet: Uint8Array,
): (onFrame: (frame: NonNullable<ReturnType<FrameReader["next"]>>) => void) => void {
  const reader = new FrameReader({ maximumPacketSizeBytes: 1 << 20 });
  const many = new Uint8Array(packet.length * PACKETS);
  for (let i = 0; i < PACKETS; i++) many.set(packet, i * packet.length);
  return (onFrame) => {
    for (let at = 0; at < many.length;) {
      const space = reader.space();
      const piece = many.subarray(at, at + space.length);
      space.set(piece);
      reader.filled(piece.length);
      at += piece.length;
      for (let frame = reader.next(); frame !== undefined; frame = reader.next()) onFrame(frame);
    }
  };
}
