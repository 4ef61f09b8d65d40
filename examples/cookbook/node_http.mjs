// Pages and MQTT over WebSocket on one port of node:http, under Node 20.10 and later, Bun or Deno.
import { Broker } from "@amqtt/broker";
import { createServer } from "node:http";
import process from "node:process";

const broker = new Broker({ listeners: { web: { type: "external" } }, auth: { allowAnonymous: true } });
await broker.start();

const server = createServer((_request, response) => response.end(`${broker.clients.length} clients are connected.\n`));
server.on("upgrade", (request, socket, head) => {
  if (request.url === "/mqtt") broker.upgradeSocket(request, socket, head);
  else socket.destroy();
});
server.listen(Number(process.argv[2] ?? 8080), "127.0.0.1", () => {
  console.log(`http://127.0.0.1:${server.address().port}/`);
});

process.once("SIGTERM", async () => {
  server.close();
  await broker.shutdown();
  process.exit(0);
});
