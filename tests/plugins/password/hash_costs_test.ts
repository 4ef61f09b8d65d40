import { assert, assertEquals } from "@std/assert";
import { HashCosts } from "../../../src/plugins/password/hash_costs.ts";
import { parsePasswordHash } from "../../../src/plugins/password/password_hash.ts";

const shaCrypt = (rounds: number) => parsePasswordHash(`$6$rounds=${rounds}$salt$${"a".repeat(86)}`);

Deno.test("a hash is expected to take as long as its kind took lately, in proportion to its rounds", () => {
  const costs = new HashCosts();
  const [short, long] = [shaCrypt(10_000), shaCrypt(500_000)];
  assert(costs.expectedMs(long) > 40 * costs.expectedMs(short));
  for (let i = 0; i < 50; i++) costs.note(long, 2000);
  assertEquals(Math.round(costs.expectedMs(long)), 2000);
  assertEquals(Math.round(costs.expectedMs(short)), 42);
});
