/** From packets to bytes in the output buffer. */
import { Message } from "../../../src/message.ts";
import { encode, encodeCopy, encodePublish, type PublishFields } from "../../../src/packet/encode.ts";
import { OutputBuffer } from "../../../src/packet/output_buffer.ts";
import { PacketType, type ProtocolVersion } from "../../../src/packet/packets.ts";
import { ReasonCode } from "../../../src/packet/reason_code.ts";
import { parseTopicName } from "../../../src/packet/topic.ts";
import { PACKETS } from "./frames.ts";

const topicName = parseTopicName("load/0000000");
const payload = new Uint8Array(64);
const properties = { userProperties: [["name-0", "value-0"], ["name-1", "value-1"]] } as const;
const plain: PublishFields = { topicName, payload, qos: 1, dup: false, retain: false, packetIdentifier: 1 };

function bench(title: string, append: (out: OutputBuffer) => void): void {
  const out = new OutputBuffer();
  Deno.bench({
    name: `encode 1000 × ${title}`,
    fn: () => {
      for (let i = 0; i < PACKETS; i++) append(out);
      out.take();
    },
  });
}

function benchPublish(title: string, fields: PublishFields, version: ProtocolVersion): void {
  bench(title, (out) => encodePublish(out, fields, version));
}

benchPublish("PUBLISH QoS 1, 3.1.1", plain, 4);
benchPublish("PUBLISH QoS 1, 5.0 without properties", plain, 5);
benchPublish("PUBLISH QoS 1, 5.0 with two user properties", { ...plain, properties }, 5);
const { body } = new Message({ topicName, payload, properties });
bench("PUBLISH QoS 1, 5.0 with two user properties, of one message", (out) => encodeCopy(out, plain, body, 5));
bench("PUBLISH QoS 1, 5.0 with two user properties and an alias, of one message", (out) => {
  encodeCopy(out, { ...plain, topicName: "", topicAlias: 1 }, body, 5);
});
const puback = { type: PacketType.Puback, packetIdentifier: 1, reasonCode: ReasonCode.Success } as const;
bench("PUBACK, 3.1.1", (out) => encode(out, puback, 4));
