/** Shares the event loop's time between parties, on a clock that only work moves on. */
import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import { Chores, inTurns, WorkBudget, WorkParty } from "../src/work_budget.ts";

/** The time that work takes is the test's, and what the runtime does is written down. */
class Machine {
  nowMs = 1000;
  polls = 0;
  readonly work = new WorkBudget({
    now: () => this.nowMs,
    pollSockets: () => {
      this.polls++;
      return Promise.resolve();
    },
    letRun: async () => {
      for (let i = 0; i < 20; i++) await Promise.resolve();
    },
  });

  /** Works in pieces of so many milliseconds, and waits for its turn whenever it has to. */
  async run(party: WorkParty, pieces: number, pieceMs: number, onPiece: () => void = () => {}): Promise<void> {
    const { work } = this;
    work.begin();
    if (work.mustWait(party)) await work.turn(party);
    for (let i = 0; i < pieces; i++) {
      this.nowMs += pieceMs;
      work.steps += pieceMs * 1000;
      onPiece();
      if (work.look(party)) await work.turn(party);
    }
  }
}

Deno.test("A party alone goes on, but the runtime looks at its sockets after a few milliseconds of work", async () => {
  const machine = new Machine();
  await machine.run(new WorkParty(), 100, 1);
  assert(machine.polls >= 7 && machine.polls <= 17, `${machine.polls} looks in 100 ms of work`);
});

Deno.test("A little work after a pause waits for nobody", async () => {
  const machine = new Machine();
  const party = new WorkParty();
  for (let i = 0; i < 100; i++) {
    await machine.run(party, 1, 0.1);
    machine.nowMs += 1000;
  }
  assertEquals(machine.polls <= 2, true);
});

Deno.test("Who asks little goes before forty that pour, within two turns' time", async () => {
  const machine = new Machine();
  let over = false;
  const pouring = Array.from({ length: 40 }, async () => {
    const party = new WorkParty();
    while (!over) await machine.run(party, 10, 0.5);
  });
  const light = new WorkParty();
  let longestMs = 0;
  for (let i = 0; i < 50; i++) {
    for (let n = 0; n < 200; n++) await Promise.resolve();
    const askedMs = machine.nowMs;
    await machine.run(light, 1, 0.05);
    longestMs = Math.max(longestMs, machine.nowMs - askedMs);
  }
  over = true;
  await Promise.all(pouring);
  assertLessOrEqual(longestMs, 25);
});

Deno.test("Parties that pour get the same, however many pieces each has at once", async () => {
  const machine = new Machine();
  const done = [0, 0, 0];
  const endMs = machine.nowMs + 3000;
  await Promise.all(done.map(async (_, index) => {
    const party = new WorkParty();
    const pieceMs = [0.1, 1, 3][index]!;
    while (machine.nowMs < endMs) {
      await machine.run(party, Math.ceil(12 / pieceMs), pieceMs, () => done[index]! += pieceMs);
    }
  }));
  for (const ms of done) assert(ms > 700 && ms < 1300, `${done} ms of 3,000`);
});

Deno.test("A thousand parties that each ask little make nobody wait for all of them", async () => {
  const machine = new Machine();
  let over = false;
  const many = Array.from({ length: 1000 }, async () => {
    const party = new WorkParty();
    while (!over) await machine.run(party, 1, 0.5);
  });
  // Let each have used something.
  for (let i = 0; i < 100_000; i++) await Promise.resolve();
  const fresh = new WorkParty();
  const askedMs = machine.nowMs;
  await machine.run(fresh, 1, 0.05);
  const waitedMs = machine.nowMs - askedMs;
  over = true;
  await Promise.all(many);
  assertLessOrEqual(waitedMs, 40);
});

Deno.test("Nobody waits for ever, whoever comes after", async () => {
  const machine = new Machine();
  let over = false;
  const heavy = new WorkParty();
  const light = Array.from({ length: 5 }, async () => {
    while (!over) await machine.run(new WorkParty(), 4, 0.9);
  });
  await machine.run(heavy, 40, 5);
  over = true;
  await Promise.all(light);
  await machine.work.idle();
  assertEquals(machine.work.waiting, 0);
});

Deno.test("Work in turns returns at once what it needs no turn for, and otherwise later, whole and in order", async () => {
  const machine = new Machine();
  const done: number[] = [];
  function* count(to: number): Generator<void, string> {
    for (let i = 0; i < to; i++) {
      done.push(i);
      machine.nowMs++;
      machine.work.steps += 1000;
      yield;
    }
    return "all";
  }
  machine.work.begin();
  assertEquals(inTurns(machine.work, new WorkParty(), count(2)), "all");
  machine.work.begin();
  const later = inTurns(machine.work, new WorkParty(), count(50));
  assert(later instanceof Promise);
  assertEquals(await later, "all");
  assertEquals(done, [0, 1, ...Array.from({ length: 50 }, (_, i) => i)]);
  assert(machine.polls >= 3, `${machine.polls} looks in 50 ms`);
});

Deno.test("Chores are done one after the other, and somebody else's little work goes before them", async () => {
  const machine = new Machine();
  const chores = new Chores(machine.work);
  const done: string[] = [];
  function* chore(name: string): Generator<void, void> {
    for (let i = 0; i < 30; i++) {
      machine.nowMs++;
      machine.work.steps += 1000;
      yield;
    }
    done.push(name);
  }
  chores.add(chore("first"));
  chores.add(chore("second"));
  const askedMs = machine.nowMs;
  await machine.run(new WorkParty(), 1, 0.05);
  assertLessOrEqual(machine.nowMs - askedMs, 25);
  await chores.done();
  assertEquals(done, ["first", "second"]);
});

Deno.test("Who asks little does not wait for a crowd that has just come", async () => {
  const machine = new Machine();
  const known = new WorkParty();
  await machine.run(known, 1, 0.05);
  machine.nowMs += 1000;
  const crowd = Array.from({ length: 1000 }, () => machine.run(machine.work.newcomer(), 1, 0.2));
  for (let n = 0; n < 200; n++) await Promise.resolve();
  const askedMs = machine.nowMs;
  await machine.run(known, 1, 0.05);
  assertLessOrEqual(machine.nowMs - askedMs, 25);
  await Promise.all(crowd);
});

Deno.test("Work is broken off at the end of a piece if the next one would not fit into the turn", () => {
  const machine = new Machine();
  const { work } = machine;
  const party = new WorkParty();
  const isLast = (pieceMs: number) => {
    const beganAtMs = work.begin();
    machine.nowMs += pieceMs;
    work.steps += pieceMs * 1000;
    return work.lookAfter(party, beganAtMs);
  };
  assertEquals([isLast(4.5), isLast(1), isLast(1), isLast(3)], [false, false, false, true]);
});

Deno.test("Time in which the process waited for a processor is charged to nobody", async () => {
  const machine = new Machine();
  const { work } = machine;
  const [held, pouring] = [new WorkParty(), new WorkParty()];
  await machine.run(pouring, 10, 1);
  work.begin();
  work.steps = 2;
  machine.nowMs += 40;
  work.look(held);
  assert(held.usedAt(machine.nowMs) < 1, `${held.usedAt(machine.nowMs)} ms`);
  await machine.run(pouring, 10, 1);
  assert(held.usedAt(machine.nowMs) < pouring.usedAt(machine.nowMs));
});
