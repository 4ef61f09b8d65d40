import { assertEquals } from "@std/assert";
import { escapeUnseen, quote } from "../src/quote.ts";

Deno.test("A name is quoted, and an empty one is seen", () => {
  assertEquals([quote("a b"), quote(""), quote('"')], ['"a b"', '""', '"\\""']);
});

Deno.test("A name is cut after 200 characters, and no character in two", () => {
  assertEquals(quote("x".repeat(200)), `"${"x".repeat(200)}"`);
  assertEquals(quote("x".repeat(65_535)), `"${"x".repeat(200)}…"`);
  assertEquals(quote(`${"x".repeat(199)}😀y`), `"${"x".repeat(199)}…"`);
});

Deno.test("Control characters of a name, those of bidirectional text included, are escaped", () => {
  assertEquals(quote("a\r\n\0\x1b[2J\x7f\x9b"), '"a\\r\\n\\u0000\\u001b[2J\\u007f\\u009b"');
  for (const code of [0x61c, 0x200e, 0x200f, 0x202a, 0x202e, 0x2066, 0x2069, 0x2028, 0x2029, 0xfeff, 0x200b]) {
    const shown = `"a\\u${code.toString(16).padStart(4, "0")}b"`;
    assertEquals(quote(`a${String.fromCharCode(code)}b`), shown);
  }
  assertEquals(quote("\ud800"), '"\\ud800"');
  assertEquals(quote("\u{e0041}"), '"\\udb40\\udc41"');
  assertEquals(quote("Küche/😀/温度"), '"Küche/😀/温度"');
});

Deno.test("Text is escaped without quotes around it, too", () => {
  assertEquals(escapeUnseen("a\u202eb\x07"), "a\\u202eb\\u0007");
});
