import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { WebSocket as NodeWebSocket } from "ws";
import { ListenError } from "../../src/transport/listen_error.ts";
import type { Listener, Transport } from "../../src/transport/transport.ts";
import { upgradeRequest } from "../../src/transport/websocket/runtime_socket.ts";
import { listenWebSocket, type WebSocketListenOptions } from "../../src/transport/websocket/listener.ts";
import type { IssuedCertificate } from "../support/certificates.ts";
import {
  connectTcp,
  connectTls,
  ended,
  nextOf,
  readBytes,
  RecordingLogger,
  TlsFolder,
  UNHURRIED_SECONDS,
} from "./support.ts";
import { maskedFrame, openingRequest, RawWebSocket } from "./websocket_client.ts";

interface Fixture {
  readonly listener: Listener;
  readonly logger: RecordingLogger;
  /** Opens a WebSocket and gives both ends. */
  connect(): Promise<[ours: Transport, client: RawWebSocket]>;
  next(): Promise<Transport>;
}

async function withListener(
  options: Partial<WebSocketListenOptions>,
  check: (fixture: Fixture) => Promise<void>,
): Promise<void> {
  const logger = new RecordingLogger();
  const listener = await listenWebSocket({
    hostname: "127.0.0.1",
    port: 0,
    maxInboundBytes: 100_000,
    handshakeTimeoutSeconds: UNHURRIED_SECONDS,
    logger,
    ...options,
  });
  const transports = listener[Symbol.asyncIterator]();
  const next = () => nextOf(transports);
  const connect = async (): Promise<[Transport, RawWebSocket]> => {
    const client = new RawWebSocket(await connectTcp(listener));
    const [ours] = await Promise.all([next(), client.open()]);
    return [ours, client];
  };
  try {
    await check({ listener, logger, connect, next });
  } finally {
    await listener.close();
  }
}

/** Sends a request and gives the whole response; the listener gives nothing out. */
async function responseTo(request: string, options: Partial<WebSocketListenOptions> = {}): Promise<string> {
  let response = "";
  await withListener(options, async ({ listener, next }) => {
    const waiting = next().catch(() => undefined);
    const client = new RawWebSocket(await connectTcp(listener));
    await client.sendText(request);
    response = await client.readAll();
    client.close();
    await listener.close();
    assertEquals(await waiting, undefined);
  });
  return response;
}

function close(ours: Transport, client: { close(): void }): void {
  ours.close();
  client.close();
}

