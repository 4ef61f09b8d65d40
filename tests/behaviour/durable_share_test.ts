/** What a member of a shared subscription has when its session ends goes to the others, after a restart too. */
import { assertEquals } from "@std/assert";
import { afterRestart, back, durable, leaveSubscribed, takeAll } from "../support/after_restart.ts";
import { House, MemoryDisk, until } from "../support/durable_broker.ts";
import type { TestBroker } from "../support/test_broker.ts";

const SHARE = "$share/g/a";

/** Leaves a session of so many seconds with messages that wait. */
async function leaveWaiting(broker: TestBroker, payloads: readonly string[], sessionExpiryIntervalSeconds = 60) {
  const client = await durable(broker, "gone", { sessionExpiryIntervalSeconds });
  await client.subscribe(SHARE, 2);
  await broker.lose(client);
  for (const payload of payloads) await broker.broker.publish("a", payload, { qos: 1 });
}

const lost = ({ broker }: TestBroker) => broker.statistics.messagesDropped["session-ended"];

afterRestart("what waited for a member is the others' when its session expires", async ({ house, broker, end }) => {
  await leaveWaiting(broker, ["1", "2", "3"]);
  const after = await house.restart(end);
  await leaveSubscribed(after, "other", SHARE);
  after.clock.advance(61_000);
  await house.stored();
  await takeAll(await back(after, "other"), "1", "2", "3");
  assertEquals(lost(after), 0);
});

afterRestart(
  "it is theirs, too, when the session expired while the broker was down",
  async ({ house, broker, end }) => {
    await leaveWaiting(broker, ["1", "2", "3"]);
    await leaveSubscribed(broker, "other", SHARE);
    const after = await house.restart(end, { downSeconds: 100 });
    await after.broker.publish("a", "4", { qos: 1 });
    await house.stored();
    const client = await back(after, "other");
    const payloads: string[] = [];
    for (let count = 0; count < 4; count++) payloads.push((await client.takeMessage()).payload);
    assertEquals(payloads.filter((one) => one !== "4"), ["1", "2", "3"]);
    await client.expectNothing();
    await house.stored();
    await (await back(await house.restart(end), "other")).expectNothing();
  },
);

afterRestart("it is theirs, too, when the client starts anew", async ({ house, broker, end }) => {
  await leaveWaiting(broker, ["1", "2", "3"]);
  const after = await house.restart(end);
  await leaveSubscribed(after, "other", SHARE);
  const anew = await durable(after, "gone", { clean: true });
  assertEquals(anew.connack.sessionPresent, false);
  await house.stored();
  await takeAll(await back(after, "other"), "1", "2", "3");
  await house.stored();
  // Nothing of the old session is left for the new one.
  await (await back(await house.restart(end), "gone")).expectNothing();
});

afterRestart(
  "of what was under way others get what was at QoS 1, and the rest is counted as lost [MQTT-4.8.2-5] 5.0",
  async ({ house, broker, end }) => {
    const before = await durable(broker, "gone", { sessionExpiryIntervalSeconds: 60 });
    await before.subscribe(SHARE, 2);
    await before.subscribe("own", 2);
    for (const [payload, qos] of [["1", 1], ["2", 2], ["3", 1], ["4", 1]] as const) {
      await broker.broker.publish("a", payload, { qos });
    }
    await broker.broker.publish("own", "5", { qos: 1 });
    const { packetIdentifier } = await before.expectMessage({ payload: "1" });
    for (const payload of ["2", "3", "4", "5"]) await before.expectMessage({ payload });
    await before.sendAck("Puback", packetIdentifier);
    await before.expectNothing();
    await broker.lose(before);
    await broker.broker.publish("a", "6", { qos: 2 });
    const after = await house.restart(end);
    await leaveSubscribed(after, "other", SHARE);
    after.clock.advance(61_000);
    await house.stored();
    await takeAll(await back(after, "other"), "3", "4", "6");
    await until("the lost to be counted", () => lost(after) === 2);
  },
);

afterRestart(
  "what nobody takes is counted as lost, though its session ended while the broker was down",
  async (all) => {
    const { house, broker, end } = all;
    await leaveWaiting(broker, ["1", "2", "3"]);
    const after = await house.restart(end, { downSeconds: 100 });
    await until("the lost to be counted", () => lost(after) === 3);
    assertEquals((await durable(after, "gone")).connack.sessionPresent, false);
  },
);

const MANY = 2500;

afterRestart("more than is read at once changes hands in its order, and nothing is left of it", async (all) => {
  const { house, broker, end } = all;
  const payloads = Array.from({ length: MANY }, (_, index) => `${index}`);
  await leaveWaiting(broker, payloads);
  const after = await house.restart(end);
  await leaveSubscribed(after, "other", SHARE);
  after.clock.advance(61_000);
  await house.stored();
  await takeAll(await back(after, "other"), ...payloads);
  await house.stored();
  await (await back(await house.restart(end), "other")).expectNothing();
}, { queueLimit: 10_000 });

for (const commits of [0, 1, 2, 3, 5]) {
  Deno.test(`A crash ${commits} steps into the hand-over loses nothing and doubles nothing`, async () => {
    const disk = new MemoryDisk();
    await using house = new House(disk);
    const payloads = Array.from({ length: 450 }, (_, index) => `${index}`);
    await leaveWaiting(await house.start(), []);
    for (const payload of payloads) await house.broker.broker.publish("a", payload, { qos: 2 });
    const middle = await house.restart("crash");
    await leaveSubscribed(middle, "other", SHARE);
    await house.stored();
    disk.memory.hold();
    middle.clock.advance(61_000);
    for (let step = 0; step < commits; step++) {
      await until("the store to be asked", () => disk.memory.held > 0);
      disk.memory.release();
      disk.memory.hold();
    }
    await house.crash();
    const after = await house.start(middle.clock);
    await house.stored();
    after.clock.advance(1000);
    await house.stored();
    await takeAll(await back(after, "other"), ...payloads);
  });
}
