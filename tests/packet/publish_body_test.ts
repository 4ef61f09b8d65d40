import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { noDecodeLimits } from "../../src/packet/decode_limits.ts";
import { decodePublish } from "../../src/packet/decode_publish.ts";
import { encodePublish, publishFirstByte } from "../../src/packet/encode.ts";
import { FrameReader } from "../../src/packet/frame_reader.ts";
import { OutputBuffer } from "../../src/packet/output_buffer.ts";
import type { MessageProperties, ProtocolVersion, QoS } from "../../src/packet/packets.ts";
import { propertyBytes } from "../../src/packet/property_codec.ts";
import type { PublishBody } from "../../src/packet/publish_body.ts";
import { TopicNames } from "../../src/packet/topic_names.ts";
import { borrowed } from "../support/borrowed.ts";

interface Sent {
  readonly topicName: string;
  readonly payload: Uint8Array;
  readonly qos: QoS;
  readonly properties?: MessageProperties;
  readonly topicAlias?: number;
}

/** Reads a PUBLISH as a connection of this version would; `buffer` is what it was read into. */
function received(version: ProtocolVersion, { topicName, payload, qos, properties, topicAlias }: Sent) {
  const out = new OutputBuffer();
  const fields = { topicName, payload, qos, properties, topicAlias, retain: true, dup: false, packetIdentifier: 77 };
  encodePublish(out, fields, version);
  const reader = new FrameReader({ maximumPacketSizeBytes: 1 << 20 });
  const bytes = out.take();
  reader.space().set(bytes);
  reader.filled(bytes.length);
  const frame = reader.next()!;
  return { packet: decodePublish(frame, version, new TopicNames(), noDecodeLimits), buffer: frame.bytes };
}

/** What a body writes; `undefined`: nothing. */
function written(body: PublishBody, qos: QoS, version: ProtocolVersion): Uint8Array | undefined {
  const out = new OutputBuffer();
  const done = body.writeAsReceived(out, publishFirstByte(qos, false, true), qos === 0 ? 0 : 0x1234, version);
  assertEquals(out.length > 0, done);
  return done ? out.take() : undefined;
}

const versions = fc.constantFrom<ProtocolVersion>(3, 4, 5);
const qualities = fc.constantFrom<QoS>(0, 1, 2);
const sent = fc.record({
  topicName: fc.stringMatching(/^[a-z/é]{1,300}$/),
  payload: fc.uint8Array({ maxLength: 400 }),
  qos: qualities,
  properties: fc.option(
    fc.record({ contentType: fc.string({ maxLength: 5 }), messageExpiryIntervalSeconds: fc.constant(7) }, {
      requiredKeys: [],
    }),
    { nil: undefined },
  ),
});

Deno.test("What is passed on as it came is what would be encoded anew, wherever the body is kept", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log("seed", seed);
  let passedOn = 0;
  const property = fc.property(sent, versions, versions, qualities, fc.nat(2), (message, from, to, qos, kept) => {
    const { packet, buffer } = received(from, message);
    if (kept === 1) packet.body.keepBriefly();
    if (kept === 2) packet.body.keep();
    if (kept > 0) buffer.fill(0);
    assertEquals(packet.body.payload, message.payload);
    const bytes = written(packet.body, qos, to);
    if (!bytes) return;
    passedOn++;
    const expected = new OutputBuffer();
    const { topicName, payload, properties } = message;
    encodePublish(
      expected,
      { topicName, payload, properties, qos, dup: true, retain: false, packetIdentifier: 0x1234 },
      to,
    );
    assertEquals(bytes, expected.take());
  });
  fc.assert(property, { seed, numRuns: 300 });
  assert(passedOn > 0);
});

const payload = Uint8Array.of(1, 2, 3);

