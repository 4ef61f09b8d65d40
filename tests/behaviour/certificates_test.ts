/** Server certificates over their lifetime: warned of in time, and taken when their files change. */
import { assertEquals } from "@std/assert";
import { connect } from "node:tls";
import { type IssuedCertificate, makeAuthority } from "../support/certificates.ts";
import { patiently } from "../support/patience.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const DAY_MS = 86_400_000;
const authority = makeAuthority();

function issue(commonName: string, days: number): IssuedCertificate {
  const times = { notBefore: new Date(Date.now() - 90 * DAY_MS), notAfter: new Date(Date.now() + days * DAY_MS) };
  return authority.issue({ commonName, sans: ["DNS:localhost"], ...times });
}

async function withBroker(
  server: IssuedCertificate,
  body: (broker: TestBroker, replace: (server: IssuedCertificate) => void) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const certfile = `${directory}/server.pem`;
  const replace = ({ certificate, key }: IssuedCertificate) => Deno.writeTextFileSync(certfile, certificate + key);
  try {
    replace(server);
    await using broker = await startBroker({ listeners: { tls: { bind: "127.0.0.1:0", ssl: true, certfile } } });
    await body(broker, replace);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The common name of the certificate that the broker shows. */
function shownBy(broker: TestBroker): Promise<string> {
  const { port } = broker.broker.addresses.tls!;
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false }, () => {
      const { subject } = socket.getPeerCertificate();
      socket.destroy();
      resolve(subject.CN as string);
    });
    socket.on("error", reject);
  });
}

const warnings = (broker: TestBroker) => broker.log.lines.filter((line) => /^warn: .*server certificate/.test(line));

Deno.test("a server certificate that has expired is warned of at the start and once a day", async () => {
  await withBroker(issue("old", -1), (broker) => {
    assertEquals(warnings(broker).length, 1);
    broker.clock.advance(3 * DAY_MS);
    assertEquals(warnings(broker).length, 4);
    return Promise.resolve();
  });
});

Deno.test("a server certificate is warned of from 14 days before it expires", async () => {
  await withBroker(issue("long", 17.5), (broker) => {
    broker.clock.advance(3 * DAY_MS);
    assertEquals(warnings(broker), []);
    broker.clock.advance(DAY_MS);
    assertEquals(warnings(broker).length, 1);
    return Promise.resolve();
  });
});

Deno.test("a renewed certificate is served without a signal, and the warnings end", async () => {
  await withBroker(issue("old", 1), async (broker, replace) => {
    assertEquals([await shownBy(broker), warnings(broker).length], ["old", 1]);
    replace(issue("renewed", 90));
    broker.clock.advance(2000);
    await patiently(
      "the certificate to be read again",
      (async () => {
        while (!broker.log.lines.some((line) => line.includes("read again"))) await new Promise(setImmediate);
      })(),
    );
    assertEquals(await shownBy(broker), "renewed");
    broker.clock.advance(DAY_MS);
    assertEquals(warnings(broker).length, 1);
  });
});
