import { assertEquals, assertNotEquals } from "@std/assert";
import { parsePasswordHash } from "../../../src/plugins/password/password_hash.ts";
import { VerifiedPairs } from "../../../src/plugins/password/verified_pairs.ts";

const hash = () => parsePasswordHash(`$6$rounds=5000$salt$${"a".repeat(86)}`);
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("a pair that was right counts for the hash it was checked against, and for no other", () => {
  const pairs = new VerifiedPairs();
  const [old, changed] = [hash(), hash()];
  const name = pairs.nameOf("alice", bytes("secret"));
  assertEquals(pairs.has(name, old), false);
  pairs.add(name, old);
  assertEquals([pairs.has(name, old), pairs.has(name, changed)], [true, false]);
  pairs.clear();
  assertEquals(pairs.has(name, old), false);
});

Deno.test("a pair's name tells user name from password, and is another one in another process", () => {
  const pairs = new VerifiedPairs();
  assertNotEquals(pairs.nameOf("ab", bytes("c")), pairs.nameOf("a", bytes("bc")));
  assertNotEquals(pairs.nameOf("a", bytes("b")), new VerifiedPairs().nameOf("a", bytes("b")));
  assertEquals(pairs.nameOf("a".repeat(60_000), bytes("b".repeat(1024))).length, 44);
});

Deno.test("20,000 pairs are remembered: the one that was used longest ago goes", () => {
  const pairs = new VerifiedPairs();
  const checked = hash();
  for (let i = 0; i < 20_000; i++) pairs.add(`${i}`, checked);
  assertEquals(pairs.has("0", checked), true);
  pairs.add("one more", checked);
  assertEquals([pairs.has("0", checked), pairs.has("1", checked), pairs.has("2", checked)], [true, false, true]);
});