Deno.test("a WebSocket is opened with the subprotocol and the proof that RFC 6455 asks for", async () => {
  await withListener({}, async ({ listener, next }) => {
    const client = new RawWebSocket(await connectTcp(listener));
    const [ours, head] = await Promise.all([next(), client.open()]);
    assertMatch(head, /^HTTP\/1\.1 101 Switching Protocols\r\n/);
    assertStringIncludes(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assertStringIncludes(head, "Sec-WebSocket-Protocol: mqtt");
    assertEquals(ours.kind, "ws");
    assertEquals(ours.secure, false);
    assertEquals(ours.remote.hostname, "127.0.0.1");
    close(ours, client);
  });
});

for (const [offered, chosen] of [["mqttv3.1", "mqttv3.1"], ["mqttv3.1, mqtt", "mqtt"], ["x,MQTT", "mqtt"]] as const) {
  Deno.test(`of the subprotocols "${offered}" ${chosen} is chosen`, async () => {
    await withListener({}, async ({ listener, next }) => {
      const client = new RawWebSocket(await connectTcp(listener));
      const [ours, head] = await Promise.all([next(), client.open({ subprotocols: offered })]);
      assertMatch(head, new RegExp(`^Sec-WebSocket-Protocol: ${chosen.replace(".", "\\.")}$`, "m"));
      close(ours, client);
    });
  });
}

const refusals: {
  title: string;
  request: string;
  options?: Partial<WebSocketListenOptions>;
  status: number;
  text: RegExp;
}[] = [
  {
    title: "no subprotocol",
    request: openingRequest({ subprotocols: "" }),
    status: 400,
    text: /subprotocol mqtt or mqttv3\.1/,
  },
  { title: "another subprotocol", request: openingRequest({ subprotocols: "chat" }), status: 400, text: /subprotocol/ },
  {
    title: "another path",
    request: openingRequest({ path: "/x" }),
    options: { path: "/mqtt" },
    status: 404,
    text: /not served at this path/,
  },
  { title: "another origin", request: withOrigin("http://evil.example"), status: 403, text: /origin/ },
  { title: "no page at all as origin", request: withOrigin("null"), status: 403, text: /origin/ },
  {
    title: "a name given to the listener's address as host and origin",
    request: openingRequest({ headers: { Host: "evil.example:8080", Origin: "http://evil.example:8080" } }),
    status: 403,
    text: /origin/,
  },
  {
    title: "an address that the request was not sent to as origin",
    request: sentTo("192.0.2.7:8080", "http://192.0.2.8"),
    status: 403,
    text: /origin/,
  },
  {
    title: "an origin of this machine at another's name",
    request: sentTo("mqtt.example", "http://localhost"),
    status: 403,
    text: /origin/,
  },
  {
    title: "a host that is not listed, though others are",
    request: sentTo("evil.example", "http://evil.example"),
    options: { hosts: ["mqtt.example"] },
    status: 403,
    text: /origin/,
  },
  {
    title: "an origin that is not listed",
    request: withOrigin("http://localhost"),
    options: { origins: ["https://app.example"] },
    status: 403,
    text: /origin/,
  },
  { title: "a plain GET", request: "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", status: 426, text: /MQTT broker/ },
  { title: "a POST", request: openingRequest().replace("GET", "POST"), status: 405, text: /GET/ },
  {
    title: "an old version",
    request: openingRequest({ headers: { "Sec-WebSocket-Version": "8" } }),
    status: 426,
    text: /version must be 13/,
  },
  {
    title: "a bad key",
    request: openingRequest({ headers: { "Sec-WebSocket-Key": "x" } }),
    status: 400,
    text: /Sec-WebSocket-Key/,
  },
  { title: "something else than HTTP", request: "hello\r\n\r\n", status: 400, text: /not an HTTP\/1\.1 request/ },
  { title: "HTTP/1.0", request: openingRequest().replace("HTTP/1.1", "HTTP/1.0"), status: 400, text: /not an HTTP/ },
  { title: "no host", request: openingRequest({ headers: { Host: "" } }), status: 400, text: /not an HTTP/ },
  { title: "two hosts", request: openingRequest({ headers: { HOST: "other" } }), status: 400, text: /not an HTTP/ },
  {
    title: "a folded header",
    request: openingRequest({ headers: { "X-Long": "a\r\n b" } }),
    status: 400,
    text: /not an HTTP/,
  },
  {
    title: "a body",
    request: openingRequest({ headers: { "Content-Length": "5" } }),
    status: 400,
    text: /not an HTTP/,
  },
  {
    title: "a head without end",
    request: "GET / HTTP/1.1\r\nX: " + "x".repeat(16_384),
    status: 431,
    text: /at most 16384 bytes/,
  },
  {
    title: "more fields than any browser sends",
    request: openingRequest().replace("\r\n\r\n", `\r\n${"a:\r\n".repeat(4000)}\r\n`),
    status: 431,
    text: /and 100 fields/,
  },
];

for (const { title, request, options, status, text } of refusals) {
  Deno.test(`a request with ${title} is answered with ${status} and a sentence`, async () => {
    const response = await responseTo(request, options);
    assertMatch(response, new RegExp(`^HTTP/1\\.1 ${status} `));
    assertMatch(response, text);
  });
}

const admissions: { title: string; request: string; options?: Partial<WebSocketListenOptions> }[] = [
  { title: "the path and a query", request: openingRequest({ path: "/mqtt?a=b" }), options: { path: "/mqtt" } },
  { title: "any path if none is set", request: openingRequest({ path: "/x/y" }) },
  { title: "its own host as origin, whatever the port", request: withOrigin("http://localhost:3000") },
  { title: "localhost as origin at 127.0.0.1", request: sentTo("127.0.0.1:8080", "http://localhost:3000") },
  { title: "127.0.0.1 as origin at localhost", request: sentTo("localhost:8080", "http://127.0.0.1") },
  { title: "its own IPv4 address as origin", request: sentTo("192.0.2.7:8080", "https://192.0.2.7") },
  { title: "its own IPv6 address as origin", request: sentTo("[2001:db8::7]:8080", "http://[2001:db8::7]:3000") },
  {
    title: "a listed host as origin, as a reverse proxy passes it on",
    request: sentTo("mqtt.example", "https://mqtt.example"),
    options: { hosts: ["MQTT.example"] },
  },
  {
    title: "a listed host as origin, whatever the proxy says, and besides listed origins",
    request: sentTo("127.0.0.1:8080", "https://mqtt.example:8443"),
    options: { hosts: ["mqtt.example"], origins: ["https://app.example"] },
  },
  { title: "any origin if all are let in", request: withOrigin("http://evil.example"), options: { origins: ["*"] } },
  {
    title: "a listed origin",
    request: withOrigin("https://app.example"),
    options: { origins: ["https://APP.example/"] },
  },
  { title: "the origin null if it is listed", request: withOrigin("null"), options: { origins: ["null"] } },
  { title: "no origin whatever is listed", request: openingRequest(), options: { origins: [] } },
  {
    title: "several tokens in Connection",
    request: openingRequest({ headers: { Connection: "keep-alive, Upgrade" } }),
  },
];

for (const { title, request, options } of admissions) {
  Deno.test(`a request with ${title} is let in`, async () => {
    await withListener(options ?? {}, async ({ listener, next }) => {
      const client = new RawWebSocket(await connectTcp(listener));
      const [ours, head] = await Promise.all([next(), client.sendText(request).then(() => client.readHead())]);
      assertMatch(head, /^HTTP\/1\.1 101 /);
      close(ours, client);
    });
  });
}

Deno.test("a request may come byte by byte, and frames right behind it", async () => {
  await withListener({}, async ({ listener, next }) => {
    const client = new RawWebSocket(await connectTcp(listener));
    const request = new TextEncoder().encode(openingRequest());
    const sending = (async () => {
      for (const byte of request.subarray(0, -1)) await client.sendBytes(Uint8Array.of(byte));
      const frame = maskedFrame(0x82, Uint8Array.of(1, 2, 3));
      await client.sendBytes(Uint8Array.of(10, ...frame, ...frame));
    })();
    const ours = await next();
    assertEquals(await readBytes(ours, 6), Uint8Array.of(1, 2, 3, 1, 2, 3));
    await sending;
    close(ours, client);
  });
});

Deno.test("frames have no meaning to the bytes in them, and empty ones do no harm", async () => {
  await withListener({}, async ({ connect }) => {
    const [ours, client] = await connect();
    await client.sendFrame(0x82, new Uint8Array(0));
    await client.sendFrame(0x02, Uint8Array.of(1));
    await client.sendFrame(0x00, new Uint8Array(0));
    await client.sendFrame(0x80, Uint8Array.of(2, 3));
    assertEquals(await readBytes(ours, 3), Uint8Array.of(1, 2, 3));
    await ours.write(new Uint8Array(0));
    await ours.write(Uint8Array.of(4));
    assertEquals(await client.readFrame(), { opcode: 2, payload: Uint8Array.of(4) });
    close(ours, client);
  });
});

Deno.test("a text frame closes the socket with 1003", async () => {
  await withListener({}, async ({ connect }) => {
    const [ours, client] = await connect();
    await client.sendFrame(0x81, new TextEncoder().encode("hello"));
    await assertRejects(() => ours.read(new Uint8Array(8)), Error, "1003");
    assertEquals(await client.readFrame(), { opcode: 8, payload: Uint8Array.of(0x03, 0xeb) });
    close(ours, client);
  });
});

Deno.test("a frame longer than max-inbound-bytes closes the socket with 1009 before it has come", async () => {
  await withListener({ maxInboundBytes: 1000 }, async ({ connect }) => {
    const [ours, client] = await connect();
    await client.sendBytes(maskedFrame(0x82, new Uint8Array(1001)).subarray(0, 8));
    await assertRejects(() => ours.read(new Uint8Array(8)), Error, "1009");
    assertEquals(await client.readFrame(), { opcode: 8, payload: Uint8Array.of(0x03, 0xf1) });
    close(ours, client);
  });
});

Deno.test("a message of any length in fragments is read as it comes", async () => {
  await withListener({ maxInboundBytes: 1000 }, async ({ connect }) => {
    const [ours, client] = await connect();
    const sending = (async () => {
      for (let round = 0; round < 5000; round++) await client.sendFrame(round === 0 ? 0x02 : 0x00, new Uint8Array(900));
    })();
    await readBytes(ours, 4_500_000);
    await sending;
    close(ours, client);
  });
});

Deno.test("a ping is answered, also between the broker's own frames", async () => {
  await withListener({}, async ({ connect }) => {
    const [ours, client] = await connect();
    const reading = ended(ours);
    await client.sendFrame(0x89, Uint8Array.of(7, 8));
    assertEquals(await client.readFrame(), { opcode: 0xa, payload: Uint8Array.of(7, 8) });
    const writing = ours.write(new Uint8Array(20_000_000));
    await client.sendFrame(0x89, Uint8Array.of(9));
    assertEquals((await client.readFrame())?.payload.length, 20_000_000);
    assertEquals(await client.readFrame(), { opcode: 0xa, payload: Uint8Array.of(9) });
    await writing;
    close(ours, client);
    await reading;
  });
});

Deno.test("a flood of pings from a client that does not read piles nothing up", async () => {
  await withListener({}, async ({ connect }) => {
    const [ours, client] = await connect();
    const writing = ours.write(new Uint8Array(20_000_000));
    const flood = new Uint8Array(131 * 1000);
    for (let at = 0; at < flood.length; at += 131) flood.set(maskedFrame(0x89, new Uint8Array(125)), at);
    const reading = readBytes(ours, 1);
    for (let round = 0; round < 20; round++) await client.sendBytes(flood);
    await client.sendFrame(0x82, Uint8Array.of(1));
    await reading;
    assertEquals((await client.readFrame())?.payload.length, 20_000_000);
    await writing;
    assertEquals((await client.readFrame())?.opcode, 0xa);
    await ours.closeWrite();
    assertEquals((await client.readFrame())?.opcode, 0x8);
    close(ours, client);
  });
});

Deno.test("closeWrite sends a close frame, and the client's answer is its end", async () => {
  await withListener({}, async ({ connect }) => {
    const [ours, client] = await connect();
    await ours.write(Uint8Array.of(1));
    await ours.closeWrite();
    assertEquals(await client.readFrame(), { opcode: 2, payload: Uint8Array.of(1) });
    assertEquals(await client.readFrame(), { opcode: 8, payload: Uint8Array.of(0x03, 0xe8) });
    await client.sendFrame(0x88, Uint8Array.of(0x03, 0xe8));
    assertEquals(await ours.read(new Uint8Array(8)), null);
    close(ours, client);
  });
});

Deno.test("sockets that send nothing or half a header are cut at the handshake timeout", async () => {
  await withListener({ handshakeTimeoutSeconds: 0.05 }, async ({ listener, next, logger }) => {
    const waiting = next().catch(() => undefined);
    const silent = await connectTcp(listener);
    const half = await connectTcp(listener);
    await half.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: loc"));
    await Promise.all([ended(silent), ended(half)]);
    await logger.line(/^debug Refused .* in the WebSocket handshake: not done within 0\.05 s$/);
    close(silent, half);
    await listener.close();
    assertEquals(await waiting, undefined);
  });
});

Deno.test("a refused client that does not go away is cut at the handshake timeout", async () => {
  await withListener({ handshakeTimeoutSeconds: 0.05 }, async ({ listener, next }) => {
    const waiting = next().catch(() => undefined);
    const client = await connectTcp(listener);
    await client.write(new TextEncoder().encode("hello\r\n\r\n"));
    await ended(client);
    client.close();
    await listener.close();
    assertEquals(await waiting, undefined);
  });
});

Deno.test("a silent socket of a secure WebSocket is cut at the handshake timeout, before and after TLS", async () => {
  await using folder = new TlsFolder();
  await withListener({ handshakeTimeoutSeconds: 0.5, tls: folder.source() }, async ({ listener, next }) => {
    const waiting = next().catch(() => undefined);
    const [silent, secured] = await Promise.all([connectTcp(listener), connectTls(listener, folder.authority)]);
    await Promise.all([ended(silent), ended(secured)]);
    close(silent, secured);
    await listener.close();
    assertEquals(await waiting, undefined);
  });
});

Deno.test("a secure WebSocket tells the client's certificate, and takes a new one of its own", async () => {
  await using folder = new TlsFolder();
  await withListener({ tls: folder.mutualSource("required") }, async ({ listener, next }) => {
    const certificate = folder.authority.issue({ commonName: "client", usage: "client" });
    for (let round = 0; round < 2; round++) {
      const [ours, socket] = await Promise.all([next(), openNodeWebSocket(listener, folder, certificate)]);
      assertEquals(ours.certificate?.subject, { CN: "client" });
      assertEquals(ours.secure, true);
      const echoed = new Promise((resolve) => socket.once("message", (data: Uint8Array) => resolve([...data])));
      socket.send(Uint8Array.of(1, 2));
      await ours.write(await readBytes(ours, 2));
      assertEquals(await echoed, [1, 2]);
      const closed = new Promise((resolve) => socket.once("close", resolve));
      socket.close();
      assertEquals(await ours.read(new Uint8Array(8)), null);
      ours.close();
      assertEquals(await closed, 1000);
      folder.writeServer(folder.issueServer("renewed"));
      await listener.reload();
    }
  });
});

Deno.test("the runtime's own WebSocket client is understood, and sees a clean close", async () => {
  await withListener({ path: "/mqtt" }, async ({ listener, next }) => {
    const socket = new WebSocket(`ws://localhost:${listener.address.port}/mqtt`, ["mqtt"]);
    socket.binaryType = "arraybuffer";
    const opened = new Promise((resolve) => socket.onopen = resolve);
    const [ours] = await Promise.all([next(), opened]);
    assertEquals(socket.protocol, "mqtt");
    const received = new Promise<MessageEvent>((resolve) => socket.onmessage = resolve);
    socket.send(new Uint8Array(70_000).fill(5));
    await ours.write(await readBytes(ours, 70_000));
    assertEquals(new Uint8Array((await received).data), new Uint8Array(70_000).fill(5));
    const closed = new Promise<CloseEvent>((resolve) => socket.onclose = resolve);
    await ours.closeWrite();
    assertEquals(await ours.read(new Uint8Array(8)), null);
    ours.close();
    assertEquals((await closed).code, 1000);
  });
});

Deno.test("closing a WebSocket listener cuts handshakes, and transports live on", async () => {
  await withListener({}, async ({ listener, connect, next }) => {
    const [ours, client] = await connect();
    const waiting = next().catch(() => undefined);
    const silent = await connectTcp(listener);
    await listener.close();
    await listener.close();
    assertEquals(await waiting, undefined);
    await ended(silent);
    await client.sendFrame(0x82, Uint8Array.of(1));
    assertEquals(await readBytes(ours, 1), Uint8Array.of(1));
    silent.close();
    close(ours, client);
  });
});

Deno.test("a WebSocket listener names a port in use", async () => {
  await withListener({}, async ({ listener }) => {
    const { port } = listener.address;
    const error = await assertRejects(() => withListener({ port }, () => Promise.resolve()), ListenError);
    assertEquals(error.message, `Cannot listen on 127.0.0.1:${port}: the port is in use`);
  });
});

/** A web server of the host program that hands upgrades over. */
async function withServer(check: (port: number, transports: Promise<Transport>) => Promise<void>): Promise<void> {
  const accepted = Promise.withResolvers<Transport>();
  const options = { path: "/mqtt", maxInboundBytes: 1000, remote: { hostname: "10.0.0.1", port: 5 } };
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const { response, transport } = upgradeRequest(request, options);
    if (transport) accepted.resolve(transport);
    return response;
  });
  try {
    await check(server.addr.port, accepted.promise);
  } finally {
    await server.shutdown();
  }
}

