import { assertEquals } from "@std/assert";
import { Admissions } from "../../src/broker/admission.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import type { ResolvedListener } from "../../src/config/config.ts";

function listener(name: string, maxConnections: number): ResolvedListener {
  return { ...resolveConfig({}, { baseDirectory: "/base" }).handedIn, name, maxConnections };
}

function admissions() {
  const warnings: string[] = [];
  const quiet = () => {};
  const logger = { debug: quiet, info: quiet, warn: (text: string) => warnings.push(text), error: quiet };
  return { admissions: new Admissions(logger), warnings };
}

Deno.test("A listener serves as many connections as it may and refuses further ones until one leaves", () => {
  const { admissions: counted, warnings } = admissions();
  const two = listener("two", 2);
  assertEquals([1, 2, 3].map(() => counted.enter(two)), ["serve", "serve", "refuse"]);
  counted.leave(two, "refuse");
  assertEquals(counted.enter(two), "refuse");
  counted.leave(two, "serve");
  assertEquals([counted.enter(two), counted.enter(two), warnings], ["serve", "refuse", []]);
});

Deno.test("A listener whose limit is 0 serves every connection", () => {
  const { admissions: counted } = admissions();
  const any = listener("any", 0);
  for (let served = 0; served < 1000; served++) assertEquals(counted.enter(any), "serve");
});

Deno.test("Listeners are counted apart", () => {
  const { admissions: counted } = admissions();
  const [a, b] = [listener("a", 1), listener("b", 1)];
  assertEquals([counted.enter(a), counted.enter(b), counted.enter(a)], ["serve", "serve", "refuse"]);
  counted.leave(b, "serve");
  assertEquals([counted.enter(a), counted.enter(b)], ["refuse", "serve"]);
});

Deno.test("When too many connections wait for their refusal, further ones are cut with a warning", () => {
  const { admissions: counted, warnings } = admissions();
  const one = listener("one", 1);
  counted.enter(one);
  for (let refused = 0; refused < 64; refused++) assertEquals(counted.enter(one), "refuse");
  assertEquals(counted.enter(one), "cut");
  assertEquals(warnings, ["connection cut: listeners.one.max-connections (1) is reached"]);
  counted.leave(one, "refuse");
  assertEquals([counted.enter(one), counted.enter(one)], ["refuse", "cut"]);
});
