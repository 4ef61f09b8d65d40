/** WebSockets that a web server of `node:http` or `node:https` hands over with its event `upgrade`. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { createServer, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, connect } from "node:net";
import { type Accepted, Broker, type UpgradeOptions } from "../../mod.ts";
import { makeAuthority } from "../support/certificates.ts";
import { MqttJsClients } from "../support/mqtt_js.ts";
import { patiently } from "../support/patience.ts";
import { RawClient } from "../support/raw_client.ts";
import { CollectingLogger } from "../support/test_broker.ts";
import { webSocketDuplex } from "../support/web_socket_duplex.ts";

/** A program with a web server and a broker; it ends both. */
class HostProgram implements AsyncDisposable {
  readonly log = new CollectingLogger();
  /** What came of each request. */
  readonly results: Promise<Accepted | undefined>[] = [];
  readonly broker: Broker;

  constructor(readonly server: Server, options: UpgradeOptions = {}) {
    const listeners = { web: { type: "external" }, other: { type: "external" } } as const;
    this.broker = new Broker({ listeners, auth: { allowAnonymous: true } }, { logger: this.log });
    server.on("upgrade", (request, socket, head) => {
      const result = this.broker.upgradeSocket(request, socket, head, { listener: "web", ...options });
      result.catch(() => {});
      this.results.push(result);
    });
  }

  async start(): Promise<this> {
    await this.broker.start();
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    return this;
  }

