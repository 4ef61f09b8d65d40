/** The admin API's own listeners: what a peer can do to them, and what it cannot. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { MAXIMUM_CONNECTIONS } from "../../src/admin/http/peer.ts";
import { HttpServer } from "../../src/admin/http/http_server.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { makeAuthority } from "../support/certificates.ts";
import { patiently } from "../support/patience.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { startBroker } from "../support/test_broker.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A server whose timers a test runs. */
class TimedServer {
  readonly timers = new Map<number, { readonly ms: number; readonly run: () => void }>();
  readonly http: HttpServer;
  readonly failures: unknown[] = [];
  #next = 0;

  constructor() {
    this.http = new HttpServer({
      after: (ms, run) => {
        const key = this.#next++;
        this.timers.set(key, { ms, run });
        return () => void this.timers.delete(key);
      },
      failed: (error) => this.failures.push(error),
    });
  }

  connect(answer: (request: Request) => Promise<Response>): Transport {
    const [ours, theirs] = memoryPair();
    this.http.serve(theirs, answer);
    return ours;
  }

  /** Every deadline is over. */
  expire(): void {
    for (const [key, { run }] of [...this.timers]) {
      this.timers.delete(key);
      run();
    }
  }
}

const say = (transport: Transport, text: string) => transport.write(encoder.encode(text));

/** Everything until the peer ends its side, or the text is there. */
async function readUntil(transport: Transport, end?: string): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(65_536);
  while (end === undefined || !text.includes(end)) {
    const count = await transport.read(buffer).catch(() => null);
    if (count === null) break;
    text += decoder.decode(buffer.subarray(0, count), { stream: true });
  }
  return text;
}

const hello = () => Promise.resolve(new Response("hello"));

