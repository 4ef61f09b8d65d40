/** Who is refused what is found in the log at its usual level, and in the figures. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { BrokerConfig } from "../../src/config/config.ts";
import type { RefusalKind } from "../../src/hooks/plugin.ts";
import { makeAuthority, writeServerCertificate } from "../support/certificates.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const acl: BrokerConfig = { topicCheck: { enabled: true, acl: { anonymous: ["ok/#"] } } };

function refused({ broker }: TestBroker): Partial<Record<RefusalKind, number>> {
  return Object.fromEntries(Object.entries(broker.statistics.refused).filter(([, count]) => count > 0));
}

/** Sends bytes and leaves the connection open: the line must not wait for its end. */
async function say(broker: TestBroker, listener: string, text: string, look: () => Promise<void>): Promise<void> {
  const { hostname, port } = broker.broker.addresses[listener]!;
  using connection = await Deno.connect({ hostname, port });
  await connection.write(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  await look();
}

for (const qos of [0, 1, 2] as const) {
  Deno.test(`A denied PUBLISH of QoS ${qos} is logged with address, client, topic and reason, and counted`, async () => {
    await using broker = await startBroker(acl);
    const client = await broker.openTcp();
    await client.connect({ clientIdentifier: "dev\n\u202e" });
    await client.sendPublish("no/x", "1", { qos });
    const line = await broker.log.line(/^warn: publish denied/);
    const where = /client "dev\\n\\u202e", 127\.0\.0\.1:\d+, listener tcp, topic "no\/x": 0x87 NotAuthorized$/;
    assertMatch(line, where);
    assertEquals(refused(broker), { publish: 1 });
  });
}

Deno.test("What a plugin says of a denied PUBLISH is in the log, cut and without control characters", async () => {
  const authorizePublish = () => ({ decision: "deny", reasonString: `${"n".repeat(300)}` }) as const;
  await using broker = await startBroker({ plugins: [hooks({ authorizePublish })] });
  const client = await broker.connect5();
  await client.sendPublish("a", "1");
  assertMatch(await broker.log.line(/^warn: publish denied/), /topic "a": 0x87 NotAuthorized: "n{200}…"$/);
});

Deno.test("1,208 denied PUBLISHes are five lines and a number", async () => {
  await using broker = await startBroker(acl);
  const client = await broker.openTcp();
  await client.connect({ clientIdentifier: "dev" });
  for (let index = 0; index < 1207; index++) await client.sendPublish("no/x", "1");
  await client.publish("no/x", "1");
  const lines = () => broker.log.lines.filter((line) => line.startsWith("warn: publish denied"));
  assertEquals(lines().length, 5);
  broker.clock.advance(10_000);
  assertEquals(lines().slice(5), ["warn: publish denied: 127.0.0.1: … and 1,203 more (publish)"]);
  assertEquals(broker.broker.statistics.publishesDenied, 1208);
});

Deno.test("A refused CONNECT is logged with address, client and reason, and an empty name is seen", async () => {
  await using broker = await startBroker({ auth: { plugins: [] } });
  const client = await broker.openTcp();
  assertEquals((await client.connect({ clientIdentifier: "dev", username: "", password: "x" })).reasonCode !== 0, true);
  const line = await broker.log.line(/^warn: connection refused/);
  assertMatch(line, /: client "dev", 127\.0\.0\.1:\d+, listener tcp: user "" was not let in/);
  assertEquals(refused(broker), { "sign-in": 1 });
});

Deno.test("A name of 65 kB in a refused CONNECT is cut in the log", async () => {
  await using broker = await startBroker({ auth: { plugins: [] } });
  const client = await broker.openTcp();
  await client.connect({ clientIdentifier: "dev", username: "u".repeat(65_000) });
  assert((await broker.log.line(/^warn: connection refused/)).length < 500);
});

const request = (fields: Record<string, string>, path = "/mqtt") => {
  const all = {
    "Host": "localhost",
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": `${"A".repeat(22)}==`,
    "Sec-WebSocket-Protocol": "mqtt",
    ...fields,
  };
  return `GET ${path} HTTP/1.1\r\n${Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
};

const client = '"http://other.example"';
const connect = "\x10\x0d\0\x04MQTT\x04\x02\0\x3c\0\x01a";
for (
  const [what, listener, text, kind, reason] of [
    ["an Origin", "ws", request({ Origin: "http://other.example" }), "origin", `origin ${client} are not let in at`],
    ["a path", "ws", request({}, "/x?y"), "path", 'path must be "/mqtt": got "/x"'],
    ["no subprotocol", "ws", request({ "Sec-WebSocket-Protocol": "soap" }), "subprotocol", 'got "soap"'],
    ["a plain request", "ws", "GET /mqtt HTTP/1.1\r\nHost: a\r\n\r\n", "http", "answered 426: "],
    ["a head that is too large", "ws", `GET / HTTP/1.1\r\nX: ${"x".repeat(17_000)}`, "http-head-too-large", "431"],
    ["rubbish on a WebSocket port", "ws", "hello\r\n\r\n", "http", "not an HTTP/1.1 request"],
    ["TLS on a WebSocket port", "ws", "\x16\x03\x01\x02\0\x01", "wrong-protocol", "a TLS hello, but .* no TLS"],
    [
      "MQTT on a WebSocket port",
      "ws",
      connect,
      "wrong-protocol",
      "an MQTT CONNECT, but this listener expects WebSockets",
    ],
    [
      "TLS on an MQTT port",
      "tcp",
      "\x16\x03\x01\x02\0\x01",
      "wrong-protocol",
      "a TLS hello, but this listener has no TLS",
    ],
    ["HTTP on an MQTT port", "tcp", "GET / HTTP/1.1\r\n", "wrong-protocol", "an HTTP request, but .* no WebSockets"],
    ["a faulty CONNECT", "tcp", connect.replace("\x04\x02", "\x04\x01"), "protocol-error", "0x8[12]"],
    ["a packet before CONNECT", "tcp", "\xc0\0", "protocol-error", "must be CONNECT"],
    [
      "too large a CONNECT",
      "tcp",
      "\x10\xff\xff\x7f",
      "packet-too-large",
      "131072 bytes .before sign-in.: got 2097155",
    ],
  ] as const
) {
  Deno.test(`${what} is refused with a warning that says why, and counted`, async () => {
    await using broker = await startBroker({
      listeners: { tcp: { bind: "127.0.0.1:0" }, ws: { type: "ws", bind: "127.0.0.1:0", path: "/mqtt" } },
    });
    await say(broker, listener, text, async () => {
      const line = await broker.log.line(/^warn: /);
      assertMatch(line, /^warn: (connection refused|protocol error): 127\.0\.0\.1:\d+, listener (tcp|ws): /);
      assertMatch(line, new RegExp(reason));
    });
    assertEquals(refused(broker), { [kind]: 1 });
    assertEquals(broker.broker.statistics.connectionsRefused, 1);
  });
}

Deno.test("A client that says nothing, or half a CONNECT, is a warning when its time is over", async () => {
  await using broker = await startBroker();
  for (const [sent, got] of [[0, "nothing"], [5, "a part of a packet"]] as const) {
    const client = broker.open();
    await client.send([...connect.slice(0, sent)].map((character) => character.charCodeAt(0)));
    // What was sent is read before the clock moves.
    await new Promise((resolve) => setTimeout(resolve));
    broker.clock.advance(10_500);
    assertMatch(await broker.log.line(new RegExp(`got ${got}$`)), /^warn: connection refused: .* \(connect-timeout\)/);
  }
  assertEquals(refused(broker), { "connect-timeout": 2 });
});

async function withTls(use: (broker: TestBroker) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const { certfile, keyfile } = await writeServerCertificate(directory, makeAuthority());
    await using broker = await startBroker({
      listeners: { tls: { bind: "127.0.0.1:0", ssl: true, certfile, keyfile } },
    });
    await use(broker);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

for (
  const [what, text, reason] of [
    ["An MQTT CONNECT", connect, "an MQTT CONNECT without TLS"],
    ["An HTTP request", "GET / HTTP/1.1\r\n\r\n", "an HTTP request without TLS"],
  ] as const
) {
  Deno.test(`${what} on a TLS port is called that in a warning, and counted`, () =>
    withTls((broker) =>
      say(broker, "tls", text, async () => {
        assertMatch(
          await broker.log.line(/^warn: connection/),
          new RegExp(`127\\.0\\.0\\.1:\\d+, listener tls: .*${reason}`),
        );
        assertEquals(refused(broker), { "plain-text": 1 });
      })
    ));
}

Deno.test("A client that does not trust the certificate is a warning", () =>
  withTls(async (broker) => {
    const { hostname, port } = broker.broker.addresses.tls!;
    await Deno.connectTls({ hostname, port, caCerts: [makeAuthority().certificate] }).then(
      async (connection) => {
        await connection.handshake().catch(() => {});
        connection.close();
      },
      () => {},
    );
    await broker.log.line(/^warn: connection refused: .* listener tls: /);
    assertEquals(refused(broker), { tls: 1 });
  }));

Deno.test("A peer that connects and goes away without a word is no warning", async () => {
  await using broker = await startBroker({
    listeners: { tcp: { bind: "127.0.0.1:0" }, ws: { type: "ws", bind: "127.0.0.1:0" } },
  });
  for (const listener of ["tcp", "ws"]) {
    const { hostname, port } = broker.broker.addresses[listener]!;
    (await Deno.connect({ hostname, port })).close();
  }
  await broker.log.line(/^debug: Refused .* WebSocket handshake/);
  await broker.log.line(/^debug: connection ended: .* listener tcp/);
  assertEquals(broker.log.lines.filter((line) => line.startsWith("warn")), []);
});

for (const protocolVersion of [4, 5] as const) {
  Deno.test(`A packet over max-packet-size names key, size and limit, in MQTT ${protocolVersion}`, async () => {
    await using broker = await startBroker({ maxPacketSize: 1000 });
    const client = await broker.connect({ clientIdentifier: "big", protocolVersion });
    await client.send([0x30, 0xe8, 0x07, 0x00]);
    const line = await broker.log.line(/^warn: protocol error/);
    const text = "packet must have at most 1000 bytes (max-packet-size): got 1003";
    assert(line.includes('client "big"') && line.endsWith(text), line);
    if (protocolVersion === 5) {
      const { reasonCode, properties } = await client.expect("Disconnect");
      assertEquals<unknown[]>([reasonCode, properties?.reasonString], [0x95, text]);
    }
    assertEquals(refused(broker), { "packet-too-large": 1 });
  });
}

Deno.test("A WebSocket request that a host program hands in is refused with a warning", async () => {
  await using broker = await startBroker();
  const headers = { Origin: "http://other.example", Upgrade: "websocket", Connection: "Upgrade" };
  const fields = { "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": `${"A".repeat(22)}==` };
  const response = broker.broker.upgrade(new Request("http://localhost/", { headers: { ...headers, ...fields } }));
  assertEquals(response.status, 403);
  assertMatch(await broker.log.line(/^warn: connection refused/), /origin "http:\/\/other\.example"/);
  assertEquals(refused(broker), { origin: 1 });
});
