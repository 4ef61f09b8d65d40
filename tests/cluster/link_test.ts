/** One link in memory: order, acknowledgements, breaks, and what a peer that takes nothing makes of it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { BatchError, BatchReader, sealBatch } from "../../src/cluster/batch.ts";
import { type CarriedMessage, readMessage, type RouteChange, writeMessage } from "../../src/cluster/frames.ts";
import { ByteSource } from "../../src/cluster/bytes.ts";
import { Link, type LinkObserver, type Seat } from "../../src/cluster/link.ts";
import { Message } from "../../src/message.ts";
import { OutputBuffer } from "../../src/packet/output_buffer.ts";
import { parseTopicFilter, parseTopicName, type TopicFilter } from "../../src/packet/topic.ts";
import { TopicNames } from "../../src/packet/topic_names.ts";
import { systemMachine } from "../../src/runtime/machine.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import { WorkBudget } from "../../src/work_budget.ts";
import { until } from "../support/durable_broker.ts";
import { Random } from "../support/random.ts";

const machine = systemMachine();
const text = (message: Message) => new TextDecoder().decode(message.payload);
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function messageOf(payload: string | Uint8Array, qos: 0 | 1 | 2): Message {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  return Message.of({ topicName: parseTopicName("t"), payload: bytes, qos, publisher: "p" });
}

/** One end, and what has come to it. */
class End implements LinkObserver {
  readonly link: Link;
  readonly came: string[] = [];
  readonly routes: RouteChange[] = [];
  readonly dropped: string[] = [];

  constructor(peer: string, maximumBytes = 2 ** 20) {
    this.link = new Link({
      peer: { node: peer, incarnation: 1 },
      maximumBytes,
      names: new TopicNames(),
      work: new WorkBudget(machine),
      observer: this,
      now: () => performance.now(),
      soon: (run) => void setImmediate(run),
      spokenAt: () => this.spokenAt,
    });
  }

  /** Where in the log it has said something, and up to where it has read. */
  spokenAt = 0;
  readonly reading: { readonly position: number; readonly resolve: () => void }[] = [];
  readUpTo(position: number): Promise<void> | undefined {
    return new Promise((resolve) => void this.reading.push({ position, resolve }));
  }

  /** Whether the next message is taken. */
  answer: () => boolean | Promise<boolean> = () => true;
  onMessage(_link: Link, { message }: CarriedMessage): boolean | Promise<boolean> {
    assertEquals([message.publisher, message.trail?.fromNode], ["p", this.link.peer.node]);
    this.came.push(text(message));
    return this.answer();
  }
  onRoutes(_link: Link, changes: readonly RouteChange[]): void {
    this.routes.push(...changes);
  }
  onDigest(): void {}
  onRoutesWanted(): void {}
  onRequest(_link: Link, question: Uint8Array): Promise<Uint8Array> {
    return Promise.resolve(question.slice().reverse());
  }
  readonly returned: string[] = [];
  onReturn(message: Message): void {
    this.returned.push(text(message));
  }
  onDrop(message: Message): void {
    this.dropped.push(text(message));
  }
}

/** Joins two ends by a new connection. @returns breaks it, and resolves when both have noticed */
function join(a: End, b: End, capacityBytes?: number): () => Promise<void> {
  const [here, there] = memoryPair({ capacityBytes });
  const [receivedA, receivedB] = [a.link.received, b.link.received];
  const serving = [
    a.link.serve(here, new BatchReader(here), receivedB).catch(() => {}),
    b.link.serve(there, new BatchReader(there), receivedA).catch(() => {}),
  ];
  return async () => {
    here.close();
    there.close();
    await Promise.all(serving);
  };
}

async function settled(message: Message): Promise<void> {
  await new Promise<void>((resolve) => message.trail!.receipt!.whenSettled(resolve));
}

Deno.test("a message is acknowledged when the peer has taken it in, questions are answered, routes are told", async () => {
  const [a, b] = [new End("b"), new End("a")];
  const cut = join(a, b);
  const message = messageOf("1", 1);
  assert(a.link.send(message));
  assertEquals(message.trail?.receipt?.pending, true);
  await settled(message);
  assertEquals(b.came, ["1"]);
  assertEquals(await a.link.ask(Uint8Array.of(1, 2)), Uint8Array.of(2, 1));
  const route = { topicFilter: "x/#" as TopicFilter, shareName: "g", weight: 3 };
  a.link.tellRoutes([route], false);
  await a.link.routesTaken();
  assertEquals(b.routes, [route]);
  await cut();
});

