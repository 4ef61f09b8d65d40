/** Ends at a signal: wills are published, clients are told, what was acknowledged is on the disk. */
import { Broker } from "@amqtt/broker";

const stop = new AbortController();
const onSignal = () => stop.abort();
const signals = ["SIGINT", "SIGTERM"] as const;
for (const signal of signals) Deno.addSignalListener(signal, onSignal);

const broker = new Broker({
  listeners: { tcp: { bind: Deno.args[0] ?? "127.0.0.1:1883" } },
  persistence: { type: "sqlite", path: Deno.args[1] ?? "broker.sqlite" },
});
await broker.start({ signal: stop.signal });
console.log(`mqtt://127.0.0.1:${broker.addresses.tcp!.port}`);

// The loop ends at the shutdown, that is, with the signal.
for await (const { topicName } of broker.subscribe("#")) console.log(topicName);
await broker.shutdown(); // Resolves when all is closed.
console.log("closed");
for (const signal of signals) Deno.removeSignalListener(signal, onSignal);
