import { assertEquals } from "@std/assert";
import { FailureDelays, originOf, sourceOf, userKey } from "../../../src/plugins/password/failure_delays.ts";

const at = (address: string, user = "alice") => ({ address, user });

Deno.test("the delay begins with the third failure, doubles, and ends at 8 seconds", () => {
  const delays = new FailureDelays();
  const seen = Array.from({ length: 10 }, () => {
    delays.fail(at("a"), 1000);
    return delays.waitMs(at("a"), 1000);
  });
  assertEquals(seen, [0, 0, 250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
  assertEquals(delays.waitMs(at("a"), 8999), 1);
  assertEquals(delays.waitMs(at("a"), 9000), 0);
});

Deno.test("a success ends the delay, and other addresses have none", () => {
  const delays = new FailureDelays();
  for (let i = 0; i < 5; i++) delays.fail(at("a"), 0);
  assertEquals(delays.waitMs(at("b"), 0), 0);
  delays.succeed(at("a"));
  assertEquals(delays.waitMs(at("a"), 0), 0);
  delays.fail(at("a"), 0);
  assertEquals(delays.waitMs(at("a"), 0), 0);
});

Deno.test("an address without a failure for ten minutes starts anew", () => {
  const delays = new FailureDelays();
  for (let i = 0; i < 5; i++) delays.fail(at("a"), 0);
  delays.fail(at("a"), 600_001);
  assertEquals(delays.waitMs(at("a"), 600_001), 0);
});

Deno.test("the table of addresses holds 10,000: the one that failed longest ago goes", () => {
  const delays = new FailureDelays();
  for (let i = 0; i < 3; i++) delays.fail(at("oldest"), 0);
  for (let i = 0; i < 3; i++) delays.fail(at("older"), 0);
  for (let i = 0; i < 9_998; i++) delays.fail(at(`address ${i}`), 1);
  assertEquals([delays.waitMs(at("oldest"), 1), delays.waitMs(at("older"), 1)], [249, 249]);
  delays.fail(at("one more"), 1);
  assertEquals([delays.waitMs(at("oldest"), 1), delays.waitMs(at("older"), 1)], [0, 249]);
});

Deno.test("failures of one user delay no other user at the same address, and a success ends that user's delay only", () => {
  const delays = new FailureDelays();
  for (const user of ["alice", "bob"]) {
    for (let i = 0; i < 3; i++) delays.fail(at("a", user), 0);
  }
  assertEquals(delays.waitMs(at("a", "carol"), 0), 0);
  delays.succeed(at("a", "alice"));
  delays.succeed(at("a", "carol"));
  assertEquals([delays.waitMs(at("a", "alice"), 0), delays.waitMs(at("a", "bob"), 0)], [0, 250]);
});

Deno.test("an address that fails with ever new users pushes out its own, and nobody else's", () => {
  const delays = new FailureDelays();
  for (let i = 0; i < 3; i++) delays.fail(at("other"), 0);
  for (let i = 0; i < 3; i++) delays.fail(at("guesser"), 0);
  for (let i = 0; i < 20_000; i++) delays.fail(at("guesser", `user ${i}`), 1);
  assertEquals([delays.waitMs(at("guesser"), 1), delays.waitMs(at("other"), 1)], [0, 249]);
});

Deno.test("a user name is kept as it is or, if it is long, as 44 characters, so that the table stays small", () => {
  const client = { remote: { hostname: "192.0.2.7" }, listener: "tcp" };
  assertEquals(originOf(client, "alice"), { address: "192.0.2.7", user: "alice" });
  assertEquals(userKey("x".repeat(65_535)).length, 44);
  assertEquals(userKey("x".repeat(43)), "x".repeat(43));
  assertEquals(userKey("x".repeat(50)) === userKey("x".repeat(51)), false);
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
