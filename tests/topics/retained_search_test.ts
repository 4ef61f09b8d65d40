import { assert, assertEquals } from "@std/assert";
import { Message } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { RetainedMessages } from "../../src/topics/retained.ts";
import { RetainedSearch } from "../../src/topics/retained_search.ts";

function retain(retained: RetainedMessages, name: string): void {
  retained.set(Message.of({ topicName: parseTopicName(name), payload: new Uint8Array(1), retain: true }));
}

function retainedOf(names: readonly string[]): RetainedMessages {
  const retained = new RetainedMessages({ maximumMessages: 1_000_000, maximumBytes: 1_000_000_000 });
  for (const name of names) retain(retained, name);
  return retained;
}

/** All that a search finds, slice by slice. */
function foundIn(search: RetainedSearch, slice: { readonly steps: number; readonly messages: number }): string[][] {
  const slices: string[][] = [];
  for (let count = 0; !search.isOver; count++) {
    assert(count < 100_000, "the search has no end");
    const budget = { ...slice };
    const found = search.next(budget).map(({ topicName }) => topicName);
    assert(budget.steps >= -1 && budget.steps < slice.steps, `${budget.steps} of ${slice.steps} steps are left`);
    assertEquals(budget.messages, slice.messages - found.length);
    slices.push(found);
  }
  return slices;
}

const everything = { topicFilter: parseTopicFilter("#"), after: 0, isWanted: () => true };

Deno.test("What a filter finds comes in the order in which it was retained, however small the steps", () => {
  const retained = retainedOf(["b", "a/2", "c", "a/1", "a"]);
  for (const steps of [1, 2, 1000]) {
    const slices = foundIn(new RetainedSearch(retained, everything), { steps, messages: 10 });
    assertEquals(slices.flat(), ["b", "a/2", "c", "a/1", "a"]);
  }
  const below = { ...everything, topicFilter: parseTopicFilter("a/+") };
  assertEquals(foundIn(new RetainedSearch(retained, below), { steps: 9, messages: 9 }).flat(), ["a/2", "a/1"]);
});

Deno.test("What is not wanted is not found, nor what is wanted no longer when the search is over", () => {
  const retained = retainedOf(["a", "b", "c"]);
  const unwanted = new Set(["b"]);
  const isWanted = ({ topicName }: Message) => !unwanted.has(topicName);
  const search = new RetainedSearch(retained, { ...everything, isWanted });
  assertEquals(search.next({ steps: 3, messages: 10 }), []);
  unwanted.add("a");
  assertEquals(foundIn(search, { steps: 10, messages: 10 }).flat(), ["c"]);
});

const MANY = 10_100;

Deno.test("More than is put in order at once is found in the order of all, each once, and no more in a slice than is asked for", () => {
  const names = Array.from({ length: MANY }, (_, index) => `a/${(index * 7919) % MANY}`);
  const retained = retainedOf(["else", ...names, "else/b"]);
  const search = new RetainedSearch(retained, { ...everything, topicFilter: parseTopicFilter("a/+") });
  const slices = foundIn(search, { steps: 3000, messages: 700 });
  assertEquals(slices.flat(), names);
  assert(slices.every(({ length }) => length <= 700) && slices.some(({ length }) => length === 700));
  // As soon as there are too many it begins anew, in the same slice.
  assert(slices.findIndex(({ length }) => length > 0) <= 5);
});

Deno.test("A search of many goes on after the serial that it was given, and takes no step without a budget", () => {
  const names = Array.from({ length: MANY + 50 }, (_, index) => `${index}`);
  const retained = retainedOf(names);
  const after = retained.last(parseTopicName("9"))!.retainedSerial;
  const search = new RetainedSearch(retained, { ...everything, after });
  search.next({ steps: 2 * MANY, messages: 0 });
  assertEquals([search.next({ steps: 100, messages: 0 }), search.next({ steps: 0, messages: 9 })], [[], []]);
  assertEquals(search.isOver, false);
  assertEquals(foundIn(search, { steps: 5000, messages: 5000 }).flat(), names.slice(10));
});

Deno.test("What is retained while many are searched for comes behind them, and what is deleted does not come", () => {
  const names = Array.from({ length: MANY }, (_, index) => `${index}`);
  const retained = retainedOf(names);
  const search = new RetainedSearch(retained, everything);
  const found: string[] = [];
  while (found.length < 5000) {
    found.push(...search.next({ steps: 4000, messages: 1000 }).map(({ topicName }) => topicName));
  }
  retained.delete(parseTopicName("9000"));
  retain(retained, "0");
  retain(retained, "new");
  found.push(...foundIn(search, { steps: 4000, messages: 1000 }).flat());
  assertEquals(found, [...names.filter((name) => name !== "9000"), "0", "new"]);
});
