/** What a SUBSCRIBE of MQTT 5.0 is refused for: by the config, by plugins, or with the end of the connection (§3.8, §3.9). */
import { assertEquals } from "@std/assert";
import type { ConnectionLimits } from "../../src/config/config.ts";
import type { Refusal } from "../../src/hooks/plugin.ts";
import { binary, packetOf as packet, string, u16 } from "../support/client_codec.ts";
import { subscribePacket } from "../support/raw_client.ts";
import { hooks, startBroker } from "../support/test_broker.ts";

const ID_1 = u16(1);
/** A SUBSCRIBE with one filter at QoS 0, and another that is as it should be before it. */
const filter = (text: Uint8Array) => packet(0x82, ID_1, 0, string("good"), 0, text, 0);

const FAULTS: readonly (readonly [what: string, bytes: Uint8Array, reasonCode: number])[] = [
  ["SUBSCRIBE without its flag [MQTT-3.8.1-1] 5.0", packet(0x80, ID_1, 0, string("a"), 0), 0x81],
  ["SUBSCRIBE with more flags [MQTT-3.8.1-1] 5.0", packet(0x8a, ID_1, 0, string("a"), 0), 0x81],
  ["SUBSCRIBE of one byte", packet(0x82, 0), 0x81],
  ["SUBSCRIBE without properties", packet(0x82, ID_1), 0x81],
  ["SUBSCRIBE whose properties are cut short", packet(0x82, ID_1, 5, 0x0b), 0x81],
  ["SUBSCRIBE without a filter [MQTT-3.8.3-2] 5.0", packet(0x82, ID_1, 0), 0x82],
  ["SUBSCRIBE without options [MQTT-3.8.3-2] 5.0", packet(0x82, ID_1, 0, string("a")), 0x81],
  ["a second filter without options", packet(0x82, ID_1, 0, string("a"), 0, string("b")), 0x81],
  ["a filter that ends too soon", packet(0x82, ID_1, 0, 0, 5, 0x61), 0x81],
  ["the first reserved bit [MQTT-3.8.3-5] 5.0", packet(0x82, ID_1, 0, string("a"), 0x40), 0x81],
  ["the second reserved bit [MQTT-3.8.3-5] 5.0", packet(0x82, ID_1, 0, string("a"), 0x80), 0x81],
  ["QoS 3 in SUBSCRIBE", packet(0x82, ID_1, 0, string("a"), 0x03), 0x82],
  ["retain handling 3", packet(0x82, ID_1, 0, string("a"), 0x30), 0x82],
  ["subscription identifier 0", packet(0x82, ID_1, 2, 0x0b, 0, string("a"), 0), 0x82],
  ["two subscription identifiers", packet(0x82, ID_1, 4, 0x0b, 1, 0x0b, 2, string("a"), 0), 0x82],
  ["a property of other packets in SUBSCRIBE", packet(0x82, ID_1, 2, 0x01, 1, string("a"), 0), 0x81],
  ["a surrogate in a filter [MQTT-3.8.3-1] 5.0", filter(binary([0xed, 0xa0, 0x80])), 0x81],
  ["an overlong form in a filter [MQTT-3.8.3-1] 5.0", filter(binary([0xc0, 0xaf])), 0x81],
  ["half a character in a filter [MQTT-3.8.3-1] 5.0", filter(binary([0xe2, 0x82])), 0x81],
  ["NUL in a filter [MQTT-4.7.3-2] 5.0", filter(binary([0x61, 0x00])), 0x81],
  ["an empty filter [MQTT-4.7.3-1] 5.0", filter(string("")), 0x81],
  ["a filter a/#/b [MQTT-4.7.1-1] 5.0", filter(string("a/#/b")), 0x81],
  ["a filter a# [MQTT-4.7.1-1] 5.0", filter(string("a#")), 0x81],
  ["a filter ## [MQTT-4.7.1-1] 5.0", filter(string("##")), 0x81],
  ["a filter a+ [MQTT-4.7.1-2] 5.0", filter(string("a+")), 0x81],
  ["a filter a/+b/c [MQTT-4.7.1-2] 5.0", filter(string("a/+b/c")), 0x81],
  ["$share/ without more [MQTT-4.8.2-1] 5.0", filter(string("$share/")), 0x81],
  ["an empty share name [MQTT-4.8.2-1] 5.0", filter(string("$share//a")), 0x81],
  ["a share name without a filter [MQTT-4.8.2-2] 5.0", filter(string("$share/g")), 0x81],
  ["a share with an empty filter [MQTT-4.8.2-2] 5.0", filter(string("$share/g/")), 0x81],
  ["+ as share name [MQTT-4.8.2-2] 5.0", filter(string("$share/+/a")), 0x81],
  ["+ in a share name [MQTT-4.8.2-2] 5.0", filter(string("$share/g+/a")), 0x81],
  ["# as share name [MQTT-4.8.2-2] 5.0", filter(string("$share/#")), 0x81],
  ["# in a share name [MQTT-4.8.2-2] 5.0", filter(string("$share/g#/a")), 0x81],
  ["a bad filter in a share", filter(string("$share/g/a#")), 0x81],
  ["no local on a share [MQTT-3.8.3-4] 5.0", packet(0x82, ID_1, 0, string("a"), 0, string("$share/g/a"), 4), 0x82],
];

