/** Calls a webhook for each alarm, and again until it answers; meanwhile the alarm waits in a session of its own. */
import { Broker, type LocalDelivery } from "@amqtt/broker";

/** A webhook for this example, which fails at first. */
let calls = 0;
await using hook = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
  console.log(`call ${++calls}: ${await request.text()}`);
  return new Response(null, { status: calls < 3 ? 503 : 204 });
});
const url = `http://127.0.0.1:${hook.addr.port}/`;

await using broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
await broker.start();
// With `persistence` in the config, what is not acknowledged comes again after a restart.
await using rule = await broker.openClient("alarm-rule", { sessionExpiryIntervalSeconds: 86_400, receiveMaximum: 10 });
await rule.subscribe("alarms/+", { qos: 1 });

async function serve({ message, acknowledge }: LocalDelivery): Promise<void> {
  const body = JSON.stringify({ topic: message.topicName, text: new TextDecoder().decode(message.payload) });
  for (let waitMs = 10;; waitMs = Math.min(2 * waitMs, 60_000)) {
    const response = await fetch(url, { method: "POST", body, signal: AbortSignal.timeout(5000) }).catch(() => null);
    await response?.body?.cancel();
    if (response?.ok) break;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  acknowledge();
}

await broker.publish("alarms/cellar", "water", { qos: 1 });
for await (const delivery of rule) {
  // Without `await` up to `receiveMaximum` alarms are under way at once.
  await serve(delivery);
  break; // A real one goes on.
}
console.log(broker.session("alarm-rule")?.messagesQueued, "alarms wait");
