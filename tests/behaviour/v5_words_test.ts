/** What plugins say to 5.0 clients that they allow something: reason strings, user properties, a lower QoS. */
import { assertEquals } from "@std/assert";
import type { BrokerConfig } from "../../src/config/config.ts";
import type { AuthenticationStep, Permission, Plugin, SubscriptionPermission } from "../../src/hooks/plugin.ts";
import type { ReasonProperties } from "../../src/packet/packets.ts";
import type { ReasonCode } from "../../src/packet/reason_code.ts";
import { subscribePacket } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const WORDS: ReasonProperties = { reasonString: "because ä", userProperties: [["b", "1"], ["a", "2"], ["b", "3"]] };
const LONG = "x".repeat(200);

const allow = <Words extends object>(words: Words) => ({ decision: "allow" as const, ...words });

/** Words that are too large for a client that takes 100 bytes, and the clauses that speak of them. */
const KINDS = [
  {
    kind: "a reason string",
    words: { reasonString: LONG },
    clauses: {
      Connack: "[MQTT-3.2.2-19] 5.0",
      Puback: "[MQTT-3.4.2-2] 5.0",
      Pubrec: "[MQTT-3.5.2-2] 5.0",
      Suback: "[MQTT-3.9.2-1] 5.0",
      Auth: "[MQTT-3.15.2-2] 5.0",
    },
  },
  {
    kind: "user properties",
    words: { userProperties: [["k", LONG]] },
    clauses: {
      Connack: "[MQTT-3.2.2-20] 5.0",
      Puback: "[MQTT-3.4.2-3] 5.0",
      Pubrec: "[MQTT-3.5.2-3] 5.0",
      Suback: "[MQTT-3.9.2-2] 5.0",
      Auth: "[MQTT-3.15.2-3] 5.0",
    },
  },
] as const;

/** A broker with a plugin that says this of each message, at once or later. */
function saying(words: Permission, { late = false, ...config }: BrokerConfig & { late?: boolean } = {}) {
  const plugin: Plugin = {
    authorizePublish: () => late ? Promise.resolve(words) : words,
    authorizeSubscribe: () => "allow",
    authorizeReceive: () => "allow",
  };
  return startBroker({ topicCheck: { enabled: true, plugins: [hooks(plugin)] }, ...config });
}

/** What there is of words in properties. */
function wordsOf({ reasonString, userProperties }: ReasonProperties = {}): ReasonProperties {
  return { ...reasonString !== undefined && { reasonString }, ...userProperties && { userProperties } };
}

Deno.test("CONNACK has the words of the plugins that let the client in, of each part the first", async () => {
  const plugins = [
    hooks({ authenticate: () => allow({ reasonString: WORDS.reasonString! }) }),
    hooks({ authenticate: () => Promise.resolve(allow({ ...WORDS, reasonString: "too late" })) }),
  ];
  await using broker = await startBroker({ auth: { plugins } });
  const client = await broker.connect5();
  assertEquals(wordsOf(client.connack.properties), WORDS);
  assertEquals((await broker.connect()).connack.properties, undefined);
});

for (const { kind, words, clauses } of KINDS) {
  Deno.test(`${clauses.Connack}: a client is let in without ${kind} that it has no room for`, async () => {
    await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate: () => allow(words) })] } });
    for (const [maximumPacketSizeBytes, expected] of [[100, {}], [300, words]] as const) {
      const { connack } = await broker.connect5({ maximumPacketSizeBytes });
      assertEquals<unknown>(wordsOf(connack.properties), expected);
      assertEquals(connack.properties?.receiveMaximum !== undefined, true, "the rest of CONNACK stays");
    }
  });
}

for (const late of [false, true]) {
  for (const [qos, name] of [[1, "Puback"], [2, "Pubrec"]] as const) {
    const when = late ? "later" : "at once";
    Deno.test(`${name} has its own reason code and the words of the plugin that allows, ${when}`, async () => {
      await using broker = await saying(allow(WORDS), { late });
      const subscriber = await broker.connect5();
      await subscriber.subscribe("heard");
      const publisher = await broker.connect5();
      for (const [topicName, reasonCode] of [["heard", 0], ["unheard", 0x10]] as const) {
        const identifier = await publisher.sendPublish(topicName, "m", { qos });
        assertEquals((await publisher.expectAck(name, identifier, reasonCode)).properties, WORDS);
      }
      await subscriber.expectMessage({ topicName: "heard" });
      const unwilling = await broker.connect5({ requestProblemInformation: false });
      const identifier = await unwilling.sendPublish("heard", "m", { qos });
      assertEquals((await unwilling.expectAck(name, identifier, 0)).properties, undefined);
      assertEquals(await (await broker.connect()).publish("heard", "m", { qos }), 0);
    });
  }
}

