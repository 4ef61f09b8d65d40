/** Sessions whose client is away hold no memory that the store can hold for them, and lose nothing by it. */
import { assertEquals } from "@std/assert";
import type { PluginContext } from "../../src/hooks/plugin.ts";
import { PacketType, type QoS } from "../../src/packet/packets.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { StoreError } from "../../src/store/store.ts";
import { startDurable, until } from "../support/durable_broker.ts";
import { patiently } from "../support/patience.ts";
import type { RawClient, ReceivedMessage } from "../support/raw_client.ts";
import { hooks, type TestBroker } from "../support/test_broker.ts";

const KIB = 1024;
const PADDING = "x".repeat(64 * KIB);
const UNDER_WAY = 20;
const WAITING = 10;
/** What is under way alone is more than the ceiling. */
const config = { maxTotalBytes: KIB * KIB, maxInflight: UNDER_WAY };
const away = { clientIdentifier: "away", clean: false, sessionExpiryIntervalSeconds: 1000 };

/** At QoS 1 and 2 by turns. */
const qosOf = (index: number) => 1 + index % 2 as QoS;

async function openSubscriber(broker: TestBroker): Promise<RawClient> {
  const client = await broker.connect5(away);
  await client.subscribe("a", 2);
  return client;
}

/** Publishes messages at QoS 1 and 2 by turns; each is stored, and so has left, before the next is given. */
async function publishInTurn(broker: TestBroker, from: number, to: number): Promise<void> {
  for (let index = from; index < to; index++) await publish(broker, index, qosOf(index));
}

/** Publishes messages at QoS 1 that leave at once, whether they are stored or not. */
async function publishAtOnce(broker: TestBroker, from = 0): Promise<void> {
  await Promise.all(Array.from({ length: UNDER_WAY - from }, (_, index) => publish(broker, from + index, 1)));
}

function publish({ broker }: TestBroker, index: number, qos: QoS): Promise<unknown> {
  return patiently(`message ${index} to be stored`, broker.publish("a", `${index} ${PADDING}`, { qos }));
}

/** The next message must be this one; it is not acknowledged. Returns its packet identifier. */
async function expectMessage(client: RawClient, index: number, expected: Partial<ReceivedMessage> = {}) {
  const { payload, packetIdentifier } = await client.expectMessage(expected);
  assertEquals(payload.split(" ")[0], `${index}`);
  return packetIdentifier;
}

/** Takes everything that is under way and acknowledges nothing; returns the packet identifiers. */
async function takeSilently(client: RawClient, expected?: Partial<ReceivedMessage>): Promise<number[]> {
  const identifiers: number[] = [];
  for (let index = 0; index < UNDER_WAY; index++) identifiers.push(await expectMessage(client, index, expected));
  return identifiers;
}

/** Answers a message. */
function answer(client: RawClient, index: number, packetIdentifier: number): Promise<void> {
  return client.sendAck(qosOf(index) === 1 ? "Puback" : "Pubrec", packetIdentifier);
}

/** Takes what waited, in between what is released; returns the messages in their order. */
async function takeRest(client: RawClient): Promise<number[]> {
  const taken: number[] = [];
  for (let releases = 1; taken.length < WAITING || releases < (UNDER_WAY + WAITING) / 2;) {
    const packet = await client.next();
    if (packet.type === PacketType.Pubrel) {
      releases++;
      await client.sendAck("Pubcomp", packet.packetIdentifier);
    } else if (packet.type === PacketType.Publish) {
      const index = Number.parseInt(new TextDecoder().decode(packet.payload));
      assertEquals([packet.qos, packet.dup], [qosOf(index), false]);
      taken.push(index);
      await answer(client, index, packet.packetIdentifier);
    }
  }
  return taken;
}

/** A look at the memory. */
const look = (broker: TestBroker) => broker.clock.advance(1000);

/** A publisher that is slowed down is read no further before the next look. */
async function expectUnslowed(broker: TestBroker): Promise<void> {
  const publisher = await broker.connect5();
  for (const payload of ["1", "2", "3"]) await publisher.publish("elsewhere", payload, { qos: 1 });
  await publisher.expectNothing();
}

Deno.test("[MQTT-4.4.0-1] 5.0: what memory has no room for while a client is away comes when it is back, each once and in order", async () => {
  await using durability = await startDurable(config);
  const { broker } = durability;
  const client = await openSubscriber(broker);
  await publishInTurn(broker, 0, UNDER_WAY);
  const identifiers = await takeSilently(client);
  // The client has this one, so that it must not come again.
  await client.sendAck("Pubrec", identifiers[1]!);
  await client.expectAck("Pubrel", identifiers[1]!);
  await broker.lose(client);
  await publishInTurn(broker, UNDER_WAY, UNDER_WAY + WAITING);
  look(broker);
  await expectUnslowed(broker);
  assertEquals([broker.broker.statistics.inflightOutbound, broker.broker.statistics.messagesQueued], [
    UNDER_WAY,
    WAITING,
  ]);
  const back = await broker.connect5(away);
  for (const [index, packetIdentifier] of identifiers.entries()) {
    if (index === 1) await back.expectAck("Pubrel", packetIdentifier);
    else await expectMessage(back, index, { qos: qosOf(index), dup: true, packetIdentifier });
  }
  await back.expectNothing();
  await back.sendAck("Pubcomp", identifiers[1]!);
  for (const index of identifiers.keys()) if (index !== 1) await answer(back, index, identifiers[index]!);
  const rest = await takeRest(back);
  const ofQoS = (qos: QoS) => rest.filter((index) => qosOf(index) === qos);
  // QoS 2 leaves when that is stored, so it has an order of its own.
  assertEquals([ofQoS(1), ofQoS(2)], [[20, 22, 24, 26, 28], [21, 23, 25, 27, 29]]);
  await back.expectNothing();
  assertEquals([broker.broker.statistics.inflightOutbound, broker.broker.statistics.messagesQueued], [0, 0]);
  assertEquals(Object.values(broker.broker.statistics.messagesDropped).reduce((sum, count) => sum + count), 0);
});

