/** Crowds that mean no good do not disturb those who do. */
import { assert, assertEquals } from "@std/assert";
import { setPassword } from "../../src/plugins/password_file.ts";
import { flood, FloodedBroker, MISCHIEF, WellBehavedPair } from "../support/flood.ts";
import { patiently } from "../support/patience.ts";
import type { RawClient } from "../support/raw_client.ts";

const CONNECTIONS = 2000;
const SIGN_INS = 200;
/** Those under names of their own have their turns one after the other, and each costs a hash. */
const ANSWERED_SOON = 40;

for (const carrier of ["TCP", "TLS", "WebSocket"] as const) {
  Deno.test(`2,000 connections with random bytes, half packets or nothing disturb nobody on ${carrier}`, async () => {
    const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
    console.log(`seed ${seed}`);
    await using target = await FloodedBroker.start(carrier);
    const [publisher, subscriber] = [await target.open(), await target.open()];
    const pair = await WellBehavedPair.begin(publisher, subscriber);
    await pair.exchange();
    const exchanged = await pair.exchangeDuring(flood(target, CONNECTIONS, seed));
    assert(exchanged > 1, "messages went through during the flood");
    assertEquals(strangers(target), [], "clients that should not be signed in");
    const signedIn = 2 + Math.floor(CONNECTIONS / MISCHIEF.length);
    assertEquals(
      target.broker.broker.clients.length,
      signedIn,
      "the pair and those who are in the middle of a PUBLISH",
    );
    await pair.exchangeDuring(target.closeClients(publisher, subscriber));
    await pair.exchange();
    assertEquals(target.broker.log.lines.filter((line) => line.startsWith("error")), []);
    await subscriber.expectNothing();
  });
}

Deno.test("200 sign-ins with wrong passwords at once disturb nobody and get nobody in", async () => {
  const credentials = { username: "alice", password: "right" };
  await using target = await FloodedBroker.start("TCP", async (directory) => {
    const passwordFile = `${directory}/passwords`;
    await setPassword(passwordFile, credentials.username, credentials.password);
    return { auth: { plugins: ["auth.file"], passwordFile } };
  });
  const pair = await WellBehavedPair.begin(await target.open(), await target.open(), credentials);
  await pair.exchange();
  const attackers = await Promise.all(Array.from({ length: SIGN_INS }, () => target.open()));
  const answers = new Answers(attackers);
  // Each costs some tenths of a second of a processor, which this test may have to share with many.
  await pair.exchangeDuring(patiently(`${ANSWERED_SOON} answers`, answers.first(ANSWERED_SOON), 120_000));
  assertEquals(strangers(target), [], "clients that should not be signed in");
  await target.broker.connect({ clientIdentifier: "later", ...credentials });
  await pair.exchange();
  assertEquals(target.broker.log.lines.filter((line) => line.startsWith("error")), []);
  await target.broker.broker.shutdown();
  for (const answer of await answers.all) {
    assert(["CONNACK 3", "CONNACK 4", "closed"].includes(answer), `answer to a wrong password: got ${answer}`);
  }
});

/** Signed-in clients that have no business to be: neither the pair nor those who cut only their PUBLISH. */
function strangers({ broker }: FloodedBroker): string[] {
  const names = broker.broker.clients.map(({ clientIdentifier }) => clientIdentifier);
  return names.filter((name) => !/^(publisher|subscriber|half \d+)$/.test(name));
}

/** What clients with wrong passwords get, half of them under a name that exists. */
class Answers {
  readonly all: Promise<string[]>;
  #count = 0;
  #awaited = Infinity;
  #reached: () => void = () => {};

  constructor(clients: readonly RawClient[]) {
    this.all = Promise.all(clients.map((client, index) => this.#signIn(client, index)));
  }

  /** Settled when so many have their answer. */
  async first(count: number): Promise<void> {
    this.#awaited = count;
    const reached = new Promise<void>((resolve) => this.#reached = resolve);
    if (this.#count < count) await Promise.race([reached, this.all]);
  }

  async #signIn(client: RawClient, index: number): Promise<string> {
    const username = index % 2 === 0 ? "alice" : `nobody ${index}`;
    const answer = await client.connect({ clientIdentifier: `attacker ${index}`, username, password: "wrong" }).then(
      ({ reasonCode }) => `CONNACK ${reasonCode}`,
      (error: Error) => error.message.includes("the end of the connection") ? "closed" : error.message,
    );
    if (++this.#count >= this.#awaited) this.#reached();
    return answer;
  }
}