Deno.test("a request head that does not come to its end, and a silent connection, are cut off at their deadline", async () => {
  const server = new TimedServer();
  const slow = server.connect(hello);
  await say(slow, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ");
  const silent = server.connect(hello);
  assertEquals([server.http.connections, server.timers.size], [2, 2]);
  server.expire();
  assertEquals([await readUntil(slow), await readUntil(silent)], ["", ""]);
  await new Promise((go) => setTimeout(go));
  assertEquals([server.http.connections, server.timers.size], [0, 0]);
});

Deno.test("a connection is kept for the next request, and has a deadline again meanwhile", async () => {
  const server = new TimedServer();
  const client = server.connect(hello);
  for (let twice = 0; twice < 2; twice++) {
    await say(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assertStringIncludes(await readUntil(client, "hello\r\n0\r\n\r\n"), "200 OK");
  }
  while (server.timers.size === 0) await new Promise((go) => setTimeout(go));
  server.expire();
  assertEquals(await readUntil(client), "");
});

Deno.test("above the limit the connection goes that has been idle for longest; if all are busy, the new one", async () => {
  const server = new TimedServer();
  const first = server.connect(hello);
  const others = Array.from({ length: MAXIMUM_CONNECTIONS - 1 }, () => server.connect(hello));
  const last = server.connect(hello);
  assertEquals(await readUntil(first), "");
  await say(last, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  assertStringIncludes(await readUntil(last, "hello"), "200 OK");
  assert(server.http.connections <= MAXIMUM_CONNECTIONS);
  for (const other of [...others, last]) other.close();
  const busy = new TimedServer();
  const asked: Promise<void>[] = [];
  for (let at = 0; at < MAXIMUM_CONNECTIONS; at++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    asked.push(promise);
    const client = busy.connect(() => {
      resolve();
      return new Promise(() => {});
    });
    await say(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  }
  await Promise.all(asked);
  assertEquals(await readUntil(busy.connect(hello)), "");
  assertEquals(busy.http.connections, MAXIMUM_CONNECTIONS);
  busy.http.close();
});

Deno.test("a reader that stands still is cut off, and no more is kept for it than the stream's first pieces", async () => {
  const server = new TimedServer();
  let made = 0;
  const cancelled = Promise.withResolvers<void>();
  const client = server.connect(() =>
    Promise.resolve(
      new Response(
        new ReadableStream({
          pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(made++ % 256)),
          cancel: () => cancelled.resolve(),
        }, { highWaterMark: 0 }),
      ),
    )
  );
  await say(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  while (![...server.timers.values()].some(({ ms }) => ms === 60_000)) await new Promise((go) => setTimeout(go));
  const before = made;
  for (let turn = 0; turn < 50; turn++) await new Promise((go) => setTimeout(go));
  assertEquals(made, before);
  assert(made < 100, String(made));
  server.expire();
  await patiently("the stream to be cancelled", cancelled.promise);
  client.close();
});

Deno.test("many requests at once on one connection end it", async () => {
  const server = new TimedServer();
  let asked = 0;
  const client = server.connect(() => {
    asked++;
    return new Promise(() => {});
  });
  await say(client, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(1000));
  assertEquals(await readUntil(client), "");
  assert(asked <= 8, String(asked));
});

Deno.test("a body that nobody wants is not waited for, and its request is answered", async () => {
  const server = new TimedServer();
  const client = server.connect(() => Promise.resolve(new Response("no", { status: 413 })));
  await say(client, "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\nbeginning");
  assertStringIncludes(await readUntil(client, "no\r\n0\r\n\r\n"), "413");
  while (server.timers.size === 0) await new Promise((go) => setTimeout(go));
  server.expire();
  assertEquals(await readUntil(client), "");
});

Deno.test("what is no request for this server is answered 400", async () => {
  for (
    const [line, host] of [
      ["GET http://evil.example/ HTTP/1.1", "localhost"],
      ["GET / HTTP/1.1", "a@b"],
      ["GET / HTTP/1.1", "a/b"],
      ["OPTIONS * HTTP/1.1", "localhost"],
      ["TRACE / HTTP/1.1", "localhost"],
      ["GET / HTTP/9.9", "localhost"],
      ["HELLO", "localhost"],
    ]
  ) {
    const server = new TimedServer();
    const client = server.connect(hello);
    await say(client, `${line}\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
    assertStringIncludes(await readUntil(client), " 400 ", `${line}, ${host}`);
    server.http.close();
  }
  const server = new TimedServer();
  const client = server.connect(hello);
  await say(client, `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${"x".repeat(40_000)}\r\n\r\n`).catch(() => {});
  assertStringIncludes(await readUntil(client), " 431 ");
  server.http.close();
});

Deno.test("a path that looks like another host's is a path", async () => {
  const server = new TimedServer();
  const urls: string[] = [];
  for (const path of ["//evil.example/x", "/../../etc/passwd", "/%2e%2e/x"]) {
    const client = server.connect(({ url }) => {
      urls.push(url);
      return hello();
    });
    await say(client, `GET ${path} HTTP/1.1\r\nHost: localhost:80\r\nConnection: close\r\n\r\n`);
    await readUntil(client);
  }
  assertEquals(urls, ["http://localhost//evil.example/x", "http://localhost/etc/passwd", "http://localhost/x"]);
});

Deno.test("each address has its own TLS, shows its certificate, and takes a new one without a restart", async () => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const authority = makeAuthority();
  const [certfile, keyfile] = [`${folder}/cert.pem`, `${folder}/key.pem`];
  const write = async (commonName: string) => {
    const { certificate, key } = authority.issue({ commonName, sans: ["IP:127.0.0.1"] });
    await Deno.writeTextFile(certfile, certificate);
    await Deno.writeTextFile(keyfile, key);
  };
  await write("localhost");
  const binds = [{ bind: "127.0.0.1:0", certfile, keyfile }, "127.0.0.1:0"];
  await using broker = await startBroker({ admin: { bind: binds, metrics: { public: true } } });
  const url = broker.broker.adminUrl!.replace(/#.*$/, "");
  assertStringIncludes(url, "https://127.0.0.1:");
  const ask = async (path: string) => {
    using client = Deno.createHttpClient({ caCerts: [authority.certificate], poolMaxIdlePerHost: 0 });
    const answer = await fetch(`${url}${path}`, { client });
    return await answer.text();
  };
  assertEquals(await ask("livez"), "ok\n");
  assertStringIncludes(
    await ask("metrics"),
    'amqtt_listener_certificate_expiry_timestamp_seconds{listener="admin 1"}',
  );
  const plain = broker.log.lines.find((line) => line.includes("serving http:"))!;
  const answer = await fetch(`${/http:\S+/.exec(plain)![0]}livez`);
  assertEquals(await answer.text(), "ok\n");
  await write("renewed");
  assertEquals((await broker.broker.reload()).certificates, ["admin 1", "admin 2"].slice(0, 1));
  assertEquals(await ask("livez"), "ok\n");
  const user = { name: "ada", role: "viewer" } as const;
  const listeners = await broker.broker.admin(new Request("http://localhost/api/v1/listeners"), { user });
  const { items } = await listeners.json();
  const own = items.filter(({ type }: { type: string }) => type === "admin");
  assertEquals(
    own.map(({ secure, certificate }: { secure: boolean; certificate: unknown }) => [
      secure,
      certificate !== null,
    ]),
    [[true, true], [false, false]],
  );
});

Deno.test("a start fails on an address that is taken, in words", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const bind = `127.0.0.1:${taken.addr.port}`;
  const error = await assertRejects(() => startBroker({ admin: { bind } }), Error);
  assertEquals(error.message, `admin.bind: Cannot listen on ${bind}: the port is in use`);
});
