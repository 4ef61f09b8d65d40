/**
 * MQTT in the browser: serves a page that connects to the broker's WebSocket listener with MQTT.js.
 *
 *     deno run -A examples/browser.ts [PORT OF THE PAGE] [BIND OF THE BROKER]
 *
 * A page may connect if it comes from the listener's own host, as here, or if `origins` of the listener names it.
 */
import { Broker } from "@amqtt/broker";

const [port = "8000", bind = "127.0.0.1:8080"] = Deno.args;
await using broker = new Broker({
  listeners: { websocket: { type: "ws", bind, path: "/mqtt" } },
  auth: { allowAnonymous: true },
});
await broker.start();

const address = broker.addresses.websocket!;
const page = await Deno.readTextFile(new URL("browser.html", import.meta.url));
const pages: Record<string, readonly [type: string, body: string]> = {
  "/": ["text/html", page.replaceAll("{{url}}", `ws://${address.hostname}:${address.port}/mqtt`)],
  "/mqtt.js": ["text/javascript", await Deno.readTextFile(new URL(import.meta.resolve("mqtt/dist/mqtt.esm")))],
};

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: Number(port),
  onListen: ({ hostname, port }) => console.log(`http://${hostname}:${port}/`),
}, (request) => {
  const found = pages[new URL(request.url).pathname];
  if (found === undefined) return new Response("There is no such page.\n", { status: 404 });
  return new Response(found[1], { headers: { "Content-Type": `${found[0]}; charset=utf-8` } });
});
await server.finished;
