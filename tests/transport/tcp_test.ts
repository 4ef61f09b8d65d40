import { assertEquals, assertInstanceOf, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { Acceptor } from "../../src/transport/accept.ts";
import { Descriptors } from "../../src/transport/descriptors.ts";
import { ListenError } from "../../src/transport/listen_error.ts";
import { listenTcp } from "../../src/transport/tcp.ts";
import { connectTcp, ended, nextOf, RecordingLogger } from "./support.ts";

const HERE = { hostname: "127.0.0.1", port: 0 };

Deno.test("a TCP listener tells the port that was picked", async () => {
  const listener = await listenTcp({ ...HERE, logger: new RecordingLogger() });
  assertEquals(listener.address.hostname, "127.0.0.1");
  assertEquals(listener.address.port > 0, true);
  await listener.reload();
  await listener.close();
  await listener.close();
});

Deno.test("a TCP transport tells where the peer is and when it came", async () => {
  const before = performance.now();
  const listener = await listenTcp({ ...HERE, logger: new RecordingLogger() });
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
  const listener = await listenTcp({ ...HERE, logger: new RecordingLogger() });
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
  const listener = await listenTcp({ ...HERE, logger: new RecordingLogger() });
  const { port } = listener.address;
  const error = await assertRejects(() => listenTcp({ ...HERE, port, logger: new RecordingLogger() }), ListenError);
  assertEquals(error.message, `Cannot listen on 127.0.0.1:${port}: the port is in use`);
  assertInstanceOf(error.cause, Deno.errors.AddrInUse);
  await listener.close();
});

Deno.test("an address of another machine is named", async () => {
  const options = { hostname: "192.0.2.1", port: 0, logger: new RecordingLogger() };
  const error = await assertRejects(() => listenTcp(options), ListenError);
  assertEquals(error.message, "Cannot listen on 192.0.2.1:0: the address is not one of this machine");
});

Deno.test("a host that is not known is named", async () => {
  const options = { hostname: "no-such-host.invalid", port: 1883, logger: new RecordingLogger() };
  const error = await assertRejects(() => listenTcp(options), ListenError);
  assertEquals(error.message, "Cannot listen on no-such-host.invalid:1883: the host name is not known");
});

Deno.test({
  name: "a permission of Deno that is missing is named",
  permissions: { net: false },
  async fn() {
    const error = await assertRejects(() => listenTcp({ ...HERE, logger: new RecordingLogger() }), ListenError);
    assertMatch(error.message, /^Cannot listen on 127\.0\.0\.1:0: Deno's permission is missing: /);
  },
});

const HERE_NAMED = "127.0.0.1:1883";

/** The system's errors, as Deno throws them. */
function systemError(code: string, type: new (message: string) => Error = Error): Error {
  return Object.assign(new type(`${code} (os error)`), { code });
}

for (const code of ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"]) {
  Deno.test(`a shortage at accept (${code}) is logged once and tried again after a pause`, async () => {
    const logger = new RecordingLogger();
    const { pauses, after } = hurriedPauses();
    const source = new FailingSource(Array.from({ length: 9 }, () => systemError(code)));
    const acceptor = new Acceptor(source, { name: HERE_NAMED, logger, after });
    assertEquals(await acceptor.next(), source.connection);
    assertEquals(pauses, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    assertEquals(logger.lines.length, 1);
    assertStringIncludes(logger.lines[0]!, "warn Cannot accept a connection on 127.0.0.1:1883, trying again");
    await acceptor.stop();
  });
}

Deno.test("what fails at accept for one peer is skipped without a pause, however often, and logged at debug", async () => {
  const logger = new RecordingLogger();
  const { pauses, after } = hurriedPauses();
  const errors = [
    systemError("ECONNABORTED", Deno.errors.ConnectionAborted),
    systemError("ECONNRESET", Deno.errors.ConnectionReset),
    systemError("ENOTCONN", Deno.errors.NotConnected),
    ...["EPROTO", "EPERM", "EHOSTUNREACH", "ENETDOWN"].map((code) => systemError(code)),
    ...Array.from({ length: 1000 }, () => new Error("of a kind that nobody knows")),
  ];
  const { length } = errors;
  const source = new FailingSource(errors);
  const acceptor = new Acceptor(source, { name: HERE_NAMED, logger, after });
  assertEquals(await acceptor.next(), source.connection);
  assertEquals(pauses, []);
  assertEquals(logger.lines.length, length);
  assertEquals(logger.lines.filter((line) => !line.startsWith("debug ")), []);
  await acceptor.stop();
});

Deno.test("a listening socket that is broken ends the iteration with its error instead of being asked for ever", async () => {
  const source = new FailingSource([systemError("EBADF")]);
  const acceptor = new Acceptor(source, { name: HERE_NAMED, logger: new RecordingLogger() });
  await assertRejects(() => acceptor.next(), Error, "EBADF");
});

Deno.test("accepting waits while only the reserve of file descriptors is left", async () => {
  const logger = new RecordingLogger();
  let open = 225;
  const descriptors = new Descriptors({ limit: () => 256, open: () => open });
  const source = new FailingSource([]);
  const askedMeanwhile: number[] = [];
  const after = (_milliseconds: number, wake: () => void) => {
    askedMeanwhile.push(source.asked);
    if (askedMeanwhile.length === 5) open = 200;
    queueMicrotask(wake);
    return () => {};
  };
  const acceptor = new Acceptor(source, { name: HERE_NAMED, logger, descriptors, after });
  assertEquals(await acceptor.next(), source.connection);
  assertEquals(askedMeanwhile, [0, 0, 0, 0, 0]);
  assertEquals(logger.lines, [
    "warn Cannot accept a connection on 127.0.0.1:1883, trying again: " +
    "225 of 256 file descriptors are in use, and the rest is kept for the broker's files",
  ]);
  await acceptor.stop();
});

Deno.test("at the limit, where each descriptor that comes free is used up at once, there is one line until a minute was quiet", async () => {
  const logger = new RecordingLogger();
  let [open, now] = [225, 0];
  const descriptors = new Descriptors({ limit: () => 256, open: () => open });
  const after = (milliseconds: number, wake: () => void) => {
    now += milliseconds;
    open = 223;
    queueMicrotask(wake);
    return () => {};
  };
  const acceptor = new Acceptor(new FailingSource([]), {
    name: HERE_NAMED,
    logger,
    descriptors,
    after,
    now: () => now,
  });
  const acceptAtTheLimit = async () => {
    open = 225;
    for (let accepted = 0; accepted < 3; accepted++) await acceptor.next();
  };
  for (let time = 0; time < 400; time++) await acceptAtTheLimit();
  assertEquals([logger.lines.length, now], [1, 4000]);
  now += 59_000;
  await acceptAtTheLimit();
  assertEquals(logger.lines.length, 1);
  now += 60_000;
  await acceptAtTheLimit();
  assertEquals(logger.lines.length, 2);
  await acceptor.stop();
});

Deno.test("no number of connections takes the reserve of file descriptors, and the system is seldom asked", () => {
  for (const limit of [256, 1024, 65_536, 1_048_576]) {
    let open = 30;
    let asked = 0;
    const descriptors = new Descriptors({ limit: () => limit, open: () => (asked++, open) });
    while (descriptors.take() === undefined) open++;
    assertEquals(limit - open >= 24, true, `${limit - open} of ${limit} are left`);
    assertEquals(limit - open <= 24 + limit / 20, true, `${limit - open} of ${limit} are left`);
    assertEquals(asked < 40, true, `asked ${asked} times`);
  }
});

Deno.test("when file descriptors cannot be counted for want of one, accepting waits", () => {
  const open = () => {
    throw new Error("Too many open files");
  };
  assertMatch(new Descriptors({ limit: () => 256, open }).take() ?? "", /^256 of 256 file descriptors are in use/);
});

Deno.test("where nobody knows how many file descriptors there may be, accepting goes on until the system refuses", () => {
  const descriptors = new Descriptors({ limit: () => undefined, open: () => Number.MAX_SAFE_INTEGER });
  for (let accepted = 0; accepted < 1000; accepted++) assertEquals(descriptors.take(), undefined);
});

Deno.test("stopping ends the pause after a failure to accept", async () => {
  const logger = new RecordingLogger();
  const acceptor = new Acceptor(new FailingSource([systemError("EMFILE")]), { name: HERE_NAMED, logger });
  const next = acceptor.next();
  await logger.line(/EMFILE/);
  await acceptor.stop();
  assertEquals(await next, undefined);
});

/** Pauses that are over at once, and how long they were to be. */
function hurriedPauses() {
  const pauses: number[] = [];
  const after = (milliseconds: number, wake: () => void) => {
    pauses.push(milliseconds);
    queueMicrotask(wake);
    return () => {};
  };
  return { pauses, after };
}

/** Fails as often as it is told before it accepts. */
class FailingSource {
  readonly connection = {} as Deno.Conn;
  readonly #errors: Error[];
  asked = 0;

  constructor(errors: Error[]) {
    this.#errors = errors;
  }

  accept(): Promise<Deno.Conn> {
    this.asked++;
    const error = this.#errors.shift();
    return error ? Promise.reject(error) : Promise.resolve(this.connection);
  }

  close(): void {}
}
