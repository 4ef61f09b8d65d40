/** What breaks the protocol closes the connection that it came by, without an answer, and nothing else (MQTT 3.1.1 §4.8). */
import { binary, concat, packetOf as packet, string, u16 } from "../support/client_codec.ts";
import type { RawClient } from "../support/raw_client.ts";
import { startBroker } from "../support/test_broker.ts";

type Row = readonly [what: string, bytes: Uint8Array];

/** A CONNECT of 3.1.1 with these flags and payload. */
const connect = (flags: number, ...payload: Uint8Array[]) => packet(0x10, string("MQTT"), 4, flags, u16(0), ...payload);

const ID = string("id");
const NUL = binary([0x61, 0x00]);
const SURROGATE = binary([0xed, 0xa0, 0x80]);
const OVERLONG = binary([0xc0, 0xaf]);
const CUT_SHORT = binary([0xe2, 0x82]);
const ILL_FORMED = { "a surrogate": SURROGATE, "an overlong form": OVERLONG, "half a character": CUT_SHORT };

function* illFormed(what: string, tags: string, make: (text: Uint8Array) => Uint8Array): Generator<Row> {
  for (const [fault, text] of Object.entries(ILL_FORMED)) {
    yield [`${fault} in ${what} [MQTT-1.5.3-1] 3.1.1 ${tags}`, make(text)];
  }
  yield [`NUL in ${what} [MQTT-1.5.3-2] 3.1.1`, make(NUL)];
}

