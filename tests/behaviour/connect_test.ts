/** CONNECT and CONNACK (MQTT 3.1.1 §3.1, §3.2). */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { SignIn } from "../../src/hooks/plugin.ts";
import { connectPacket, subscribePacket } from "../support/raw_client.ts";
import { anybody, hooks, startBroker } from "../support/test_broker.ts";

const UNACCEPTABLE_PROTOCOL_LEVEL = 1;
const IDENTIFIER_REJECTED = 2;

Deno.test("A CONNECT is answered with CONNACK 0 [MQTT-3.1.4-4] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  assertEquals((await client.connect()).reasonCode, 0);
  await client.expectNothing();
});

Deno.test("A CONNECT is answered over TCP, too [MQTT-7.1.1-1] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = await broker.openTcp();
  assertEquals((await client.connect()).reasonCode, 0);
  await client.subscribe("a", 1);
  await client.sendPublish("a", "x".repeat(100_000));
  await client.expectMessage({ topicName: "a", payload: "x".repeat(100_000) });
});

Deno.test("A CONNECT may come one byte at a time", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  for (const byte of client.encode(connectPacket())) await client.send([byte]);
  await client.expect("Connack");
});

Deno.test("CONNACK comes before messages that wait for the session [MQTT-3.2.0-1] 3.1.1", async () => {
  await using broker = await startBroker();
  const first = await broker.connect({ clientIdentifier: "s", clean: false });
  await first.subscribe("a", 1);
  await first.disconnect();
  await broker.broker.publish("a", "waiting", { qos: 1 });
  const second = broker.open();
  await second.sendConnect({ clientIdentifier: "s", clean: false });
  await second.expect("Connack");
  await second.expectMessage({ payload: "waiting" });
});

Deno.test("Packets that follow CONNECT at once are served after it", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  await client.sendPacket(connectPacket(), subscribePacket(1, [["a", 0]]), client.publishPacket("a", "m"));
  await client.expect("Connack");
  await client.expect("Suback");
  await client.expectMessage({ topicName: "a", payload: "m" });
});

Deno.test("A second CONNECT ends the connection as if it were lost [MQTT-3.1.0-2] 3.1.1", async () => {
  await using broker = await startBroker();
  const witness = await broker.connect();
  await witness.subscribe("will");
  const client = await broker.connect({ clientIdentifier: "a", will: { topicName: "will", payload: "gone" } });
  await client.sendConnect({ clientIdentifier: "a" });
  await client.expectClosed();
  await witness.expectMessage({ payload: "gone" });
});

Deno.test("A first packet other than CONNECT ends the connection without an answer [MQTT-3.1.0-1] 3.1.1", async () => {
  await using broker = await startBroker();
  for (const bytes of [[0xc0, 0], [0x30, 3, 0, 1, 0x61], [0xe0, 0], [0x82, 6, 0, 1, 0, 1, 0x61, 0]]) {
    const client = broker.open();
    await client.send(bytes);
    await client.expectClosed();
  }
});

Deno.test("A protocol name that is unknown ends the connection without CONNACK [MQTT-3.1.2-1] 3.1.1", async () => {
  await using broker = await startBroker();
  for (const name of ["MQTX", "mqtt", "", "MQIsdpX", "HTTP"]) {
    const client = broker.open();
    await client.send(connectBytes(name, 4));
    await client.expectClosed();
  }
});

Deno.test("A protocol level that is not served gets return code 1 [MQTT-3.1.2-2] 3.1.1", async () => {
  await using broker = await startBroker();
  for (const [name, level] of [["MQTT", 0], ["MQTT", 3], ["MQTT", 0x85], ["MQTT", 255], ["MQIsdp", 9]] as const) {
    const client = broker.open();
    await client.send(connectBytes(name, level));
    const connack = await client.expect("Connack");
    assertEquals(
      [connack.reasonCode, connack.sessionPresent],
      [UNACCEPTABLE_PROTOCOL_LEVEL, false],
      `${name} ${level}`,
    );
    await client.expectClosed();
  }
});

Deno.test("The reserved flag in CONNECT ends the connection [MQTT-3.1.2-3] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  await client.send(connectBytes("MQTT", 4, 0x03));
  await client.expectClosed();
});

Deno.test("Identifiers of 1 to 23 letters and digits are let in [MQTT-3.1.3-5] 3.1.1", async () => {
  await using broker = await startBroker();
  for (const id of ["0", "abcdefghijklmnopqrstuvw", "ABCDEFGHIJKLMNOPQRSTUVW", "xyzXYZ0123456789"]) {
    await broker.connect({ clientIdentifier: id });
  }
});

