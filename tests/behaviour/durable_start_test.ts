/** What the program retains and clears while the broker reads the store is newer than what is read. */
import { assertEquals } from "@std/assert";
import { House, MemoryDisk } from "../support/durable_broker.ts";
import type { TestBroker } from "../support/test_broker.ts";

/** The retained messages, as `topic=payload`. */
function retained({ broker }: TestBroker): string[] {
  return [...broker.retained].map(([topic, { payload }]) => `${topic}=${new TextDecoder().decode(payload)}`).toSorted();
}

/** Starts a broker on a store with `a=old` to `d=old`, and calls `meanwhile` before each that is read and at the end. */
async function startWith(house: House, disk: MemoryDisk, meanwhile: (broker: TestBroker, read: number) => unknown) {
  const before = await house.start();
  for (const topic of ["a", "b", "c", "d"]) await before.broker.publish(topic, "old", { qos: 1, retain: true });
  await before.broker.shutdown();
  const { memory } = disk;
  const open = memory.open.bind(memory);
  memory.open = async () => {
    memory.open = open;
    const state = await open();
    async function* paused() {
      let read = 0;
      for await (const one of state.retained) {
        await meanwhile(house.broker, read++);
        yield one;
      }
      await meanwhile(house.broker, read);
    }
    return { ...state, retained: paused() };
  };
  return await house.start();
}

for (const read of [0, 2, 4]) {
  Deno.test(`What is retained and cleared once ${read} of 4 retained messages are read lasts, also after a crash`, async () => {
    const disk = new MemoryDisk();
    await using house = new House(disk);
    const broker = await startWith(house, disk, async ({ broker }, now) => {
      if (now !== read) return;
      for (const topic of ["a", "d", "new"]) await broker.publish(topic, "first", { qos: 1, retain: true });
      for (const topic of ["a", "d", "new"]) await broker.publish(topic, "new", { qos: 1, retain: true });
      for (const topic of ["b", "passing"]) await broker.publish(topic, "passing", { qos: 1, retain: true });
      for (const topic of ["b", "passing"]) await broker.publish(topic, "", { qos: 1, retain: true });
    });
    const expected = ["a=new", "c=old", "d=new", "new=new"];
    assertEquals(retained(broker), expected);
    const next = await house.restart("crash");
    assertEquals(retained(next), expected);
    assertEquals(disk.memory.messages, expected.length);
  });

  Deno.test(`What is only cleared once ${read} of 4 retained messages are read is gone where it was read`, async () => {
    const disk = new MemoryDisk();
    await using house = new House(disk);
    const broker = await startWith(house, disk, async ({ broker }, now) => {
      if (now === read) await broker.publish("a", "", { qos: 1, retain: true });
    });
    const expected = ["b=old", "c=old", "d=old"];
    assertEquals(retained(broker), expected);
    assertEquals(retained(await house.restart("crash")), expected);
  });
}
