import { assertEquals, assertThrows } from "@std/assert";
import type { Plugin } from "../../src/hooks/plugin.ts";
import { Message } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import create from "../../src/plugins/topic_taboo.ts";
import { clientSnapshot, pluginContext } from "../support/plugin_context.ts";

const plugin = create(undefined, pluginContext()) as Plugin;

/** The three decisions on one topic: publish, subscribe, receive. */
function decisions(username: string | undefined, topic: string) {
  const client = clientSnapshot(username === undefined ? {} : { username });
  const message = Message.of({ topicName: parseTopicName(topic), payload: new Uint8Array() });
  return [
    plugin.authorizePublish?.(client, message),
    plugin.authorizeSubscribe?.(client, { topicFilter: parseTopicFilter(topic), qos: 0 }),
    plugin.authorizeReceive?.(client, message),
  ];
}

for (const topic of ["prohibited", "top-secret", "data/classified"]) {
  Deno.test(`topic_taboo keeps everybody but admin from ${topic}`, () => {
    for (const username of [undefined, "alice", "Admin", ""]) {
      assertEquals(decisions(username, topic), ["deny", "deny", "deny"]);
    }
    assertEquals(decisions("admin", topic), ["allow", "allow", "allow"]);
  });
}

Deno.test("topic_taboo allows all other topics", () => {
  for (const topic of ["data", "data/classified/x", "Prohibited", "prohibited/"]) {
    assertEquals(decisions("alice", topic), ["allow", "allow", "allow"], topic);
  }
});

Deno.test("topic_taboo lets a wildcard filter be subscribed to and withholds what it would let through", () => {
  for (const topicFilter of ["#", "data/#", "data/+", "+"]) {
    const subscription = { topicFilter: parseTopicFilter(topicFilter), qos: 0 } as const;
    assertEquals(plugin.authorizeSubscribe?.(clientSnapshot(), subscription), "allow");
  }
  assertEquals(decisions(undefined, "data/classified")[2], "deny");
});

Deno.test("topic_taboo has no options", () => {
  assertThrows(() => create({ topics: [] }, pluginContext()), Error, "unknown option topics: known are none");
});
