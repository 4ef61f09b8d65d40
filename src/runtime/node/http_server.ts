/** An HTTP server by `node:http`, whose requests and responses are those of the web. */
import { createServer, type IncomingMessage } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Host, HostHttpServer } from "../host_types.ts";

/** Serves HTTP or HTTPS until the signal. */
export const serve: Host["serve"] = async (options, handler): Promise<HostHttpServer> => {
  const { getRequestListener } = await import("@hono/node-server");
  const listener = getRequestListener((request, { incoming }) => {
    const { socket } = incoming as IncomingMessage;
    const { remoteAddress = "", remotePort = 0 } = socket;
    return handler(request, { remoteAddr: { transport: "tcp", hostname: remoteAddress, port: remotePort } });
  }, { overrideGlobalObjects: false });
  const { cert, key, hostname, port, signal } = options;
  const server = cert === undefined ? createServer(listener) : createSecureServer({ cert, key }, listener);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: hostname, port }, resolve);
  });
  server.removeAllListeners("error");
  const { address, port: actualPort } = server.address() as AddressInfo;
  const finished = new Promise<void>((resolve) => void server.once("close", resolve));
  const close = () => {
    server.close();
    // What is under way is answered to its end; who only keeps a connection open for later is not waited for.
    server.closeIdleConnections();
  };
  if (signal.aborted) close();
  else signal.addEventListener("abort", close, { once: true });
  options.onListen();
  return { addr: { transport: "tcp", hostname: address, port: actualPort }, finished };
};