async function openAt(port: number): Promise<RawWebSocket> {
  const listener = { address: { hostname: "127.0.0.1", port } } as Listener;
  const client = new RawWebSocket(await connectTcp(listener));
  await client.open();
  return client;
}

Deno.test("a host program's server answers what is not for MQTT", async () => {
  await withServer(async (port) => {
    for (const [path, status] of [["/mqtt", 426], ["/other", 404]] as const) {
      const response = await fetch(`http://127.0.0.1:${port}${path}`);
      assertEquals(response.status, status);
      assertMatch(await response.text(), /MQTT/);
    }
  });
});

Deno.test("a host program's server hands a WebSocket over with the address it tells", async () => {
  await withServer(async (port, transport) => {
    const client = await openAt(port);
    const ours = await transport;
    assertEquals(ours.remote, { hostname: "10.0.0.1", port: 5 });
    assertEquals(ours.kind, "ws");
    assertEquals(ours.secure, false);
    await client.sendFrame(0x88, Uint8Array.of(0x03, 0xe8));
    assertEquals(await ours.read(new Uint8Array(8)), null);
    close(ours, client);
  });
});

Deno.test("a text frame closes a WebSocket of the host program's server with 1003", async () => {
  await withServer(async (port, transport) => {
    const client = await openAt(port);
    await client.sendFrame(0x81, new TextEncoder().encode("hello"));
    const ours = await transport;
    await assertRejects(() => ours.read(new Uint8Array(8)), Error, "1003");
    assertEquals(await client.readFrame(), { opcode: 8, payload: Uint8Array.of(0x03, 0xeb) });
    close(ours, client);
  });
});

