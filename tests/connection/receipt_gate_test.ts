/** What is held back until other nodes have it. */
import { assertEquals } from "@std/assert";
import { ReceiptGate } from "../../src/connection/receipt_gate.ts";
import { Receipt } from "../../src/receipt.ts";

function pending(): Receipt {
  const receipt = new Receipt();
  receipt.expect();
  return receipt;
}

Deno.test("acknowledgements leave in the order of the messages, whatever arrives first", () => {
  const gate = new ReceiptGate();
  const sent: number[] = [];
  const receipts = [pending(), pending()];
  for (const [i, receipt] of receipts.entries()) {
    gate.took(receipt);
    gate.acknowledge(() => sent.push(i));
    gate.pause(10);
  }
  gate.acknowledge(() => sent.push(2));
  receipts[1]!.arrived();
  assertEquals(sent, []);
  receipts[0]!.arrived();
  assertEquals(sent, [0, 1, 2]);
});

Deno.test("a message waits for those that went the other way, and for those that came again and went who knows which", async () => {
  const gate = new ReceiptGate();
  const first = pending();
  gate.took(first);
  assertEquals(gate.enter("link"), undefined);
  const waits = gate.enter("log");
  first.arrived();
  await waits;
  assertEquals(gate.enter("log"), undefined);
  const again = pending();
  gate.tookAgain(again);
  const [byLog, byLink] = [gate.enter("log"), gate.enter("link")];
  assertEquals([byLog === undefined, byLink === undefined], [false, false]);
  again.arrived();
  await byLog;
  assertEquals(gate.enter("link"), undefined);
});
