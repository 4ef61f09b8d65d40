/** From bytes in the read buffer to packets: framing and decoding. */
import { receive } from "../../../src/packet/decode.ts";
import type { ProtocolVersion } from "../../../src/packet/packets.ts";
import { TopicNames } from "../../../src/packet/topic_names.ts";
import { frameFeed, publishBytes } from "./frames.ts";

const packets: readonly [title: string, bytes: Uint8Array, version: ProtocolVersion][] = [
  ["PUBLISH QoS 0, 3.1.1", publishBytes(), 4],
  ["PUBLISH QoS 1, 3.1.1", publishBytes({ qos: 1 }).map(withIdentifier), 4],
  ["PUBLISH QoS 0, 5.0 without properties", publishBytes({ version: 5 }), 5],
  ["PUBLISH QoS 0, 5.0 with two user properties", publishBytes({ version: 5, userProperties: 2 }), 5],
  ["PUBLISH QoS 0, 5.0 with topic alias", publishBytes({ version: 5, topicAlias: "use" }), 5],
  ["PUBACK, 3.1.1", Uint8Array.of(0x40, 2, 0, 1), 4],
  ["PUBACK with reason code, 5.0", Uint8Array.of(0x40, 3, 0, 1, 0x10), 5],
];

/** The packet identifier stands behind 2 bytes of header, 2 of length and 12 of topic name. */
function withIdentifier(byte: number, at: number): number {
  return at === 17 ? 1 : byte;
}

for (const [title, bytes, version] of packets) {
  const feed = frameFeed(bytes);
  const topicNames = new TopicNames();
  let sum = 0;
  Deno.bench({
    name: `decode 1000 × ${title}`,
    group: title.split(",")[0],
    fn: () => feed((frame) => sum += receive(frame, version, topicNames).type),
  });
}
