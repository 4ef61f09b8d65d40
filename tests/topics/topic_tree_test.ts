import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { matches, parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { TopicNode } from "../../src/topics/topic_node.ts";
import { TopicTree } from "../../src/topics/topic_tree.ts";

const level = fc.constantFrom("", "a", "b", "$", "$SYS");
const name = fc.array(level, { minLength: 1, maxLength: 5 }).map((levels) => levels.join("/")).filter((text) =>
  text !== ""
);
const filter = fc.tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
  .map(([levels, hash]) => [...levels, ...hash ? ["#"] : []].join("/")).filter((text) => text !== "");

function seeded(numRuns: number): { seed: number; numRuns: number } {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  return { seed, numRuns };
}

/** Stores every text under itself, then removes those of `removed`. */
function treeOf(stored: readonly string[], removed: readonly string[] = []): TopicTree<string> {
  const tree = new TopicTree<string>();
  for (const text of stored) tree.set(text, text);
  for (const text of removed) assertEquals(tree.delete(text), stored.includes(text));
  return tree;
}

function filtersFor(tree: TopicTree<string>, topicName: string): string[] {
  return tree.matchName(topicName).sort();
}

function namesFor(tree: TopicTree<string>, topicFilter: string): string[] {
  return [...tree.matchFilter(topicFilter)].filter((value) => value !== undefined).sort();
}

function matching(topicFilter: string, topicName: string): boolean {
  return matches(parseTopicFilter(topicFilter), parseTopicName(topicName));
}

Deno.test("The filters found for any name are those that match it, each once, after any removals", () => {
  const sets = fc.tuple(fc.uniqueArray(filter, { maxLength: 30 }), fc.uniqueArray(filter, { maxLength: 15 }), name);
  fc.assert(
    fc.property(sets, ([stored, removed, topicName]) => {
      const expected = stored.filter((text) => !removed.includes(text) && matching(text, topicName)).sort();
      assertEquals(filtersFor(treeOf(stored, removed), topicName), expected);
    }),
    seeded(2000),
  );
});

Deno.test("The names found for any filter are those it matches, each once, after any removals", () => {
  const sets = fc.tuple(fc.uniqueArray(name, { maxLength: 30 }), fc.uniqueArray(name, { maxLength: 15 }), filter);
  fc.assert(
    fc.property(sets, ([stored, removed, topicFilter]) => {
      const expected = stored.filter((text) => !removed.includes(text) && matching(topicFilter, text)).sort();
      assertEquals(namesFor(treeOf(stored, removed), topicFilter), expected);
    }),
    seeded(2000),
  );
});

Deno.test("Size and values agree with a map under any sequence of set and delete", () => {
  const steps = fc.array(fc.tuple(fc.boolean(), filter), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (all) => {
      const tree = new TopicTree<number>();
      const model = new Map<string, number>();
      all.forEach(([add, topic], at) => {
        if (add) tree.set(topic, at), model.set(topic, at);
        else assertEquals(tree.delete(topic), model.delete(topic));
        assertEquals([tree.size, tree.get(topic)], [model.size, model.get(topic)]);
      });
      const ascending = (a: number, b: number) => a - b;
      assertEquals([...tree.values()].sort(ascending), [...model.values()].sort(ascending));
      for (const topic of model.keys()) assertEquals(tree.delete(topic), true);
      assertEquals([tree.size, [...tree.values()]], [0, []]);
    }),
    seeded(500),
  );
});

Deno.test("A leading wildcard finds no name that begins with $, a later one does", () => {
  const names = treeOf(["$SYS", "$SYS/a", "a", "a/$b"]);
  assertEquals(namesFor(names, "#"), ["a", "a/$b"]);
  assertEquals(namesFor(names, "+"), ["a"]);
  assertEquals(namesFor(names, "+/a"), []);
  assertEquals(namesFor(names, "$SYS/#"), ["$SYS", "$SYS/a"]);
  assertEquals(namesFor(names, "a/+"), ["a/$b"]);
  const filters = treeOf(["#", "+", "+/a", "+/#", "$SYS/#", "$SYS/+"]);
  assertEquals(filtersFor(filters, "$SYS/a"), ["$SYS/#", "$SYS/+"]);
  assertEquals(filtersFor(filters, "$SYS"), ["$SYS/#"]);
});

