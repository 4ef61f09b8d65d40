/** What is tested: a lamp that is switched by `lamps/{name}/set` and tells its state at `lamps/{name}/state`. */
import { connectAsync, type MqttClient } from "mqtt";

export async function startLamp(url: string, name: string): Promise<MqttClient> {
  const client = await connectAsync(url, {
    clientId: `lamp-${name}`,
    will: { topic: `lamps/${name}/state`, payload: "lost", qos: 1, retain: true },
  });
  client.on("message", (_topic, payload) => {
    client.publish(`lamps/${name}/state`, payload.toString() === "on" ? "on" : "off", { qos: 1, retain: true });
  });
  await client.subscribeAsync(`lamps/${name}/set`, { qos: 1 });
  return client;
}
