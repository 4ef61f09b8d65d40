import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ByteReader } from "../../src/packet/byte_reader.ts";
import { decodePublish } from "../../src/packet/decode_publish.ts";
import { encodeCopy, type PublishCopy } from "../../src/packet/encode.ts";
import { OutputBuffer } from "../../src/packet/output_buffer.ts";
import { PacketType } from "../../src/packet/packets.ts";
import { type Properties, type PropertyDefinition, propertyTable } from "../../src/packet/properties.ts";
import { noDecodeLimits } from "../../src/packet/decode_limits.ts";
import { propertyBytes, readProperties } from "../../src/packet/property_codec.ts";
import { ProtocolError } from "../../src/packet/protocol_error.ts";
import { arrangeProperties, readMessageProperties } from "../../src/packet/publish_properties.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { TopicNames } from "../../src/packet/topic_names.ts";
import { concat, encodeProperties, packetOf, string, varint } from "../support/client_codec.ts";

const { Publish } = PacketType;
const names = propertyTable.filter(({ places }) => places.includes(Publish)).map(({ name }) => name);

const text = fc.oneof({ weight: 9, arbitrary: fc.stringMatching(/^[a-z/+#]{0,20}$/) }, fc.constantFrom("é", "\0"));
const values: fc.Arbitrary<Properties> = fc.record({
  payloadFormatIndicator: fc.constantFrom<0 | 1>(0, 1),
  messageExpiryIntervalSeconds: fc.nat(0xffff_ffff),
  contentType: text,
  responseTopic: text as fc.Arbitrary<Properties["responseTopic"] & string>,
  correlationData: fc.uint8Array({ maxLength: 8 }),
  topicAlias: fc.nat({ max: 9 }),
  userProperties: fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 3 }),
}, { requiredKeys: [] });

/** Each property by itself, without a length, in any order; now and then one of them twice. */
const pieces = values.chain((properties) => {
  const each = names.filter((name) => properties[name] !== undefined)
    .flatMap((name: PropertyDefinition["name"]) => {
      const value = properties[name];
      const ones = name === "userProperties" ? properties.userProperties!.map((pair) => [pair]) : [value];
      return ones.map((one) => encodeProperties(Publish, { [name]: one }, 5).subarray(1));
    });
  const most = fc.shuffledSubarray(each, { minLength: each.length });
  return fc.tuple(most, fc.nat(9)).map(([order, again]) => again === 0 ? [...order, ...order.slice(0, 1)] : order);
});

function block(parts: readonly Uint8Array[]): Uint8Array {
  const all = concat(...parts);
  return concat(varint(all.length), all);
}

/** What reading one by one says: the properties, or the reason code. */
function readOneByOne(bytes: Uint8Array): Properties | number {
  try {
    return readProperties(new ByteReader(bytes, 0, bytes.length, "PUBLISH"), Publish, noDecodeLimits);
  } catch (error) {
    if (error instanceof ProtocolError) return error.reasonCode;
    throw error;
  }
}

/** A PUBLISH without a packet identifier. */
function received(properties: Uint8Array, payload: Uint8Array, topicName = "a/b") {
  const bytes = packetOf(0x30, string(topicName), properties, payload);
  const start = bytes.length - 2 - topicName.length - properties.length - payload.length;
  return decodePublish({ bytes, firstByte: 0x30, start, end: bytes.length }, 5, new TopicNames(), noDecodeLimits);
}

const seed = Date.now() & 0x7fffffff;

Deno.test("Properties in any order, right or wrong, are what reading them one by one finds", () => {
  console.log("seed", seed);
  let arranged = 0;
  const property = fc.property(pieces, (parts) => {
    const bytes = block(parts);
    const expected = readOneByOne(bytes);
    if (arrangeProperties(bytes.slice(), 0, bytes.length, Infinity)) arranged++;
    let found: object | number;
    try {
      const { topicAlias, properties, messageExpiryIntervalSeconds } = received(bytes, Uint8Array.of(7));
      assertEquals(messageExpiryIntervalSeconds, properties?.messageExpiryIntervalSeconds);
      found = { ...properties, ...topicAlias !== undefined && { topicAlias } };
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      found = error.reasonCode;
    }
    assertEquals(found, expected);
  });
  fc.assert(property, { seed, numRuns: 1000 });
  assert(arranged > 100);
});

Deno.test("A copy has its own alias, identifiers and time, and what is the same in all, wherever the body is kept", () => {
  console.log("seed", seed);
  const kinds = fc.constantFrom("borrowed", "briefly", "kept");
  const property = fc.property(values, kinds, fc.boolean(), (given, kind, hasAlias) => {
    const bytes = encodeProperties(Publish, given, 5);
    if (typeof readOneByOne(bytes) === "number") return;
    const payload = Uint8Array.of(1, 2, 3);
    const { body } = received(bytes, payload);
    if (kind === "briefly") body.keepBriefly();
    if (kind === "kept") body.keep();
    const own = {
      messageExpiryIntervalSeconds: 5,
      ...hasAlias && { topicAlias: 300 },
      subscriptionIdentifiers: [1, 200],
    };
    const copy: PublishCopy = { topicName: "c", qos: 1, dup: false, retain: true, packetIdentifier: 9, ...own };
    const out = new OutputBuffer();
    encodeCopy(out, copy, body, 5);
    const { topicAlias: _, messageExpiryIntervalSeconds: __, ...constants } = given;
    const ownBytes = [["messageExpiryIntervalSeconds", 5], ...hasAlias ? [["topicAlias", 300]] : []]
      .map(([name, value]) => encodeProperties(Publish, { [name!]: value }, 5).subarray(1));
    const rest = encodeProperties(Publish, constants, 5);
    const all = [...ownBytes, [0x0b, 1, 0x0b, 0xc8, 1], rest.subarray(rest[0]! < 0x80 ? 1 : 2)];
    const properties = block(all.map((part) => Uint8Array.from(part)));
    assertEquals(out.take(), packetOf(0x33, string("c"), 0, 9, properties, payload));
    const plain = new OutputBuffer();
    encodeCopy(plain, copy, body, 4);
    assertEquals(plain.take(), packetOf(0x33, string("c"), 0, 9, payload));
  });
  fc.assert(property, { seed, numRuns: 500 });
});

Deno.test("A property that reaches beyond the properties is not taken, whatever stands behind them", () => {
  // User property: the value would begin in the payload.
  const cut = Uint8Array.of(5, 0x26, 0, 1, 0x61, 0);
  assertEquals(arrangeProperties(concat(cut, 1, 0x62, 0, 0), 0, 10, Infinity), undefined);
  // A length that takes a byte too many, and one that reaches behind the packet.
  assertEquals(arrangeProperties(Uint8Array.of(0x82, 0, 1, 1), 0, 4, Infinity), undefined);
  assertEquals(arrangeProperties(Uint8Array.of(3, 1, 1), 0, 3, Infinity), undefined);
});

Deno.test("Properties of any size, in any script, pass as bytes", () => {
  const properties = {
    contentType: "温度".repeat(3000),
    responseTopic: parseTopicName("ответ/" + "я".repeat(9000)),
    userProperties: Array.from({ length: 3000 }, (_, index) => [`größe ${index}`, "🌡"] as const),
  };
  const block = propertyBytes("will", properties);
  const out = new OutputBuffer();
  out.variableByteInteger(block.length);
  out.set(block);
  const bytes = out.take();
  const arranged = arrangeProperties(bytes, 0, bytes.length, Infinity);
  assertEquals(arranged?.payloadStart, bytes.length);
  assertEquals(readMessageProperties(bytes, arranged!.propertiesStart, bytes.length), properties);
});

Deno.test("A text that is not UTF-8 or holds NUL beside other characters is wrong", () => {
  for (const text of [[0xc3, 0x28], [0xed, 0xa0, 0x80], [0xc3, 0xa4, 0], [0xc3]]) {
    const bytes = Uint8Array.of(3 + text.length, 3, 0, text.length, ...text);
    assertEquals(arrangeProperties(bytes, 0, bytes.length, Infinity), undefined);
  }
});
