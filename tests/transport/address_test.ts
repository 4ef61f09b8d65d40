import { assertEquals } from "@std/assert";
import { formatAddress, isLoopback } from "../../src/transport/address.ts";

Deno.test("an IPv6 host gets brackets", () => {
  assertEquals(formatAddress("127.0.0.1", 1883), "127.0.0.1:1883");
  assertEquals(formatAddress("::1", 1883), "[::1]:1883");
  assertEquals(formatAddress("example.org", 0), "example.org:0");
});

Deno.test("what only this machine can reach is known", () => {
  for (const host of ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost", "LOCALHOST", "::ffff:127.0.0.1"]) {
    assertEquals(isLoopback(host), true, host);
  }
  for (const host of ["0.0.0.0", "::", "128.0.0.1", "10.0.0.1", "127.0.0.1.example.org", "localhost.example.org", ""]) {
    assertEquals(isLoopback(host), false, host);
  }
});