for (const [qos, name] of [[1, "Puback"], [2, "Pubrec"]] as const) {
  for (const { kind, words, clauses } of KINDS) {
    Deno.test(`${clauses[name]}: ${name} of a message that is allowed leaves out ${kind} too large for the client`, async () => {
      await using broker = await saying(allow(words));
      for (const [maximumPacketSizeBytes, expected] of [[100, undefined], [300, words]] as const) {
        const client = await broker.connect5({ maximumPacketSizeBytes });
        const identifier = await client.sendPublish("a", "m", { qos });
        assertEquals<unknown>((await client.expectAck(name, identifier, 0x10)).properties, expected);
      }
    });
  }
}

Deno.test("A QoS 2 message that is allowed with words counts once, as any other", async () => {
  await using broker = await saying(allow(WORDS));
  const client = await broker.connect5();
  await client.subscribe("a");
  for (const dup of [false, true]) {
    await client.sendPublish("a", "once", { qos: 2, packetIdentifier: 7, dup });
    if (!dup) await client.expectMessage({ payload: "once" });
    await client.expectAck("Pubrec", 7, 0);
  }
  await client.sendAck("Pubrel", 7);
  await client.expectAck("Pubcomp", 7, 0);
});

Deno.test("A message that nobody has room for is refused in the broker's words, whatever a plugin says", async () => {
  await using broker = await saying(allow(WORDS), { queueLimit: 1, queuePolicy: "drop-newest" });
  const away = await broker.connect5({ sessionExpiryIntervalSeconds: 100 });
  await away.subscribe("a", 1);
  await away.disconnect();
  const publisher = await broker.connect5();
  assertEquals(await publisher.publish("a", "one", { qos: 1 }), 0);
  const identifier = await publisher.sendPublish("a", "two", { qos: 1 });
  const { properties } = await publisher.expectAck("Puback", identifier, 0x97);
  assertEquals(properties, { reasonString: "the queues of all subscribers are full (queue-limit)" });
});

Deno.test("A will that a plugin allows with words is left and published as any other", async () => {
  await using broker = await saying(allow(WORDS));
  const witness = await broker.connect5();
  await witness.subscribe("will");
  const client = await broker.connect5({ will: { topicName: "will", payload: "lost" } });
  assertEquals(wordsOf(client.connack.properties), {});
  await broker.lose(client);
  await witness.expectMessage({ payload: "lost" });
});

/** A broker with a plugin that says this of the filters named so, and plainly allows all others. */
function saysOf(answers: Record<string, SubscriptionPermission | "deny">, late = false): Promise<TestBroker> {
  const answer = (topicFilter: string) => answers[topicFilter] ?? "allow" as const;
  const plugin = hooks({
    authorizeSubscribe: (_, { topicFilter }) => late ? Promise.resolve(answer(topicFilter)) : answer(topicFilter),
  });
  return startBroker({ plugins: [plugin] });
}

for (const late of [false, true]) {
  Deno.test(`SUBACK has the words of the first filter that a plugin has any for, ${late ? "later" : "at once"}`, async () => {
    await using broker = await saysOf({ b: allow(WORDS), c: allow({ reasonString: "c" }) }, late);
    const client = await broker.connect5();
    for (const [filters, words] of [["abc", WORDS], ["cb", { reasonString: "c" }], ["a", undefined]] as const) {
      await client.sendPacket(subscribePacket(1, [...filters].map((filter) => [filter, 1])));
      const { reasonCodes, properties } = await client.expect("Suback");
      assertEquals<unknown>([[...reasonCodes], properties], [[...filters].map(() => 1), words]);
    }
    const unwilling = await broker.connect5({ requestProblemInformation: false });
    await unwilling.sendPacket(subscribePacket(1, [["b", 1]]));
    assertEquals((await unwilling.expect("Suback")).properties, undefined);
    assertEquals(await (await broker.connect()).subscribe(["b", "a"], 2), [2, 2]);
  });
}

Deno.test("In SUBACK the words of a refusal go before those of a permission", async () => {
  const refusal = { decision: "deny" as const, reasonString: "no" };
  const plugin = hooks({
    authorizeSubscribe: (_, { topicFilter }) =>
      topicFilter === "no" ? refusal : topicFilter === "mute" ? "deny" : allow(WORDS),
  });
  await using broker = await startBroker({ plugins: [plugin] });
  const client = await broker.connect5();
  await client.sendPacket(subscribePacket(1, [["a", 0], ["no", 0]]), subscribePacket(2, [["mute", 0], ["a", 0]]));
  assertEquals((await client.expect("Suback")).properties, { reasonString: "no" });
  assertEquals((await client.expect("Suback")).properties, WORDS);
});

