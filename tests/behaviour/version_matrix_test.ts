/** Publishers and subscribers of every version on the same topics: each QoS on each side, with RETAIN and without. */
import { assertEquals } from "@std/assert";
import type { MessageProperties, ProtocolVersion, QoS } from "../../src/packet/packets.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import type { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const versions: readonly (readonly [version: ProtocolVersion, name: string])[] = [[3, "3.1"], [4, "3.1.1"], [5, "5.0"]];
const levels: readonly QoS[] = [0, 1, 2];

const properties: MessageProperties = {
  payloadFormatIndicator: 1,
  contentType: "text/plain",
  responseTopic: parseTopicName("answers"),
  correlationData: Uint8Array.of(0, 1, 255),
  userProperties: [["a", "1"], ["b", "2"], ["a", "3"]],
};

interface Pair {
  readonly broker: TestBroker;
  readonly publisher: RawClient;
  readonly publisherVersion: ProtocolVersion;
  readonly subscriberVersion: ProtocolVersion;
}

interface Combination {
  readonly published: QoS;
  readonly subscribed: QoS;
  readonly retain: boolean;
}

function* combinations(): Generator<Combination> {
  for (const published of levels) {
    for (const subscribed of levels) for (const retain of [false, true]) yield { published, subscribed, retain };
  }
}

/** Topic name and payload tell one combination from the others. */
const topicOf = ({ published, subscribed, retain }: Combination) => `t/${published}/${subscribed}/${retain}`;

/** Only 5.0 clients send the properties, and only they are sent them. */
async function publish({ publisher, publisherVersion }: Pair, combination: Combination): Promise<void> {
  const { published: qos, retain } = combination;
  const topicName = topicOf(combination);
  const sent = publisherVersion === 5 ? properties : undefined;
  await publisher.publish(topicName, `payload of ${topicName}`, { qos, retain, properties: sent });
}

async function expectDelivered(
  { publisherVersion, subscriberVersion }: Pair,
  subscriber: RawClient,
  combination: Combination,
  retain: boolean,
): Promise<void> {
  const topicName = topicOf(combination);
  const message = await subscriber.takeMessage({
    topicName,
    payload: `payload of ${topicName}`,
    qos: Math.min(combination.published, combination.subscribed) as QoS,
    retain,
    dup: false,
  });
  const both5 = publisherVersion === 5 && subscriberVersion === 5;
  assertEquals(message.properties, both5 ? properties : undefined);
}

/** Published while the subscriber is there. */
async function checkLive(pair: Pair, combination: Combination): Promise<void> {
  const subscriber = await pair.broker.connect({ protocolVersion: pair.subscriberVersion });
  await subscriber.subscribe(topicOf(combination), combination.subscribed);
  await publish(pair, combination);
  await expectDelivered(pair, subscriber, combination, false);
  await subscriber.expectNothing();
  await subscriber.disconnect();
}

/** Published while the subscriber's session is away. */
async function checkAway(pair: Pair, combination: Combination): Promise<void> {
  const { broker, subscriberVersion: protocolVersion } = pair;
  const session = { clientIdentifier: "away", protocolVersion, clean: false, sessionExpiryIntervalSeconds: 60 };
  const before = await broker.connect(session);
  await before.subscribe(topicOf(combination), combination.subscribed);
  await before.disconnect();
  await publish(pair, combination);
  const after = await broker.connect(session);
  await expectDelivered(pair, after, combination, false);
  await after.expectNothing();
  await after.disconnect();
  await (await broker.connect({ ...session, clean: true, sessionExpiryIntervalSeconds: 0 })).disconnect();
}

/** Published before the subscriber comes. */
async function checkOnSubscribe(pair: Pair, combination: Combination): Promise<void> {
  const subscriber = await pair.broker.connect({ protocolVersion: pair.subscriberVersion });
  await subscriber.subscribe(topicOf(combination), combination.subscribed);
  if (combination.retain) await expectDelivered(pair, subscriber, combination, true);
  await subscriber.expectNothing();
  await subscriber.disconnect();
}

for (const [publisherVersion, publisherName] of versions) {
  for (const [subscriberVersion, subscriberName] of versions) {
    Deno.test(
      `What a ${publisherName} client publishes comes to a ${subscriberName} client, ` +
        "at every QoS of both, live, after an absence and retained",
      async () => {
        await using broker = await startBroker();
        const publisher = await broker.connect({ protocolVersion: publisherVersion });
        const pair = { broker, publisher, publisherVersion, subscriberVersion };
        for (const combination of combinations()) {
          await checkLive(pair, combination);
          await checkOnSubscribe(pair, combination);
          await publisher.publish(topicOf(combination), "", { retain: true, qos: 1 });
          await checkAway(pair, combination);
        }
      },
    );
  }
}