Deno.test("Empty levels are levels like any other", () => {
  const filters = treeOf(["/", "+/+", "/+", "+", "a//b", "a/+/b", "/#", "a/b"]);
  assertEquals(filtersFor(filters, "/"), ["+/+", "/", "/#", "/+"]);
  assertEquals(filtersFor(filters, "a//b"), ["a/+/b", "a//b"]);
  assertEquals(namesFor(treeOf(["/", "a", "a/", "//", "a//b"]), "+/"), ["/", "a/"]);
  assertEquals(namesFor(treeOf(["/", "a", "a/", "//", "a//b"]), "a/#"), ["a", "a/", "a//b"]);
});

Deno.test("A removal takes neither the levels above nor those below with it", () => {
  const tree = treeOf(["a", "a/b/c", "a/b"]);
  assertEquals([tree.delete("a/b"), tree.delete("a/b"), tree.delete("a/x")], [true, false, false]);
  assertEquals(namesFor(tree, "#"), ["a", "a/b/c"]);
  assertEquals(tree.delete("a/b/c"), true);
  assertEquals([namesFor(tree, "#"), tree.delete("a/b"), tree.size], [["a"], false, 1]);
});

Deno.test("Levels named like members of objects are plain levels", () => {
  const tree = treeOf(["__proto__/constructor"]);
  assertEquals([tree.get("constructor"), tree.get("__proto__"), tree.size], [undefined, undefined, 1]);
  assertEquals(namesFor(tree, "+/constructor"), ["__proto__/constructor"]);
});

/** How many levels `run` makes and cuts off. */
function levelsOf(run: () => void): { grown: number; pruned: number } {
  const { grow, prune } = TopicNode.prototype;
  const nodes = new Set<unknown>();
  let pruned = 0;
  TopicNode.prototype.grow = function (level) {
    const child = grow.call(this, level);
    nodes.add(child);
    return child;
  };
  TopicNode.prototype.prune = function (child) {
    prune.call(this, child);
    if (this.child(child.level) === undefined) pruned++;
  };
  try {
    run();
  } finally {
    Object.assign(TopicNode.prototype, { grow, prune });
  }
  return { grown: nodes.size, pruned };
}

Deno.test("When everything is removed, in any order, no level is left behind", () => {
  const orders = fc.uniqueArray(filter, { minLength: 1, maxLength: 20 })
    .chain((topics) => fc.tuple(fc.constant(topics), fc.shuffledSubarray(topics, { minLength: topics.length })));
  fc.assert(
    fc.property(orders, ([stored, removed]) => {
      const { grown, pruned } = levelsOf(() => {
        const tree = new TopicTree<number>();
        for (const text of stored) tree.set(text, 1);
        for (const text of removed) tree.delete(text);
      });
      assert(grown > 0);
      assertEquals(pruned, grown);
    }),
    seeded(300),
  );
});

Deno.test("A walk goes on while names come and go: what is there all the time is found once", () => {
  const tree = new TopicTree<string>();
  const names = Array.from({ length: 50 }, (_, i) => [`a/${i}`, `b/${i}/c`, `d${i}`]).flat();
  for (const name of names) tree.set(name, name);
  const found: string[] = [];
  let steps = 0;
  for (const value of tree.matchFilter("#")) {
    if (value !== undefined) found.push(value);
    // Everything but a third of the names goes and comes back, some of it as the only one of its level.
    const name = names[steps++ * 7 % names.length];
    if (Number(/\d+/.exec(name)) % 3 > 0) tree.delete(name);
    if (steps % 2 > 0) tree.set(`new/${steps % 5}`, "new");
    else tree.delete(`new/${steps % 5}`);
    assert(steps < 10_000, "the walk ends");
  }
  const lasting = names.filter((name) => Number(/\d+/.exec(name)) % 3 === 0).sort();
  assertEquals(found.filter((name) => lasting.includes(name)).sort(), lasting);
});
