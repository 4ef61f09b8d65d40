/** Large messages, which are held once for all who get them. */
import { assert, assertEquals } from "@std/assert";
import { encodeCopy } from "../../src/packet/encode.ts";
import { OutputBuffer } from "../../src/packet/output_buffer.ts";
import { PublishBody } from "../../src/packet/publish_body.ts";
import { startBroker } from "../support/test_broker.ts";

const SIZE = 2 ** 20;
const payload = "0123456789abcdef".repeat(SIZE / 16);

Deno.test("A large message is attached to what waits for each client, never copied", () => {
  const body = PublishBody.of(new TextEncoder().encode(payload), { contentType: "text/plain" });
  const copy = { topicName: "big", qos: 0, dup: false, retain: false, packetIdentifier: 0 } as const;
  const attached = ([4, 5, 5] as const).map((version) => {
    const out = new OutputBuffer();
    encodeCopy(out, copy, body, version);
    return [...out.attached()][0]!.buffer;
  });
  assert(attached.every((buffer) => buffer === body.payload.buffer));
});

for (const qos of [0, 1, 2] as const) {
  Deno.test(`A large message at QoS ${qos} arrives whole at clients of every version`, async () => {
    await using broker = await startBroker();
    const publisher = await broker.connect5({ clientIdentifier: "publisher" });
    const subscribers = await Promise.all(
      ([3, 4, 5, 5] as const).map((protocolVersion, index) =>
        broker.connect({ clientIdentifier: `subscriber-${index}`, protocolVersion })
      ),
    );
    for (const subscriber of subscribers) await subscriber.subscribe("big", { qos });
    await publisher.publish("big", payload, { qos, properties: { userProperties: [["a", "b"]] } });
    for (const subscriber of subscribers) {
      assertEquals((await subscriber.takeMessage({ topicName: "big", qos })).payload.length, SIZE);
    }
  });
}
