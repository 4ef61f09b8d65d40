import { assertEquals, assertThrows } from "@std/assert";
import type { Decision, Plugin } from "../../src/hooks/plugin.ts";
import { Message } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import create from "../../src/plugins/topic_acl.ts";
import { clientSnapshot, pluginContext } from "../support/plugin_context.ts";

const make = (options: unknown) => create(options, pluginContext()) as Plugin;

interface Who {
  readonly username?: string;
  readonly clientIdentifier?: string;
}

const message = (topic: string) => Message.of({ topicName: parseTopicName(topic), payload: new Uint8Array() });
const publish = (plugin: Plugin, who: Who, topic: string) =>
  plugin.authorizePublish?.(clientSnapshot(who), message(topic)) as Decision;
const receive = (plugin: Plugin, who: Who, topic: string) =>
  plugin.authorizeReceive?.(clientSnapshot(who), message(topic)) as Decision;
const subscribe = (plugin: Plugin, who: Who, topicFilter: string) =>
  plugin.authorizeSubscribe?.(clientSnapshot(who), { topicFilter: parseTopicFilter(topicFilter), qos: 0 }) as Decision;

const alice = { username: "alice" };

const covered: readonly (readonly [entry: string, filter: string, decision: Decision])[] = [
  ["a/b", "a/b", "allow"],
  ["a/b", "a/B", "deny"],
  ["a/b", "a/+", "deny"],
  ["a/b", "#", "deny"],
  ["a/+", "a/b", "allow"],
  ["a/+", "a/+", "allow"],
  ["a/+", "a/#", "deny"],
  ["a/+", "a", "deny"],
  ["+", "#", "deny"],
  ["a/#", "a", "allow"],
  ["a/#", "a/#", "allow"],
  ["a/#", "a/+/c", "allow"],
  ["a/#", "+/b", "deny"],
  ["#", "#", "allow"],
  ["#", "+/b", "allow"],
  ["#", "$SYS/#", "deny"],
  ["+/#", "$SYS/broker", "deny"],
  ["$SYS/#", "$SYS/broker/+", "allow"],
  ["$SYS/#", "#", "deny"],
];

for (const [entry, filter, decision] of covered) {
  Deno.test(`with the entry ${entry}, a subscription to ${filter} gets ${decision}`, () => {
    assertEquals(subscribe(make({ acl: { alice: [entry] } }), alice, filter), decision);
  });
}

const matched: readonly (readonly [entry: string, topic: string, decision: Decision])[] = [
  ["a/b", "a/b", "allow"],
  ["a/+", "a/b", "allow"],
  ["a/+", "a/b/c", "deny"],
  ["a/#", "a", "allow"],
  ["a/#", "a/b/c", "allow"],
  ["a/#", "ab", "deny"],
  ["#", "$SYS/broker/version", "deny"],
  ["$SYS/#", "$SYS/broker/version", "allow"],
];

for (const [entry, topic, decision] of matched) {
  Deno.test(`with the entry ${entry}, publishing to and receiving of ${topic} get ${decision}`, () => {
    const plugin = make({ acl: { alice: [entry] } });
    assertEquals(publish(plugin, alice, topic), decision);
    assertEquals(receive(plugin, alice, topic), decision);
    assertEquals(receive(plugin, alice, topic), decision, "the second time");
  });
}

const all = ["publish", "subscribe", "receive"] as const;
const asked = (plugin: Plugin, topic: string) => ({
  publish: publish(plugin, alice, topic),
  subscribe: subscribe(plugin, alice, topic),
  receive: receive(plugin, alice, topic),
});

Deno.test("acl holds for all three actions, and a special list replaces it for its action", () => {
  const acl = { alice: ["common"] };
  assertEquals(asked(make({ acl }), "common"), { publish: "allow", subscribe: "allow", receive: "allow" });
  assertEquals(asked(make({ acl }), "special"), { publish: "deny", subscribe: "deny", receive: "deny" });
  for (const action of all) {
    const plugin = make({ acl, [`${action}Acl`]: { alice: ["special"] } });
    assertEquals(asked(plugin, "common")[action], "deny");
    assertEquals(asked(plugin, "special")[action], "allow");
    for (const other of all.filter((name) => name !== action)) {
      assertEquals(asked(plugin, "common")[other], "allow");
      assertEquals(asked(plugin, "special")[other], "deny");
    }
  }
});

Deno.test("an action for which there is no list is allowed", () => {
  for (const action of all) {
    const decisions = asked(make({ [`${action}Acl`]: {} }), "any");
    assertEquals(decisions, { publish: "allow", subscribe: "allow", receive: "allow", [action]: "deny" });
  }
});

Deno.test("topic_acl without any list allows everything and warns", () => {
  const context = pluginContext();
  const plugin = create(undefined, context) as Plugin;
  assertEquals(asked(plugin, "any"), { publish: "allow", subscribe: "allow", receive: "allow" });
  assertEquals(context.log, ["warn: topic_acl has no list: every client may use every topic"]);
});

Deno.test("a user without entries is denied", () => {
  const plugin = make({ acl: { alice: null, bob: [], carl: ["#"] } });
  for (const username of ["alice", "bob", "dora", ""]) {
    assertEquals(publish(plugin, { username }, "a"), "deny", username);
  }
  assertEquals(publish(plugin, { username: "carl" }, "a"), "allow");
});

Deno.test("the entries of anonymous are for clients without a user name, not for a user of that name", () => {
  const plugin = make({ acl: { anonymous: ["open"] } });
  assertEquals(publish(plugin, {}, "open"), "allow");
  assertEquals(publish(plugin, {}, "closed"), "deny");
  assertEquals(publish(plugin, { username: "anonymous" }, "open"), "deny");
  assertEquals(publish(plugin, { username: "" }, "open"), "deny");
  assertEquals(publish(make({ acl: { alice: ["#"] } }), {}, "open"), "deny");
});

