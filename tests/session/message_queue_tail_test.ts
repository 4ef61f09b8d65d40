/** The part of a session's queue that is not in memory, and what comes back of it. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Message } from "../../src/message.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import type { QoS } from "../../src/packet/packets.ts";
import type { Delivery } from "../../src/session/delivery.ts";
import type { SessionLog } from "../../src/session/session_log.ts";
import { type DropPolicy, MessageQueue } from "../../src/session/message_queue.ts";
import { ShareGroup } from "../../src/topics/share_group.ts";
import { parseTopicFilter } from "../../src/packet/topic.ts";

const topicName = parseTopicName("a");
const share = new ShareGroup("g", parseTopicFilter("a"));
/** Of these some make up the window in memory. */
const LARGE = new Uint8Array(300_000);
const SMALL = new Uint8Array(1);

/** What a session's notes and the store are for its queue: everything of QoS 1 and 2 that is not settled yet. */
class FakeStore {
  readonly #unsettled = new Map<number, Delivery>();
  /** Deliveries that are read at once. */
  page = 1000;
  /** The next read fails. */
  failing = false;
  /** Reads that wait; `undefined`: none has to. */
  #held: (() => void)[] | undefined;
  reads = 0;

  /** What a queue is told to read with. */
  get log(): SessionLog {
    return { load: (after: number) => this.#load(after), forgotten: () => {} } as unknown as SessionLog;
  }

  enter(delivery: Delivery): void {
    if (delivery.qos > 0) this.#unsettled.set(delivery.sequence, delivery);
  }

  settle({ sequence }: Delivery): void {
    this.#unsettled.delete(sequence);
  }

  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const read of held) read();
  }

  async #load(after: number): Promise<readonly Delivery[]> {
    this.reads++;
    // As of now, as a store answers in the order of the calls.
    const found = [...this.#unsettled.values()].filter(({ sequence }) => sequence > after);
    const page = found.sort((a, b) => a.sequence - b.sequence).slice(0, this.page).map((one) => ({ ...one }));
    const { failing } = this;
    this.failing = false;
    await new Promise<void>((resolve) => this.#held ? this.#held.push(resolve) : resolve());
    if (failing) throw new Error("no page");
    return page;
  }
}

interface QueueOptions {
  readonly maximumMessages?: number;
  readonly policy?: DropPolicy;
}

/** A queue, its store, and what became of what was given to it. */
function queueOf({ maximumMessages = 100_000, policy = "oldest" }: QueueOptions = {}) {
  const store = new FakeStore();
  const dropped: number[] = [];
  const faults: unknown[] = [];
  let loaded = 0;
  const queue = new MessageQueue({
    limits: { maximumMessages, maximumBytes: 2 ** 40, policy },
    log: store.log,
    now: () => 0,
    onExpired: () => {},
    onDrop: (delivery) => {
      store.settle(delivery);
      dropped.push(delivery.sequence);
    },
    onLoaded: () => void loaded++,
    onFault: (error) => void faults.push(error),
  });
  let last = 0;
  const make = (qos: QoS, payload = SMALL, shared = false): Delivery => {
    const delivery: Delivery = {
      message: Message.of({ topicName, payload, qos }),
      qos,
      retain: false,
      subscriptionIdentifiers: undefined,
      share: shared ? share : undefined,
      sequence: ++last,
      note: undefined,
    };
    store.enter(delivery);
    return delivery;
  };
  const push = (...args: Parameters<typeof make>) => queue.push(make(...args));
  return { queue, store, dropped, faults, make, push, loads: () => loaded };
}

/** Lets reads that nothing holds finish. */
const turn = () => new Promise<void>((resolve) => setTimeout(resolve));

