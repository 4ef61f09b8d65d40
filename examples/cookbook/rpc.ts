/** Request and response between the program and a client on the wire, in both directions. */
import { Buffer } from "node:buffer";
import { Broker } from "@amqtt/broker";
import { connectAsync } from "mqtt";

await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
await broker.start();
const client = await connectAsync(`mqtt://127.0.0.1:${broker.addresses.tcp!.port}`, { protocolVersion: 5 });

// The client responds to the program.
client.on("message", (topic, payload, { properties }) => {
  if (topic !== "client/upper" || !properties?.responseTopic) return;
  const { responseTopic, correlationData } = properties;
  client.publish(responseTopic, String(payload).toUpperCase(), { qos: 1, properties: { correlationData } });
});
await client.subscribeAsync("client/upper", { qos: 1 });
const reply = await broker.request("client/upper", "hello", { signal: AbortSignal.timeout(5000) });
console.log(new TextDecoder().decode(reply.payload)); // HELLO

// The program responds to the client.
broker.respond("program/add", ({ payload }) => {
  const numbers: number[] = JSON.parse(new TextDecoder().decode(payload));
  return String(numbers.reduce((sum, number) => sum + number, 0));
});
const response = new Promise<string>((resolve) =>
  client.on("message", (topic, payload, { properties }) => {
    if (topic === "answers" && String(properties?.correlationData) === "1") resolve(String(payload));
  })
);
await client.subscribeAsync("answers", { qos: 1 });
const properties = { responseTopic: "answers", correlationData: Buffer.from("1") };
await client.publishAsync("program/add", "[1, 2]", { qos: 1, properties });
console.log(await response); // 3
await client.endAsync();
