/**
 * The frames of WebSocket, the broker's and those of `npm:ws`: from a chunk of the socket to the bytes of MQTT, and back.
 * Both get a copy of the chunk, since both unmask in place.
 */
import { Buffer } from "node:buffer";
import type { Writable } from "node:stream";
import * as ws from "ws";
import { BINARY, encodeFrame, FrameDecoder } from "../../../src/transport/websocket/frames.ts";
import { PACKETS, publishBytes } from "./frames.ts";

/** What its types leave out. */
const { Receiver, Sender } = ws as unknown as {
  readonly Receiver: new (options: Readonly<Record<string, unknown>>) => Writable;
  readonly Sender: { frame(data: Buffer, options: Readonly<Record<string, unknown>>): Buffer[] };
};

const CHUNK_BYTES = 65_536;
const LONGEST_FRAME_BYTES = 1 << 20;
/** A packet in each frame, as most clients send; many packets in one frame; and large packets. */
const shapes: readonly [title: string, packet: Uint8Array, packetsInFrame: number][] = [
  ["PUBLISH of 64 bytes, one a frame", publishBytes(), 1],
  ["PUBLISH of 64 bytes, 50 a frame", publishBytes(), 50],
  ["PUBLISH of 16 KiB, one a frame", publishBytes({ payloadBytes: 16_384 }), 1],
];

/** `PACKETS` packets as a client sends them: masked, as RFC 6455 §5.3 has it. */
function fromClient(packet: Uint8Array, packetsInFrame: number): Uint8Array {
  const payload = repeated(packet, packetsInFrame);
  const mask = Uint8Array.of(0x12, 0x34, 0x56, 0x78);
  const unmasked = encodeFrame(BINARY, payload);
  const header = unmasked.subarray(0, unmasked.length - payload.length).slice();
  header[1]! |= 0x80;
  const masked = payload.map((byte, index) => byte ^ mask[index & 3]!);
  return repeated(concatenated(header, mask, masked), PACKETS / packetsInFrame);
}

function repeated(bytes: Uint8Array, times: number): Uint8Array {
  return concatenated(...new Array<Uint8Array>(times).fill(bytes));
}

function concatenated(...parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function chunksOf(bytes: Uint8Array): readonly Uint8Array[] {
  const count = Math.ceil(bytes.length / CHUNK_BYTES);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES));
}

for (const [title, packet, packetsInFrame] of shapes) {
  const chunks = chunksOf(fromClient(packet, packetsInFrame));
  const expected = packet.length * PACKETS;
  const buffer = new Uint8Array(CHUNK_BYTES);
  const decoder = new FrameDecoder(LONGEST_FRAME_BYTES, () => {});
  Deno.bench({
    name: `WebSocket, decode 1000 × ${title}`,
    group: `decode ${title}`,
    baseline: true,
    fn: () => {
      let bytes = 0;
      for (const chunk of chunks) {
        buffer.set(chunk);
        bytes += decoder.decode(buffer, chunk.length);
      }
      if (bytes !== expected) throw new Error(`got ${bytes} bytes of ${expected}`);
    },
  });
  let received = 0;
  const receiver = new Receiver({ isServer: true, maxPayload: LONGEST_FRAME_BYTES, skipUTF8Validation: true });
  receiver.on("message", (data: Uint8Array) => received += data.length);
  Deno.bench({
    name: `WebSocket of npm:ws, decode 1000 × ${title}`,
    group: `decode ${title}`,
    fn: async () => {
      received = 0;
      // It may keep the chunk until the message is whole, so it needs one of its own.
      for (const chunk of chunks) receiver.write(Buffer.from(chunk));
      await new Promise<void>((resolve) => receiver.write(Buffer.alloc(0), () => resolve()));
      if (received !== expected) throw new Error(`got ${received} bytes of ${expected}`);
    },
  });
  const payload = repeated(packet, packetsInFrame);
  Deno.bench({
    name: `WebSocket, encode 1000 × ${title}`,
    group: `encode ${title}`,
    baseline: true,
    fn: () => {
      let bytes = 0;
      for (let i = 0; i < PACKETS / packetsInFrame; i++) bytes += encodeFrame(BINARY, payload).length;
      if (bytes <= expected) throw new Error(`got ${bytes} bytes`);
    },
  });
  const options = { opcode: BINARY, fin: true, rsv1: false, mask: false, readOnly: true };
  const data = Buffer.from(payload);
  Deno.bench({
    name: `WebSocket of npm:ws, encode 1000 × ${title}`,
    group: `encode ${title}`,
    fn: () => {
      let bytes = 0;
      // Its socket corks and joins the pieces; the broker's transports take one.
      for (let i = 0; i < PACKETS / packetsInFrame; i++) bytes += Buffer.concat(Sender.frame(data, options)).length;
      if (bytes <= expected) throw new Error(`got ${bytes} bytes`);
    },
  });
}