for (const [what, bytes, reasonCode] of FAULTS) {
  Deno.test(`DISCONNECT with 0x${reasonCode.toString(16)} and no subscription is the answer to ${what}`, async () => {
    await using broker = await startBroker();
    const options = { clientIdentifier: "s", clean: false, sessionExpiryIntervalSeconds: 100 };
    const culprit = await broker.connect5(options);
    await culprit.send(bytes);
    await culprit.expectDisconnect(reasonCode);
    assertEquals(broker.broker.statistics.subscriptions, 0);
    const again = broker.open();
    assertEquals((await again.connect({ ...options, protocolVersion: 5 })).sessionPresent, true);
  });
}

interface ConfigRow {
  readonly key: ConnectionLimits;
  readonly reasonCode: number;
  readonly refused: readonly string[];
  readonly granted: readonly string[];
  readonly identifier?: number;
}

const BY_CONFIG: readonly ConfigRow[] = [
  {
    key: { maxTopicLevels: 3 },
    reasonCode: 0x8f,
    refused: ["a/b/c/d", "a/b/c/#", "////", "$share/g/a/b/c/d"],
    granted: ["a/b/c", "a/+/#", "abcdefghijk", "$share/g/a/b/c"],
  },
  { key: { maxSubscriptions: 2 }, reasonCode: 0x97, refused: ["c", "$share/g/a"], granted: ["a", "b", "a"] },
  {
    key: { sharedSubscriptionAvailable: false },
    reasonCode: 0x9e,
    refused: ["$share/g/a", "$share/g/#"],
    granted: ["a", "#", "share/g/a"],
  },
  {
    key: { subscriptionIdentifiersAvailable: false },
    reasonCode: 0xa1,
    refused: ["a", "$share/g/a"],
    granted: [],
    identifier: 1,
  },
  { key: { subscriptionIdentifiersAvailable: false }, reasonCode: 0xa1, refused: [], granted: ["a", "$share/g/a"] },
  {
    key: { wildcardSubscriptionAvailable: false },
    reasonCode: 0xa2,
    refused: ["#", "a/+", "+/b", "$share/g/a/#"],
    granted: ["a", "$share/g/a"],
  },
];

for (const { key, reasonCode, refused, granted, identifier } of BY_CONFIG) {
  const filters = [...granted, ...refused];
  const expected = [...granted.map(() => 1), ...refused.map(() => reasonCode)];
  const title = `${JSON.stringify(key)}${identifier === undefined ? "" : " with an identifier"} answers`;
  Deno.test(`${title} ${filters.join(" ")} with ${expected.join(" ")}`, async () => {
    await using broker = await startBroker(key);
    const client = await broker.connect5();
    assertEquals(await client.subscribe(filters, { qos: 1, identifier }), expected);
    assertEquals(broker.broker.statistics.subscriptions, new Set(granted).size);
    const old = await broker.connect();
    if (identifier === undefined) {
      assertEquals(await old.subscribe(filters, 1), expected.map((code) => Math.min(code, 0x80)));
    }
  });
  Deno.test(`${title} so on its own listener only`, async () => {
    const listeners = { memory: { type: "external" }, strict: { type: "external", ...key } } as const;
    await using broker = await startBroker({ listeners });
    const client = broker.open("strict");
    await client.connect({ protocolVersion: 5 });
    assertEquals(await client.subscribe(filters, { qos: 1, identifier }), expected);
    const other = await broker.connect5();
    assertEquals(await other.subscribe(filters, { qos: 1, identifier }), filters.map(() => 1));
  });
}

Deno.test("A filter with too many levels is refused with a reason string that names the key", async () => {
  await using broker = await startBroker({ maxTopicLevels: 2 });
  const client = await broker.connect5();
  await client.sendPacket(subscribePacket(1, [["a/b/c", 0]]));
  const { reasonCodes, properties } = await client.expect("Suback");
  assertEquals<number[]>([...reasonCodes], [0x8f]);
  assertEquals(properties?.reasonString?.includes("max-topic-levels"), true);
});