/** Takes all there is, and settles it. */
async function drain({ queue, store }: Pick<ReturnType<typeof queueOf>, "queue" | "store">): Promise<number[]> {
  const sequences: number[] = [];
  for (let idle = 0; queue.length > 0 && idle < 300; idle++) {
    for (let next = queue.shift(); next; next = queue.shift()) {
      sequences.push(next.sequence);
      store.settle(next);
      idle = 0;
    }
    await turn();
  }
  assertEquals(queue.shift(), undefined);
  return sequences;
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

Deno.test("Beyond a window of 1000 messages nothing is kept in memory, and all come in order", async () => {
  const parts = queueOf();
  const { queue, store } = parts;
  const size = parts.make(1).message.sizeBytes;
  parts.store.settle({ sequence: 1 } as Delivery);
  for (let count = 0; count < 3000; count++) parts.push(1);
  assertEquals([queue.length, queue.memoryBytes, queue.bytes], [3000, 1000 * size, 3000 * size]);
  assertEquals(store.reads, 0);
  assertEquals(await drain(parts), range(2, 3001));
  assertEquals([queue.length, queue.memoryBytes, queue.bytes], [0, 0, 0]);
  assert(store.reads >= 2);
});

Deno.test("Beyond a window of a mebibyte nothing is kept in memory either", async () => {
  const parts = queueOf();
  for (let count = 0; count < 20; count++) parts.push(2, LARGE);
  assert(parts.queue.memoryBytes <= 2 ** 20);
  assertEquals(await drain(parts), range(1, 20));
});

Deno.test("The window is filled again before it is empty", async () => {
  const parts = queueOf();
  for (let count = 0; count < 3000; count++) parts.push(1);
  for (let count = 0; count < 501; count++) parts.store.settle(parts.queue.shift()!);
  await turn();
  assertEquals([parts.store.reads, parts.loads()], [1, 1]);
  assertEquals(await drain(parts), range(502, 3000));
});

Deno.test("What a store has of an earlier run comes first", async () => {
  const parts = queueOf();
  for (let count = 0; count < 5; count++) parts.make(1);
  parts.queue.restore({ messages: 5, bytes: 5 * 130, mayBeShared: false });
  parts.push(1);
  parts.push(0);
  parts.push(2);
  assertEquals(parts.queue.length, 8);
  assertEquals(parts.queue.shift(), undefined);
  assertEquals(await drain(parts), range(1, 8));
});

Deno.test("What was let out of memory comes back in its order, QoS 0 in between", async () => {
  const parts = queueOf();
  for (const qos of [1, 0, 2, 0, 1] as const) parts.push(qos);
  const before = parts.queue.memoryBytes;
  assertEquals(parts.queue.spill(), before / 5 * 3);
  assertEquals([parts.queue.length, parts.queue.memoryBytes], [5, before / 5 * 2]);
  parts.push(1);
  assertEquals(parts.queue.shift(), undefined);
  assertEquals(await drain(parts), range(1, 6));
});

Deno.test("What is let out of memory while a page is being read is not passed over", async () => {
  const parts = queueOf();
  for (let count = 0; count < 10; count++) parts.push(1, LARGE);
  parts.store.hold();
  parts.store.settle(parts.queue.shift()!);
  assertEquals(parts.store.reads, 1);
  parts.queue.spill();
  parts.store.release();
  await turn();
  assertEquals(await drain(parts), range(2, 10));
});

Deno.test("What was sent without having waited does not come again, however often memory is emptied", async () => {
  const parts = queueOf();
  for (let count = 0; count < 6; count++) parts.push(1, LARGE);
  // It has a sequence, and is under way before anything is read.
  parts.store.settle(parts.make(1));
  for (let count = 0; count < 3; count++) parts.push(1, LARGE);
  assertEquals(parts.queue.shift()?.sequence, 1);
  for (let times = 0; times < 3; times++) {
    parts.queue.spill();
    assertEquals(parts.queue.shift(), undefined);
    await turn();
    assertEquals(parts.queue.length, 8);
  }
  assertEquals(await drain(parts), [2, 3, 4, 5, 6, 8, 9, 10]);
});

Deno.test("A page that cannot be read is told of, and read when something is asked for again", async () => {
  const parts = queueOf();
  for (let count = 0; count < 3; count++) parts.push(1);
  parts.queue.spill();
  parts.store.failing = true;
  assertEquals(parts.queue.shift(), undefined);
  await turn();
  assertEquals([parts.faults.length, parts.loads(), parts.queue.length], [1, 0, 3]);
  assertEquals(await drain(parts), [1, 2, 3]);
});

Deno.test("With drop-newest a full queue takes nothing, and with its tail it is as full", async () => {
  const parts = queueOf({ maximumMessages: 1500, policy: "newest" });
  for (let count = 0; count < 1500; count++) assertEquals(parts.push(1), true);
  assertEquals(parts.push(2), false);
  assertEquals(parts.dropped, [1501]);
  parts.store.settle(parts.queue.shift()!);
  assertEquals(parts.push(2), true);
  assertEquals(await drain(parts), [...range(2, 1500), 1502]);
});

Deno.test("With drop-oldest the oldest goes, wherever the newest is", async () => {
  const parts = queueOf({ maximumMessages: 1500 });
  for (let count = 0; count < 1600; count++) parts.push(1);
  assertEquals(parts.dropped, range(1, 100));
  parts.queue.spill();
  for (let count = 0; count < 10; count++) parts.push(1);
  await turn();
  assertEquals(parts.queue.length, 1500);
  assertEquals(await drain(parts), range(111, 1610));
});

Deno.test("A queue that has ended takes no page any more", async () => {
  const parts = queueOf();
  for (let count = 0; count < 3; count++) parts.push(1);
  parts.queue.spill();
  parts.queue.shift();
  assertEquals([...parts.queue.end()], []);
  await turn();
  assertEquals([parts.queue.length, parts.loads()], [0, 0]);
});

Deno.test("What a store was said to have and has not is not waited for", async () => {
  for (const stored of [0, 3]) {
    const parts = queueOf();
    for (let count = 0; count < stored; count++) parts.make(1);
    parts.queue.restore({ messages: 5, bytes: 5000, mayBeShared: true });
    assertEquals([parts.queue.length, parts.queue.bytes, parts.queue.memoryBytes], [5, 5000, 0]);
    assertEquals(await drain(parts), range(1, stored));
    assertEquals([parts.queue.length, parts.queue.bytes, parts.queue.tailMayBeShared], [0, 0, false]);
  }
});

Deno.test("What comes through a share waits behind what a store has of an earlier run, like everything else", async () => {
  const parts = queueOf();
  for (let count = 0; count < 3; count++) parts.make(1, SMALL, true);
  parts.queue.restore({ messages: 3, bytes: 3 * 130, mayBeShared: true });
  for (let count = 0; count < 3; count++) parts.push(1, SMALL, true);
  assertEquals(parts.queue.shift(), undefined);
  assertEquals(await drain(parts), range(1, 6));
});

Deno.test("A share's messages beyond the window take no memory, and others get them from the store", async () => {
  const parts = queueOf();
  for (let count = 0; count < 3000; count++) parts.push(1, SMALL, count % 3 > 0);
  const returned: number[] = [];
  const take = (delivery: Delivery) => {
    returned.push(delivery.sequence);
    parts.store.settle(delivery);
    return true;
  };
  assert(parts.queue.memoryBytes < parts.queue.bytes / 2);
  for (const _ of parts.queue.returnShared(take, () => true));
  await parts.queue.returnTail(take, () => true);
  const shared = range(1, 3000).filter((sequence) => sequence % 3 !== 1);
  assertEquals([returned, parts.queue.length], [shared, 1000]);
  assertEquals(await drain(parts), range(1, 3000).filter((sequence) => sequence % 3 === 1));
});

Deno.test("Nobody else gets anything more of what waits in the store once the client is back", async () => {
  const parts = queueOf();
  for (let count = 0; count < 3; count++) parts.push(1, SMALL, true);
  parts.queue.spill();
  await parts.queue.returnTail(() => true, () => false);
  assertEquals(await drain(parts), [1, 2, 3]);
});

Deno.test("What others are given while a page is being read does not come again with the page", async () => {
  const parts = queueOf();
  for (let count = 0; count < 3; count++) parts.push(1, SMALL, true);
  parts.queue.spill();
  const returning = parts.queue.returnTail((delivery) => {
    if (delivery.sequence === 2) parts.store.settle(delivery);
    return delivery.sequence === 2;
  }, () => true);
  parts.queue.shift();
  await returning;
  await turn();
  assertEquals([parts.queue.length, parts.queue.bytes], [2, parts.queue.memoryBytes]);
  assertEquals(await drain(parts), [1, 3]);
});

type Step =
  | { readonly push: { readonly qos: QoS; readonly large: boolean; readonly shared: boolean } }
  | "shift"
  | "pass"
  | "settle"
  | "spill"
  | "turn"
  | "hold"
  | "release"
  | "fail"
  | "detach";

const qos = fc.constantFrom<QoS>(0, 1, 2);
const large = fc.nat(2).map((one) => one < 2);
const push = fc.record({ qos, large, shared: fc.nat(9).map((one) => one === 0) });
const arbitrarySteps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: push.map((push) => ({ push })) },
    { weight: 4, arbitrary: fc.constant("shift" as const) },
    { weight: 4, arbitrary: fc.constantFrom("turn", "settle", "pass") },
    { weight: 3, arbitrary: fc.constantFrom("spill", "hold", "release", "fail", "detach") },
  ) as fc.Arbitrary<Step>,
  { maxLength: 100, size: "max" },
);