Deno.test("It leaves memory again when the client goes again, as often as that happens", async () => {
  await using durability = await startDurable(config);
  const { broker } = durability;
  const first = await openSubscriber(broker);
  await publishInTurn(broker, 0, UNDER_WAY);
  const identifiers = await takeSilently(first);
  await broker.lose(first);
  for (let round = 0; round < 3; round++) {
    look(broker);
    await expectUnslowed(broker);
    const client = await broker.connect5(away);
    for (let index = round; index < UNDER_WAY; index++) {
      await expectMessage(client, index, { dup: true, packetIdentifier: identifiers[index] });
    }
    await client.expectNothing();
    await answer(client, round, identifiers[round]!);
    if (qosOf(round) === 2) {
      await client.expectAck("Pubrel", identifiers[round]!);
      await client.sendAck("Pubcomp", identifiers[round]!);
    }
    await client.expectNothing();
    await broker.lose(client);
  }
});

Deno.test("A client that comes back before all of it is stored waits for it, and gets it", async () => {
  await using durability = await startDurable(config);
  const { broker, store } = durability;
  const client = await openSubscriber(broker);
  store.hold();
  const first = publish(broker, 0, 1);
  await until("the first message to be given to the store", () => store.held > 0);
  const others = publishAtOnce(broker, 1);
  await takeSilently(client);
  await broker.lose(client);
  look(broker);
  const back = broker.open();
  await back.sendConnect({ ...away, protocolVersion: 5 });
  // By now the broker has heard of it.
  await (await broker.connect5()).expectNothing();
  store.release();
  await Promise.all([first, others]);
  await back.expect("Connack");
  await takeSilently(back, { dup: true });
  await back.expectNothing();
});

Deno.test("A client that comes back while what is under way cannot be stored is refused, and gets it later", async () => {
  await using durability = await startDurable(config);
  const { broker, store } = durability;
  const client = await openSubscriber(broker);
  store.failing = new StoreError("the disk is gone", false);
  const published = publishAtOnce(broker);
  await takeSilently(client);
  await until("the broker to notice", () => broker.broker.statistics.storeFault !== undefined);
  await broker.lose(client);
  look(broker);
  const refused = await broker.open().connect({ ...away, protocolVersion: 5 });
  assertEquals(refused.reasonCode, ReasonCode.ServerUnavailable);
  store.failing = undefined;
  await published;
  const back = await broker.connect5(away);
  await takeSilently(back, { dup: true });
});

Deno.test("What is retained comes to an offline session that a plugin has subscribed to it, without waiting in memory", async () => {
  const { promise, resolve } = Promise.withResolvers<PluginContext>();
  const plugin = hooks((context) => {
    resolve(context);
    return {};
  });
  await using durability = await startDurable({ plugins: [plugin] });
  const { broker } = durability.broker;
  await (await durability.broker.connect5(away)).disconnect();
  await until("the client to be gone", () => broker.session("away")?.connected === false);
  await broker.publish("a", "x", { qos: 1, retain: true });
  assertEquals(broker.statistics.messagesQueued, 0);
  assertEquals((await promise).subscribe("away", "a", 1), true);
  assertEquals([broker.session("away")?.messagesQueued, broker.statistics.messagesQueued], [0, 0]);
  await (await durability.broker.connect5(away)).expectMessage({ payload: "x", retain: true, dup: false });
});

Deno.test("A client whose time to sign in is over while its session is read is not there when it has been read", async () => {
  await using durability = await startDurable({ connectTimeout: 10 });
  const { house, store } = durability;
  const first = await openSubscriber(durability.broker);
  await publish(durability.broker, 0, 1);
  await expectMessage(first, 0);
  const broker = await house.restart("crash");
  store.hold();
  const late = broker.open();
  const connack = late.connect({ ...away, protocolVersion: 5 });
  await until("the session to be read", () => store.held > 0);
  broker.clock.advance(10_500);
  assertEquals((await connack).reasonCode, ReasonCode.ServerBusy);
  await late.expectClosed();
  store.release();
  await house.stored();
  assertEquals([broker.broker.session("away")?.connected, broker.broker.statistics.clientsConnected], [false, 0]);
  const back = await broker.connect5(away);
  assertEquals(back.connack.sessionPresent, true);
  await expectMessage(back, 0, { dup: true });
});
