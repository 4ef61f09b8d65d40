/** MQTT over WebSocket (MQTT 3.1.1 §6). */
import { assertEquals, assertRejects } from "@std/assert";
import { connectPacket, RawClient, subscribePacket } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";
import { type WebSocketDuplex, webSocketDuplex } from "../support/web_socket_duplex.ts";

const startWithWebSocket = () =>
  startBroker({ listeners: { ws: { type: "ws", bind: "127.0.0.1:0" }, memory: { type: "external" } } });

const urlOf = (broker: TestBroker) => `ws://127.0.0.1:${broker.broker.addresses.ws!.port}/mqtt`;

/** Runs the test with an open WebSocket, and closes it. */
async function withSocket(test: (client: RawClient, duplex: WebSocketDuplex) => Promise<void>): Promise<void> {
  await using broker = await startWithWebSocket();
  const duplex = await webSocketDuplex(urlOf(broker));
  const client = new RawClient(duplex);
  await test(client, duplex);
  await client.close();
  await duplex.closed;
}

Deno.test("The subprotocol is mqtt [MQTT-6.0.0-4] 3.1.1", () =>
  withSocket((_, { socket }) => {
    assertEquals(socket.protocol, "mqtt");
    return Promise.resolve();
  }));

Deno.test("The subprotocol is mqtt if it is offered among others [MQTT-6.0.0-4] 3.1.1", async () => {
  await using broker = await startWithWebSocket();
  for (const [offered, selected] of [[["soap", "mqtt"], "mqtt"], [["mqttv3.1"], "mqttv3.1"]] as const) {
    const duplex = await webSocketDuplex(urlOf(broker), [...offered]);
    assertEquals(duplex.socket.protocol, selected);
    duplex.close();
    await duplex.closed;
  }
});

Deno.test("A request without the subprotocol is refused [MQTT-6.0.0-3] 3.1.1", async () => {
  await using broker = await startWithWebSocket();
  for (const protocols of [[], ["soap"]]) {
    await assertRejects(() => webSocketDuplex(urlOf(broker), protocols), Error, "refused");
  }
});

Deno.test("Packets go both ways in binary frames [MQTT-6.0.0-1] 3.1.1", () =>
  withSocket(async (client) => {
    assertEquals((await client.connect()).reasonCode, 0);
    await client.subscribe("a", 2);
    for (const payload of ["", "m", "x".repeat(200_000)]) {
      await client.sendPublish("a", payload);
      await client.expectMessage({ payload });
    }
  }));

Deno.test("A text frame closes the connection [MQTT-6.0.0-1] 3.1.1", () =>
  withSocket(async (client, { socket, closed }) => {
    await client.connect();
    socket.send("\xc0\x00");
    await client.expectClosed();
    await closed;
  }));

Deno.test("A packet may span frames [MQTT-6.0.0-2] 3.1.1", () =>
  withSocket(async (client) => {
    for (const byte of client.encode(connectPacket())) await client.send([byte]);
    assertEquals((await client.expect("Connack")).reasonCode, 0);
  }));

Deno.test("Packets may share a frame [MQTT-6.0.0-2] 3.1.1", () =>
  withSocket(async (client) => {
    await client.sendPacket(connectPacket(), subscribePacket(1, [["a", 0]]), client.publishPacket("a", "m"));
    await client.expect("Connack");
    await client.expect("Suback");
    await client.expectMessage({ payload: "m" });
  }));

Deno.test("A frame may end in the middle of the next packet [MQTT-6.0.0-2] 3.1.1", () =>
  withSocket(async (client) => {
    const bytes = client.encode(connectPacket(), subscribePacket(1, [["a", 0]]), client.publishPacket("a", "m"));
    for (let at = 0; at < bytes.length; at += 7) await client.send(bytes.subarray(at, at + 7));
    await client.expect("Connack");
    await client.expect("Suback");
    await client.expectMessage({ payload: "m" });
  }));

Deno.test("What breaks the protocol closes the WebSocket, too", () =>
  withSocket(async (client, { closed }) => {
    await client.connect();
    await client.send([0xf0, 0]);
    await client.expectClosed();
    await closed;
  }));

Deno.test("DISCONNECT ends a WebSocket without the will; its loss publishes it", async () => {
  await using broker = await startWithWebSocket();
  const witness = await broker.connect();
  await witness.subscribe("will");
  for (const polite of [true, false]) {
    const duplex = await webSocketDuplex(urlOf(broker));
    const client = new RawClient(duplex);
    await client.connect({ will: { topicName: "will", payload: polite ? "no" : "yes" } });
    if (polite) await client.disconnect();
    else await client.close();
    await duplex.closed;
  }
  await witness.expectMessage({ payload: "yes" });
});
