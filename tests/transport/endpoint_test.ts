import { assertEquals, assertRejects } from "@std/assert";
import { formatAddress } from "../../src/transport/address.ts";
import { listen, type ListenOptions } from "../../src/transport/endpoint.ts";
import { ListenError } from "../../src/transport/listen_error.ts";
import { streamTransport } from "../../src/transport/stream.ts";
import { listenTls } from "../../src/transport/tls/listener.ts";
import type { Listener } from "../../src/transport/transport.ts";
import { listenWebSocket } from "../../src/transport/websocket/listener.ts";
import { ended, nextOf, readBytes, RecordingLogger, TlsFolder, UNHURRIED_SECONDS } from "./support.ts";
import { RawWebSocket } from "./websocket_client.ts";

/** Another address of this machine. */
const SECOND = hasIpv6() ? "::1" : "127.0.0.2";

function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

const unixOnly = { ignore: Deno.build.os === "windows" };

function named(addresses: readonly string[], logger = new RecordingLogger()): ListenOptions {
  return { hostname: "some-name", port: 0, logger, resolve: () => Promise.resolve(addresses) };
}

async function canConnect(hostname: string, port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname, port })).close();
    return true;
  } catch {
    return false;
  }
}

/** One byte goes each way. */
async function assertServes(listener: Listener, connect: () => Promise<Deno.Conn>): Promise<void> {
  const [ours, connection] = await Promise.all([nextOf(listener[Symbol.asyncIterator]()), connect()]);
  const peer = streamTransport(connection);
  await peer.write(Uint8Array.of(1));
  assertEquals(await readBytes(ours, 1), Uint8Array.of(1));
  await ours.write(Uint8Array.of(2));
  assertEquals(await readBytes(peer, 1), Uint8Array.of(2));
  ours.close();
  await ended(peer);
  peer.close();
}

/** A path that goes with the test. */
async function withPath(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(`${folder}/broker.sock`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a name is listened on at every one of its addresses, on one port", async () => {
  const listener = await listen(named(["127.0.0.1", SECOND, "127.0.0.1"]));
  const { hostname, port } = listener.address;
  assertEquals(hostname, "some-name");
  const transports = listener[Symbol.asyncIterator]();
  for (const address of ["127.0.0.1", SECOND]) {
    const [ours, peer] = await Promise.all([nextOf(transports), Deno.connect({ hostname: address, port })]);
    assertEquals(ours.remote.hostname, address);
    ours.close();
    peer.close();
  }
  const next = transports.next();
  await listener.close();
  assertEquals((await next).done, true);
  for (const address of ["127.0.0.1", SECOND]) assertEquals(await canConnect(address, port), false);
});

Deno.test("an address of a name that this machine does not have is left out with a warning", async () => {
  const logger = new RecordingLogger();
  const listener = await listen(named(["192.0.2.1", "127.0.0.1"], logger));
  assertEquals(logger.lines, [
    "warn some-name: Cannot listen on 192.0.2.1:0: the address is not one of this machine",
  ]);
  await assertServes(listener, () => Deno.connect({ hostname: "127.0.0.1", port: listener.address.port }));
  await listener.close();
  const error = await assertRejects(() => listen(named(["192.0.2.1", "203.0.113.77"])), ListenError);
  assertEquals(error.message, "Cannot listen on 192.0.2.1:0: the address is not one of this machine");
});

Deno.test("a port that is in use at one address of a name is a fault, and leaves nothing open", async () => {
  using other = Deno.listen({ hostname: SECOND, port: 0 });
  const { port } = other.addr;
  const error = await assertRejects(() => listen({ ...named(["127.0.0.1", SECOND]), port }), ListenError);
  assertEquals(error.message, `Cannot listen on ${formatAddress(SECOND, port)}: the port is in use`);
  assertEquals(await canConnect("127.0.0.1", port), false);
});

Deno.test("a name that nobody knows is named", async () => {
  const options = { hostname: "no-such-host.invalid", port: 1883, logger: new RecordingLogger() };
  const error = await assertRejects(() => listen(options), ListenError);
  assertEquals(error.message, "Cannot listen on no-such-host.invalid:1883: the host name is not known");
});