/** Every second message of a shared subscription goes to somebody else. */
async function detach({ queue, store }: ReturnType<typeof queueOf>, taken: Delivery[]): Promise<void> {
  const take = (delivery: Delivery) => {
    if (delivery.sequence % 2 === 1) return false;
    taken.push(delivery);
    store.settle(delivery);
    return true;
  };
  for (const _ of queue.returnShared(take, () => true));
  await Promise.race([queue.returnTail(take, () => true).catch(() => {}), turn()]);
}

/** Does the steps as a session would, takes the rest, and returns what came of each delivery. */
async function play(steps: readonly Step[], parts: ReturnType<typeof queueOf>) {
  const { queue, store, make } = parts;
  const taken: Delivery[] = [];
  const pushed: number[] = [];
  const sent: Delivery[] = [];
  for (const step of steps) {
    if (typeof step === "object") {
      const delivery = make(step.push.qos, step.push.large ? LARGE : SMALL, step.push.shared);
      pushed.push(delivery.sequence);
      queue.push(delivery);
    } else if (step === "shift") {
      const delivery = queue.shift();
      if (delivery) taken.push(delivery);
      if (delivery) sent.push(delivery);
    } else if (step === "pass") {
      const delivery = make(1);
      store.settle(delivery);
    } else if (step === "settle") {
      const delivery = sent.shift();
      if (delivery) store.settle(delivery);
    } else if (step === "spill") queue.spill();
    else if (step === "turn") await turn();
    else if (step === "fail") store.failing = true;
    else if (step === "detach") await detach(parts, taken);
    else store[step]();
  }
  store.failing = false;
  store.release();
  await turn();
  // What is under way stays unsettled, so that it would come twice if the queue mixed it up.
  for (let idle = 0; queue.length > 0 && idle < 300; idle++) {
    for (let next = queue.shift(); next; next = queue.shift()) {
      taken.push(next);
      idle = 0;
    }
    await turn();
  }
  assertEquals(queue.shift(), undefined);
  return { taken, pushed };
}

