/** Limits of connections and packets. */
import { assert, assertEquals } from "@std/assert";
import { connectPacket } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const SERVER_UNAVAILABLE = 3;

const startWithTwoPlaces = () => startBroker({ listeners: { tcp: { bind: "127.0.0.1:0", maxConnections: 2 } } });

async function signInOverTcp(broker: TestBroker, clientIdentifier: string) {
  const client = await broker.openTcp();
  const connack = await client.connect({ clientIdentifier });
  return { client, returnCode: connack.reasonCode as number };
}

Deno.test("A connection over max-connections gets return code 3 and the close, not a place in a queue", async () => {
  await using broker = await startWithTwoPlaces();
  const first = await signInOverTcp(broker, "one");
  const second = await signInOverTcp(broker, "two");
  assertEquals([first.returnCode, second.returnCode], [0, 0]);
  const third = await signInOverTcp(broker, "three");
  assertEquals(third.returnCode, SERVER_UNAVAILABLE);
  await third.client.expectClosed();
  for (const { client } of [first, second]) await client.expectNothing();
  assert(broker.log.complains("max-connections"), broker.log.lines.join("\n"));
});

Deno.test("A place that a client leaves is free for the next", async () => {
  await using broker = await startWithTwoPlaces();
  await signInOverTcp(broker, "one");
  for (let times = 0; times < 5; times++) {
    const { client, returnCode } = await signInOverTcp(broker, "two");
    assertEquals(returnCode, 0);
    await client.disconnect();
  }
});

Deno.test("A connection over max-connections that says nothing is closed after a second", async () => {
  await using broker = await startWithTwoPlaces();
  await signInOverTcp(broker, "one");
  await signInOverTcp(broker, "two");
  const silent = await broker.openTcp();
  await (await signInOverTcp(broker, "three")).client.expectClosed();
  broker.clock.advance(2_500);
  await silent.expectClosed();
});

Deno.test("A rejected connection over the limit does not take over the client that is connected", async () => {
  await using broker = await startWithTwoPlaces();
  const first = await signInOverTcp(broker, "one");
  await signInOverTcp(broker, "two");
  assertEquals((await signInOverTcp(broker, "three")).returnCode, SERVER_UNAVAILABLE);
  await first.client.expectNothing();
});

Deno.test("A client that comes back to a full listener takes the place of its own former connection", async () => {
  await using broker = await startWithTwoPlaces();
  const first = await signInOverTcp(broker, "one");
  const second = await signInOverTcp(broker, "two");
  for (let times = 0; times < 5; times++) assertEquals((await signInOverTcp(broker, "one")).returnCode, 0);
  await first.client.expectClosed();
  await second.client.expectNothing();
  // It has still no more than one place.
  assertEquals((await signInOverTcp(broker, "three")).returnCode, SERVER_UNAVAILABLE);
});

Deno.test("Clients that close and come back at once are never refused for their own ghosts, in 3.1.1 and in 5.0", async () => {
  const places = 20;
  await using broker = await startBroker({ listeners: { tcp: { bind: "127.0.0.1:0", maxConnections: places } } });
  const comeBack = async (index: number, protocolVersion: 4 | 5) => {
    const codes: number[] = [];
    for (let times = 0; times < 5; times++) {
      const client = await broker.openTcp();
      codes.push((await client.connect({ clientIdentifier: `c${index}`, protocolVersion })).reasonCode);
      void client.close();
    }
    return codes;
  };
  const codes = await Promise.all(Array.from({ length: places }, (_, index) => comeBack(index, index % 2 ? 4 : 5)));
  assertEquals(codes.flat().filter((code) => code !== 0), []);
});

Deno.test("Connections that have not sent CONNECT take nobody's place", async () => {
  await using broker = await startWithTwoPlaces();
  await Promise.all(Array.from({ length: 10 }, () => broker.openTcp()));
  assertEquals((await signInOverTcp(broker, "one")).returnCode, 0);
  assertEquals((await signInOverTcp(broker, "two")).returnCode, 0);
  assertEquals((await signInOverTcp(broker, "three")).returnCode, SERVER_UNAVAILABLE);
});

Deno.test("Of clients whose sign-ins are decided at the same time no more get in than have a place", async () => {
  const decided = Promise.withResolvers<"allow">();
  let asked = 0;
  const all = Promise.withResolvers<void>();
  const authenticate = () => {
    if (++asked === 5) all.resolve();
    return decided.promise;
  };
  await using broker = await startBroker({
    listeners: { tcp: { bind: "127.0.0.1:0", maxConnections: 2 } },
    auth: { plugins: [hooks({ authenticate })] },
  });
  const signIns = Array.from({ length: 5 }, (_, index) => signInOverTcp(broker, `c${index}`));
  await all.promise;
  decided.resolve("allow");
  const codes = (await Promise.all(signIns)).map(({ returnCode }) => returnCode);
  assertEquals(codes.sort(), [0, 0, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE]);
});

Deno.test("A packet larger than max-packet-size closes the connection as soon as its length is known", async () => {
  await using broker = await startBroker({ maxPacketSize: 1000 });
  const client = await broker.connect();
  // PUBLISH with a remaining length of 1,000, and no more than its beginning.
  await client.send([0x30, 0xe8, 0x07, 0x00]);
  await client.expectClosed();
});

Deno.test("A packet of exactly max-packet-size is taken", async () => {
  await using broker = await startBroker({ maxPacketSize: 1000 });
  const client = await broker.connect();
  await client.subscribe("a");
  const payload = "x".repeat(1000 - 3 - 3);
  assertEquals(client.encode(client.publishPacket("a", payload)).length, 1000);
  await client.sendPublish("a", payload);
  await client.expectMessage({ payload });
  await client.sendPublish("a", payload + "x");
  await client.expectClosed();
});

Deno.test("A listener may have limits of its own", async () => {
  await using broker = await startBroker({
    maxPacketSize: 1000,
    listeners: { tcp: { bind: "127.0.0.1:0", maxPacketSize: 100 }, memory: { type: "external" } },
  });
  const wide = await broker.connect();
  await wide.publish("a", "x".repeat(500));
  const { client: narrow } = await signInOverTcp(broker, "narrow");
  await narrow.sendPublish("a", "x".repeat(500));
  await narrow.expectClosed();
});

Deno.test("Hundreds of connections that send rubbish, halves or nothing disturb nobody", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  let state = seed;
  const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) >>> 16;
  console.log(`seed ${seed}`);
  await using broker = await startBroker();
  const subscriber = await broker.connect();
  await subscriber.subscribe("a", 1);
  const publisher = await broker.connect();
  for (let round = 0; round < 20; round++) {
    for (let index = 0; index < 15; index++) {
      const client = broker.open();
      const connect = client.encode(connectPacket({ clientIdentifier: `r${round}-${index}` }));
      const rubbish = Uint8Array.from({ length: random() % 200 }, () => random() & 0xff);
      if (index % 3 === 0) void client.send(rubbish);
      else if (index % 3 === 1) void client.send(connect.subarray(0, random() % connect.length));
      else void client.send([...connect, ...rubbish]);
    }
    await publisher.publish("a", `${round}`, { qos: 1 });
    await subscriber.takeMessage({ payload: `${round}` });
  }
});
