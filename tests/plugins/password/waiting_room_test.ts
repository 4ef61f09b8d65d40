import { assertEquals } from "@std/assert";
import { delayByTimer, WaitingRoom } from "../../../src/plugins/password/waiting_room.ts";

const never = new AbortController().signal;

Deno.test("the waiting room has 8 places for a user at an address, 128 for an address and 4,096 in all", async () => {
  const release = Promise.withResolvers<void>();
  const room = new WaitingRoom(() => release.promise);
  const waiting: Promise<boolean>[] = [];
  const wait = (address: string, user: string) => room.wait({ address, user }, 1, never);
  for (let address = 0; address < 32; address++) {
    for (let user = 0; user < 16; user++) {
      for (let i = 0; i < 8; i++) waiting.push(wait(`address ${address}`, `user ${user}`));
      if (user === 0) assertEquals(await wait(`address ${address}`, "user 0"), false);
    }
    assertEquals(await wait(`address ${address}`, "another"), false);
  }
  assertEquals(await wait("another", "user 0"), false);
  release.resolve();
  assertEquals((await Promise.all(waiting)).every((waited) => waited), true);
  assertEquals(await wait("another", "user 0"), true);
});

Deno.test("a delay ends with the timer or when the signal is aborted, and leaves no timer behind", async () => {
  await delayByTimer(1, never);
  await delayByTimer(60_000, AbortSignal.abort());
  const client = new AbortController();
  const delay = delayByTimer(60_000, client.signal);
  client.abort();
  await delay;
});