  get address(): string {
    return `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    await this.broker.shutdown();
    await patiently("the web server to close", closed);
  }
}

/** Sends a request as it stands and reads all that is answered. */
async function answerTo(address: string, text: string): Promise<string> {
  const [hostname, port] = address.split(":");
  const socket = connect({ host: hostname, port: Number(port) });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  let answer = "";
  socket.setEncoding("latin1").on("data", (piece: string) => answer += piece).on("error", () => {});
  socket.write(text, "latin1");
  await patiently("an answer", closed);
  return answer;
}

const upgradeRequest = (fields: string) =>
  "GET /mqtt HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${fields}\r\n`;

Deno.test("A web server of node:http can carry MQTT", async () => {
  await using program = await new HostProgram(createServer((_, response) => response.end("a page"))).start();
  assertEquals(
    await (await fetch(`http://${program.address}/`, { headers: { Connection: "close" } })).text(),
    "a page",
  );
  const duplex = await webSocketDuplex(`ws://${program.address}/mqtt`);
  const client = new RawClient(duplex);
  assertEquals((await client.connect({ clientIdentifier: "web" })).reasonCode, 0);
  await client.subscribe("a", 2);
  for (const payload of ["", "m", "x".repeat(300_000)]) {
    await client.sendPublish("a", payload);
    await client.expectMessage({ payload });
  }
  const [{ listener, remote } = assertClient()] = program.broker.clients;
  assertEquals([listener, remote.hostname, typeof remote.port], ["web", "127.0.0.1", "number"]);
  await client.close();
  await duplex.closed;
  await (await program.results[0])!.closed;
});

function assertClient(): never {
  throw new Error("no client is connected");
}

Deno.test("A web server of node:https can carry MQTT, for several clients at a time", async () => {
  const { certificate: cert, key } = makeAuthority().issue({ commonName: "localhost", sans: ["IP:127.0.0.1"] });
  await using program = await new HostProgram(createSecureServer({ cert, key }) as unknown as Server).start();
  await using clients = new MqttJsClients();
  const options = { rejectUnauthorized: false } as const;
  const [one, other] = await Promise.all(
    ([4, 5] as const).map((protocolVersion) =>
      clients.connect(`wss://${program.address}/mqtt`, { ...options, protocolVersion })
    ),
  );
  await one!.client.subscribeAsync("a", { qos: 1 });
  await other!.client.publishAsync("a", "over TLS", { qos: 1 });
  await one!.inbox.expect("a over TLS 1 0");
});

Deno.test("A request that is no WebSocket for MQTT is answered with a sentence", async () => {
  await using program = await new HostProgram(createServer()).start();
  const noSubprotocol = await answerTo(program.address, upgradeRequest(""));
  assertMatch(
    noSubprotocol,
    /^HTTP\/1\.1 400 Bad Request\r\n[^]*Connection: close\r\n[^]*subprotocol mqtt or mqttv3\.1/,
  );
  const foreign = upgradeRequest("Sec-WebSocket-Protocol: mqtt\r\nOrigin: https://evil.example\r\n");
  assertMatch(await answerTo(program.address, foreign), /^HTTP\/1\.1 403 Forbidden\r\n/);
  assertEquals(await Promise.all(program.results), [undefined, undefined]);
  assertMatch(
    await program.log.line(/evil/),
    /127\.0\.0\.1:\d+, listener web: pages of origin .*listeners\.web\.origins/,
  );
});

Deno.test("What came behind the request is read", async () => {
  await using program = await new HostProgram(createServer()).start();
  // CONNECT and DISCONNECT of 3.1.1, with a mask of zeros.
  const packets = "\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a\xe0\0";
  const frames = `\x82\x91\0\0\0\0${packets}`;
  const answer = await answerTo(program.address, upgradeRequest("Sec-WebSocket-Protocol: mqtt\r\n") + frames);
  assertMatch(answer, /^HTTP\/1\.1 101 Switching Protocols\r\n[^]*Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/);
  assertEquals(answer.split("\r\n\r\n")[1]!.slice(0, 6), "\x82\x04\x20\x02\0\0");
});

Deno.test("A socket that is handed over while the broker does not run is answered 503", async () => {
  await using program = await new HostProgram(createServer()).start();
  await program.broker.shutdown();
  const answer = await answerTo(program.address, upgradeRequest("Sec-WebSocket-Protocol: mqtt\r\n"));
  assertMatch(answer, /^HTTP\/1\.1 503 Service Unavailable\r\n[^]*The broker is not running\n$/);
});

Deno.test("A listener that does not exist is an error, and the socket is closed", async () => {
  await using program = await new HostProgram(createServer(), { listener: "wbe" }).start();
  assertEquals(await answerTo(program.address, upgradeRequest("Sec-WebSocket-Protocol: mqtt\r\n")), "");
  const expected = 'Cannot upgrade a socket: there is no listener "wbe": expected one of web, other';
  await assertRejects(() => program.results[0]!, Error, expected);
});

Deno.test("A socket that was closed before it is handed over is over at once", async () => {
  await using broker = new Broker({ listeners: { web: { type: "external" } }, connectTimeout: 3600 });
  await broker.start();
  const server = createServer();
  const upgraded = new Promise<Parameters<Broker["upgradeSocket"]>>((resolve) => {
    // The program asks somebody whether this client may come, which takes longer than the client stays.
    server.on("upgrade", (request, socket, head) => {
      socket.once("close", () => resolve([request, socket, head])).destroy();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await answerTo(`127.0.0.1:${port}`, upgradeRequest("Sec-WebSocket-Protocol: mqtt\r\n"));
  const accepted = await broker.upgradeSocket(...await upgraded);
  await patiently("the connection to be over", accepted!.closed);
  await new Promise((resolve) => server.close(resolve));
});

Deno.test("What is no socket of Node is an error", async () => {
  await using broker = new Broker({ listeners: { web: { type: "external" } } });
  const misuse = broker.upgradeSocket(new Request("http://localhost/") as never, undefined as never, new Uint8Array());
  await assertRejects(
    () => misuse,
    Error,
    "Cannot upgrade a socket: it must be given the request, the socket and the head",
  );
});

Deno.test("The program may say where the client is", async () => {
  const remote = { hostname: "192.0.2.7", port: 4000 };
  await using program = await new HostProgram(createServer(), { remote }).start();
  const duplex = await webSocketDuplex(`ws://${program.address}/mqtt`);
  const client = new RawClient(duplex);
  await client.connect();
  assertEquals(program.broker.clients[0]?.remote, remote);
  await client.close();
  await duplex.closed;
});
