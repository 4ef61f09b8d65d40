import { assert, assertEquals } from "@std/assert";
import type { Will } from "../../src/packet/packets.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { compactWill } from "../../src/packet/will.ts";

const will: Will = {
  topicName: parseTopicName("a"),
  payload: Uint8Array.of(1, 2),
  qos: 1,
  retain: true,
  delayIntervalSeconds: 3,
};

Deno.test("A will's properties are read from their bytes each time, and are not kept as objects", () => {
  const properties = { messageExpiryIntervalSeconds: 5, contentType: "é", userProperties: [["a", "b"]] as const };
  const compact = compactWill({ ...will, properties });
  assertEquals({ ...compact }, { ...will, properties });
  assert(compact.properties !== compact.properties);
  assertEquals(Object.freeze(compact).properties, properties);
});

Deno.test("A will without properties has none", () => {
  assertEquals(compactWill(will), will);
  assertEquals(compactWill({ ...will, properties: {} }), will);
});
