import { assertEquals } from "@std/assert";
import { delayByTimer, WaitingRoom } from "../../../src/plugins/password/waiting_room.ts";

const never = new AbortController().signal;

Deno.test("the waiting room has 8 places for one source and 256 in all", async () => {
  const release = Promise.withResolvers<void>();
  const room = new WaitingRoom(() => release.promise);
  const waiting: Promise<boolean>[] = [];
  for (let source = 0; source < 32; source++) {
    for (let i = 0; i < 8; i++) waiting.push(room.wait(`source ${source}`, 1, never));
    if (source === 0) assertEquals(await room.wait("source 0", 1, never), false);
  }
  assertEquals(await room.wait("another", 1, never), false);
  release.resolve();
  assertEquals((await Promise.all(waiting)).every((waited) => waited), true);
  assertEquals(await room.wait("another", 1, never), true);
});

Deno.test("a delay ends with the timer or when the signal is aborted, and leaves no timer behind", async () => {
  await delayByTimer(1, never);
  await delayByTimer(60_000, AbortSignal.abort());
  const client = new AbortController();
  const delay = delayByTimer(60_000, client.signal);
  client.abort();
  await delay;
});
