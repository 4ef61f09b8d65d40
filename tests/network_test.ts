import { assertEquals } from "@std/assert";
import { networkOf } from "../src/network.ts";

Deno.test("An IPv4 address is one party, and so are the first 64 bits of an IPv6 address", () => {
  assertEquals(networkOf("192.0.2.1"), "192.0.2.1");
  assertEquals(networkOf("::ffff:192.0.2.1"), "192.0.2.1");
  assertEquals(networkOf("2001:db8::1"), networkOf("2001:db8:0:0:ffff::2"));
  assertEquals(networkOf("2001:db8:0:1::1") === networkOf("2001:db8::1"), false);
  assertEquals(networkOf(undefined), undefined);
});
