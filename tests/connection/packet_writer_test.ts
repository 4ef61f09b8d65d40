import { assertEquals } from "@std/assert";
import type { ConnectionContext } from "../../src/connection/connection_context.ts";
import { Outbox } from "../../src/connection/outbox.ts";
import { PacketWriter } from "../../src/connection/packet_writer.ts";
import { Message } from "../../src/message.ts";
import type { ProtocolVersion } from "../../src/packet/packets.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import type { Delivery } from "../../src/session/delivery.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { borrowed } from "../support/borrowed.ts";

/** A writer for a client of this version that takes what the format can tell. */
function writerFor(protocolVersion: ProtocolVersion, maximumPacketSizeBytes?: number): PacketWriter {
  const context = { clock: { now: () => 0 }, hooks: {}, persistence: undefined } as unknown as ConnectionContext;
  const [transport] = memoryPair();
  const outbox = new Outbox(transport, { maximumBytes: 1, owner: { sent: () => {}, relieved: () => {} } });
  const writer = new PacketWriter(context, outbox, { client: undefined });
  const limits = { receiveMaximum: 65_535, topicAliasMaximum: 0, maximumPacketSizeBytes };
  writer.agree({ protocolVersion, requestProblemInformation: true, ...limits }, 0);
  return writer;
}

/** A delivery to topic `a` at QoS 0. */
function delivery(payload: Uint8Array, subscriptionIdentifiers?: readonly number[]): Delivery {
  const message = Message.of({ topicName: parseTopicName("a"), payload: borrowed(payload) });
  const more = { share: undefined, sequence: 0, note: undefined };
  return { message, qos: 0, retain: false, subscriptionIdentifiers, ...more };
}

const TOO_LARGE = "maximum-packet-size";
/** The greatest remaining length (MQTT 5.0 §1.5.5). */
const GREATEST = 268_435_455;
/** Length and text of topic `a`. */
const TOPIC_BYTES = 3;
const IDENTIFIER = 268_435_455;

Deno.test("A message that fits into a 3.1.1 packet, though not into a 5.0 one, is refused for 5.0 clients alone", () => {
  // Nobody writes into it, so that it takes no memory.
  const whole = new Uint8Array(GREATEST);
  const cases: readonly [version: ProtocolVersion, otherBytes: number, identifiers?: readonly number[]][] = [
    [3, TOPIC_BYTES],
    [4, TOPIC_BYTES],
    [4, TOPIC_BYTES, [IDENTIFIER]],
    [5, TOPIC_BYTES + 1],
    [5, TOPIC_BYTES + 1 + 5, [IDENTIFIER]],
  ];
  for (const [version, otherBytes, identifiers] of cases) {
    const writer = writerFor(version);
    const fitting = whole.subarray(0, GREATEST - otherBytes);
    assertEquals(writer.refusal(delivery(fitting, identifiers)), undefined, `${version} ${identifiers}`);
    const one = whole.subarray(0, GREATEST - otherBytes + 1);
    assertEquals(writer.refusal(delivery(one, identifiers)), TOO_LARGE, `${version} ${identifiers}`);
  }
});

Deno.test("[MQTT-3.1.2-25] 5.0: a message is refused for a client that does not take it with all that goes with it", () => {
  const writer = writerFor(5, 100);
  const payload = new Uint8Array(100);
  const otherBytes = 2 + TOPIC_BYTES + 1;
  assertEquals(writer.refusal(delivery(payload.subarray(otherBytes))), undefined);
  assertEquals(writer.refusal(delivery(payload.subarray(otherBytes - 1))), TOO_LARGE);
  assertEquals(writer.refusal(delivery(payload.subarray(otherBytes), [1])), TOO_LARGE);
  assertEquals(writer.refusal(delivery(payload.subarray(otherBytes + 2), [1])), undefined);
});

Deno.test("[MQTT-3.1.2-25] 5.0: what a client is shown counts, with the properties that are not the message's", () => {
  const extraProperties = new Uint8Array(10);
  for (const topicName of ["a", "é".repeat(10)].map(parseTopicName)) {
    const whole = 2 + 2 + new TextEncoder().encode(topicName).length + 1 + extraProperties.length + 50;
    const refusals = [whole - 1, whole, whole + 1, 10 * whole].map((maximumPacketSizeBytes) => {
      const writer = writerFor(5, maximumPacketSizeBytes);
      const show = ({ body }: Message) => ({ topicName, body, extraProperties });
      writer.serve({ durable: false }, { show, forget: () => {} });
      return writer.refusal(delivery(new Uint8Array(50)));
    });
    assertEquals(refusals, [TOO_LARGE, undefined, undefined, undefined], topicName);
  }
});
