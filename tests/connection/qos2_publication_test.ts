/** What a QoS 2 message that comes again waits for, in a cluster. */
import { assertEquals } from "@std/assert";
import type { Connection, SignedIn } from "../../src/connection/connection.ts";
import { QoS2Publication } from "../../src/connection/qos2_publication.ts";
import { Receipt } from "../../src/receipt.ts";
import { Receiver } from "../../src/session/receiver.ts";

function publicationOf(receiver: Receiver, cluster: unknown): QoS2Publication {
  const connection = { context: { cluster } } as unknown as Connection;
  return new QoS2Publication(connection, { session: { receiver } } as unknown as SignedIn, 7);
}

Deno.test("one that is routed in pieces waits until that is over and others have it", () => {
  const receiver = new Receiver();
  const publication = publicationOf(receiver, {});
  publication.onBegun();
  const waits = receiver.receiptOf(7)!;
  assertEquals([receiver.has(7), waits.pending], [true, true]);
  const receipt = new Receipt();
  receipt.expect();
  publication.onReceipt(receipt);
  publication.onRouted(1);
  assertEquals([waits.pending, receiver.receiptOf(7)], [true, waits]);
  receipt.arrived();
  assertEquals([waits.pending, receiver.receiptOf(7)], [false, undefined]);
});

Deno.test("one that is for nobody elsewhere waits for its routing alone, and without a cluster for nothing", () => {
  for (const cluster of [{}, undefined]) {
    const receiver = new Receiver();
    const publication = publicationOf(receiver, cluster);
    publication.onBegun();
    assertEquals(receiver.receiptOf(7)?.pending, cluster && true);
    publication.onRouted(1);
    assertEquals([receiver.has(7), receiver.receiptOf(7)], [true, undefined]);
  }
});

Deno.test("of one that nobody had room for nothing is kept, and whoever waits is answered", () => {
  const receiver = new Receiver();
  const publication = publicationOf(receiver, {});
  publication.onBegun();
  const waits = receiver.receiptOf(7)!;
  publication.onRouted("full");
  assertEquals([waits.pending, receiver.has(7), receiver.receiptOf(7)], [false, false, undefined]);
});
