import { assertEquals } from "@std/assert";
import { Receipt } from "../../src/receipt.ts";
import { Receiver } from "../../src/session/receiver.ts";
import { FakeSessionJournal } from "./fake_session_journal.ts";

Deno.test("An identifier that was accepted is known until it is released", () => {
  const receiver = new Receiver();
  assertEquals(receiver.has(7), false);
  receiver.accept(7);
  receiver.accept(7);
  receiver.accept(8);
  assertEquals([receiver.has(7), receiver.has(8), receiver.inflight], [true, true, 2]);
  assertEquals(receiver.release(7), true);
  assertEquals([receiver.has(7), receiver.has(8), receiver.inflight], [false, true, 1]);
});

Deno.test("The release of an unknown identifier is told", () => {
  assertEquals(new Receiver().release(7), false);
});

Deno.test("What an earlier connection left unreleased does not count for the present one", () => {
  const receiver = new Receiver();
  for (const packetIdentifier of [1, 2]) receiver.accept(packetIdentifier);
  assertEquals([receiver.inflight, receiver.inflightNow], [2, 2]);
  receiver.attach();
  assertEquals([receiver.inflight, receiver.inflightNow, receiver.has(1)], [2, 0, true]);
  receiver.accept(3);
  assertEquals([receiver.inflight, receiver.inflightNow], [3, 1]);
  receiver.release(1);
  assertEquals([receiver.inflight, receiver.inflightNow], [2, 1]);
  receiver.accept(1);
  assertEquals([receiver.inflight, receiver.inflightNow], [3, 2]);
  receiver.release(3);
  receiver.attach();
  assertEquals([receiver.inflight, receiver.inflightNow], [2, 0]);
});

Deno.test("What is accepted and released is noted, and what a store has is known", () => {
  const noted: string[] = [];
  class Log extends FakeSessionJournal {
    override accepted(packetIdentifier?: number): void {
      noted.push(`accepted ${packetIdentifier}`);
    }
    override freed(packetIdentifier?: number): void {
      noted.push(`freed ${packetIdentifier}`);
    }
  }
  const receiver = new Receiver(new Log(), [3, 4]);
  assertEquals([receiver.has(3), receiver.inflight], [true, 2]);
  receiver.accept(7);
  receiver.release(3);
  receiver.release(9);
  assertEquals(noted, ["accepted 7", "freed 3"]);
});

Deno.test("What an acknowledgement waits for is known until it is there, or the identifier is free", () => {
  const receiver = new Receiver();
  const receipts = [1, 2].map((packetIdentifier) => {
    const receipt = new Receipt();
    receipt.expect();
    receiver.accept(packetIdentifier);
    receiver.acknowledgeAfter(packetIdentifier, receipt);
    return receipt;
  });
  const known = () => [1, 2].map((packetIdentifier) => receiver.receiptOf(packetIdentifier));
  assertEquals(known(), receipts);
  receipts[0]!.arrived();
  assertEquals(known(), [undefined, receipts[1]]);
  receiver.release(2);
  assertEquals(known(), [undefined, undefined]);
  const next = new Receipt();
  next.expect();
  receiver.acknowledgeAfter(2, next);
  receipts[1]!.arrived();
  assertEquals(receiver.receiptOf(2), next);
});