/** All in order that nobody else can have got. */
function assertOrder(taken: readonly Delivery[]): void {
  for (const wanted of [0, 1] as const) {
    const own = taken.filter(({ qos, share, sequence }) =>
      Math.min(qos, 1) === wanted && (!share || sequence % 2 === 1)
    ).map(({ sequence }) => sequence);
    assertEquals(own, own.toSorted((a, b) => a - b));
  }
}

for (const page of [1, 4, 1000]) {
  Deno.test(`Nothing is lost and nothing comes twice, with pages of ${page}`, async () => {
    const seed = Date.now() & 0x7fffffff;
    console.log(`seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(arbitrarySteps, async (steps) => {
        const parts = queueOf();
        parts.store.page = page;
        const { taken, pushed } = await play(steps, parts);
        assertEquals(taken.map(({ sequence }) => sequence).toSorted((a, b) => a - b), pushed);
        assertOrder(taken);
        assertEquals([parts.queue.length, parts.queue.bytes, parts.queue.memoryBytes], [0, 0, 0]);
      }),
      { seed, numRuns: 60 },
    );
  });
}

for (const policy of ["oldest", "newest"] as const) {
  Deno.test(`With a limit and drop-${policy} each message is taken or dropped, once`, async () => {
    const seed = Date.now() & 0x7fffffff;
    console.log(`seed ${seed}`);
    await fc.assert(
      fc.asyncProperty(arbitrarySteps, fc.integer({ min: 1, max: 12 }), async (steps, maximumMessages) => {
        const parts = queueOf({ policy, maximumMessages });
        parts.store.page = 3;
        const { taken, pushed } = await play(steps, parts);
        const all = [...taken.map(({ sequence }) => sequence), ...parts.dropped];
        assertEquals(all.toSorted((a, b) => a - b), pushed);
        assertOrder(taken);
        assertEquals([parts.queue.length, parts.queue.bytes, parts.queue.memoryBytes], [0, 0, 0]);
      }),
      { seed, numRuns: 60 },
    );
  });
}

Deno.test("Of what waits in the store others are offered each message once, page by page, as long as they take some", async () => {
  const parts = queueOf();
  parts.store.page = 4;
  for (let count = 0; count < 20; count++) parts.push(1, SMALL, true);
  parts.queue.spill();
  const offered: number[] = [];
  await parts.queue.returnTail((delivery) => {
    offered.push(delivery.sequence);
    const isTaken = delivery.sequence % 2 === 0 && delivery.sequence <= 8;
    if (isTaken) parts.store.settle(delivery);
    return isTaken;
  }, () => true);
  assertEquals([offered, parts.queue.length], [range(1, 12), 16]);
});
