import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { parseTopicName, type TopicName } from "../../src/packet/topic.ts";
import { InboundTopicAliases, OutboundTopicAliases } from "../../src/session/topic_aliases.ts";

const name = (text: string): TopicName => parseTopicName(text);

/** What is chosen for each name in turn: `a` without an alias, `a+1` with a new one, `=1` with the alias alone. */
function choices(aliases: OutboundTopicAliases, names: string): string[] {
  return [...names].map((text) => {
    const chosen = aliases.choose(name(text));
    return chosen === undefined ? text : chosen.isNew ? `${text}+${chosen.alias}` : `=${chosen.alias}`;
  });
}

Deno.test("An inbound alias stands for the name that it was given last", () => {
  const aliases = new InboundTopicAliases(2);
  assertEquals([aliases.maximum, aliases.get(1)], [2, undefined]);
  aliases.set(1, name("a"));
  aliases.set(2, name("b"));
  aliases.set(1, name("c"));
  assertEquals([aliases.get(1), aliases.get(2)], ["c", "b"]);
});

Deno.test("A name gets the next alias when it comes the second time", () => {
  assertEquals(choices(new OutboundTopicAliases(3), "aaabcbbca"), [
    ...["a", "a+1", "=1", "b", "c", "b+2", "=2", "c+3", "=1"],
  ]);
});

Deno.test("Names that come once take no alias", () => {
  const aliases = new OutboundTopicAliases(2);
  for (let index = 0; index < 1_000; index++) assertEquals(aliases.choose(name(`once/${index}`)), undefined);
  assertEquals(choices(aliases, "aa"), ["a", "a+1"]);
});

Deno.test("Without room for aliases none is chosen", () => {
  assertEquals(choices(new OutboundTopicAliases(0), "aaaa"), ["a", "a", "a", "a"]);
});

Deno.test("A name that comes again and again displaces one that came less, which then has no alias", () => {
  const aliases = new OutboundTopicAliases(1);
  assertEquals(choices(aliases, "aa"), ["a", "a+1"]);
  const seen = choices(aliases, "bbbb");
  assertEquals([seen[0], seen.filter((one) => one === "b+1").length, seen.at(-1)], ["b", 1, "=1"]);
  assertEquals(choices(aliases, "a"), ["a"]);
});

Deno.test("A name in much use nearly always has its alias while others come now and then", () => {
  const aliases = new OutboundTopicAliases(1);
  choices(aliases, "a".repeat(100));
  const seen = choices(aliases, "baaaacaaaabaaaacaaaa".repeat(50));
  assert(seen.filter((one) => one === "=1").length > 700, "of 800 times");
});

Deno.test("What was in much use once fades, so that names in use now get the aliases", () => {
  const aliases = new OutboundTopicAliases(2);
  choices(aliases, "a".repeat(10_000) + "b".repeat(10_000));
  const seen = choices(aliases, "cd".repeat(100));
  assertEquals(new Set(seen.slice(-2)), new Set(["=1", "=2"]));
});

function seeded(numRuns: number): { seed: number; numRuns: number } {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  return { seed, numRuns };
}

Deno.test("[MQTT-3.3.2-11] 5.0: a receiver that follows the aliases always gets the right names, within its maximum", () => {
  const names = fc.array(fc.nat({ max: 12 }).map((index) => name(`t/${index}`)), { maxLength: 400 });
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 6 }), names, (maximum, topicNames) => {
      const sender = new OutboundTopicAliases(maximum);
      const receiver = new InboundTopicAliases(maximum);
      for (const topicName of topicNames) {
        const chosen = sender.choose(topicName);
        if (chosen === undefined) continue;
        assert(chosen.alias >= 1 && chosen.alias <= maximum, `alias ${chosen.alias} of ${maximum}`);
        if (chosen.isNew) receiver.set(chosen.alias, topicName);
        assertEquals(receiver.get(chosen.alias), topicName);
      }
    }),
    seeded(500),
  );
});

Deno.test("With as many aliases as names every name is soon left out", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 8 }), fc.integer({ min: 3, max: 20 }), (count, rounds) => {
      const sender = new OutboundTopicAliases(count);
      for (let round = 0; round < rounds; round++) {
        for (let index = 0; index < count; index++) {
          const chosen = sender.choose(name(`t/${index}`));
          assertEquals(chosen?.isNew, round === 0 ? undefined : round === 1);
        }
      }
    }),
    seeded(200),
  );
});

Deno.test("The bytes of inbound aliases are those of the names that they stand for now", () => {
  const [aliases, others] = [new InboundTopicAliases(9), new InboundTopicAliases(9)];
  for (const text of ["first", "second and longer", "third"]) aliases.set(1, name(text));
  others.set(1, name("third"));
  assert(aliases.heldBytes > 0);
  assertEquals(aliases.heldBytes, others.heldBytes);
});

Deno.test("The bytes of outbound aliases are those of the names that are known, with an alias or without", () => {
  const costOf = (text: string) => {
    const aliases = new InboundTopicAliases(1);
    aliases.set(1, name(text));
    return aliases.heldBytes;
  };
  const aliases = new OutboundTopicAliases(1);
  choices(aliases, "a");
  assertEquals(aliases.heldBytes, costOf("a"));
  choices(aliases, "aa");
  assertEquals(aliases.heldBytes, costOf("a"));
  // In the place of the other one, which is known no longer.
  assertEquals(choices(aliases, "bbbb").at(-1), "=1");
  assertEquals(aliases.heldBytes, costOf("b"));
  for (let index = 0; index < 5; index++) aliases.choose(name(`once ${index}`));
  assertEquals(aliases.heldBytes, costOf("b") + 5 * costOf("once 0"));
  // More than are counted at a time.
  aliases.choose(name("once 5"));
  assertEquals(aliases.heldBytes, costOf("b") + costOf("once 0"));
  for (let index = 6; index < 11; index++) aliases.choose(name(`once ${index % 10}`));
  assertEquals(aliases.heldBytes, costOf("b") + costOf("once 0"));
});
