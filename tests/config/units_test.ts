import { assertEquals } from "@std/assert";
import { formatBytes, formatSeconds, parseBytes, parseCount, parseSeconds } from "../../src/config/units.ts";

Deno.test("sizes are read with and without a unit", () => {
  assertEquals(parseBytes("1024"), 1024);
  assertEquals(parseBytes("16 MiB"), 16 * 2 ** 20);
  assertEquals(parseBytes("64MiB"), 64 * 2 ** 20);
  assertEquals(parseBytes("64 mib"), 64 * 2 ** 20);
  assertEquals(parseBytes("3 KiB"), 3072);
  assertEquals(parseBytes("2GiB"), 2 ** 31);
  assertEquals(parseBytes("2 kB"), 2000);
  assertEquals(parseBytes("2 MB"), 2_000_000);
  assertEquals(parseBytes("1GB"), 1_000_000_000);
  assertEquals(parseBytes("7 B"), 7);
  assertEquals(parseBytes("0.5 KiB"), 512);
});

Deno.test("times are read with and without a unit", () => {
  assertEquals(parseSeconds("10"), 10);
  assertEquals(parseSeconds("10s"), 10);
  assertEquals(parseSeconds("500 ms"), 0.5);
  assertEquals(parseSeconds("100 ms"), 0.1);
  assertEquals(parseSeconds("0.1 s"), 0.1);
  assertEquals(parseSeconds("2 min"), 120);
  assertEquals(parseSeconds("1h"), 3600);
  assertEquals(parseSeconds("7 d"), 604_800);
  assertEquals(parseSeconds("-1 s"), -1);
});

Deno.test("what is no quantity is told apart", () => {
  for (const text of ["", "MiB", "16 XB", "16 s", "1 2", "0x10", "1e3", "16 Mi", "constructor", "1 constructor"]) {
    assertEquals(parseBytes(text), undefined, text);
  }
  for (const text of ["", "s", "7 D", "7 days", "1 m", "10 MiB", "abc", "--1"]) {
    assertEquals(parseSeconds(text), undefined, text);
  }
  assertEquals(parseCount("10"), 10);
  assertEquals(parseCount("10 s"), undefined);
});

Deno.test("quantities are written in the unit that keeps them whole", () => {
  assertEquals(formatBytes(16 * 2 ** 20), "16 MiB");
  assertEquals(formatBytes(2 ** 30), "1 GiB");
  assertEquals(formatBytes(1536), "1536 B");
  assertEquals(formatBytes(3072), "3 KiB");
  assertEquals(formatSeconds(604_800), "7 d");
  assertEquals(formatSeconds(90), "90 s");
  assertEquals(formatSeconds(120), "2 min");
  assertEquals(formatSeconds(7200), "2 h");
  assertEquals(formatSeconds(0), "0 s");
});
