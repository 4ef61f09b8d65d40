import { assertEquals, assertThrows } from "@std/assert";
import {
  covers,
  matches,
  parseSharedFilter,
  parseTopicFilter,
  parseTopicName,
  TopicError,
} from "../../src/packet/topic.ts";

const wrongNames: readonly [title: string, text: string][] = [
  ["[MQTT-4.7.3-1] 3.1.1 and 5.0 an empty topic name", ""],
  ["[MQTT-3.3.2-2] 3.1.1 and 5.0 a topic name with +", "a/+"],
  ["[MQTT-3.3.2-2] 3.1.1 and 5.0 a topic name with #", "#"],
  ["[MQTT-4.7.3-2] 3.1.1 and 5.0 a topic name with NUL", "a\0"],
  ["[MQTT-4.7.3-3] 3.1.1 and 5.0 a topic name of 65,536 bytes", "x".repeat(65_536)],
  ["a topic name of 21,846 characters of three bytes", "€".repeat(21_846)],
  ["a topic name with half a surrogate pair", "\ud800"],
];

for (const [title, text] of wrongNames) {
  Deno.test(`${title} is refused`, () => {
    assertThrows(() => parseTopicName(text), TopicError);
  });
}

for (const text of ["/", "a", " ", "a//b", "$SYS/x", "x".repeat(65_535)]) {
  Deno.test(`${text.slice(0, 10)} (${text.length} characters) is a topic name and a topic filter`, () => {
    assertEquals<string>(parseTopicName(text), text);
    assertEquals<string>(parseTopicFilter(text), text);
  });
}

for (const text of ["#", "+", "a/#", "+/+", "/+", "+/a/#", "$share/g/a"]) {
  Deno.test(`${text} is a topic filter`, () => {
    assertEquals<string>(parseTopicFilter(text), text);
  });
}

for (const text of ["", "a#", "#/a", "a/#/b", "##", "a+", "+a", "a/+b/c", "++", "a/b+", "\0", "\udc00"]) {
  Deno.test(`${JSON.stringify(text)} is not a topic filter`, () => {
    assertThrows(() => parseTopicFilter(text), TopicError);
  });
}

const matching: readonly [filter: string, topicName: string, matches: boolean][] = [
  ["a/b", "a/b", true],
  ["a/b", "A/b", false],
  ["a/b", "a/b/c", false],
  ["a/#", "a", true],
  ["a/#", "a/", true],
  ["a/#", "a/b/c", true],
  ["a/#", "ab", false],
  ["#", "/", true],
  ["+", "a", true],
  ["+", "/a", false],
  ["/+", "/a", true],
  ["+/+", "/a", true],
  ["a/+", "a", false],
  ["a/+", "a/", true],
  ["a/+/#", "a/b", true],
  ["#", "$SYS/x", false],
  ["+/x", "$SYS/x", false],
  ["$SYS/#", "$SYS/x", true],
  ["$SYS/+", "$SYS/x", true],
];

for (const [filter, topicName, expected] of matching) {
  Deno.test(`${filter} ${expected ? "matches" : "does not match"} ${topicName}`, () => {
    assertEquals(matches(parseTopicFilter(filter), parseTopicName(topicName)), expected);
  });
}

const covering: readonly [entry: string, filter: string, covers: boolean][] = [
  ["a/#", "a/+", true],
  ["a/#", "a", true],
  ["a/#", "a/#", true],
  ["a/+", "a/#", false],
  ["a/+", "a/b", true],
  ["a/+", "a/+", true],
  ["a/b", "a/+", false],
  ["#", "$SYS/x", false],
  ["$SYS/#", "$SYS/x", true],
  ["+/#", "a", true],
];

for (const [entry, filter, expected] of covering) {
  Deno.test(`${entry} ${expected ? "covers" : "does not cover"} ${filter}`, () => {
    assertEquals(covers(parseTopicFilter(entry), parseTopicFilter(filter)), expected);
  });
}

Deno.test("a shared filter is split into share name and topic filter", () => {
  const shared = parseSharedFilter(parseTopicFilter("$share/g/a/+"));
  assertEquals(shared, { shareName: "g", topicFilter: parseTopicFilter("a/+") });
  assertEquals(parseSharedFilter(parseTopicFilter("$sharex/g/a")), undefined);
});

for (const text of ["$share/", "$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/#"]) {
  Deno.test(`[MQTT-4.8.2-1] 5.0 and [MQTT-4.8.2-2] 5.0 ${text} is not a shared filter`, () => {
    assertThrows(() => parseSharedFilter(parseTopicFilter(text)), TopicError);
  });
}
