import { assert, assertEquals } from "@std/assert";
import { Decoys } from "../../../src/plugins/password/decoys.ts";
import { parsePasswordHash } from "../../../src/plugins/password/password_hash.ts";

const secret = new Uint8Array(32).fill(7);
const few = parsePasswordHash(`$6$rounds=5000$salt$${"a".repeat(86)}`);
const many = parsePasswordHash(`$6$rounds=600000$salt$${"a".repeat(86)}`);
const names = Array.from({ length: 1000 }, (_, i) => `user ${i}`);

Deno.test("users who do not exist look like those who do, in the same proportions", () => {
  const decoys = new Decoys([few, ...new Array(3).fill(many)]);
  const share = names.filter((name) => decoys.draw(secret, name) === few).length / names.length;
  assert(share > 0.2 && share < 0.3, `${share}`);
  assertEquals(new Decoys([]).draw(secret, "alice"), undefined);
});

Deno.test("a changed file leaves nearly all users who do not exist what they look like", () => {
  const before = new Decoys([few, few, few, many, many, many]);
  const after = new Decoys([many, few, few, many, few, many, few]);
  const changed = names.filter((name) => before.draw(secret, name) !== after.draw(secret, name)).length;
  assert(changed < 120, `${changed} of 1,000`);
});
