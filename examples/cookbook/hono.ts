/** Pages and an API with Hono, and MQTT over WebSocket at /mqtt of the same port. Ends with Ctrl-C. */
import { Broker } from "@amqtt/broker";
import { Hono } from "hono";

const broker = new Broker({ listeners: { web: { type: "external" } }, auth: { allowAnonymous: true } });
await broker.start();

const app = new Hono<{ Bindings: Deno.ServeHandlerInfo<Deno.NetAddr> }>();
app.get("/", (c) => c.text(`${broker.clients.length} clients are connected.\n`));
app.get("/mqtt", (c) => broker.upgrade(c.req.raw, { remote: c.env.remoteAddr }));
app.put("/topics/:name{.+}", async (c) => {
  const { subscribers } = await broker.publish(c.req.param("name"), await c.req.arrayBuffer(), { qos: 1 });
  return c.json({ subscribers });
});

const server = Deno.serve({
  hostname: "127.0.0.1",
  port: Number(Deno.args[0] ?? 8000),
  onListen: ({ hostname, port }) => console.log(`http://${hostname}:${port}/`),
}, app.fetch);
await new Promise<void>((resolve) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, resolve);
});
await broker.shutdown(); // Before the server, which waits for its connections.
await server.shutdown();
Deno.exit();
