/**
 * MQTT over the web server that a program has anyway: `/mqtt` belongs to the broker, the rest to the program.
 *
 *     deno run -A examples/serve_upgrade.ts [PORT]
 */
import { Broker } from "@amqtt/broker";

const [port = "8000"] = Deno.args;
// `external` opens no socket. Handed-in connections need the config's word on anonymous clients.
await using broker = new Broker({
  listeners: { web: { type: "external" } },
  auth: { allowAnonymous: true },
});
await broker.start();

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  onListen: ({ hostname, port }) => console.log(`http://${hostname}:${port}/`),
}, (request) => {
  if (new URL(request.url).pathname === "/mqtt") return broker.upgrade(request);
  return new Response(`${broker.clients.length} clients are connected.\n`);
});
await server.finished;