/** First packets of a connection. */
const CONNECTS: readonly Row[] = [
  ["flags in the header of CONNECT [MQTT-2.2.2-2] 3.1.1", packet(0x11, string("MQTT"), 4, 2, 0, 0, ID)],
  ["the reserved connect flag [MQTT-3.1.2-3] 3.1.1 [MQTT-3.1.4-1] 3.1.1", connect(0x03, ID)],
  ["will QoS without the will flag [MQTT-3.1.2-11] 3.1.1 [MQTT-3.1.2-13] 3.1.1", connect(0x0a, ID)],
  ["will retain without the will flag [MQTT-3.1.2-11] 3.1.1 [MQTT-3.1.2-15] 3.1.1", connect(0x22, ID)],
  ["will QoS 3 [MQTT-3.1.2-14] 3.1.1", connect(0x1e, ID, string("w"), string("m"))],
  ["a will topic that is missing [MQTT-3.1.2-9] 3.1.1", connect(0x06, ID)],
  ["a will message that is missing [MQTT-3.1.2-9] 3.1.1", connect(0x06, ID, string("w"))],
  ["an empty will topic [MQTT-4.7.3-1] 3.1.1", connect(0x06, ID, string(""), string("m"))],
  ["a wildcard in the will topic [MQTT-4.7.1-1] 3.1.1", connect(0x06, ID, string("a/#"), string("m"))],
  ["a will that no flag announces [MQTT-3.1.2-11] 3.1.1", connect(0x02, ID, string("w"), string("m"))],
  ["a user name that is missing [MQTT-3.1.2-19] 3.1.1", connect(0x82, ID)],
  ["a user name that no flag announces [MQTT-3.1.2-18] 3.1.1", connect(0x02, ID, string("user"))],
  ["a password that is missing [MQTT-3.1.2-21] 3.1.1", connect(0xc2, ID, string("user"))],
  ["a password that no flag announces [MQTT-3.1.2-20] 3.1.1", connect(0x82, ID, string("user"), string("pw"))],
  ["a password without a user name [MQTT-3.1.2-22] 3.1.1", connect(0x42, ID, string("pw"))],
  ["no client identifier at all [MQTT-3.1.3-3] 3.1.1", connect(0x02)],
  ["a client identifier that ends too soon [MQTT-3.1.3-3] 3.1.1", connect(0x02, concat(0, 9, 0x61))],
  ...illFormed("the client identifier", "[MQTT-3.1.3-4] 3.1.1", (text) => connect(0x02, text)),
  ...illFormed("the will topic", "[MQTT-3.1.3-10] 3.1.1", (text) => connect(0x06, ID, text, string("m"))),
  ...illFormed("the user name", "[MQTT-3.1.3-11] 3.1.1", (text) => connect(0x82, ID, text)),
  ["a CONNECT of no bytes [MQTT-3.1.4-1] 3.1.1", packet(0x10)],
  ["a CONNECT that ends within its name [MQTT-3.1.4-1] 3.1.1", packet(0x10, 0, 4, 0x4d, 0x51)],
  ["a CONNECT that ends behind its flags [MQTT-3.1.4-1] 3.1.1", packet(0x10, string("MQTT"), 4, 2)],
  ["a length of five bytes [MQTT-4.8.0-1] 3.1.1", concat(0x10, 0x80, 0x80, 0x80, 0x80, 0x01)],
  ["bytes of another protocol", new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")],
  ["the start of a TLS handshake", concat(0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03)],
];

const ID_1 = u16(1);

/** Packets of a client that is signed in. */
const PACKETS: readonly Row[] = [
  ["packet type 0 [MQTT-4.8.0-1] 3.1.1", packet(0x00)],
  ["packet type 15 [MQTT-4.8.0-1] 3.1.1", packet(0xf0)],
  ["a length of five bytes in PUBLISH [MQTT-4.8.0-1] 3.1.1", concat(0x30, 0xff, 0xff, 0xff, 0xff, 0x01)],
  ["CONNACK from a client [MQTT-4.8.0-1] 3.1.1", packet(0x20, 0, 0)],
  ["SUBACK from a client [MQTT-4.8.0-1] 3.1.1", packet(0x90, ID_1, 0)],
  ["UNSUBACK from a client [MQTT-4.8.0-1] 3.1.1", packet(0xb0, ID_1)],
  ["PINGRESP from a client [MQTT-4.8.0-1] 3.1.1", packet(0xd0)],
  ["PUBLISH with QoS 3 [MQTT-3.3.1-4] 3.1.1", packet(0x36, string("a"), ID_1)],
  ["DUP at QoS 0 [MQTT-3.3.1-2] 3.1.1", packet(0x38, string("a"))],
  ["PUBLISH at QoS 1 with identifier 0 [MQTT-2.3.1-1] 3.1.1", packet(0x32, string("a"), 0, 0)],
  ["PUBLISH at QoS 1 without identifier [MQTT-2.3.1-1] 3.1.1", packet(0x32, string("a"))],
  ["PUBLISH without topic name [MQTT-3.3.2-1] 3.1.1", packet(0x30)],
  ["a topic name that ends too soon [MQTT-3.3.2-1] 3.1.1", packet(0x30, 0, 5, 0x61)],
  ["an empty topic name [MQTT-4.7.3-1] 3.1.1", packet(0x30, string(""), 0x6d)],
  ["# in a topic name [MQTT-3.3.2-2] 3.1.1 [MQTT-4.7.1-1] 3.1.1", packet(0x30, string("a/#"))],
  ["+ in a topic name [MQTT-3.3.2-2] 3.1.1 [MQTT-4.7.1-1] 3.1.1", packet(0x30, string("a/b+"))],
  ...illFormed("a topic name", "[MQTT-3.3.2-1] 3.1.1", (text) => packet(0x30, text, 0x6d)),
  ["NUL in a topic name [MQTT-4.7.3-2] 3.1.1", packet(0x32, NUL, ID_1)],
  ["flags in PUBACK [MQTT-2.2.2-2] 3.1.1", packet(0x41, ID_1)],
  ["flags in PUBREC [MQTT-2.2.2-2] 3.1.1", packet(0x52, ID_1)],
  ["flags in PUBCOMP [MQTT-2.2.2-2] 3.1.1", packet(0x72, ID_1)],
  ["PUBREL without its flag [MQTT-3.6.1-1] 3.1.1", packet(0x60, ID_1)],
  ["PUBREL with more flags [MQTT-3.6.1-1] 3.1.1", packet(0x63, ID_1)],
  ["PUBACK of one byte", packet(0x40, 0)],
  ["PUBACK of three bytes", packet(0x40, 0, 1, 0)],
  ["PUBREL with identifier 0 [MQTT-2.3.1-6] 3.1.1", packet(0x62, 0, 0)],
  ["SUBSCRIBE without its flag [MQTT-3.8.1-1] 3.1.1", packet(0x80, ID_1, string("a"), 0)],
  ["SUBSCRIBE with more flags [MQTT-3.8.1-1] 3.1.1", packet(0x8a, ID_1, string("a"), 0)],
  ["SUBSCRIBE with identifier 0 [MQTT-2.3.1-1] 3.1.1", packet(0x82, 0, 0, string("a"), 0)],
  ["SUBSCRIBE without filter [MQTT-3.8.3-3] 3.1.1", packet(0x82, ID_1)],
  ["SUBSCRIBE without QoS [MQTT-3.8.3-3] 3.1.1", packet(0x82, ID_1, string("a"))],
  ["SUBSCRIBE whose second filter has no QoS", packet(0x82, ID_1, string("a"), 0, string("b"))],
  ["SUBSCRIBE with QoS 3 [MQTT-3.8.3-4] 3.1.1", packet(0x82, ID_1, string("a"), 3)],
  ["reserved bits in SUBSCRIBE [MQTT-3.8.3-4] 3.1.1", packet(0x82, ID_1, string("a"), 0x04)],
  ["an empty filter [MQTT-4.7.3-1] 3.1.1", packet(0x82, ID_1, string(""), 0)],
  ["a filter a/#/b [MQTT-4.7.1-2] 3.1.1", packet(0x82, ID_1, string("a/#/b"), 0)],
  ["a filter a# [MQTT-4.7.1-2] 3.1.1", packet(0x82, ID_1, string("a#"), 0)],
  ["a filter a+ [MQTT-4.7.1-3] 3.1.1", packet(0x82, ID_1, string("a+"), 0)],
  ["a filter a/+b [MQTT-4.7.1-3] 3.1.1", packet(0x82, ID_1, string("a/+b"), 0)],
  ["a bad filter behind a good one", packet(0x82, ID_1, string("a"), 0, string("#/b"), 0)],
  ...illFormed("a filter", "[MQTT-3.8.3-1] 3.1.1", (text) => packet(0x82, ID_1, text, 0)),
  ["NUL in a filter [MQTT-4.7.3-2] 3.1.1", packet(0x82, ID_1, NUL, 0)],
  ["UNSUBSCRIBE without its flag [MQTT-3.10.1-1] 3.1.1", packet(0xa0, ID_1, string("a"))],
  ["UNSUBSCRIBE with identifier 0 [MQTT-2.3.1-1] 3.1.1", packet(0xa2, 0, 0, string("a"))],
  ["UNSUBSCRIBE without filter [MQTT-3.10.3-2] 3.1.1", packet(0xa2, ID_1)],
  ["an empty filter in UNSUBSCRIBE [MQTT-4.7.3-1] 3.1.1", packet(0xa2, ID_1, string(""))],
  ...illFormed("a filter of UNSUBSCRIBE", "[MQTT-3.10.3-1] 3.1.1", (text) => packet(0xa2, ID_1, text)),
  ["flags in PINGREQ [MQTT-2.2.2-2] 3.1.1", packet(0xc1)],
  ["PINGREQ with a byte behind it", packet(0xc0, 0)],
  ["flags in DISCONNECT [MQTT-3.14.1-1] 3.1.1", packet(0xe1)],
  ["DISCONNECT with a byte behind it", packet(0xe0, 0)],
];

/** A pair of clients that goes on, whatever others do. */
async function goesOn(subscriber: RawClient, publisher: RawClient): Promise<void> {
  await publisher.publish("bystander", "m", { qos: 2 });
  await subscriber.takeMessage({ topicName: "bystander", qos: 2 });
}

for (const [table, signedIn] of [[CONNECTS, false], [PACKETS, true]] as const) {
  for (const [what, bytes] of table) {
    Deno.test(`The connection is closed, and no other, by ${what}`, async () => {
      await using broker = await startBroker();
      const subscriber = await broker.connect();
      await subscriber.subscribe("bystander", 2);
      const publisher = await broker.connect();
      const culprit = signedIn ? await broker.connect() : broker.open();
      // What stands behind the fault is not looked at.
      await culprit.send(concat(bytes, packet(0xc0)));
      await culprit.expectClosed();
      await goesOn(subscriber, publisher);
    });
  }
}

Deno.test("What came before the fault is done, what comes after is not", async () => {
  await using broker = await startBroker();
  const subscriber = await broker.connect();
  await subscriber.subscribe("a");
  const culprit = await broker.connect();
  const [good, late] = ["good", "late"].map((payload) => culprit.encode(culprit.publishPacket("a", payload)));
  await culprit.send(concat(good!, packet(0xf0), late!));
  await culprit.expectClosed();
  await subscriber.expectMessage({ payload: "good" });
  await subscriber.expectNothing();
});

Deno.test("A PUBLISH at QoS 0 has no identifier: its first bytes are payload [MQTT-2.3.1-5] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("a");
  await client.send(packet(0x30, string("a"), 0x00, 0x01));
  await client.expectMessage({ payload: "\x00\x01" });
});
