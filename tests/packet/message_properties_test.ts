import { assertEquals } from "@std/assert";
import { encodePublish } from "../../src/packet/encode_publish.ts";
import { checkMessageProperties } from "../../src/packet/message_properties.ts";
import { OutputBuffer } from "../../src/packet/output_buffer.ts";
import type { MessageProperties } from "../../src/packet/packets.ts";
import { parseTopicName } from "../../src/packet/topic.ts";

const right: readonly MessageProperties[] = [
  {},
  {
    payloadFormatIndicator: 1,
    messageExpiryIntervalSeconds: 4_294_967_295,
    contentType: "text/plain",
    responseTopic: parseTopicName("a/b"),
    correlationData: new Uint8Array([1]),
    userProperties: [["a", "b"], ["a", "c"]],
  },
  { payloadFormatIndicator: 0, messageExpiryIntervalSeconds: 0, contentType: "", userProperties: [] },
  { contentType: undefined, correlationData: undefined },
  { contentType: "x".repeat(65_535), correlationData: new Uint8Array(65_535), userProperties: [["", ""]] },
  { contentType: "€".repeat(21_845), userProperties: [["€".repeat(21_845), "😀"]] },
];

Deno.test("properties that are right have no fault and can be encoded", () => {
  assertEquals(checkMessageProperties(undefined), undefined);
  for (const properties of right) {
    assertEquals(checkMessageProperties(properties), undefined);
    const fields = { topicName: "a", payload: new Uint8Array(), qos: 0, dup: false, retain: false } as const;
    encodePublish(new OutputBuffer(), { ...fields, packetIdentifier: 0, properties }, 5);
  }
});

const known = "payloadFormatIndicator, messageExpiryIntervalSeconds, contentType, responseTopic, correlationData, " +
  "userProperties";

const wrong: readonly [title: string, properties: unknown, fault: string][] = [
  ["null for properties", null, "properties must be an object: got null"],
  ["a text for properties", "x", 'properties must be an object: got "x"'],
  ["a list for properties", [], "properties must be an object: got []"],
  [
    "a property of another name",
    { delayIntervalSeconds: 1 },
    `properties must have no others than ${known}: got "delayIntervalSeconds"`,
  ],
  [
    "a payload format indicator of 2",
    { payloadFormatIndicator: 2 },
    "properties.payloadFormatIndicator must be 0 or 1: got 2",
  ],
  [
    "a payload format indicator that is a boolean",
    { payloadFormatIndicator: true },
    "properties.payloadFormatIndicator must be 0 or 1: got true",
  ],
  ...[-1, 1.5, 4_294_967_296, NaN].map((value): [string, unknown, string] => [
    `a message expiry interval of ${value}`,
    { messageExpiryIntervalSeconds: value },
    `properties.messageExpiryIntervalSeconds must be a whole number from 0 to 4294967295: got ${value}`,
  ]),
  [
    "a message expiry interval that is text",
    { messageExpiryIntervalSeconds: "5" },
    'properties.messageExpiryIntervalSeconds must be a whole number from 0 to 4294967295: got "5"',
  ],
  ["null for a content type", { contentType: null }, "properties.contentType must be text: got null"],
  [
    "[MQTT-1.5.4-1] 5.0 half a surrogate pair in a content type",
    { contentType: "a\ud800" },
    'properties.contentType must be well-formed Unicode: got "a\\ud800"',
  ],
  [
    "[MQTT-1.5.4-2] 5.0 NUL in a content type",
    { contentType: "a\0" },
    'properties.contentType must be text without NUL: got "a\\u0000"',
  ],
  [
    "a content type of 65,536 bytes",
    { contentType: "x".repeat(65_536) },
    "properties.contentType must have at most 65535 bytes: got 65536",
  ],
  [
    "a content type of 21,846 characters of three bytes",
    { contentType: "€".repeat(21_846) },
    "properties.contentType must have at most 65535 bytes: got 65538",
  ],
  ["a number for a response topic", { responseTopic: 1 }, "properties.responseTopic must be a topic name: got 1"],
  [
    "[MQTT-3.3.2-14] 5.0 a wildcard in a response topic",
    { responseTopic: "a/#" },
    'properties.responseTopic: topic name must not contain a wildcard: got "a/#"',
  ],
  ["an empty response topic", { responseTopic: "" }, "properties.responseTopic: topic name must not be empty"],
  [
    "correlation data that are text",
    { correlationData: "x" },
    'properties.correlationData must be a Uint8Array: got "x"',
  ],
  [
    "correlation data of 65,536 bytes",
    { correlationData: new Uint8Array(65_536) },
    "properties.correlationData must have at most 65535 bytes: got 65536",
  ],
  [
    "user properties that are an object",
    { userProperties: { a: "b" } },
    'properties.userProperties must be an array of [name, value]: got { a: "b" }',
  ],
  [
    "a user property that is text",
    { userProperties: ["ab"] },
    'properties.userProperties[0] must be [name, value]: got "ab"',
  ],
  [
    "a user property of three",
    { userProperties: [["a", "b"], ["a", "b", "c"]] },
    'properties.userProperties[1] must be [name, value]: got [ "a", "b", "c" ]',
  ],
  [
    "a user property that is missing in the list",
    { userProperties: new Array(1) },
    "properties.userProperties[0] must be [name, value]: got undefined",
  ],
  [
    "a user property whose name is a number",
    { userProperties: [[1, "b"]] },
    "properties.userProperties[0][0] must be text: got 1",
  ],
  [
    "a user property whose value is too long",
    { userProperties: [["a", "x".repeat(65_536)]] },
    "properties.userProperties[0][1] must have at most 65535 bytes: got 65536",
  ],
];

for (const [title, properties, fault] of wrong) {
  Deno.test(`${title} is a fault`, () => {
    assertEquals(checkMessageProperties(properties), fault);
  });
}
