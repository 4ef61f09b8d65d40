/** From packets to bytes in the output buffer. */
import { Message } from "../../../src/message.ts";
import { encode, encodeCopy, type PublishCopy } from "../../../src/packet/encode.ts";
import { OutputBuffer } from "../../../src/packet/output_buffer.ts";
import { PacketType, type ProtocolVersion } from "../../../src/packet/packets.ts";
import { ReasonCode } from "../../../src/packet/reason_code.ts";
import { parseTopicName } from "../../../src/packet/topic.ts";
import { PACKETS } from "./frames.ts";

const topicName = parseTopicName("load/0000000");
const payload = new Uint8Array(64);
const properties = { userProperties: [["name-0", "value-0"], ["name-1", "value-1"]] } as const;
const copy: PublishCopy = { topicName, qos: 1, dup: false, retain: false, packetIdentifier: 1 };

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

function benchCopy(title: string, copy: PublishCopy, { body }: Message, version: ProtocolVersion): void {
  bench(`PUBLISH QoS 1, ${title}`, (out) => encodeCopy(out, copy, body, version));
}

const message = Message.of({ topicName, payload });
benchCopy("3.1.1", copy, message, 4);
benchCopy("5.0 without properties", copy, message, 5);
const described = Message.of({ topicName, payload, properties });
benchCopy("5.0 with two user properties", copy, described, 5);
benchCopy("5.0 with two user properties and topic alias", { ...copy, topicName: "", topicAlias: 1 }, described, 5);
const puback = { type: PacketType.Puback, packetIdentifier: 1, reasonCode: ReasonCode.Success } as const;
bench("PUBACK, 3.1.1", (out) => encode(out, puback, 4));