for (const { kind, words, clauses } of KINDS) {
  Deno.test(`${clauses.Suback}: SUBACK of what is allowed leaves out ${kind} too large for the client`, async () => {
    await using broker = await saysOf({ a: allow(words) });
    for (const [maximumPacketSizeBytes, expected] of [[100, undefined], [300, words]] as const) {
      const client = await broker.connect5({ maximumPacketSizeBytes });
      await client.sendPacket(subscribePacket(1, [["a", 1]]));
      assertEquals<unknown>((await client.expect("Suback")).properties, expected);
    }
  });
}

Deno.test("[MQTT-3.8.4-7] 5.0: the QoS granted is the lower of what is asked for and what a plugin allows", async () => {
  const limit = (maximumQoS: 0 | 1 | 2) => allow({ maximumQoS });
  await using broker = await saysOf({ q0: limit(0), q1: limit(1), q2: limit(2) });
  await broker.broker.publish("q1", "old", { qos: 2, retain: true });
  const seen: unknown[] = [];
  for (const client of [await broker.connect5(), await broker.connect()]) {
    for (const asked of [0, 1, 2] as const) {
      const granted = [0, Math.min(asked, 1), asked, asked];
      assertEquals(await client.subscribe(["q0", "q1", "q2", "other"], asked), granted);
      await client.takeMessage({ payload: "old", qos: granted[1] as 0 | 1 });
    }
    for (const [topicName, qos] of [["q0", 0], ["q1", 1], ["q2", 2], ["other", 2]] as const) {
      await broker.broker.publish(topicName, "new", { qos: 2 });
      seen.push(await client.takeMessage({ topicName, qos }));
    }
    await client.disconnect();
  }
  assertEquals(seen.length, 8);
});

Deno.test("clientSubscribed is told the QoS that was granted", async () => {
  const told: number[] = [];
  const plugin = hooks({
    authorizeSubscribe: () => allow({ maximumQoS: 1 as const }),
    clientSubscribed: (_, { qos }) => void told.push(qos),
  });
  await using broker = await startBroker({ plugins: [plugin] });
  assertEquals(await (await broker.connect5()).subscribe(["a", "b"], 2), [1, 1]);
  assertEquals(told, [1, 1]);
});

const METHOD = "riddle";

/** A broker whose enhanced authentication asks once in these words, and lets in in those. */
function asking(question: ReasonProperties, welcome: ReasonProperties): Promise<TestBroker> {
  const begin = () => {
    const steps: AuthenticationStep[] = [{ decision: "continue", ...question }, allow(welcome)];
    return { next: () => steps.shift()! };
  };
  return startBroker({ auth: { plugins: [hooks({ beginAuthentication: begin })] } });
}

const FIVE = { protocolVersion: 5, clientIdentifier: "c", authenticationMethod: METHOD } as const;
const method = { authenticationMethod: METHOD };

/** Signs in, then authenticates anew, and returns the words of AUTH, CONNACK, AUTH and AUTH. */
async function wordsHeard(
  broker: TestBroker,
  options: { readonly maximumPacketSizeBytes?: number; readonly requestProblemInformation?: boolean } = {},
): Promise<ReasonProperties[]> {
  const client = broker.open();
  const heard: ReasonProperties[] = [];
  const expectAuth = async (reasonCode: ReasonCode) => {
    const auth = await client.expect("Auth");
    assertEquals([auth.reasonCode, auth.properties?.authenticationMethod], [reasonCode, METHOD]);
    heard.push(wordsOf(auth.properties));
  };
  await client.sendConnect({ ...FIVE, ...options });
  await expectAuth(0x18);
  await client.sendAuth(0x18, method);
  heard.push(wordsOf((await client.expect("Connack")).properties));
  await client.sendAuth(0x19, method);
  await expectAuth(0x18);
  await client.sendAuth(0x18, method);
  await expectAuth(0);
  await client.disconnect();
  return heard;
}

Deno.test("AUTH and CONNACK have the words of the plugin that conducts the authentication", async () => {
  const question = { reasonString: "who are you?", userProperties: [["k", "1"]] } as const;
  await using broker = await asking(question, WORDS);
  assertEquals(await wordsHeard(broker), [question, WORDS, question, WORDS]);
});

for (const { kind, words, clauses } of KINDS) {
  Deno.test(`${clauses.Auth}: AUTH leaves out ${kind} too large for the client`, async () => {
    await using broker = await asking(words, words);
    for (const [maximumPacketSizeBytes, expected] of [[100, {}], [300, words]] as const) {
      const all = [expected, expected, expected, expected];
      assertEquals<unknown>(await wordsHeard(broker, { maximumPacketSizeBytes }), all);
    }
  });
}

Deno.test("[MQTT-3.1.2-29] 5.0: with request problem information 0 AUTH has neither reason string nor user properties", async () => {
  await using broker = await asking(WORDS, WORDS);
  assertEquals(await wordsHeard(broker, { requestProblemInformation: false }), [{}, WORDS, {}, {}]);
});
