/** Sign-in with SCRAM-SHA-256 through the bundled `auth.file` (MQTT 5.0 §4.12, RFC 5802, RFC 7677). */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import type { BrokerConfig } from "../../src/config/config.ts";
import { deriveScramCredentials } from "../../src/plugins/password/scram_credentials.ts";
import type { ConnectOptions, RawClient } from "../support/raw_client.ts";
import { ScramClient } from "../support/scram_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const METHOD = "SCRAM-SHA-256";

/** A line of the password file, as PostgreSQL writes it. */
async function line(username: string, password: string): Promise<string> {
  const salt = new TextEncoder().encode(`salt of ${username}`);
  const prepared = new TextEncoder().encode(password);
  const { iterations, storedKey, serverKey } = await deriveScramCredentials(prepared, { iterations: 4096, salt });
  return `${username}:${METHOD}$${iterations}:${salt.toBase64()}$${storedKey.toBase64()}:${serverKey.toBase64()}\n`;
}

const FILE = await line("alice", "wonderland") + await line("bob", "builder");

/** A broker for alice and bob. */
class Fixture implements AsyncDisposable {
  private constructor(readonly broker: TestBroker, readonly directory: string) {}

  static async start(config: BrokerConfig = {}): Promise<Fixture> {
    const directory = await Deno.makeTempDir();
    const passwordFile = join(directory, "users");
    await Deno.writeTextFile(passwordFile, FILE);
    const broker = await startBroker({ auth: { passwordFile, allowAnonymous: false }, ...config });
    return new Fixture(broker, directory);
  }

