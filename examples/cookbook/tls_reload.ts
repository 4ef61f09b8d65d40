/**
 * TLS whose certificate is read again at SIGHUP, without anybody being cut off. Ends with Ctrl-C.
 *
 *     deno run -A examples/cookbook/tls_reload.ts server.pem server.key
 */
import { Broker } from "@amqtt/broker";

const [certfile = "server.pem", keyfile = "server.key", bind = "127.0.0.1:8883"] = Deno.args;
const broker = new Broker({ listeners: { tls: { bind, ssl: true, certfile, keyfile } } });
await broker.start();
console.log(`mqtts://127.0.0.1:${broker.addresses.tls!.port}`);

Deno.addSignalListener("SIGHUP", async () => {
  const { certificates, failed } = await broker.reload();
  console.log("read again:", certificates);
  for (const { place, reason } of failed) console.error(`${place}: ${reason}; the old one stays`);
});
await new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
});
await broker.shutdown();
Deno.exit();
