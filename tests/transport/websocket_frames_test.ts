import { assertEquals, assertThrows } from "@std/assert";
import { encodeFrame, FrameDecoder, WebSocketFault } from "../../src/transport/websocket/frames.ts";
import { maskedFrame } from "./websocket_client.ts";

const LONGEST_FRAME_BYTES = 1_000_000;

/** Feeds bytes in pieces, and gives the payload and the control frames. */
function decode(bytes: Uint8Array, pieceLengths: () => number): { payload: Uint8Array; controls: [number, string][] } {
  const controls: [number, string][] = [];
  const decoder = new FrameDecoder(LONGEST_FRAME_BYTES, (opcode, payload) => {
    controls.push([opcode, new TextDecoder().decode(payload)]);
  });
  const payload: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 0; at < bytes.length;) {
    const piece = bytes.slice(at, at + pieceLengths());
    at += piece.length;
    payload.push(piece.slice(0, decoder.decode(piece, piece.length)));
  }
  return { payload: concat(payload), controls };
}

function concat(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) whole.set(piece, at), at += piece.length;
  return whole;
}

function numbered(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => index * 7 + (index >> 8));
}

const text = (value: string) => new TextEncoder().encode(value);

Deno.test("frames of every length are decoded, in one piece and byte by byte", () => {
  const lengths = [0, 1, 125, 126, 127, 255, 256, 257, 300, 65_535, 65_536, 70_000];
  const bytes = concat(lengths.map((length) => maskedFrame(0x82, numbered(length))));
  const expected = concat(lengths.map(numbered));
  assertEquals(decode(bytes, () => bytes.length).payload, expected);
  assertEquals(decode(bytes, () => 1).payload, expected);
});

Deno.test("random frames in random pieces are decoded", () => {
  const seed = Math.floor(Math.random() * 2 ** 31);
  console.log(`seed ${seed}`);
  const random = generator(seed);
  for (let round = 0; round < 50; round++) {
    const payloads = Array.from({ length: 1 + random(20) }, () => numbered(random(random(4) === 0 ? 3000 : 200)));
    const pings: [number, string][] = [];
    const frames = payloads.flatMap((payload, index) => {
      const ping = `ping ${index}`;
      pings.push([0x9, ping]);
      return [...fragments(payload, random), maskedFrame(0x89, text(ping))];
    });
    const decoded = decode(concat(frames), () => 1 + random(1 + random(4000)));
    assertEquals(decoded, { payload: concat(payloads), controls: pings });
  }
});

Deno.test("a control frame may come between the fragments of a message", () => {
  const bytes = concat([
    maskedFrame(0x02, text("ab")),
    maskedFrame(0x89, text("are you there")),
    maskedFrame(0x00, new Uint8Array(0)),
    maskedFrame(0x80, text("cd")),
    maskedFrame(0x88, new Uint8Array(0)),
  ]);
  for (const pieceLength of [1, 3, bytes.length]) {
    const { payload, controls } = decode(bytes, () => pieceLength);
    assertEquals(payload, text("abcd"));
    assertEquals(controls, [[0x9, "are you there"], [0x8, ""]]);
  }
});

const faults: { title: string; bytes: Uint8Array; code: number }[] = [
  { title: "text", bytes: maskedFrame(0x81, text("x")), code: 1003 },
  { title: "a frame without a mask", bytes: Uint8Array.of(0x82, 0x01, 0x00), code: 1002 },
  { title: "a reserved bit", bytes: maskedFrame(0xc2, text("x")), code: 1002 },
  { title: "a reserved opcode", bytes: maskedFrame(0x83, text("x")), code: 1002 },
  { title: "a fragmented ping", bytes: maskedFrame(0x09, text("x")), code: 1002 },
  { title: "a long ping", bytes: maskedFrame(0x89, new Uint8Array(126)), code: 1002 },
  { title: "a continuation of nothing", bytes: maskedFrame(0x80, text("x")), code: 1002 },
  {
    title: "a message in another",
    bytes: concat([maskedFrame(0x02, text("x")), maskedFrame(0x82, text("y"))]),
    code: 1002,
  },
  { title: "a frame that claims too much", bytes: maskedFrame(0x82, new Uint8Array(1_000_001)), code: 1009 },
  {
    title: "a frame that claims 2^63 bytes",
    bytes: Uint8Array.of(0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4),
    code: 1009,
  },
];

for (const { title, bytes, code } of faults) {
  Deno.test(`${title} closes the WebSocket with ${code}`, () => {
    const fault = assertThrows(() => decode(bytes, () => bytes.length), WebSocketFault);
    assertEquals(fault.code, code);
  });
}

Deno.test("a frame is encoded with the shortest length field", () => {
  assertEquals([...encodeFrame(0x2, new Uint8Array(125)).subarray(0, 2)], [0x82, 125]);
  assertEquals([...encodeFrame(0x2, new Uint8Array(126)).subarray(0, 4)], [0x82, 126, 0, 126]);
  assertEquals([...encodeFrame(0x2, new Uint8Array(65_535)).subarray(0, 4)], [0x82, 126, 255, 255]);
  assertEquals([...encodeFrame(0x2, new Uint8Array(65_536)).subarray(0, 10)], [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0]);
  assertEquals(encodeFrame(0x2, numbered(300)).subarray(4), numbered(300));
});

function fragments(payload: Uint8Array, random: (limit: number) => number): Uint8Array[] {
  if (random(2) === 0) return [maskedFrame(0x82, payload)];
  const cut = random(payload.length + 1);
  return [maskedFrame(0x02, payload.subarray(0, cut)), maskedFrame(0x80, payload.subarray(cut))];
}

/** Numbers below a limit, the same ones for the same seed. */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = Math.imul(state ^ state >>> 15, state | 1) + 0x6d2b79f5 | 0;
    return ((state ^ state >>> 14) >>> 0) % limit;
  };
}
