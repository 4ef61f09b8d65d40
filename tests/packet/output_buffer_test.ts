import { assert, assertEquals, assertThrows } from "@std/assert";
import { OutputBuffer } from "../../src/packet/output_buffer.ts";
import { toHex } from "./frames.ts";

Deno.test("an empty output buffer holds no memory, before and after it was used", () => {
  const out = new OutputBuffer();
  assertEquals(out.bytes.length, 0);
  out.u8(1);
  out.take();
  assertEquals(out.bytes.length, 0);
  assertEquals(out.length, 0);
});

Deno.test("integers are written with the highest byte first", () => {
  const out = new OutputBuffer();
  out.u8(0xab);
  out.u16(0x1234);
  out.u32(0xfedcba98);
  assertEquals(toHex(out.take()), "ab1234fedcba98");
});

const lengths: readonly [value: number, bytes: string][] = [
  [0, "00"],
  [127, "7f"],
  [128, "8001"],
  [16_383, "ff7f"],
  [16_384, "808001"],
  [2_097_151, "ffff7f"],
  [2_097_152, "80808001"],
  [268_435_455, "ffffff7f"],
];

for (const [value, bytes] of lengths) {
  Deno.test(`[MQTT-1.5.5-1] 5.0 ${value} as a variable byte integer is ${bytes}`, () => {
    const out = new OutputBuffer();
    out.variableByteInteger(value);
    assertEquals(toHex(out.take()), bytes);
  });
}

Deno.test("strings are UTF-8 with their length in bytes", () => {
  const out = new OutputBuffer();
  out.string("");
  out.string("ab");
  out.string("aé€😀\ufeff");
  assertEquals(toHex(out.take()), "0000" + "00026162" + "000d61c3a9e282acf09f9880efbbbf");
});

Deno.test("a string of 65,535 bytes is written, one more is a RangeError and leaves nothing behind", () => {
  const out = new OutputBuffer();
  out.u8(1);
  assertThrows(() => out.string("x".repeat(65_536)), RangeError, "got 65536");
  assertThrows(() => out.string("€".repeat(21_846)), RangeError, "got 65538");
  assertEquals(out.length, 1);
  out.string("x".repeat(65_535));
  assertEquals(out.length, 1 + 2 + 65_535);
});

Deno.test("binary data of 65,536 bytes is a RangeError and leaves nothing behind", () => {
  const out = new OutputBuffer();
  assertThrows(() => out.binary(new Uint8Array(65_536)), RangeError, "got 65536");
  assertEquals(out.length, 0);
});

Deno.test("what was taken does not change when more is written", () => {
  const out = new OutputBuffer();
  for (let i = 0; i < 1000; i++) out.u8(i);
  const taken = out.take();
  assertEquals(taken.length, 1000);
  for (let i = 0; i < 1000; i++) out.u8(0xff);
  assertEquals(taken[999], 999 & 0xff);
});

Deno.test("a buffer that was busy begins with room for as much as it had", () => {
  const out = new OutputBuffer();
  out.set(new Uint8Array(5_000));
  out.take();
  out.u8(1);
  assertEquals(out.bytes.length, 5_000);
});

Deno.test("what is attached leaves in its place, as the very array that was given", () => {
  const out = new OutputBuffer();
  const body = new Uint8Array([3, 4, 5]);
  out.u16(0x0102);
  out.attach(body);
  out.u8(6);
  assertEquals([out.size, out.hasAttached, [...out.attached()]], [6, true, [body]]);
  const parts = [out.takePart()!, out.takePart()!, out.takePart()!];
  assertEquals(parts.map(({ array, length }) => toHex(array.subarray(0, length))), ["0102", "030405", "06"]);
  assertEquals(parts.map(({ attached }) => attached), [false, true, false]);
  assert(parts[1]!.array === body);
  assertEquals([out.takePart(), out.size, out.hasAttached], [undefined, 0, false]);
});

Deno.test("what is attached is taken and moved along with all the rest", () => {
  const attachedTo = () => {
    const out = new OutputBuffer();
    out.u8(1);
    out.attach(new Uint8Array([2, 3]));
    out.u8(4);
    return out;
  };
  assertEquals(toHex(attachedTo().take()), "01020304");
  const target = new OutputBuffer();
  target.u8(0);
  const source = attachedTo();
  source.moveTo(target);
  assertEquals([toHex(target.take()), source.size], ["0001020304", 0]);
});
