/** Two brokers of one kind with a bridge between them: messages go in at the one, and come out of the other. */
import mqtt from "mqtt";
import type { RunningBroker } from "./brokers.ts";

const TOPIC = "load/ready";
const ASK_MS = 50;
const PATIENCE_MS = 20_000;

/**
 * Joins two brokers.
 *
 * @param start starts a broker; with a port, one that has a bridge to the broker there
 * @returns the far one, with the near one's port
 */
export async function joined(start: (farPort: number | undefined) => Promise<RunningBroker>): Promise<RunningBroker> {
  const far = await start(undefined);
  try {
    const near = await start(far.port);
    const stop = async () => {
      await near.stop();
      await far.stop();
    };
    await crosses(near.port, far.port).catch(async (error) => {
      await near.stop();
      throw error;
    });
    return { ...far, publishPort: near.port, stop };
  } catch (error) {
    await far.stop();
    throw error;
  }
}

/** Resolves once a message has come from the one to the other. */
export async function crosses(fromPort: number, toPort: number): Promise<void> {
  const clients = await Promise.all([fromPort, toPort].map((port) => mqtt.connectAsync(`mqtt://127.0.0.1:${port}`)));
  const [from, to] = clients as [mqtt.MqttClient, mqtt.MqttClient];
  const arrived = Promise.withResolvers<void>();
  to.once("message", () => arrived.resolve());
  await to.subscribeAsync(TOPIC, { qos: 1 });
  const asking = setInterval(() => from.publish(TOPIC, "", { qos: 1 }), ASK_MS);
  const late = setTimeout(() => arrived.reject(new Error("nothing crosses the bridge")), PATIENCE_MS);
  try {
    await arrived.promise;
  } finally {
    clearInterval(asking);
    clearTimeout(late);
    await Promise.all(clients.map((client) => client.endAsync(true)));
  }
}
