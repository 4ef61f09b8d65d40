/** MQTT 5.0 over WebSocket (§6). */
import { assertEquals } from "@std/assert";
import { connectPacket, RawClient, subscribePacket } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";
import { type WebSocketDuplex, webSocketDuplex } from "../support/web_socket_duplex.ts";

const startWithWebSocket = () => startBroker({ listeners: { ws: { type: "ws", bind: "127.0.0.1:0" } } });

const openSocket = (broker: TestBroker, protocols?: string[]) =>
  webSocketDuplex(`ws://127.0.0.1:${broker.broker.addresses.ws!.port}/mqtt`, protocols);

/** Runs the test with an open WebSocket, and closes it. */
async function withSocket(test: (client: RawClient, duplex: WebSocketDuplex) => Promise<void>): Promise<void> {
  await using broker = await startWithWebSocket();
  const duplex = await openSocket(broker);
  const client = new RawClient(duplex);
  await test(client, duplex);
  await client.close();
  await duplex.closed;
}

const connect5 = connectPacket({ protocolVersion: 5, userProperties: [["k", "v"]] });

Deno.test("[MQTT-6.0.0-4] 5.0: the subprotocol is mqtt", async () => {
  await using broker = await startWithWebSocket();
  for (const offered of [["mqtt"], ["soap", "mqtt"], ["mqtt", "mqttv3.1"]]) {
    const duplex = await openSocket(broker, offered);
    assertEquals(duplex.socket.protocol, "mqtt");
    duplex.close();
    await duplex.closed;
  }
});

Deno.test("[MQTT-6.0.0-1] 5.0: packets go both ways in binary frames", () =>
  withSocket(async (client) => {
    assertEquals((await client.connect({ protocolVersion: 5 })).reasonCode, 0);
    await client.subscribe("a", 2);
    for (const payload of ["", "m", "x".repeat(200_000)]) {
      await client.sendPublish("a", payload, { properties: { contentType: "text" } });
      await client.expectMessage({ payload, properties: { contentType: "text" } });
    }
  }));

Deno.test("[MQTT-6.0.0-1] 5.0: a text frame closes the connection", () =>
  withSocket(async (client, { socket, closed }) => {
    await client.connect({ protocolVersion: 5 });
    socket.send("\xc0\x00");
    await client.expectClosed();
    await closed;
  }));

Deno.test("[MQTT-6.0.0-2] 5.0: a packet may span frames, and frames may hold parts of several packets", () =>
  withSocket(async (client) => {
    for (const byte of client.encode(connect5)) await client.send([byte]);
    assertEquals((await client.expect("Connack")).reasonCode, 0);
    const bytes = client.encode(subscribePacket(1, [["a", 0]]), client.publishPacket("a", "m"));
    for (let at = 0; at < bytes.length; at += 7) await client.send(bytes.subarray(at, at + 7));
    await client.expect("Suback");
    await client.expectMessage({ payload: "m" });
  }));

Deno.test("[MQTT-6.0.0-2] 5.0: packets may share a frame", () =>
  withSocket(async (client) => {
    await client.sendPacket(connect5, subscribePacket(1, [["a", 0]]), client.publishPacket("a", "m"));
    await client.expect("Connack");
    await client.expect("Suback");
    await client.expectMessage({ payload: "m" });
  }));

Deno.test("The last DISCONNECT still arrives before the WebSocket is closed", () =>
  withSocket(async (client, { closed }) => {
    await client.connect({ protocolVersion: 5 });
    await client.send([0xc1, 0]);
    await client.expectDisconnect(0x81);
    await closed;
  }));