Deno.test("user names that objects know have the entries they are given, and no others", () => {
  const plugin = make({ acl: JSON.parse('{ "__proto__": ["a"], "constructor": ["b"] }') });
  assertEquals(publish(plugin, { username: "__proto__" }, "a"), "allow");
  assertEquals(publish(plugin, { username: "constructor" }, "b"), "allow");
  for (const username of ["toString", "hasOwnProperty", "valueOf"]) {
    assertEquals(publish(plugin, { username }, "a"), "deny");
  }
});

Deno.test("%u and %c stand for user name and client identifier", () => {
  const plugin = make({ acl: { alice: ["home/%u/%c/#", "fixed", "x%uy/+"], anonymous: ["guest/%c"] } });
  const device = { username: "alice", clientIdentifier: "device-1" };
  assertEquals(publish(plugin, device, "home/alice/device-1/t"), "allow");
  assertEquals(publish(plugin, device, "home/alice/device-2/t"), "deny");
  assertEquals(publish(plugin, { ...device, clientIdentifier: "device-2" }, "home/alice/device-2/t"), "allow");
  assertEquals(publish(plugin, device, "home/%u/%c/t"), "deny");
  assertEquals(publish(plugin, device, "xalicey/1"), "allow");
  assertEquals(publish(plugin, device, "fixed"), "allow");
  assertEquals(subscribe(plugin, device, "home/alice/device-1/#"), "allow");
  assertEquals(subscribe(plugin, device, "home/alice/#"), "deny");
  assertEquals(publish(plugin, { clientIdentifier: "g1" }, "guest/g1"), "allow");
  assertEquals(publish(plugin, { clientIdentifier: "g1" }, "guest/g2"), "deny");
});

const crooked = ["+", "#", "a/b", "a+", "", "x\0y"];

for (const clientIdentifier of crooked) {
  Deno.test(`a client identifier ${JSON.stringify(clientIdentifier)} matches no entry with %c`, () => {
    const plugin = make({ acl: { alice: ["home/%c", "home/%c/#", "fixed"] } });
    const who = { username: "alice", clientIdentifier };
    for (const topic of ["home/a", "home/a/b", "home/", "home", "home/x"]) {
      assertEquals(publish(plugin, who, topic), "deny", topic);
    }
    for (const filter of ["home/+", "home/#", "home/a/b", "home/"]) {
      assertEquals(subscribe(plugin, who, filter), "deny", filter);
    }
    assertEquals(publish(plugin, who, "fixed"), "allow");
  });
}

Deno.test("%u at the beginning does not open topics that begin with $", () => {
  const plugin = make({ acl: { "$SYS": ["%u/#"], alice: ["%u/#"], anonymous: ["%u/x", "%c/x"] } });
  assertEquals(subscribe(plugin, { username: "$SYS" }, "$SYS/#"), "deny");
  assertEquals(subscribe(plugin, alice, "alice/#"), "allow");
  assertEquals(publish(plugin, { clientIdentifier: "$SYS" }, "$SYS/x"), "deny");
  assertEquals(publish(plugin, { clientIdentifier: "c" }, "c/x"), "allow");
  assertEquals(publish(plugin, { clientIdentifier: "c" }, "/x"), "deny");
});

Deno.test("names that hold a placeholder are not filled in again", () => {
  const plugin = make({ acl: { "%c": ["home/%u"] } });
  const who = { username: "%c", clientIdentifier: "victim" };
  assertEquals(publish(plugin, who, "home/victim"), "deny");
  assertEquals(publish(plugin, who, "home/%c"), "allow");
});

Deno.test("more topics than a list remembers are answered rightly", () => {
  const plugin = make({ acl: { alice: ["even/#"] } });
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 1000; i++) {
      assertEquals(receive(plugin, alice, `${i % 2 === 0 ? "even" : "odd"}/${i}`), i % 2 === 0 ? "allow" : "deny");
    }
  }
});

Deno.test("reload takes new lists, and keeps the old ones if the new have a fault", () => {
  const plugin = make({ acl: { alice: ["old"] } });
  plugin.reload?.({ acl: { alice: ["new"] } });
  assertEquals([publish(plugin, alice, "old"), publish(plugin, alice, "new")], ["deny", "allow"]);
  assertThrows(() => plugin.reload?.({ acl: { alice: ["a/#/b"] } }), Error, "acl.alice[0]: ");
  assertEquals([publish(plugin, alice, "old"), publish(plugin, alice, "new")], ["deny", "allow"]);
});

const refused: readonly (readonly [options: unknown, message: string])[] = [
  [{ acl: ["a"] }, 'acl must map user names to lists of topic filters: got ["a"]'],
  [{ acl: { alice: "a" } }, 'acl.alice must be a list of topic filters: got "a"'],
  [{ publishAcl: { alice: [1] } }, "publishAcl.alice must be a list of topic filters: got [1]"],
  [{ acl: { alice: ["a", "a/#/b"] } }, 'acl.alice[1]: "#" must be the last level of a topic filter'],
  [{ receiveAcl: { "a b": ["%u+"] } }, 'receiveAcl["a b"][0]: "+" must fill a whole level of a topic filter'],
  [{ acl: { alice: [""] } }, "acl.alice[0]: topic filter must not be empty"],
  [{ acls: {} }, "unknown option acls: known are acl, publishAcl, subscribeAcl, receiveAcl"],
];

for (const [options, message] of refused) {
  Deno.test(`topic_acl refuses its options: ${message}`, () => {
    assertThrows(() => make(options), Error, message);
  });
}
