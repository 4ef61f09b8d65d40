/** What is held back until it is stored. */
import { assertEquals, assertThrows } from "@std/assert";
import { CommitGate } from "../../src/connection/commit_gate.ts";
import { Outbox } from "../../src/connection/outbox.ts";
import { ProtocolError } from "../../src/packet/protocol_error.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { change, journalOf } from "../persistence/support.ts";
import { until } from "../support/durable_broker.ts";

/** As many as a client has packet identifiers. */
const MAXIMUM_ANSWERS = 65_535;

async function gateOf() {
  const { writeQueue, store } = await journalOf();
  const [ours, peer] = memoryPair();
  const nothing = () => {};
  const outbox = new Outbox(ours, { maximumBytes: 2 ** 20, owner: { sent: nothing, relieved: nothing } });
  const gate = new CommitGate(writeQueue, outbox);
  const answer = (times: number) => {
    for (let i = 0; i < times; i++) gate.forAnswer();
  };
  const close = () => {
    gate.close();
    writeQueue.close();
    for (const transport of [ours, peer]) transport.close();
  };
  return { writeQueue, store, gate, outbox, answer, close };
}

Deno.test("A client that goes on without an answer to as many packets as it may send is refused with 0x93", async () => {
  const { writeQueue, store, gate, answer, close } = await gateOf();
  store.hold();
  writeQueue.append(change(1));
  answer(MAXIMUM_ANSWERS);
  const error = assertThrows(() => gate.forAnswer(), ProtocolError);
  assertEquals(error.reasonCode, ReasonCode.ReceiveMaximumExceeded);
  close();
});

Deno.test("A client that always waits for something gets any number of answers", async () => {
  const { writeQueue, store, gate, answer, close } = await gateOf();
  store.hold();
  writeQueue.append(change(1));
  for (let round = 0; round < 5; round++) {
    gate.begin();
    await until("the store to be asked", () => store.held === 1);
    const before = writeQueue.position;
    answer(20_000);
    // The next waits already when this one is stored.
    writeQueue.append(change(2));
    gate.begin();
    gate.forMessage();
    store.release();
    store.hold();
    await until("the commit", () => writeQueue.committed >= before);
    assertEquals(gate.holds, true);
  }
  close();
});

Deno.test("A message at QoS 1 never overtakes another that is held, though what that waited for is stored", async () => {
  const { writeQueue, store, gate, close } = await gateOf();
  store.hold();
  writeQueue.append(change(1));
  const first = gate.forMessage();
  await until("the store to be asked", () => store.held === 1);
  gate.begin();
  writeQueue.append(change(2));
  const answer = gate.forAnswer();
  assertEquals([answer === first, gate.behindMessages() === answer], [false, true]);
  const before = writeQueue.committed;
  store.release();
  store.hold();
  await until("the first commit", () => writeQueue.committed > before);
  assertEquals([gate.holdsMessages, gate.behindMessages() === answer], [true, true]);
  store.release();
  await until("the second commit", () => writeQueue.committed === writeQueue.position);
  await until("everything to have left", () => !gate.holds);
  assertEquals([gate.holdsMessages, gate.behindMessages() === answer], [false, false]);
  close();
});

Deno.test("What waits behind a SUBACK counts as bytes for the client until the SUBACK has left", async () => {
  const { writeQueue, store, gate, outbox, close } = await gateOf();
  store.hold();
  gate.begin();
  writeQueue.append(change(1));
  gate.forAnswer();
  gate.fence([parseTopicFilter("a/+")]);
  assertEquals([gate.holdsBack(parseTopicName("a/1")), gate.holdsBack(parseTopicName("b"))], [true, false]);
  gate.behindSuback({ inOrder: true }).set(new Uint8Array(2 ** 20));
  writeQueue.append(change(2));
  gate.begin();
  gate.forMessage();
  assertEquals([gate.holdsMessages, outbox.congested], [true, false]);
  gate.behindSuback({ inOrder: false });
  assertEquals([outbox.congested, outbox.heldBytes], [true, 2 ** 20]);
  store.release();
  await until("the commits", () => !gate.holds);
  assertEquals([gate.holdsBack(parseTopicName("a/1")), outbox.heldBytes], [false, 0]);
  close();
});
