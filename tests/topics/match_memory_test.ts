import { assertEquals } from "@std/assert";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { MatchMemory } from "../../src/topics/match_memory.ts";

const get = (memory: MatchMemory<string>, name: string) => memory.get(parseTopicName(name));
const set = (memory: MatchMemory<string>, name: string, weight = 0) =>
  memory.set(parseTopicName(name), `answer ${name}`, weight);

/** Remembers names until those of two generations are others. */
function fill(memory: MatchMemory<string>, weight: number, length = 1): void {
  for (let sum = 0, index = 0; sum <= 400_000; index++) {
    set(memory, `fill ${index}`.padEnd(length, "x"), weight);
    sum += weight + 1 + Math.floor(length / 64);
  }
}

Deno.test("An answer is remembered until a filter that matches its name changes", () => {
  const memory = new MatchMemory<string>();
  for (const name of ["a", "a/b", "c"]) set(memory, name);
  memory.forget(parseTopicFilter("a"));
  assertEquals([get(memory, "a"), get(memory, "a/b"), get(memory, "c")], [undefined, "answer a/b", "answer c"]);
  memory.forget(parseTopicFilter("a/+"));
  assertEquals([get(memory, "a/b"), get(memory, "c")], [undefined, "answer c"]);
  set(memory, "a/b");
  assertEquals([get(memory, "a/b"), get(memory, "x")], ["answer a/b", undefined]);
});

Deno.test("A change is not forgotten behind others that came after it", () => {
  for (const others of [0, 1, 14, 15, 16, 17, 40]) {
    const memory = new MatchMemory<string>();
    set(memory, "a/b");
    memory.forget(parseTopicFilter("a/+"));
    for (let index = 0; index < others; index++) memory.forget(parseTopicFilter(`else/${index}/+`));
    assertEquals(get(memory, "a/b"), undefined, `${others} others`);
  }
});

Deno.test("A name that is asked for outlasts wildcards that come and go elsewhere", () => {
  const memory = new MatchMemory<string>();
  set(memory, "a");
  for (let index = 0; index < 1000; index++) {
    memory.forget(parseTopicFilter("else/+"));
    assertEquals(get(memory, "a"), "answer a");
  }
});

Deno.test("Names that nobody asks for are forgotten, sooner if they or their answers are large; others are not", () => {
  for (const [weight, length] of [[0, 1], [1000, 1], [0, 60_000]] as const) {
    const memory = new MatchMemory<string>();
    set(memory, "idle");
    set(memory, "asked for");
    fill(memory, weight, length);
    assertEquals([get(memory, "idle"), get(memory, "asked for")], [undefined, undefined]);
    set(memory, "asked for");
    for (let round = 0; round < 10; round++) {
      for (let index = 0; index < 150; index++) set(memory, `round ${round} ${index}`, 1000);
      assertEquals(get(memory, "asked for"), "answer asked for");
    }
  }
});

Deno.test("A name that has moved to the new generation is forgotten like any other", () => {
  const memory = new MatchMemory<string>();
  set(memory, "a");
  for (let index = 0; index < 199; index++) set(memory, `${index}`, 1000);
  set(memory, "large", 1000);
  assertEquals(get(memory, "a"), "answer a");
  memory.forget(parseTopicFilter("a"));
  assertEquals(get(memory, "a"), undefined);
});

Deno.test("A filter without wildcards makes no answer out of date but that for its own name", () => {
  const memory = new MatchMemory<string>();
  set(memory, "a");
  memory.forget(parseTopicFilter("a/+"));
  // More than are remembered.
  for (let index = 0; index < 40; index++) memory.forget(parseTopicFilter("a/b"));
  assertEquals(get(memory, "a"), "answer a");
});

Deno.test("A name that is set again and again weighs once", () => {
  const memory = new MatchMemory<string>();
  set(memory, "idle");
  for (let round = 0; round < 1000; round++) set(memory, "large", 1000);
  assertEquals([get(memory, "idle"), get(memory, "large")], ["answer idle", "answer large"]);
});
