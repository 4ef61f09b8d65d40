/**
 * aedes as it comes, on one listener; prints its port.
 *
 *     deno run -A aedes.ts tcp|tls|ws [CERTIFICATE KEY]
 */
import { Aedes } from "aedes";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { createWebSocketStream, WebSocketServer } from "ws";

const [transport, certificate = "", key = ""] = Deno.args;
const aedes = await Aedes.createBroker();

function listener() {
  if (transport === "tls") {
    return createTlsServer({ cert: readFileSync(certificate), key: readFileSync(key) }, aedes.handle);
  }
  if (transport !== "ws") return createServer(aedes.handle);
  const server = createHttpServer();
  new WebSocketServer({ server }).on("connection", (socket) => aedes.handle(createWebSocketStream(socket)));
  return server;
}

const server = listener();
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