Deno.test("Long identifiers and all of Unicode are let in, too", async () => {
  await using broker = await startBroker();
  for (const id of ["x".repeat(1000), "Gerät/7 🚀", "with space", "\uFEFFbom"]) {
    await broker.connect({ clientIdentifier: id });
    assert(broker.broker.clients.some((client) => client.clientIdentifier === id), id);
  }
});

Deno.test("A client with an empty identifier gets one of its own [MQTT-3.1.3-6] 3.1.1", async () => {
  await using broker = await startBroker();
  const clients = [await broker.connect({ clientIdentifier: "" }), await broker.connect({ clientIdentifier: "" })];
  const [one, other] = broker.broker.clients.map((client) => client.clientIdentifier);
  assertNotEquals(one, other);
  assert(one && other, "identifiers are not empty");
  for (const client of clients) await client.expectNothing();
});

Deno.test(
  "An empty identifier without clean session gets return code 2 and the close " +
    "[MQTT-3.1.3-7] 3.1.1 [MQTT-3.1.3-8] 3.1.1 [MQTT-3.1.3-9] 3.1.1 [MQTT-3.2.2-4] 3.1.1 [MQTT-3.2.2-5] 3.1.1",
  async () => {
    await using broker = await startBroker();
    const client = broker.open();
    const connack = await client.connect({ clientIdentifier: "", clean: false });
    assertEquals([connack.reasonCode, connack.sessionPresent], [IDENTIFIER_REJECTED, false]);
    await client.expectClosed();
  },
);

Deno.test("Nothing behind a rejected CONNECT is processed [MQTT-3.1.4-5] 3.1.1", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  const publish = client.publishPacket("a", "m", { retain: true });
  await client.sendPacket(connectPacket({ clientIdentifier: "", clean: false }), publish);
  assertEquals((await client.expect("Connack")).reasonCode, IDENTIFIER_REJECTED);
  await client.expectClosed();
  assertEquals(broker.broker.retained.size, 0);
});

Deno.test(
  "The payload is read as identifier, will topic, will message, user name, password " +
    "[MQTT-3.1.3-1] 3.1.1 [MQTT-3.1.3-3] 3.1.1 [MQTT-3.1.2-9] 3.1.1 [MQTT-3.1.2-19] 3.1.1 [MQTT-3.1.2-21] 3.1.1",
  async () => {
    const seen: SignIn[] = [];
    const authenticate = (signIn: SignIn) => (seen.push(signIn), "allow" as const);
    await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
    await broker.connect({
      clientIdentifier: "one",
      will: { topicName: "two", payload: "three", qos: 2, retain: true },
      username: "four",
      password: "five",
      keepAliveSeconds: 60,
    });
    const { clientIdentifier, will, username, password, keepAliveSeconds, cleanStart } = seen[0]!;
    assertEquals([clientIdentifier, will?.topicName, will?.qos, will?.retain], ["one", "two", 2, true]);
    assertEquals([text(will?.payload), username, text(password)], ["three", "four", "five"]);
    assertEquals([keepAliveSeconds, cleanStart], [60, true]);
  },
);

Deno.test(
  "Without their flags there is neither user name nor password [MQTT-3.1.2-18] 3.1.1 [MQTT-3.1.2-20] 3.1.1",
  async () => {
    const seen: SignIn[] = [];
    const authenticate = (signIn: SignIn) => (seen.push(signIn), "allow" as const);
    await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
    await broker.connect();
    await broker.connect({ username: "u" });
    assertEquals(seen.map(({ username, password }) => [username, password]), [
      [undefined, undefined],
      ["u", undefined],
    ]);
  },
);

Deno.test("A user name and password may be empty", async () => {
  await using broker = await startBroker({ auth: anybody });
  await broker.connect({ username: "", password: "" });
});

Deno.test("A user name that nobody vouches for gets return code 4 or 5 and the close", async () => {
  await using broker = await startBroker();
  const client = broker.open();
  const connack = await client.connect({ username: "eve", password: "x" });
  assert(connack.reasonCode as number === 4 || connack.reasonCode as number === 5, `got ${connack.reasonCode}`);
  await client.expectClosed();
  assertEquals(broker.broker.clients, []);
});

function text(bytes: Uint8Array | undefined): string | undefined {
  return bytes && new TextDecoder().decode(bytes);
}

/** A CONNECT of client "a", with the fields in front as given. */
function connectBytes(protocolName: string, level: number, flags = 0x02): number[] {
  const name = [...new TextEncoder().encode(protocolName)];
  const rest = [0, name.length, ...name, level, flags, 0, 0, 0, 1, 0x61];
  return [0x10, rest.length, ...rest];
}