Deno.test({
  ...unixOnly,
  name: "a unix socket serves with the mode that it was given, and is removed at the end",
  fn: () =>
    withPath(async (socketPath) => {
      for (const socketMode of [0o600, 0o666]) {
        const listener = await listen({ ...named([]), socketPath, socketMode });
        assertEquals(listener.address.socketPath, socketPath);
        assertEquals((await Deno.stat(socketPath)).mode! & 0o777, socketMode);
        await assertServes(listener, () => Deno.connect({ transport: "unix", path: socketPath }));
        await listener.close();
        await assertRejects(() => Deno.lstat(socketPath), Deno.errors.NotFound);
        await listener.close();
      }
    }),
});

Deno.test({
  ...unixOnly,
  name: "a unix socket that a killed process has left behind is replaced",
  fn: () =>
    withPath(async (socketPath) => {
      const script = `Deno.listen({ transport: "unix", path: ${
        JSON.stringify(socketPath)
      } }); Deno.kill(Deno.pid, "SIGKILL")`;
      await new Deno.Command(Deno.execPath(), { args: ["eval", script] }).output();
      assertEquals((await Deno.lstat(socketPath)).isSocket, true);
      const listener = await listen({ ...named([]), socketPath });
      await assertServes(listener, () => Deno.connect({ transport: "unix", path: socketPath }));
      await listener.close();
    }),
});

Deno.test({
  ...unixOnly,
  name: "a unix socket on which somebody listens, and a file that is no socket, are left alone and named",
  fn: () =>
    withPath(async (socketPath) => {
      const listener = await listen({ ...named([]), socketPath });
      const inUse = await assertRejects(() => listen({ ...named([]), socketPath }), ListenError);
      assertEquals(inUse.message, `Cannot listen on unix:${socketPath}: another process listens on the socket`);
      // That attempt was a connection, too.
      const transports = listener[Symbol.asyncIterator]();
      (await nextOf(transports)).close();
      await listener.close();
      await Deno.writeTextFile(socketPath, "precious");
      const noSocket = await assertRejects(() => listen({ ...named([]), socketPath }), ListenError);
      assertEquals(
        noSocket.message,
        `Cannot listen on unix:${socketPath}: there is something else than a socket at the path`,
      );
      assertEquals(await Deno.readTextFile(socketPath), "precious");
    }),
});

Deno.test({
  ...unixOnly,
  name: "TLS and WebSockets are served on a unix socket, too",
  fn: () =>
    withPath(async (socketPath) => {
      await using folder = new TlsFolder();
      const options = { ...named([]), socketPath, handshakeTimeoutSeconds: UNHURRIED_SECONDS };
      const secure = await listenTls({ ...options, tls: folder.source() });
      const caCerts = [folder.authority.certificate];
      await assertServes(secure, async () => {
        const raw = await Deno.connect({ transport: "unix", path: socketPath });
        // The runtime has no TLS on unix sockets of its own.
        return await tunnel(raw, caCerts);
      });
      await secure.close();
      const webSockets = await listenWebSocket({ ...options, maxInboundBytes: 1000 });
      const raw = streamTransport(await Deno.connect({ transport: "unix", path: socketPath }));
      const client = new RawWebSocket(raw);
      const [ours] = await Promise.all([nextOf(webSockets[Symbol.asyncIterator]()), client.open()]);
      ours.close();
      await ended(raw);
      raw.close();
      await webSockets.close();
    }),
});

/** A TLS client over a connection of any kind, by way of TCP. */
async function tunnel(raw: Deno.Conn, caCerts: string[]): Promise<Deno.Conn> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [near, far] = await Promise.all([
    listener.accept(),
    Deno.connectTls({ hostname: "localhost", port: listener.addr.port, caCerts }),
  ]);
  void raw.readable.pipeTo(near.writable).catch(() => {});
  void near.readable.pipeTo(raw.writable).catch(() => {});
  await far.handshake();
  return far;
}
