import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { type BenchOptions, parseOptions } from "./options.ts";

function parsed(...args: string[]): BenchOptions {
  const options = parseOptions(args);
  assertNotEquals(options, "help");
  return options as BenchOptions;
}

function names(list: readonly { readonly name: string }[]): string[] {
  return list.map(({ name }) => name);
}

Deno.test("Another checkout runs against ours alone, unless peers are named", () => {
  assertEquals(names(parsed("--against", "../before").brokers), ["ours", "before"]);
  assertEquals(names(parsed("--against", "a/one/", "--against", "a/two").brokers), ["ours", "one", "two"]);
  assertEquals(names(parsed("--brokers", "aedes,ours", "--against", "before").brokers), ["aedes", "ours", "before"]);
  assertEquals(names(parsed().brokers), ["ours", "aedes", "mosquitto"]);
});

Deno.test("Two brokers of one name are refused", () => {
  assertThrows(() => parseOptions(["--against", "ours"]), Error, "got ours twice");
  assertThrows(() => parseOptions(["--brokers", "rabbit"]), Error, 'got "rabbit"');
});

Deno.test("Processor time is a row where it is asked for or two checkouts are compared", () => {
  const labels = (...args: string[]) => parsed("--only", "fan-in", ...args).scenarios[0]!.metrics.map((m) => m.label);
  assertEquals(labels(), [""]);
  assertEquals(labels("--cpu"), ["", "processor time of one"]);
  assertEquals(labels("--against", "before"), ["", "processor time of one"]);
});

Deno.test("Scenarios are chosen by parts of their names, and a text that is in none is refused", () => {
  const chosen = names(parsed("--only", "fan-in", "--only", "TLS").scenarios);
  assert(chosen.length > 1 && chosen.every((name) => name.includes("fan-in") || name.includes("TLS")));
  assertEquals(names(parsed("--only", "one-to-one QoS 1").scenarios), ["one-to-one QoS 1"]);
  assertThrows(() => parseOptions(["--only", "no such"]), Error, "part of a scenario's name");
});

Deno.test("A quick run is one short run, and what is given counts", () => {
  const { runs, durationSeconds, warmupSeconds } = parsed("--quick", "--seconds", "2");
  assertEquals([runs, durationSeconds, warmupSeconds], [1, 2, 0.5]);
  for (const wrong of ["0", "-1", "x"]) assertThrows(() => parseOptions([`--runs=${wrong}`]), Error, "--runs must be");
});
