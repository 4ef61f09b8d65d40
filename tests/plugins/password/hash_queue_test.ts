import { assertEquals } from "@std/assert";
import { type Admission, HashQueue, type HashRequest } from "../../../src/plugins/password/hash_queue.ts";

const never = new AbortController().signal;

function request(parts: Partial<HashRequest> & { readonly address?: string; readonly user?: string } = {}) {
  const { address = "a", user = "u", ...rest } = parts;
  return { origin: { address, user }, costMs: 100, patienceMs: 10_000, signal: never, ...rest };
}

/** Notes who was admitted, in order. */
async function entering(queue: HashQueue, log: string[], name: string, wish: HashRequest): Promise<Admission> {
  const admission = await queue.enter(wish);
  log.push(`${name} ${admission}`);
  return admission;
}

/** Lets one after the other have the only place; `names` are `address user`. */
async function orderOf(names: readonly string[]): Promise<string[]> {
  const queue = new HashQueue(1);
  const first = request();
  await queue.enter(first);
  const log: string[] = [];
  const all = names.map(async (name) => {
    const [address, user] = name.split(" ");
    const wish = request({ address, user });
    await queue.enter(wish);
    log.push(name);
    queue.leave(wish);
  });
  queue.leave(first);
  await Promise.all(all);
  return log;
}

Deno.test("the queue admits as many as it has places, and the others in their order", async () => {
  const queue = new HashQueue(2);
  const log: string[] = [];
  const all = ["a", "b", "c", "d"].map((name) => entering(queue, log, name, request()));
  await Promise.all(all.slice(0, 2));
  assertEquals(log, ["a admitted", "b admitted"]);
  queue.leave(request());
  await all[2];
  assertEquals(log, ["a admitted", "b admitted", "c admitted"]);
  queue.leave(request());
  await all[3];
  assertEquals(log.at(-1), "d admitted");
});

Deno.test("the queue is idle when the last who has a place has left it", async () => {
  const queue = new HashQueue(2);
  await queue.idle();
  const all = Array.from({ length: 3 }, () => queue.enter(request()));
  const log: string[] = [];
  const idle = queue.idle().then(() => log.push("idle"));
  for (const entered of all) {
    await entered;
    log.push("leaves");
    queue.leave(request());
  }
  await idle;
  assertEquals(log, ["leaves", "leaves", "leaves", "idle"]);
});

Deno.test("the queue is as long as all in it can be served in time, and turns away who cannot", async () => {
  const queue = new HashQueue(2);
  const admissions: string[] = [];
  for (let i = 0; i < 30; i++) queue.enter(request({ patienceMs: 1000 })).then((it) => admissions.push(it));
  await Promise.resolve();
  // 2 places, and 100 ms each: the 19th waits 900 ms, and takes 100 ms itself.
  assertEquals(admissions, ["admitted", "admitted", ...new Array(30 - 2 - 17).fill("full")]);
  queue.enter(request({ costMs: 901, patienceMs: 1000, address: "b" })).then((it) => admissions.push(it));
  await Promise.resolve();
  assertEquals(admissions.at(-1), "full");
});

Deno.test("cheap hashes may wait in thousands", async () => {
  const queue = new HashQueue(1);
  const wishes = Array.from({ length: 5000 }, () => request({ costMs: 0.2 }));
  const admissions = wishes.map(async (wish) => {
    const admission = await queue.enter(wish);
    queue.leave(wish);
    return admission;
  });
  assertEquals(new Set(await Promise.all(admissions)), new Set(["admitted"]));
});

Deno.test("places go round by address, and at an address by user", async () => {
  assertEquals(
    await orderOf(["a u", "a u", "a u", "a v", "b u", "a w", "b u", "c u"]),
    ["a u", "b u", "c u", "a v", "b u", "a w", "a u", "a u"],
  );
});

Deno.test("a flood from one address does not turn away another, whose turn comes soon", async () => {
  const queue = new HashQueue(1);
  const client = new AbortController();
  const flood = Array.from(
    { length: 200 },
    (_, i) => queue.enter(request({ address: "flood", user: `user ${i}`, signal: client.signal })),
  );
  let other: Admission | undefined;
  const wish = request({ address: "home", patienceMs: 500 });
  const entered = queue.enter(wish).then((admission) => other = admission);
  queue.leave(request());
  await flood[1];
  assertEquals(other, undefined);
  queue.leave(request());
  await entered;
  assertEquals(other, "admitted");
  client.abort();
  await Promise.all(flood);
});

Deno.test("who has gone leaves the queue and makes room in it", async () => {
  const queue = new HashQueue(1);
  await queue.enter(request());
  const client = new AbortController();
  const second = queue.enter(request({ signal: client.signal, patienceMs: 200 }));
  assertEquals(await queue.enter(request({ patienceMs: 200 })), "full");
  client.abort();
  assertEquals(await second, "aborted");
  const third = queue.enter(request({ patienceMs: 200 }));
  queue.leave(request());
  assertEquals(await third, "admitted");
  assertEquals(await queue.enter(request({ signal: AbortSignal.abort() })), "aborted");
});

Deno.test("more places admit those who wait", async () => {
  const queue = new HashQueue(1);
  await queue.enter(request());
  const waiting = [queue.enter(request()), queue.enter(request())];
  queue.concurrency = 3;
  assertEquals(await Promise.all(waiting), ["admitted", "admitted"]);
});
