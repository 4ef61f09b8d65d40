/** MQTT over a unix socket, for programs of this machine: no port, and the file's permissions say who may connect. */
import { connect } from "node:net";
import { Broker } from "@amqtt/broker";
import { MqttClient } from "mqtt";

const folder = await Deno.makeTempDir();
{
  await using broker = new Broker({ listeners: { local: { bind: `unix:${folder}/mqtt.sock` } } });
  await broker.start();

  const client = new MqttClient(() => connect(`${folder}/mqtt.sock`), {});
  client.on("message", (topic, payload) => {
    console.log(`${topic}: ${payload}`);
    client.end();
  });
  await client.subscribeAsync("hello");
  await client.publishAsync("hello", "over a unix socket");
  await new Promise<void>((resolve) => client.once("close", () => resolve()));
}
await Deno.remove(folder, { recursive: true });
