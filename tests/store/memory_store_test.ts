import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { StoreError } from "../../src/store/store.ts";
import { MemoryStore } from "../support/memory_store.ts";
import { opened, queued, session, storeContract } from "./contract.ts";

storeContract("Memory store", () => {
  const store = new MemoryStore();
  return Promise.resolve({ create: () => store, [Symbol.asyncDispose]: () => Promise.resolve() });
});

Deno.test("a memory store fails when it is told to, and keeps what it had", async () => {
  const store = new MemoryStore();
  await opened(store);
  await store.append([session(1)]);
  const full = new StoreError("no room", true);
  store.failNext(full);
  assertStrictEquals(await assertRejects(() => store.append([session(2)])), full);
  store.failing = full;
  for (let round = 0; round < 2; round++) await assertRejects(() => store.append([session(2)]), StoreError, "no room");
  store.failing = undefined;
  await store.append([session(3)]);
  assertEquals(store.changes, [session(1), session(3)]);
});

Deno.test("a memory store holds commits back, and forgets them in a crash", async () => {
  const store = new MemoryStore();
  await opened(store);
  store.hold();
  const done: number[] = [];
  const first = store.append([session(1)]).then(() => done.push(1));
  const reading = store.deliveries(1, queued);
  assertEquals([store.held, store.changes], [2, []]);
  store.release();
  await first;
  assertEquals(await reading, []);
  store.hold();
  store.append([session(2)]).then(() => done.push(2));
  store.crash();
  await assertRejects(() => store.append([session(3)]), StoreError, "not open");
  assertEquals((await opened(store)).sessions.map(({ session }) => session), [1]);
  await store.append([session(4)]);
  assertEquals(done, [1]);
});

Deno.test("what is appended behind a failing append of a memory store fails, too", async () => {
  const store = new MemoryStore();
  await opened(store);
  store.hold();
  store.failNext(new StoreError("no luck", false));
  const appends = [store.append([session(1)]), store.append([session(2)])];
  store.release();
  for (const one of appends) await assertRejects(() => one, StoreError, "no luck");
  assertEquals(store.changes, []);
});