Deno.test("A PUBLISH is passed on as it came to clients of the same format, with or without identifier", () => {
  const passes = (from: ProtocolVersion, qos: QoS, to: ProtocolVersion, toQoS: QoS) =>
    written(received(from, { topicName: "a/b", payload, qos }).packet.body, toQoS, to) !== undefined;
  assertEquals([passes(4, 0, 3, 0), passes(3, 1, 4, 2), passes(5, 2, 5, 1)], [true, true, true]);
  assertEquals([passes(4, 0, 5, 0), passes(5, 0, 4, 0), passes(4, 1, 4, 0)], [false, false, false]);
});

Deno.test("An alias and an expiry interval are not passed on as they came; other properties are", () => {
  const passes = (more: Partial<Sent>) =>
    written(received(5, { topicName: "a", payload, qos: 1, ...more }).packet.body, 1, 5) !== undefined;
  assertEquals(passes({ properties: { userProperties: [["b", "1"], ["a", "2"]] } }), true);
  assertEquals(passes({ topicAlias: 1 }), false);
  assertEquals(passes({ properties: { messageExpiryIntervalSeconds: 5 } }), false);
});

Deno.test("A body with one more property has that before its own and behind the expiry interval, and needs no read buffer", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log("seed", seed);
  const one: readonly [string, string] = ["one", "more"];
  const encoded = propertyBytes("will", { userProperties: [one] });
  const property = fc.property(sent, versions, fc.nat(2), (message, version, kept) => {
    const { packet, buffer } = received(version, message);
    const body = packet.body.with(encoded);
    buffer.fill(0);
    if (kept === 1) body.keepBriefly();
    if (kept === 2) body.keep();
    body.repack();
    const own = version === 5 ? message.properties : undefined;
    assertEquals(body.payload, message.payload);
    assertEquals(body.properties, { ...own, userProperties: [one] });
    assertEquals(body.hasExpiry, own?.messageExpiryIntervalSeconds !== undefined);
    const again = body.with(propertyBytes("will", { userProperties: [["two", ""]] }));
    assertEquals(again.properties, { ...own, userProperties: [["two", ""], one] });
    assertEquals(written(again, message.qos, version), undefined);
  });
  fc.assert(property, { seed, numRuns: 300 });
});

Deno.test("Bytes are found among a body's properties wherever they stand, and nowhere else", () => {
  const named = (name: string) => propertyBytes("will", { userProperties: [[name, "1"]] });
  const properties: MessageProperties = { contentType: "four", userProperties: [["one", "1"], ["two", "1"]] };
  const { body } = received(5, { topicName: "a", payload: named("five"), qos: 1, properties }).packet;
  assertEquals(["one", "two", "three", "four", "five"].map((name) => body.mayHave(named(name))), [
    true,
    true,
    false,
    false,
    false,
  ]);
  assertEquals(
    received(4, { topicName: "a", payload: named("five"), qos: 1 }).packet.body.mayHave(named("five")),
    false,
  );
});

Deno.test("Bodies that are kept briefly lie side by side; one that is kept has nothing but its payload", () => {
  const bodies = ["one", "two"].map((text) => borrowed(new TextEncoder().encode(text)));
  for (const body of bodies) body.keepBriefly();
  assertStrictEquals(bodies[0]!.payload.buffer, bodies[1]!.payload.buffer);
  const { body } = received(4, { topicName: "a/b", payload, qos: 0 }).packet;
  body.keep();
  assertEquals([body.payload, body.payload.buffer.byteLength, body.payloadLength], [payload, 3, 3]);
  assertEquals(written(body, 0, 4), undefined);
});

Deno.test("Bodies that are repacked leave the blocks that they shared with others, and stay what they were", () => {
  const many = Array.from({ length: 1000 }, (_, i) => {
    const payload = new Uint8Array(60).fill(i);
    const { packet } = received(4, { topicName: `t/${i}`, payload, qos: 1 });
    packet.body.keepBriefly();
    return { body: packet.body, payload };
  });
  const needed = many.filter((_, i) => i % 100 === 0);
  assertEquals(new Set(needed.map(({ body }) => body.payload.buffer)).size, needed.length);
  for (const { body } of needed) body.repack();
  assert(new Set(needed.map(({ body }) => body.payload.buffer)).size <= 2);
  for (const { body, payload } of many) assertEquals(body.payload, payload);
});