  /** A client that has signed in by SCRAM. */
  async connect(username: string, password: string, options: ConnectOptions = {}): Promise<RawClient> {
    const client = this.broker.open();
    const { answer, scram } = await exchange(client, { username, password }, options);
    assertEquals(answer, 0);
    assert(
      scram.trusts(client.connack.properties?.authenticationData),
      "the broker has not proved that it knows alice",
    );
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}

const saying = (authenticationData: Uint8Array) => ({ authenticationMethod: METHOD, authenticationData });

interface User {
  readonly username: string;
  readonly password: string;
}

/** The whole exchange up to CONNACK, whose code is the answer. */
async function exchange(client: RawClient, user: User, options: ConnectOptions = {}) {
  const scram = new ScramClient(user);
  await client.sendConnect({ protocolVersion: 5, ...options, ...saying(scram.first()) });
  const { reasonCode, properties } = await client.expect("Auth");
  assertEquals([reasonCode, properties?.authenticationMethod], [0x18, METHOD]);
  await client.sendAuth(0x18, saying(await scram.final(properties?.authenticationData)));
  const answer: number = (await client.expect("Connack")).reasonCode;
  return { answer, scram };
}

Deno.test("[MQTT-4.12.0-5] 5.0: a client signs in by SCRAM, and client and broker have proved to each other what they know", async () => {
  await using fixture = await Fixture.start();
  const client = await fixture.connect("alice", "wonderland");
  assertEquals(client.connack.properties?.authenticationMethod, METHOD);
  const clients = fixture.broker.broker.clients.map(({ username, authenticationMethod }) => [
    username,
    authenticationMethod,
  ]);
  assertEquals(clients, [["alice", METHOD]]);
  await client.expectNothing();
});

Deno.test("SCRAM that begins with an empty CONNECT takes one AUTH more", async () => {
  await using fixture = await Fixture.start();
  const client = fixture.broker.open();
  await client.sendConnect({ protocolVersion: 5, authenticationMethod: METHOD });
  assertEquals((await client.expect("Auth")).properties, { authenticationMethod: METHOD });
  const scram = new ScramClient({ username: "alice", password: "wonderland" });
  await client.sendAuth(0x18, saying(scram.first()));
  const { properties } = await client.expect("Auth");
  await client.sendAuth(0x18, saying(await scram.final(properties?.authenticationData)));
  assertEquals<number>((await client.expect("Connack")).reasonCode, 0);
});

Deno.test("[MQTT-4.12.0-4] 5.0: a wrong password and a user who does not exist are refused alike, and the connection is closed", async () => {
  await using fixture = await Fixture.start();
  for (const user of [{ username: "alice", password: "rabbit" }, { username: "nobody", password: "wonderland" }]) {
    const client = fixture.broker.open();
    const { answer } = await exchange(client, user);
    assertEquals(answer, 0x87);
    assertEquals(client.connack.properties, undefined);
    await client.expectClosed();
  }
  assertEquals(fixture.broker.broker.clients, []);
});

Deno.test("[MQTT-4.12.0-4] 5.0: what is no message of SCRAM is refused with 0x87 and a reason, at each step", async () => {
  await using fixture = await Fixture.start();
  const nonsense = new TextEncoder().encode("open sesame");
  const first = fixture.broker.open();
  const refused = await first.connect({ protocolVersion: 5, ...saying(nonsense) });
  assertEquals<number>(refused.reasonCode, 0x87);
  assert(refused.properties?.reasonString?.startsWith("client-first-message: "));
  await first.expectClosed();
  const second = fixture.broker.open();
  const scram = new ScramClient({ username: "alice", password: "wonderland" });
  await second.sendConnect({ protocolVersion: 5, ...saying(scram.first()) });
  await second.expect("Auth");
  await second.sendAuth(0x18, saying(nonsense));
  const { reasonCode, properties } = await second.expect("Connack");
  assertEquals<number>(reasonCode, 0x87);
  assert(properties?.reasonString?.startsWith("client-final-message: "));
  await second.expectClosed();
});

Deno.test("The user of SCRAM is the user for permissions, whatever user name CONNECT has", async () => {
  await using fixture = await Fixture.start({
    topicCheck: { enabled: true, acl: { alice: ["of/%u/#"], bob: ["#"] } },
  });
  const client = await fixture.connect("alice", "wonderland", { username: "bob", password: "guess" });
  assertEquals(await client.subscribe(["of/alice/a", "of/bob/a"]), [0, 0x87]);
  assertEquals(await client.publish("of/bob/a", "", { qos: 1 }), 0x87);
  assertEquals(await client.publish("of/alice/b", "", { qos: 1 }), 0x10);
});

Deno.test("The user of SCRAM is the user of the session: another is refused with 0x85, the same with a password comes back", async () => {
  await using fixture = await Fixture.start();
  const session = { clientIdentifier: "c", clean: false, sessionExpiryIntervalSeconds: 100 };
  const first = await fixture.connect("alice", "wonderland", session);
  const other = fixture.broker.open();
  const { answer } = await exchange(other, { username: "bob", password: "builder" }, { ...session, username: "alice" });
  assertEquals(answer, 0x85);
  await other.expectClosed();
  await first.expectNothing();
  const { reasonCode, sessionPresent } = await fixture.broker.open().connect({
    ...session,
    protocolVersion: 5,
    username: "alice",
    password: "wonderland",
  });
  assertEquals([reasonCode, sessionPresent], [0, true]);
  await first.expectDisconnect(0x8e);
});

Deno.test("A client proves anew by SCRAM who it is; its messages go on meanwhile", async () => {
  await using fixture = await Fixture.start();
  const client = await fixture.connect("alice", "wonderland");
  await client.subscribe("a", 1);
  const scram = new ScramClient({ username: "alice", password: "wonderland" });
  await client.sendAuth(0x19, saying(scram.first()));
  const { reasonCode, properties } = await client.expect("Auth");
  assertEquals<number>(reasonCode, 0x18);
  await client.publish("a", "meanwhile", { qos: 1 });
  await client.takeMessage({ payload: "meanwhile" });
  await client.sendAuth(0x18, saying(await scram.final(properties?.authenticationData)));
  const success = await client.expect("Auth");
  assertEquals<number>(success.reasonCode, 0);
  assertEquals(success.properties?.authenticationMethod, METHOD);
  assert(scram.trusts(success.properties?.authenticationData));
  await client.expectNothing();
});

Deno.test("[MQTT-4.12.1-2] 5.0: a wrong password, or another user's, in a re-authentication by SCRAM ends with DISCONNECT 0x87", async () => {
  for (const user of [{ username: "alice", password: "rabbit" }, { username: "bob", password: "builder" }]) {
    await using fixture = await Fixture.start();
    const client = await fixture.connect("alice", "wonderland");
    const scram = new ScramClient(user);
    await client.sendAuth(0x19, saying(scram.first()));
    const { properties } = await client.expect("Auth");
    await client.sendAuth(0x18, saying(await scram.final(properties?.authenticationData)));
    await client.expectDisconnect(0x87);
  }
});

Deno.test("[MQTT-4.12.0-1] 5.0: SCRAM with channel binding and other methods are refused with 0x8C", async () => {
  await using fixture = await Fixture.start();
  for (const authenticationMethod of ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "scram-sha-256", "PLAIN", ""]) {
    const client = fixture.broker.open();
    const { reasonCode } = await client.connect({ protocolVersion: 5, authenticationMethod });
    assertEquals<number>(reasonCode, 0x8c);
    await client.expectClosed();
  }
});