Deno.test("UNSUBSCRIBE makes room under max-subscriptions", async () => {
  await using broker = await startBroker({ maxSubscriptions: 1 });
  const client = await broker.connect5();
  assertEquals(await client.subscribe(["a", "b"]), [0, 0x97]);
  await client.unsubscribe("a");
  assertEquals(await client.subscribe(["b", "a"]), [0, 0x97]);
});

/** A plugin that refuses filters that begin with `no` in these words. */
const refusing = (refusal: Omit<Refusal, "decision">, late = false) =>
  hooks({
    authorizeSubscribe: (_, { topicFilter }) => {
      const answer = topicFilter.startsWith("no") ? { decision: "deny" as const, ...refusal } : "allow" as const;
      return late ? Promise.resolve(answer) : answer;
    },
  });

for (const late of [false, true]) {
  Deno.test(`A plugin refuses in its own words${late ? ", later" : ""}`, async () => {
    const refusal: Omit<Refusal, "decision"> = {
      reasonCode: 0x97,
      reasonString: "too much",
      userProperties: [["b", "2"], ["a", "1"], ["b", "3"]],
    };
    await using broker = await startBroker({ plugins: [refusing(refusal, late)] });
    const client = await broker.connect5();
    await client.sendPacket(subscribePacket(1, [["yes", 1], ["no", 1], ["no/2", 1], ["yes/2", 0]]));
    const { reasonCodes, properties } = await client.expect("Suback");
    assertEquals<number[]>([...reasonCodes], [1, 0x97, 0x97, 0]);
    assertEquals(properties, { reasonString: "too much", userProperties: [["b", "2"], ["a", "1"], ["b", "3"]] });
    await client.sendPacket(subscribePacket(2, [["yes", 1]]));
    assertEquals((await client.expect("Suback")).properties, undefined);
  });
}

Deno.test("A plugin's refusal in detail is 0x80 for a 3.1.1 client, and a plain deny 0x87 for a 5.0 client", async () => {
  await using broker = await startBroker({ plugins: [refusing({ reasonString: "no" })] });
  assertEquals(await (await broker.connect()).subscribe(["yes", "no"], 1), [1, 0x80]);
  assertEquals(await (await broker.connect5()).subscribe(["yes", "no"], 1), [1, 0x87]);
});

const LONG = "x".repeat(200);
const TOO_LARGE: readonly (readonly [what: string, refusal: Omit<Refusal, "decision">])[] = [
  ["a reason string [MQTT-3.9.2-1] 5.0", { reasonString: LONG }],
  ["user properties [MQTT-3.9.2-2] 5.0", { userProperties: [["a", LONG]] }],
];

for (const [what, refusal] of TOO_LARGE) {
  Deno.test(`SUBACK leaves out what would be too large for the client: ${what}`, async () => {
    await using broker = await startBroker({ plugins: [refusing({ reasonCode: 0x83, ...refusal })] });
    for (const maximumPacketSizeBytes of [undefined, 300, 100]) {
      const client = await broker.connect5({ maximumPacketSizeBytes });
      await client.sendPacket(subscribePacket(1, [["no", 1], ["yes", 1]]));
      const { reasonCodes, properties } = await client.expect("Suback");
      assertEquals<number[]>([...reasonCodes], [0x83, 1]);
      assertEquals<unknown>(properties, maximumPacketSizeBytes === 100 ? undefined : refusal);
    }
  });
}

Deno.test("SUBACK says no reason to a client that wants none", async () => {
  const refusal = { reasonString: "no", userProperties: [["a", "b"]] } as const;
  await using broker = await startBroker({ plugins: [refusing(refusal)] });
  const client = await broker.connect5({ requestProblemInformation: false });
  await client.sendPacket(subscribePacket(1, [["no", 1]]));
  const { reasonCodes, properties } = await client.expect("Suback");
  assertEquals<unknown>([[...reasonCodes], properties], [[0x87], undefined]);
});

Deno.test("Filters that are refused in one SUBSCRIBE are one line in the log", async () => {
  await using broker = await startBroker({ plugins: [refusing({ reasonCode: 0x97 })] });
  const client = await broker.connect5({ clientIdentifier: "s" });
  const lines = () => broker.log.lines.splice(0).filter((line) => line.includes("refused"));
  assertEquals(await client.subscribe(["yes", "no/1"]), [0, 0x97]);
  const where = 'client "s", unknown address, listener memory';
  const one = `warn: subscription refused: ${where}, filter "no/1": 0x97 QuotaExceeded`;
  assertEquals(lines(), [one]);
  await client.subscribe(["no/1", "yes", ...Array.from({ length: 1000 }, (_, index) => `no/${index}`)]);
  assertEquals(lines(), [`${one}, and 1000 more filters`]);
  await client.subscribe("yes");
  assertEquals(lines(), []);
});
