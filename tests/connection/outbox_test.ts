import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { Outbox } from "../../src/connection/outbox.ts";
import type { Transport } from "../../src/transport/transport.ts";

/** A peer that takes a write when the test says so. */
class SlowTransport implements Transport {
  readonly kind = "stream";
  readonly secure = false;
  readonly remote = {};
  readonly acceptedAt = 0;
  readonly writes: number[][] = [];
  closed = false;
  takenBytes = 0;
  #underWay: { bytes: Uint8Array; taken: PromiseWithResolvers<void> } | undefined;

  get writing(): boolean {
    return this.#underWay !== undefined;
  }

  write(bytes: Uint8Array): Promise<void> {
    assert(!this.#underWay, "a write began before the last one was taken");
    this.#underWay = { bytes, taken: Promise.withResolvers() };
    return this.#underWay.taken.promise;
  }

  /** Takes the write under way, as its bytes are now, and lets the writer go on. */
  async take(): Promise<void> {
    const { bytes, taken } = this.#underWay!;
    this.writes.push([...bytes]);
    this.#underWay = undefined;
    taken.resolve();
    await turn();
  }

  async break(): Promise<void> {
    this.#underWay!.taken.reject(new Error("the connection is broken"));
    this.#underWay = undefined;
    await turn();
  }

  read(): Promise<null> {
    return Promise.resolve(null);
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.closed = true;
  }
}

/** Lets every microtask run. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function boxed(maximumBytes = 1000) {
  const transport = new SlowTransport();
  const sent: number[] = [];
  const told = { sent, relieved: 0, onSent: () => {}, onRelief: () => {} };
  const outbox = new Outbox(transport, {
    maximumBytes,
    owner: {
      sent: (bytes) => (sent.push(bytes), told.onSent()),
      relieved: () => (told.relieved++, told.onRelief()),
    },
  });
  const append = (...bytes: number[]) => outbox.open().set(new Uint8Array(bytes));
  return { transport, outbox, append, told };
}

Deno.test("What one turn appends leaves in one write at its end", async () => {
  const { transport, outbox, append, told } = boxed();
  append(1);
  append(2, 3);
  assertEquals([transport.writing, outbox.waitingBytes], [false, 3]);
  await turn();
  assertEquals([transport.writing, outbox.waitingBytes, told.sent], [true, 3, []]);
  await transport.take();
  assertEquals([transport.writes, outbox.waitingBytes, told.sent], [[[1, 2, 3]], 0, [3]]);
});

Deno.test("An outbox that was opened in vain writes nothing", async () => {
  const { transport, outbox, append } = boxed();
  outbox.open();
  await turn();
  assertEquals(transport.writing, false);
  append(1);
  await turn();
  await transport.take();
  assertEquals(transport.writes, [[1]]);
});

Deno.test("What is appended during a write waits for it and leaves in the next, untouched", async () => {
  const { transport, outbox, append } = boxed();
  append(1, 2);
  await turn();
  append(3);
  await turn();
  append(4);
  assertEquals(outbox.waitingBytes, 4);
  await transport.take();
  assertEquals(transport.writing, true);
  append(5);
  await transport.take();
  await transport.take();
  assertEquals([transport.writes, transport.writing, outbox.waitingBytes], [[[1, 2], [3, 4], [5]], false, 0]);
});

Deno.test("What is appended at the very end of a write is not lost", async () => {
  for (let microtasks = 0; microtasks < 8; microtasks++) {
    const { transport, outbox, append } = boxed();
    append(1);
    await turn();
    const taken = transport.take();
    for (let at = 0; at < microtasks; at++) await Promise.resolve();
    append(2);
    await taken;
    await turn();
    assertEquals(transport.writing, true, `appended ${microtasks} microtasks after the write was taken`);
    await transport.take();
    assertEquals([transport.writes, outbox.waitingBytes], [[[1], [2]], 0]);
  }
});

Deno.test("What is appended when a write is told as sent leaves next", async () => {
  const { transport, append, told } = boxed();
  told.onSent = () => told.sent.length === 1 && append(2);
  append(1);
  await turn();
  await transport.take();
  await transport.take();
  assertEquals([transport.writes, told.sent], [[[1], [2]], [1, 1]]);
});

Deno.test("A seen congestion is relieved once, when less than half the limit waits", async () => {
  const { transport, outbox, append, told } = boxed(4);
  append(1, 2, 3);
  assertEquals(outbox.congested, false);
  await turn();
  append(4, 5);
  assertEquals(outbox.congested, true);
  await transport.take();
  assertEquals([outbox.congested, told.relieved, outbox.waitingBytes], [false, 0, 2]);
  await transport.take();
  assertEquals([outbox.congested, told.relieved], [false, 1]);
  append(6);
  await turn();
  await transport.take();
  assertEquals(told.relieved, 1);
});

Deno.test("A congestion that nobody saw is not relieved", async () => {
  const { transport, append, told } = boxed(2);
  append(1, 2, 3);
  await turn();
  await transport.take();
  assertEquals(told.relieved, 0);
});

Deno.test("What the relief appends leaves next, and can congest again", async () => {
  const { transport, outbox, append, told } = boxed(2);
  told.onRelief = () => {
    if (told.relieved > 1) return;
    append(3, 4);
    assertEquals(outbox.congested, true);
  };
  append(1, 2);
  assertEquals(outbox.congested, true);
  await turn();
  await transport.take();
  assertEquals([told.relieved, transport.writing], [1, true]);
  await transport.take();
  assertEquals([transport.writes, told.relieved], [[[1, 2], [3, 4]], 2]);
});

Deno.test("A broken write closes the connection and drops what waits, without relief", async () => {
  const { transport, outbox, append, told } = boxed(2);
  append(1, 2);
  assertEquals(outbox.congested, true);
  await turn();
  append(3);
  await transport.break();
  assertEquals([transport.closed, transport.writing, outbox.waitingBytes], [true, false, 0]);
  assertEquals([told.sent, told.relieved], [[], 0]);
  await outbox.drained();
});

Deno.test("Drained waits for the write under way and for what was appended behind it", async () => {
  const { transport, outbox, append } = boxed();
  await outbox.drained();
  append(1);
  let drained = false;
  const end = outbox.drained().then(() => drained = true);
  assertEquals(transport.writing, true);
  append(2);
  await transport.take();
  assertEquals(drained, false);
  await transport.take();
  await end;
  assertEquals(transport.writes, [[1], [2]]);
});

Deno.test("Drained ends when the write is broken", async () => {
  const { transport, outbox, append } = boxed();
  append(1);
  const end = outbox.drained();
  await transport.break();
  await end;
  assertEquals(transport.closed, true);
});

Deno.test("A peer is stalled from the first look at a write until it takes a part of it", async () => {
  const { transport, outbox } = boxed();
  assertEquals(outbox.stalledMs(1000), 0);
  outbox.open().set(new Uint8Array(200 * 1024));
  await turn();
  assertEquals([outbox.stalledMs(2000), outbox.stalledMs(5000)], [0, 3000]);
  await transport.take();
  assertEquals([transport.writing, outbox.stalledMs(6000), outbox.stalledMs(7500)], [true, 0, 1500]);
  await transport.take();
  assertEquals([transport.writing, outbox.stalledMs(8000), outbox.stalledMs(9000)], [false, 0, 0]);
});

Deno.test("A peer that takes a byte of a large write now and then is slow, not stalled", async () => {
  const { transport, outbox } = boxed();
  outbox.open().set(new Uint8Array(200 * 1024));
  await turn();
  assertEquals(outbox.stalledMs(1000), 0);
  for (const nowMs of [4000, 7000, 10_000]) {
    transport.takenBytes++;
    assertEquals(outbox.stalledMs(nowMs), 0);
  }
  assertEquals(outbox.stalledMs(12_000), 2000);
});

Deno.test("Relieved waits until there is room, or the peer can take no more", async () => {
  const { transport, outbox, append } = boxed(2);
  await outbox.relieved();
  for (const end of ["take", "break"] as const) {
    append(1, 2);
    await turn();
    const relieved = outbox.relieved();
    await transport[end]();
    await relieved;
  }
});

Deno.test("Every byte leaves once and in order, whenever it is appended", async () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const step = fc.oneof(fc.constantFrom("take" as const, "microtask" as const), fc.integer({ min: 1, max: 200 }));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { transport, outbox, append } = boxed();
      let next = 0;
      for (const what of steps) {
        if (what === "microtask") await Promise.resolve();
        else if (what !== "take") append(...Array.from({ length: what }, () => next++ & 0xff));
        else if (transport.writing) await transport.take();
      }
      await turn();
      while (transport.writing) await transport.take();
      assertEquals(transport.writes.flat(), Array.from({ length: next }, (_, at) => at & 0xff));
      assertEquals(outbox.waitingBytes, 0);
    }),
    { seed, numRuns: 60 },
  );
});

Deno.test("A large body that waits for several peers counts once, and is given to each as it is", async () => {
  const body = new Uint8Array([7, 8, 9]);
  const boxes = [boxed(), boxed(), boxed()];
  for (const { outbox } of boxes) {
    outbox.open().u8(1);
    outbox.open().attach(body);
  }
  const known = new Set<ArrayBufferLike>();
  const each = () => boxes.map(({ outbox }) => outbox.waitingBytes - outbox.sharedBytes(known));
  assertEquals(each(), [4, 1, 1]);
  await turn();
  for (const { transport } of boxes) await transport.take();
  known.clear();
  assertEquals(each(), [3, 0, 0], "the body is under way");
  for (const { transport } of boxes) await transport.take();
  for (const { transport, outbox } of boxes) {
    assertEquals([transport.writes, outbox.waitingBytes], [[[1], [7, 8, 9]], 0]);
  }
});

Deno.test("A peer that takes what the system has is not stalled, however long a write makes no progress", async () => {
  const { transport, outbox, append } = boxed();
  let unsent = 1000;
  let asked = 0;
  (transport as Transport).unsentBytes = () => {
    asked++;
    return Promise.resolve(unsent);
  };
  append(1);
  await turn();
  assertEquals(outbox.stalledMs(0), 0);
  for (let nowMs = 500; nowMs <= 20_000; nowMs += 500) {
    unsent--;
    assert(outbox.stalledMs(nowMs) < 3000, `${nowMs} ms`);
    await turn();
  }
  assert(asked > 5 && asked <= 20, `${asked}`);
  for (let nowMs = 20_500; nowMs <= 30_000; nowMs += 500) {
    outbox.stalledMs(nowMs);
    await turn();
  }
  assert(outbox.stalledMs(30_000) > 8000);
});
