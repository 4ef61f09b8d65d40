/** Client certificates as the whole broker sees them: the user name, the snapshot, the refusals. */
import { assertEquals } from "@std/assert";
import type { ListenerConfig } from "../../src/config/config.ts";
import { type Authority, makeAuthority, writeServerCertificate } from "../support/certificates.ts";
import { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const authority = makeAuthority();

async function withListener(listener: ListenerConfig, use: (broker: TestBroker) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const { certfile, keyfile } = await writeServerCertificate(directory, authority);
    const tls: ListenerConfig = { bind: "127.0.0.1:0", ssl: true, certfile, keyfile, cadata: authority.certificate };
    await using broker = await startBroker({ listeners: { tls: { ...tls, ...listener } }, auth: { plugins: [] } });
    await use(broker);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Signs in with a certificate of this name and tells the return code. */
async function signIn(broker: TestBroker, issuer: Authority, commonName: string): Promise<[number, string?]> {
  const { certificate, key } = issuer.issue({ commonName, sans: [`DNS:${commonName}.example`], usage: "client" });
  const { hostname, port } = broker.broker.addresses.tls!;
  const connection = await Deno.connectTls({
    hostname,
    port,
    caCerts: [authority.certificate],
    cert: certificate,
    key,
  });
  const client = new RawClient(connection);
  try {
    const { reasonCode } = await client.connect({ clientIdentifier: commonName });
    const [snapshot] = broker.broker.clients;
    return [reasonCode, snapshot?.username];
  } finally {
    await client.close();
  }
}

Deno.test("username-from-certificate: cn signs a client in under the name in its certificate", async () => {
  await withListener({ clientCertificate: "required", usernameFromCertificate: "cn" }, async (broker) => {
    assertEquals(await signIn(broker, authority, "device-1"), [0, "device-1"]);
  });
});

Deno.test("username-from-certificate: san takes the first subject alternative name", async () => {
  await withListener({ clientCertificate: "required", usernameFromCertificate: "san" }, async (broker) => {
    assertEquals(await signIn(broker, authority, "device-1"), [0, "device-1.example"]);
  });
});

Deno.test("A certificate alone signs nobody in unless the listener says so", async () => {
  await withListener({ clientCertificate: "required" }, async (broker) => {
    assertEquals((await signIn(broker, authority, "device-1"))[0], 5);
  });
});
