import { assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { matches, parseSharedFilter, parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { Overlap } from "../../src/topics/overlap.ts";

function overlapOf(...filters: string[]): Overlap {
  const overlap = new Overlap();
  for (const filter of filters) overlap.add(parseTopicFilter(filter));
  return overlap;
}

const cases: readonly [filters: string[], most: number, what: string][] = [
  [[], 0, "nothing"],
  [["a", "b", "a/b", "$SYS/x"], 1, "filters without wildcards"],
  [["a/+", "b/+", "c/+"], 1, "filters with a wildcard in the same level"],
  [["a/+", "a/+/c"], 2, "filters with different numbers of levels"],
  [["a/#", "b/#", "a/b/#"], 2, "filters that end in # at two levels"],
  [["a", "a/+", "+/b", "+/+", "#", "a/#"], 6, "filters that all match a/b, or a"],
  [["$share/g/a", "$share/g/b", "$share/h/a", "a"], 3, "groups of two names beside a filter of its own"],
];

for (const [filters, most, what] of cases) {
  Deno.test(`${what}: at most ${most} can match one topic`, () => {
    assertEquals(overlapOf(...filters).most, most);
  });
}

Deno.test("What would be added is told before it is, and what is removed counts no longer", () => {
  const overlap = overlapOf("a/+", "b/+");
  const same = parseTopicFilter("c/+");
  const other = parseTopicFilter("+/c");
  assertEquals([overlap.mostWith(same), overlap.mostWith(other)], [1, 2]);
  overlap.remove(parseTopicFilter("a/+"));
  assertEquals(overlap.most, 1);
  overlap.remove(parseTopicFilter("b/+"));
  assertEquals([overlap.most, overlap.mostWith(other)], [0, 1]);
});

Deno.test("No topic matches more of any filters than is told", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const levels = fc.array(fc.constantFrom("a", "b", "+"), { minLength: 1, maxLength: 4 });
  const filter = fc.tuple(fc.constantFrom("", "$share/g/", "$share/h/"), levels, fc.constantFrom("", "/#"))
    .map(([share, levels, end]) => parseTopicFilter(share + levels.join("/") + end));
  const name = fc.array(fc.constantFrom("a", "b"), { minLength: 1, maxLength: 5 })
    .map((levels) => parseTopicName(levels.join("/")));
  fc.assert(
    fc.property(fc.uniqueArray(filter, { maxLength: 40 }), name, (filters, topicName) => {
      const matching = filters.filter((key) => matches(parseSharedFilter(key)?.topicFilter ?? key, topicName));
      assertLessOrEqual(matching.length, overlapOf(...filters).most);
    }),
    { seed, numRuns: 1000 },
  );
});
