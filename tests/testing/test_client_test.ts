import { assertEquals, assertRejects } from "@std/assert";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { connectTestClient, startTestBroker, type TestMessage } from "../../src/testing/testing.ts";

const shown = ({ topicName, text, qos, retain }: TestMessage) => [topicName, text, qos, retain];

for (const protocolVersion of [3, 4, 5] as const) {
  Deno.test(`a client of protocol version ${protocolVersion} takes and gives messages at each QoS`, async () => {
    await using broker = await startTestBroker();
    await using one = await connectTestClient(broker, { protocolVersion });
    await using other = await connectTestClient(broker, { protocolVersion });
    assertEquals(await one.subscribe(["a/#", { topicFilter: "b", qos: 1 }], { qos: 2 }), [2, 1]);
    for (const qos of [0, 1, 2] as const) {
      assertEquals(await other.publish("a/b", `at ${qos}`, { qos, retain: qos === 2 }), 0);
      assertEquals(shown(await one.next()), ["a/b", `at ${qos}`, qos, false]);
    }
    await other.subscribe("a/b", { qos: 0 });
    assertEquals(shown(await other.next()), ["a/b", "at 2", 0, true]);
    await one.unsubscribe("a/#");
    await other.publish("a/b", "unheard");
    assertEquals(await one.waiting(), []);
    assertEquals((await other.waiting()).map(shown), [["a/b", "unheard", 0, false]]);
    assertEquals(broker.session(one.clientIdentifier)?.inflightOutbound, 0, "all is acknowledged");
  });
}

Deno.test("a client of 5.0 sees properties, identifiers, reason codes and topics that came by alias", async () => {
  await using broker = await startTestBroker();
  await using client = await connectTestClient(broker, { protocolVersion: 5, topicAliasMaximum: 5 });
  assertEquals(client.connack.sessionPresent, false);
  assertEquals(await client.publish("a", "", { qos: 1 }), ReasonCode.NoMatchingSubscribers);
  await client.subscribe("a", { identifier: 7 });
  for (let round = 0; round < 2; round++) {
    await client.publish("a", "x", { properties: { userProperties: [["k", "v"]] } });
    const { topicName, properties, subscriptionIdentifiers } = await client.next();
    assertEquals([topicName, properties, subscriptionIdentifiers], ["a", { userProperties: [["k", "v"]] }, [7]]);
  }
});

Deno.test("a client that is lost leaves its will, and one that says goodbye does not", async () => {
  await using broker = await startTestBroker();
  const will = { topicName: "w", payload: "gone" };
  const first = await connectTestClient(broker, { will });
  await first.disconnect();
  const second = await connectTestClient(broker, { will: { ...will, payload: "lost" } });
  const heard = broker.next("w");
  await second.lose();
  assertEquals(new TextDecoder().decode((await heard).payload), "lost");
});

Deno.test("who waits for a message is told that none comes, or why none can come", async () => {
  await using broker = await startTestBroker();
  await using client = await connectTestClient(broker, { clientIdentifier: "c", protocolVersion: 5 });
  await assertRejects(() => client.next(1), Error, "waited for a message for c: nothing came in 1 ms");
  const waiting = assertRejects(() => client.next(), Error, "the broker closed the connection with DISCONNECT 0x98");
  broker.disconnect("c");
  await waiting;
});
