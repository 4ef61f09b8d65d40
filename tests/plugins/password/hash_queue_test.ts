import { assertEquals } from "@std/assert";
import { type Admission, HashQueue } from "../../../src/plugins/password/hash_queue.ts";

const never = new AbortController().signal;

/** Notes who was admitted, in order. */
function entering(queue: HashQueue, log: string[], name: string, signal: AbortSignal = never): Promise<Admission> {
  return queue.enter(signal).then((admission) => {
    log.push(`${name} ${admission}`);
    return admission;
  });
}

Deno.test("the queue admits as many as it has places, and the others in their order", async () => {
  const queue = new HashQueue({ concurrency: 2, waiting: 10 });
  const log: string[] = [];
  const all = ["a", "b", "c", "d"].map((name) => entering(queue, log, name));
  await Promise.all(all.slice(0, 2));
  assertEquals(log, ["a admitted", "b admitted"]);
  queue.leave();
  await all[2];
  assertEquals(log, ["a admitted", "b admitted", "c admitted"]);
  queue.leave();
  await all[3];
  assertEquals(log.at(-1), "d admitted");
});

Deno.test("the queue turns away who finds it full", async () => {
  const queue = new HashQueue({ concurrency: 1, waiting: 1 });
  assertEquals(await queue.enter(never), "admitted");
  const second = queue.enter(never);
  assertEquals(await queue.enter(never), "full");
  queue.leave();
  assertEquals(await second, "admitted");
});

Deno.test("who has gone leaves the queue and makes room in it", async () => {
  const queue = new HashQueue({ concurrency: 1, waiting: 1 });
  await queue.enter(never);
  const client = new AbortController();
  const second = queue.enter(client.signal);
  client.abort();
  assertEquals(await second, "aborted");
  const third = queue.enter(never);
  queue.leave();
  assertEquals(await third, "admitted");
  assertEquals(await queue.enter(AbortSignal.abort()), "aborted");
});

Deno.test("more places admit those who wait", async () => {
  const queue = new HashQueue({ concurrency: 1, waiting: 5 });
  await queue.enter(never);
  const waiting = [queue.enter(never), queue.enter(never)];
  queue.limits = { concurrency: 3, waiting: 5 };
  assertEquals(await Promise.all(waiting), ["admitted", "admitted"]);
});
