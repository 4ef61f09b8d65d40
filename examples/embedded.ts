/**
 * A broker inside a program, which prints what clients publish below `sensors/` until Ctrl-C.
 *
 *     deno run -A examples/embedded.ts [BIND]
 */
import { Broker } from "@amqtt/broker";

const [bind = "127.0.0.1:1883"] = Deno.args;
await using broker = new Broker({
  listeners: { tcp: { bind } },
  auth: { allowAnonymous: true },
  maxPacketSize: 1024 * 1024,
});
await broker.start();

const { hostname, port } = broker.addresses.tcp!;
console.log(`mqtt://${hostname}:${port}`);

const shutdown = () => void broker.shutdown();
Deno.addSignalListener("SIGINT", shutdown);

// From the call on; the loop ends when the broker is shut down.
const messages = broker.subscribe("sensors/#", { qos: 1 });
await broker.publish("sensors/example", "21.5", { qos: 1, retain: true });
for await (const { topicName, payload, publisher = "this program" } of messages) {
  console.log(`${topicName}: ${new TextDecoder().decode(payload)} (from ${publisher})`);
}
Deno.removeSignalListener("SIGINT", shutdown);
