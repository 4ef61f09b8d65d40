import { assertEquals } from "@std/assert";
import { FailureDelays, sourceOf } from "../../../src/plugins/password/failure_delays.ts";

Deno.test("the delay begins with the third failure, doubles, and ends at 8 seconds", () => {
  const delays = new FailureDelays();
  const seen = Array.from({ length: 10 }, () => {
    delays.fail("a", 1000);
    return delays.waitMs("a", 1000);
  });
  assertEquals(seen, [0, 0, 250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
  assertEquals(delays.waitMs("a", 8999), 1);
  assertEquals(delays.waitMs("a", 9000), 0);
});

Deno.test("a success ends the delay, and other addresses have none", () => {
  const delays = new FailureDelays();
  for (let i = 0; i < 5; i++) delays.fail("a", 0);
  assertEquals(delays.waitMs("b", 0), 0);
  delays.succeed("a");
  assertEquals(delays.waitMs("a", 0), 0);
  delays.fail("a", 0);
  assertEquals(delays.waitMs("a", 0), 0);
});

Deno.test("an address without a failure for ten minutes starts anew", () => {
  const delays = new FailureDelays();
  for (let i = 0; i < 5; i++) delays.fail("a", 0);
  delays.fail("a", 600_001);
  assertEquals(delays.waitMs("a", 600_001), 0);
});

Deno.test("the table of addresses holds 10,000: the one that failed longest ago goes", () => {
  const delays = new FailureDelays();
  for (let i = 0; i < 3; i++) delays.fail("oldest", 0);
  for (let i = 0; i < 3; i++) delays.fail("older", 0);
  for (let i = 0; i < 9_998; i++) delays.fail(`address ${i}`, 1);
  assertEquals([delays.waitMs("oldest", 1), delays.waitMs("older", 1)], [249, 249]);
  delays.fail("one more", 1);
  assertEquals([delays.waitMs("oldest", 1), delays.waitMs("older", 1)], [0, 249]);
});

const sources = [
  ["192.0.2.7", "192.0.2.7"],
  ["::ffff:192.0.2.7", "192.0.2.7"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
  ["2001:0db8:1:2::6", "2001:db8:1:2"],
  ["2001:db8::6", "2001:db8:0:0"],
  ["2001:db8:1:2::", "2001:db8:1:2"],
  ["::1", "0:0:0:0"],
  ["fe80::1%eth0", "fe80:0:0:0"],
  [undefined, "listener tcp"],
] as const;

for (const [hostname, source] of sources) {
  Deno.test(`sign-ins from ${hostname ?? "no address"} count for ${source}`, () => {
    assertEquals(sourceOf({ remote: { hostname }, listener: "tcp" }), source);
  });
}
