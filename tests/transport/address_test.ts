import { assertEquals } from "@std/assert";
import { formatAddress, isLoopback, networkOf } from "../../src/transport/address.ts";

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

Deno.test("An IPv4 address is one party, and so are the first 64 bits of an IPv6 address", () => {
  assertEquals(networkOf("192.0.2.1"), "192.0.2.1");
  assertEquals(networkOf("::ffff:192.0.2.1"), "192.0.2.1");
  assertEquals(networkOf("2001:db8::1"), networkOf("2001:db8:0:0:ffff::2"));
  assertEquals(networkOf("2001:db8:0:1::1") === networkOf("2001:db8::1"), false);
  assertEquals(networkOf(undefined), undefined);
});
