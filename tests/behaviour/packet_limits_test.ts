/** What one packet, one session and one topic filter may hold, however few bytes it takes. */
import { assertEquals } from "@std/assert";
import { subscribePacket, unsubscribePacket } from "../support/client_packets.ts";
import { startBroker } from "../support/test_broker.ts";

const filters = (count: number, text: (index: number) => string) => Array.from({ length: count }, (_, i) => text(i));

for (const protocolVersion of [3, 4, 5] as const) {
  Deno.test(`A SUBSCRIBE with more filters than max-filters-per-packet ends the connection, version ${protocolVersion}`, async () => {
    await using broker = await startBroker({ maxFiltersPerPacket: 3 });
    const client = await broker.connect({ protocolVersion });
    assertEquals(await client.subscribe(filters(3, (i) => `a/${i}`)), [0, 0, 0]);
    await client.sendPacket(subscribePacket(9, filters(4, (i) => `b/${i}`).map((topicFilter) => ({ topicFilter }))));
    if (protocolVersion === 5) await client.expectDisconnect(0x97);
    await client.expectClosed();
  });
}

Deno.test("An UNSUBSCRIBE with more filters than max-filters-per-packet ends the connection", async () => {
  await using broker = await startBroker({ maxFiltersPerPacket: 3 });
  const client = await broker.connect5();
  await client.sendPacket(unsubscribePacket(9, filters(4, (i) => `a/${i}`)));
  await client.expectDisconnect(0x97);
});

for (const [what, value] of [["ASCII", "x"], ["other text", "ä"]] as const) {
  Deno.test(`A PUBLISH with more user properties than max-user-properties ends the connection: ${what}`, async () => {
    await using broker = await startBroker({ maxUserProperties: 3 });
    const client = await broker.connect5();
    const userProperties = (count: number) => filters(count, (i) => `${i}`).map((name) => [name, value] as const);
    await client.publish("a", "", { qos: 1, properties: { userProperties: userProperties(3) } });
    await client.sendPublish("a", "", { properties: { userProperties: userProperties(4) } });
    await client.expectDisconnect(0x97);
  });
}

Deno.test("A CONNECT with more user properties than max-user-properties is refused with 0x97", async () => {
  await using broker = await startBroker({ maxUserProperties: 3 });
  const client = broker.open();
  const { reasonCode } = await client.connect({
    protocolVersion: 5,
    userProperties: filters(4, (i) => `${i}`).map((name) => [name, ""] as const),
  });
  assertEquals(reasonCode, 0x97);
});

Deno.test("Subscriptions of which more than max-overlapping-subscriptions match one topic are refused", async () => {
  await using broker = await startBroker({ maxOverlappingSubscriptions: 3 });
  const client = await broker.connect5();
  assertEquals(await client.subscribe(["a/+", "b/+", "+/a", "#", "+/+", "c"]), [0, 0, 0, 0, 0x97, 0x97]);
  assertEquals(await client.subscribe(["a/+", "c/+"]), [0, 0], "those that are there, and their like, still are taken");
  await client.unsubscribe("#");
  assertEquals(await client.subscribe("+/+"), [0]);
});

Deno.test("More groups than max-share-groups for one filter are refused, further members are not", async () => {
  await using broker = await startBroker({ maxShareGroups: 2 });
  const [first, second] = [await broker.connect5(), await broker.connect5()];
  assertEquals(await first.subscribe(["$share/a/x", "$share/b/x", "$share/c/x", "$share/c/y"]), [0, 0, 0x97, 0]);
  assertEquals(await second.subscribe(["$share/a/x", "$share/d/x"]), [0, 0x97]);
  await first.unsubscribe("$share/b/x");
  assertEquals(await second.subscribe("$share/d/x"), [0]);
});