Deno.test("more unread bytes than max-inbound-bytes close a WebSocket of the host program's server with 1009", async () => {
  await withServer(async (port, transport) => {
    const client = await openAt(port);
    const ours = await transport;
    for (let round = 0; round < 3; round++) await client.sendFrame(0x82, new Uint8Array(400));
    assertEquals((await client.readFrame())?.payload, Uint8Array.of(0x03, 0xf1));
    await assertRejects(() => ours.read(new Uint8Array(8)), Error, "1009");
    close(ours, client);
  });
});

function sentTo(host: string, origin: string): string {
  return openingRequest({ headers: { Host: host, Origin: origin } });
}

function withOrigin(origin: string): string {
  return openingRequest({ headers: { Origin: origin } });
}

function openNodeWebSocket(listener: Listener, folder: TlsFolder, client: IssuedCertificate): Promise<NodeWebSocket> {
  const socket = new NodeWebSocket(`wss://localhost:${listener.address.port}/`, ["mqtt"], {
    ca: folder.authority.certificate,
    cert: client.certificate,
    key: client.key,
  });
  return new Promise((resolve, reject) => {
    socket.once("open", () => resolve(socket));
    socket.once("error", reject);
  });
}

Deno.test("the refusal of a page says in the log which keys would let it in", async () => {
  const request = sentTo("mqtt.example", 'https://mqtt.example"\t');
  await withListener({ place: "listeners.web" }, async ({ listener, logger }) => {
    const client = new RawWebSocket(await connectTcp(listener));
    await client.sendText(request);
    assertMatch(await client.readHead(), /^HTTP\/1\.1 403 /);
    client.close();
    const told = await logger.line(/403/);
    assertMatch(told, /origin "https:\/\/mqtt\.example\\"" are not let in at host "mqtt\.example"/);
    assertMatch(told, /listeners\.web\.origins or listeners\.web\.hosts$/);
  });
});
