/** The ledger of the simulated world finds what it is there for, and takes nothing for a fault that is none. */
import { assertEquals } from "@std/assert";
import { Ledger } from "./ledger.ts";
import { payloadOf, type Sent, type Wanted } from "./promises.ts";

const FILTER = "$share/g/s/+";
const LOST = ["no member of $share/g/s/+ has got p s/1 1 1, which was acknowledged"];

function subscribed(ledger: Ledger, client: string, { filter = FILTER, qos = 1 as Wanted["qos"] } = {}): void {
  const wanted = { filter, qos, noLocal: false };
  ledger.subscribing(client, wanted);
  ledger.subscribed(client, wanted, false);
}

/** A ledger with clients that are members of the group. */
function withMembers(clients: readonly string[]): Ledger {
  const ledger = new Ledger();
  for (const client of clients) {
    ledger.sessionBegins(client, client.startsWith("transient"));
    subscribed(ledger, client);
  }
  return ledger;
}

function published(
  ledger: Ledger,
  { topicName = "s/1", qos = 1 as Sent["qos"], bytes = 0, expirySeconds = undefined as number | undefined } = {},
): Sent {
  const sent: Sent = { publisher: "p", topicName, qos, number: 1, retain: false, clears: false };
  ledger.attempted(sent, { bytes, expirySeconds });
  ledger.acknowledged(sent);
  return sent;
}

function arrives(ledger: Ledger, client: string, sent: Sent, { connectedAt = 0, isAgain = false } = {}): void {
  const { topicName, qos } = sent;
  ledger.delivered(client, { topicName, payload: payloadOf(sent), qos, retain: false, isAgain, connectedAt });
}

function faultsOf(ledger: Ledger): readonly string[] {
  ledger.finish();
  return ledger.faults;
}

Deno.test("a group in which somebody stays owes each message that was acknowledged", () => {
  const ledger = withMembers(["a", "b"]);
  published(ledger);
  ledger.sessionBegins("b", false);
  assertEquals(faultsOf(ledger), LOST);
});

Deno.test("a group owes nothing that one of its members has got, whoever it is", () => {
  const ledger = withMembers(["a", "b"]);
  arrives(ledger, "b", published(ledger));
  assertEquals(faultsOf(ledger), []);
});

Deno.test("a group in which nobody stays owes nothing", () => {
  const ledger = withMembers(["a", "b"]);
  published(ledger);
  ledger.sessionBegins("a", false);
  ledger.sessionBegins("b", false);
  assertEquals(faultsOf(ledger), []);
});

Deno.test("who subscribes again stays a member", () => {
  const ledger = withMembers(["a"]);
  published(ledger);
  subscribed(ledger, "a", { qos: 2 });
  assertEquals(faultsOf(ledger), LOST);
});

Deno.test("who unsubscribes and subscribes again does not stay a member", () => {
  const ledger = withMembers(["a"]);
  published(ledger);
  ledger.unsubscribing("a", FILTER);
  ledger.unsubscribed("a", FILTER, ledger.now);
  subscribed(ledger, "a");
  assertEquals(faultsOf(ledger), []);
});

Deno.test("a QoS 2 message may end with the session of a member that gets it at QoS 2, and of no other", () => {
  for (const [qos, faults] of [[2, 0], [1, 1]] as const) {
    const ledger = withMembers(["a"]);
    ledger.sessionBegins("b", false);
    subscribed(ledger, "b", { qos });
    published(ledger, { qos: 2 });
    ledger.sessionBegins("b", false);
    assertEquals(faultsOf(ledger).length, faults, `QoS ${qos}`);
  }
});

Deno.test("what a member may have had whose session ends with the process may be lost in a crash, and nothing later", () => {
  const before = withMembers(["a", "transient"]);
  published(before);
  before.brokerDied();
  assertEquals(faultsOf(before), []);

  const after = withMembers(["a", "transient"]);
  after.brokerDied();
  published(after);
  assertEquals(faultsOf(after), LOST);
});

Deno.test("what is too large for one member is owed if another one takes it, and by nobody otherwise", () => {
  for (const [limits, faults] of [[{ b: 200 }, LOST], [{ a: 1000, b: 200 }, LOST], [{ a: 200, b: 100 }, []]] as const) {
    const ledger = withMembers(["a", "b"]);
    ledger.packetLimits = new Map(Object.entries(limits));
    ledger.tooLarge("b", payloadOf(published(ledger, { bytes: 300 })));
    assertEquals(faultsOf(ledger), faults);
  }
});

Deno.test("a message must not be dropped as too large for a client that takes it", () => {
  const ledger = new Ledger();
  ledger.packetLimits = new Map([["b", 1000], ["c", 200]]);
  const payload = payloadOf(published(ledger, { bytes: 300 }));
  for (const client of ["a", "b", "c"]) ledger.tooLarge(client, payload);
  assertEquals(ledger.faults, ["a", "b"].map((client) => `${payload} was too large for ${client}, which takes it`));
});

Deno.test("a message with message expiry interval 0 does not wait for another connection", () => {
  const late = ["a got p t 1 1, which was for who was there at once"];
  for (const [later, isAgain, faults] of [[true, false, late], [true, true, []], [false, false, []]] as const) {
    const ledger = new Ledger();
    ledger.sessionBegins("a", false);
    subscribed(ledger, "a", { filter: "t" });
    const before = ledger.now;
    const sent = published(ledger, { topicName: "t", expirySeconds: 0 });
    ledger.sessionGoesOn("a", false);
    arrives(ledger, "a", sent, { connectedAt: later ? ledger.now + 1 : before, isAgain });
    assertEquals(ledger.faults, faults);
  }
});
