/** The accountant finds what is planted: a crash test that can find nothing shows nothing. */
import { assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/packets.ts";
import { Ledger, payloadOf, type Sent } from "./ledger.ts";
import { RetainedLedger } from "./retained_ledger.ts";
import { SubscriptionLedger } from "./subscription_ledger.ts";

function message(number: number, qos: 1 | 2 = 2): Sent {
  return { publisher: "p", topicName: "t", qos, number };
}

/** A ledger with one subscriber, and acknowledged messages of these numbers. */
function ledgerOf(numbers: readonly number[], { qos = 2, granted = 2 }: { qos?: 1 | 2; granted?: QoS } = {}): Ledger {
  const ledger = new Ledger();
  ledger.subscribed("s", { topics: new Map([["t", granted]]) });
  for (const number of numbers) {
    ledger.attempted(message(number, qos));
    ledger.acknowledged(message(number, qos));
  }
  return ledger;
}

function deliver(ledger: Ledger, numbers: readonly number[], qos: 1 | 2 = 2): void {
  for (const number of numbers) ledger.delivered("s", payloadOf(message(number, qos)), qos);
}

Deno.test("The ledger finds nothing where everything came once and in order", () => {
  const ledger = ledgerOf([1, 2, 3]);
  deliver(ledger, [1, 2, 3]);
  assertEquals(ledger.faults(), []);
  assertEquals(ledger.figures, { messages: 3, acknowledged: 3, deliveries: 3, repeats: 0 });
});

Deno.test("The ledger finds a lost message", () => {
  const ledger = ledgerOf([1, 2, 3]);
  deliver(ledger, [1, 3]);
  assertEquals(ledger.faults(), ["s: p t 2 2 was acknowledged and is lost"]);
});

Deno.test("The ledger does not miss what was not acknowledged, or sent before the SUBACK", () => {
  const ledger = ledgerOf([]);
  ledger.attempted(message(1));
  ledger.attempted(message(2));
  ledger.acknowledged(message(2));
  ledger.subscribed("s", { topics: new Map([["t", 2]]) });
  assertEquals(ledger.faults(), []);
});

Deno.test("The ledger finds a message that only one of two subscribers got", () => {
  const ledger = ledgerOf([]);
  ledger.subscribed("other", { topics: new Map([["t", 1]]) });
  ledger.attempted(message(1));
  ledger.acknowledged(message(1));
  deliver(ledger, [1]);
  assertEquals(ledger.faults(), ["other: p t 2 1 was acknowledged and is lost"]);
});

Deno.test("The ledger finds a QoS 2 duplicate, and lets QoS 1 repeat", () => {
  const twice = ledgerOf([1, 2]);
  deliver(twice, [1, 2, 1]);
  assertEquals(twice.faults(), ["s: got p t 2 1 twice"]);
  const atLeastOnce = ledgerOf([1, 2], { qos: 1 });
  deliver(atLeastOnce, [1, 2, 1, 2], 1);
  assertEquals(atLeastOnce.faults(), []);
  assertEquals(atLeastOnce.figures.repeats, 2);
});

Deno.test("The ledger finds a message that overtook another of its stream", () => {
  for (const qos of [1, 2] as const) {
    const ledger = ledgerOf([1, 2, 3], { qos });
    deliver(ledger, [1, 3, 2], qos);
    assertEquals(ledger.faults(), [`s: got p t ${qos} 2 after 3`]);
  }
});

Deno.test("The ledger finds a wrong QoS, a forbidden message, and one that nobody sent", () => {
  const ledger = ledgerOf([1, 2], { granted: 1 });
  deliver(ledger, [1]);
  ledger.forbid(message(2), "its expiry");
  ledger.delivered("s", payloadOf(message(2)), 1);
  ledger.delivered("s", "nonsense", 1);
  assertEquals(ledger.faults(), [
    "s: got p t 2 1 at QoS 2 in place of 1",
    "s: got p t 2 2 in spite of its expiry",
    "s: got nonsense, which was never sent to it",
  ]);
});

Deno.test("The ledger tells how many faults it does not show", () => {
  const ledger = ledgerOf(Array.from({ length: 60 }, (_, index) => index));
  assertEquals(ledger.faults().length, 51);
  assertEquals(ledger.faults().at(-1), "and 10 more");
});

Deno.test("The ledger of retained messages finds a value that is too old, and one that was cleared", () => {
  const ledger = new RetainedLedger();
  for (const value of ["1", "2"]) ledger.attempted("r", value)();
  ledger.attempted("r", "3");
  assertEquals(ledger.faults(new Map([["r", "1"]])), ['retained r: is "1", not one of "2", "3"']);
  assertEquals(ledger.faults(new Map()), ['retained r: is "", not one of "2", "3"']);
  assertEquals(ledger.faults(new Map([["r", "2"]])), []);
  assertEquals(ledger.faults(new Map([["r", "3"]])), []);
  ledger.attempted("r", "")();
  assertEquals(ledger.faults(new Map([["r", "3"]])), ['retained r: is "3", not one of ""']);
  assertEquals(ledger.faults(new Map([["other", "x"]])), ['retained other: is "x", not one of ""']);
});

Deno.test("The ledger of retained messages lets a first value be there or not until it is acknowledged", () => {
  const ledger = new RetainedLedger();
  const acknowledged = ledger.attempted("r", "1");
  assertEquals(ledger.faults(new Map()), []);
  acknowledged();
  assertEquals(ledger.faults(new Map()), ['retained r: is "", not one of "1"']);
});

Deno.test("The ledger of subscriptions finds one that is missing, too many, or of another QoS", () => {
  const ledger = new SubscriptionLedger();
  ledger.asked("a", 2)();
  ledger.asked("b", 1)();
  ledger.asked("b", undefined)();
  assertEquals(ledger.faults(new Map([["b", 1]])), [
    "a: subscribed at nothing, not at QoS 2",
    "b: subscribed at QoS 1, not at nothing",
  ]);
  assertEquals(ledger.faults(new Map([["a", 1]])), ["a: subscribed at QoS 1, not at QoS 2"]);
  assertEquals(ledger.faults(new Map([["a", 2]])), []);
});

Deno.test("The ledger of subscriptions takes the old and the new for a request without an answer", () => {
  const ledger = new SubscriptionLedger();
  ledger.asked("a", 2)();
  ledger.asked("a", undefined);
  assertEquals(ledger.faults(new Map([["a", 2]])), []);
  assertEquals(ledger.faults(new Map()), []);
  assertEquals(ledger.faults(new Map([["a", 1]])), ["a: subscribed at QoS 1, not at QoS 2 or nothing"]);
});
