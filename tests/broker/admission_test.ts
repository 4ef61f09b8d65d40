import { assertEquals } from "@std/assert";
import { Admissions } from "../../src/broker/admission.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import type { ResolvedListener } from "../../src/config/config.ts";

function listener(name: string, maxConnections: number): ResolvedListener {
  return { ...resolveConfig({}, { baseDirectory: "/base" }).handedIn, name, maxConnections };
}

Deno.test("Connections beyond the number of places have to hurry with their CONNECT", () => {
  const counted = new Admissions();
  const two = listener("two", 2);
  assertEquals([1, 2, 3].map(() => counted.enter(two)), ["serve", "serve", "hurry"]);
  counted.leave(two);
  assertEquals(counted.enter(two), "hurry");
  counted.leave(two);
  counted.leave(two);
  assertEquals([counted.enter(two), counted.enter(two)], ["serve", "hurry"]);
});

Deno.test("A listener whose limit is 0 serves every connection", () => {
  const counted = new Admissions();
  const any = listener("any", 0);
  for (let served = 0; served < 1000; served++) {
    assertEquals(counted.enter(any), "serve");
  }
});

Deno.test("Listeners are counted apart", () => {
  const counted = new Admissions();
  const [a, b] = [listener("a", 1), listener("b", 1)];
  assertEquals([counted.enter(a), counted.enter(b), counted.enter(a)], ["serve", "serve", "hurry"]);
  counted.leave(b);
  assertEquals([counted.enter(a), counted.enter(b)], ["hurry", "serve"]);
});

Deno.test("When too many connections over the limit have not sent CONNECT, further ones are cut", () => {
  const counted = new Admissions();
  const one = listener("one", 1);
  counted.enter(one);
  for (let over = 0; over < 64; over++) assertEquals(counted.enter(one), "hurry");
  assertEquals(counted.enter(one), "cut");
  counted.leave(one);
  assertEquals([counted.enter(one), counted.enter(one)], ["hurry", "cut"]);
});