Deno.test("a message waits at the peer until that has read in the log what was said there before, also over a new link", async () => {
  const [a, b] = [new End("b"), new End("a")];
  let cut = join(a, b);
  a.spokenAt = 7;
  const messages = [messageOf("1", 1), messageOf("2", 0), messageOf("3", 1)];
  for (const message of messages) a.link.send(message);
  for (let i = 0; i < 10; i++) await turn();
  assertEquals(b.came, []);
  const cutting = cut();
  cut = join(a, b);
  for (let i = 0; i < 10; i++) await turn();
  assertEquals(b.came, []);
  assertEquals(b.reading.map(({ position }) => position), [7, 7]);
  for (const { resolve } of b.reading) resolve();
  await cutting;
  await settled(messages[2]!);
  assertEquals(b.came, ["1", "3"]);
  a.link.send(messageOf("4", 1));
  for (let i = 0; i < 10; i++) await turn();
  assertEquals(b.came, ["1", "3", "4"]);
  await cut();
});

Deno.test("with breaks at any time what is at QoS 1 and 2 comes once and in order, at QoS 0 at most once", async () => {
  const seed = Date.now() % 1e9;
  const random = new Random(seed);
  const [a, b] = [new End("b"), new End("a")];
  let cut = join(a, b, 50);
  const sent: Message[] = [];
  for (let i = 0; i < 600; i++) {
    const message = messageOf(`${i}`, random.between(0, 2) as 0 | 1 | 2);
    a.link.send(message);
    sent.push(message);
    if (random.chance(0.25)) await turn();
    if (!random.chance(0.05)) continue;
    await cut();
    cut = join(a, b, random.between(20, 220));
  }
  for (const message of sent) if (message.qos > 0) await settled(message);
  const numbered = sent.filter(({ qos }) => qos > 0).map(text);
  assertEquals(b.came.filter((one) => sent[Number(one)]!.qos > 0), numbered, `seed ${seed}`);
  assertEquals(new Set(b.came).size, b.came.length, `seed ${seed}`);
  await cut();
});

Deno.test("for a peer that takes nothing QoS 0 is dropped above the limit, QoS 1 says so, and its death frees all", async () => {
  const a = new End("b", 10_000);
  const [here] = memoryPair({ capacityBytes: 10 });
  const serving = a.link.serve(here, new BatchReader(here), 0).catch(() => {});
  await turn();
  for (let i = 0; i < 30; i++) a.link.send(messageOf(new Uint8Array(1000), 0));
  assert(a.dropped.length >= 19, `${a.dropped.length} dropped`);
  const message = messageOf("1", 1);
  assert(a.link.send(message));
  const relieved = message.trail!.receipt!.full?.relieved();
  assert(relieved !== undefined);
  const answer = a.link.ask(Uint8Array.of(1));
  a.link.end();
  await Promise.all([settled(message), relieved, serving]);
  assertEquals([await answer, a.link.heldBytes], [undefined, 0]);
});

Deno.test("a batch that is damaged, of another version or of nobody's is told as such", async () => {
  const whole = new Uint8Array(20);
  sealBatch(whole);
  for (const [at, what] of [[0, "first byte"], [1, "version"], [15, "checksum"], [4, "bytes"]] as const) {
    const [here, there] = memoryPair();
    const bytes = whole.slice();
    bytes[at] = 0xff;
    await here.write(bytes);
    await assertRejects(() => new BatchReader(there).next(), BatchError, what);
  }
});

Deno.test("a message comes back as it was, whatever it has", () => {
  const names = new TopicNames();
  const trail = { fromNode: "a" };
  const properties = {
    contentType: "x",
    userProperties: [["a", "b"]] as [string, string][],
    payloadFormatIndicator: 1,
  };
  for (const payload of ["", "x", "y".repeat(70_000)]) {
    for (const expiresAtMs of [undefined, 5000, -Infinity]) {
      for (const publisher of [undefined, "someone"]) {
        const message = Message.of({
          topicName: parseTopicName("a/ü"),
          payload: new TextEncoder().encode(payload),
          qos: 1,
          retain: true,
          properties: properties as never,
          publisher,
          expiresAtMs,
        });
        const out = new OutputBuffer();
        writeMessage(out, message, { shareName: "g", topicFilter: "a/+" as TopicFilter }, () => 1000);
        const bytes = out.take();
        const { message: back, group } = readMessage(bytes, new ByteSource(bytes, 1), names, {
          now: () => 2000,
          trail,
        });
        assertEquals([back.topicName, text(back), back.qos, back.retain], ["a/ü", payload, 1, true]);
        const left = expiresAtMs && { messageExpiryIntervalSeconds: expiresAtMs === 5000 ? 4 : 0 };
        const expected = [{ ...properties, ...left }, publisher, "g"];
        assertEquals([back.properties as unknown, back.publisher, group?.shareName], expected);
        assertEquals(back.expiresAtMs, expiresAtMs === 5000 ? 6000 : expiresAtMs);
      }
    }
  }
});

