import { assertEquals, assertInstanceOf, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { Acceptor } from "../../src/transport/accept.ts";
import { ListenError } from "../../src/transport/listen_error.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import { connectTcp, ended, nextOf, RecordingLogger } from "./support.ts";

const HERE = { hostname: "127.0.0.1", port: 0 };

Deno.test("a TCP listener tells the port that was picked", async () => {
  const listener = listenTcp({ ...HERE, logger: new RecordingLogger() });
  assertEquals(listener.address.hostname, "127.0.0.1");
  assertEquals(listener.address.port > 0, true);
  await listener.reload();
  await listener.close();
  await listener.close();
});

Deno.test("a TCP transport tells where the peer is and when it came", async () => {
  const before = performance.now();
  const listener = listenTcp({ ...HERE, logger: new RecordingLogger() });
  const connection = await Deno.connect({ port: listener.address.port });
  const transport = await nextOf(listener[Symbol.asyncIterator]());
  assertEquals(transport.remote, { hostname: "127.0.0.1", port: (connection.localAddr as Deno.NetAddr).port });
  assertEquals(transport.acceptedAt >= before && transport.acceptedAt <= performance.now(), true);
  assertEquals(transport.secure, false);
  assertEquals(transport.certificate, undefined);
  connection.close();
  transport.close();
  await listener.close();
});

Deno.test("closing a TCP listener ends its iteration and leaves its connections alone", async () => {
  const listener = listenTcp({ ...HERE, logger: new RecordingLogger() });
  const transports = listener[Symbol.asyncIterator]();
  const peer = await connectTcp(listener);
  const transport = await nextOf(transports);
  const next = transports.next();
  await listener.close();
  assertEquals((await next).done, true);
  await peer.write(Uint8Array.of(1));
  assertEquals(await transport.read(new Uint8Array(4)), 1);
  transport.close();
  await ended(peer);
  peer.close();
});

Deno.test("a port in use is named", async () => {
  const listener = listenTcp({ ...HERE, logger: new RecordingLogger() });
  const { port } = listener.address;
  const error = assertThrows(() => listenTcp({ ...HERE, port, logger: new RecordingLogger() }), ListenError);
  assertEquals(error.message, `Cannot listen on 127.0.0.1:${port}: the port is in use`);
  assertInstanceOf(error.cause, Deno.errors.AddrInUse);
  await listener.close();
});

Deno.test("an address of another machine is named", () => {
  const options = { hostname: "192.0.2.1", port: 0, logger: new RecordingLogger() };
  const error = assertThrows(() => listenTcp(options), ListenError);
  assertEquals(error.message, "Cannot listen on 192.0.2.1:0: the address is not one of this machine");
});

Deno.test("a host that is not known is named", () => {
  const options = { hostname: "no-such-host.invalid", port: 1883, logger: new RecordingLogger() };
  const error = assertThrows(() => listenTcp(options), ListenError);
  assertEquals(error.message, "Cannot listen on no-such-host.invalid:1883: the host name is not known");
});

Deno.test({
  name: "a permission of Deno that is missing is named",
  permissions: { net: false },
  fn() {
    const error = assertThrows(() => listenTcp({ ...HERE, logger: new RecordingLogger() }), ListenError);
    assertMatch(error.message, /^Cannot listen on 127\.0\.0\.1:0: Deno's permission is missing: /);
  },
});

Deno.test("a failure to accept is logged once and tried again", async () => {
  const logger = new RecordingLogger();
  const source = new FailingSource([
    new Error("Too many open files"),
    new Error("Too many open files"),
    new Deno.errors.ConnectionAborted(),
  ]);
  const acceptor = new Acceptor(source, logger);
  assertEquals(await acceptor.next(), source.connection);
  assertEquals(logger.lines.length, 1);
  assertStringIncludes(logger.lines[0]!, "warn Cannot accept a connection on 127.0.0.1:1883, trying again");
  await acceptor.stop();
});

Deno.test("stopping ends the pause after a failure to accept", async () => {
  const logger = new RecordingLogger();
  const acceptor = new Acceptor(new FailingSource([new Error("Too many open files")]), logger);
  const next = acceptor.next();
  await logger.line(/Too many open files/);
  await acceptor.stop();
  assertEquals(await next, undefined);
});

/** Fails as often as it is told before it accepts. */
class FailingSource {
  readonly addr: Deno.NetAddr = { transport: "tcp", hostname: "127.0.0.1", port: 1883 };
  readonly connection = { remoteAddr: this.addr } as Deno.Conn;
  readonly #errors: Error[];

  constructor(errors: Error[]) {
    this.#errors = errors;
  }

  accept(): Promise<Deno.Conn> {
    const error = this.#errors.shift();
    return error ? Promise.reject(error) : Promise.resolve(this.connection);
  }

  close(): void {}
}
