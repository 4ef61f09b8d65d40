import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { connectTestClient, hashPassword, startTestBroker, TestBroker } from "../../src/testing/testing.ts";
import { parsePasswordHash } from "../../src/plugins/password/password_hash.ts";
import { MqttJsClients } from "../support/mqtt_js.ts";

const text = (payload: Uint8Array) => new TextDecoder().decode(payload);

Deno.test("a broker of the kit serves a client of another make at its URL", async () => {
  await using broker = await startTestBroker();
  await using clients = new MqttJsClients();
  const { client } = await clients.connect(broker.url);
  const heard = broker.next("a/+");
  await client.publishAsync("a/b", "from afar", { qos: 1 });
  const { topicName, payload } = await heard;
  assertEquals([String(topicName), text(payload)], ["a/b", "from afar"]);
});

Deno.test("a broker of the kit tells its URL by the kind of its listener", async () => {
  await using broker = await startTestBroker({ listeners: { web: { type: "ws", bind: "127.0.0.1:0" } } });
  assertEquals(broker.url, `ws://127.0.0.1:${broker.addresses.web!.port}`);
  await using none = new TestBroker({ listeners: {} });
  assertThrows(() => none.url, Error, "it listens on no port");
});

Deno.test("next() brings what is retained, what comes meanwhile, and says what has not come", async () => {
  await using broker = await startTestBroker();
  await broker.publish("r", "kept", { retain: true });
  assertEquals(text((await broker.next("r")).payload), "kept");
  for (const payload of ["1", "2"]) await broker.publish("r", payload);
  assertEquals([text((await broker.next("r")).payload), text((await broker.next("r")).payload)], ["1", "2"]);
  await assertRejects(() => broker.next("none/#", 1), Error, "waited for a message for none/#: nothing came in 1 ms");
  const late = assertRejects(() => broker.next("late"), Error, "the broker has ended");
  await broker.shutdown();
  await late;
});

Deno.test("a message that comes after a call of next() gave up goes to the next call", async () => {
  await using broker = await startTestBroker();
  await assertRejects(() => broker.next("a", 1), Error, "nothing came");
  await broker.publish("a", "1");
  assertEquals(text((await broker.next("a")).payload), "1");
});

Deno.test("time passes when the clock is turned", async () => {
  await using broker = await startTestBroker();
  const quiet = await connectTestClient(broker, { clientIdentifier: "quiet", keepAliveSeconds: 10 });
  broker.clock.advance(14_000);
  await quiet.ping();
  broker.clock.advance(16_000);
  await quiet.closed;
  assertEquals(broker.clients, []);
  await quiet.lose();
});

Deno.test("keys of the config take the place of the kit's own", async () => {
  const hash = await hashPassword("secret");
  assertEquals(parsePasswordHash(hash).kind, "argon2id");
  assertEquals(parsePasswordHash(await hashPassword("secret", { scram: true })).kind, "scram-sha-256");
  await assertRejects(() => hashPassword(""), Error, "1 to 1024 bytes: got 0");
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, `user:${hash}\n`);
    await using broker = await startTestBroker({ auth: { passwordFile: file, allowAnonymous: false } });
    await using client = await connectTestClient(broker, { username: "user", password: "secret" });
    assertEquals(client.connack.reasonCode, 0);
    const refused = await assertRejects(() => connectTestClient(broker, { protocolVersion: 5 }));
    assertStringIncludes((refused as Error).message, "refuses CONNECT with code 0x8");
    assert(broker.clients.length === 1);
  } finally {
    await Deno.remove(file);
  }
});