Deno.test("while a connection succeeds another nothing more comes by the former, so that nothing comes twice", async () => {
  const [a, b] = [new End("b"), new End("a")];
  const cut = join(a, b);
  const first = messageOf("1", 2);
  a.link.send(first);
  await settled(first);
  // What the peer is told to have come holds until it goes on over the new connection.
  const [here, there] = memoryPair();
  const told = b.link.succeed(there);
  const second = messageOf("2", 2);
  a.link.send(second);
  for (let i = 0; i < 5; i++) await turn();
  assertEquals(b.link.received, told);
  const [late, lateThere] = memoryPair();
  await b.link.serve(lateThere, new BatchReader(lateThere), 0);
  const toldBack = a.link.succeed(here);
  const serving = [
    a.link.serve(here, new BatchReader(here), told).catch(() => {}),
    b.link.serve(there, new BatchReader(there), toldBack).catch(() => {}),
  ];
  await settled(second);
  assertEquals(b.came, ["1", "2"]);
  late.close();
  here.close();
  await Promise.all([cut(), ...serving]);
});

Deno.test("a connection that was overtaken by another is not gone on over, even when that one is at work", async () => {
  const [a, b] = [new End("b"), new End("a")];
  const [slow, slowThere] = memoryPair();
  const told = { a: a.link.succeed(slow), b: b.link.succeed(slowThere) };
  const [quick, quickThere] = memoryPair();
  const [receivedA, receivedB] = [a.link.succeed(quick), b.link.succeed(quickThere)];
  const serving = [
    a.link.serve(quick, new BatchReader(quick), receivedB).catch(() => {}),
    b.link.serve(quickThere, new BatchReader(quickThere), receivedA).catch(() => {}),
  ];
  const message = messageOf("1", 2);
  a.link.send(message);
  for (let i = 0; i < 5 && b.came.length === 0; i++) await turn();
  // Only now the other end of the first says what it has: it would be sent again what has come meanwhile.
  serving.push(b.link.serve(slowThere, new BatchReader(slowThere), told.a).catch(() => {}));
  serving.push(a.link.serve(slow, new BatchReader(slow), told.b).catch(() => {}));
  await settled(message);
  for (let i = 0; i < 5; i++) await turn();
  assertEquals(b.came, ["1"]);
  quick.close();
  quickThere.close();
  await Promise.all(serving);
});

Deno.test("who has not said who he is cannot make a node take in more than that takes", async () => {
  const [here, there] = memoryPair();
  const bytes = new Uint8Array(300);
  sealBatch(bytes);
  await here.write(bytes);
  await assertRejects(() => new BatchReader(there).next(200), BatchError, "expected 200 at most");
});

/** A member of a group at a peer. */
const seat: Seat = {
  clientIdentifier: undefined,
  isNode: true,
  group: { shareName: "g", topicFilter: parseTopicFilter("t") },
  availability: "ready",
  ended: false,
  offer: () => false,
};

Deno.test("what a peer did not take comes back, though the link broke before it could say so", async () => {
  const [a, b] = [new End("b"), new End("a")];
  const breakOff = join(a, b);
  b.answer = () => {
    void breakOff();
    return false;
  };
  const message = messageOf("1", 1);
  a.link.send(message, seat);
  await until("the message has come", () => b.came.length === 1);
  await breakOff();
  b.answer = () => true;
  assertEquals([b.link.received, message.trail!.receipt!.pending], [1, true]);
  const end = join(a, b);
  await settled(message);
  assertEquals([a.returned, b.came], [["1"], ["1"]]);
  await end();
});

Deno.test("what a peer is still deciding on when the link breaks is not taken for taken", async () => {
  const [a, b] = [new End("b"), new End("a")];
  const breakOff = join(a, b);
  const decision = Promise.withResolvers<boolean>();
  b.answer = () => decision.promise;
  const message = messageOf("1", 1);
  a.link.send(message, seat);
  await until("the message has come", () => b.came.length === 1);
  const broken = breakOff();
  const end = join(a, b);
  const next = messageOf("2", 1);
  b.answer = () => true;
  a.link.send(next);
  await until("the next has come", () => b.came.length === 2);
  for (let i = 0; i < 20; i++) await turn();
  assertEquals([message.trail!.receipt!.pending, next.trail!.receipt!.pending], [true, true]);
  decision.resolve(false);
  await Promise.all([settled(message), settled(next)]);
  assertEquals(a.returned, ["1"]);
  await Promise.all([broken, end()]);
});
