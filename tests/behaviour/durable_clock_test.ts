/** The system's clock is set while sessions, messages and wills wait; each runs on every store, after both ends. */
import { assert, assertEquals } from "@std/assert";
import { afterRestart, back, durable, leaveSubscribed, takeAll } from "../support/after_restart.ts";
import { startDurable } from "../support/durable_broker.ts";
import type { TestBroker } from "../support/test_broker.ts";

const TEN_DAYS_MS = 864_000_000;
const lasting = (seconds: number) => ({ properties: { messageExpiryIntervalSeconds: seconds } });
const will = { topicName: "will", payload: "gone", qos: 1, delayIntervalSeconds: 100 } as const;

/** An offline session with a message under way and one that waits, a retained message and a will, all with their time. */
async function leaveEverything(broker: TestBroker): Promise<void> {
  await leaveSubscribed(broker, "witness", "will");
  const client = await durable(broker, "c", { receiveMaximum: 1 });
  await client.subscribe("q", 1);
  const publisher = await durable(broker, "p", { will });
  await publisher.publish("q", "under way", { qos: 1, ...lasting(500) });
  await client.expectMessage({ payload: "under way" });
  await publisher.publish("q", "waits", { qos: 1, ...lasting(500) });
  await publisher.publish("r", "retained", { qos: 1, retain: true, ...lasting(500) });
  await broker.lose(client);
  await broker.lose(publisher);
}

/** So many seconds have passed since then, of which nobody has seen the will yet. */
async function assertEverything(broker: TestBroker, passedSeconds: number): Promise<void> {
  const left = { properties: { messageExpiryIntervalSeconds: 500 - passedSeconds } };
  const client = await back(broker, "c");
  await client.takeMessage({ payload: "under way", ...left });
  await client.takeMessage({ payload: "waits", ...left });
  await client.subscribe("r", 1);
  await client.takeMessage({ payload: "retained", retain: true, ...left });
  const witness = await back(broker, "witness");
  broker.clock.advance((99 - passedSeconds) * 1000);
  await witness.expectNothing();
  broker.clock.advance(1500);
  await takeAll(witness, "gone");
}

/** So many seconds after {@linkcode leaveEverything} nothing is there but the will. */
async function assertNothing(broker: TestBroker): Promise<void> {
  broker.clock.advance(1000);
  const client = await durable(broker, "c");
  assertEquals(client.connack.sessionPresent, false);
  await client.subscribe("r", 1);
  await client.expectNothing();
}

for (const [way, byMs] of [["forward", TEN_DAYS_MS], ["back", -TEN_DAYS_MS]] as const) {
  afterRestart(`a clock that is set ${way} takes no time from anything, and gives none`, async (situation) => {
    const { house, broker, end } = situation;
    await leaveEverything(broker);
    broker.clock.setBy(byMs);
    broker.clock.advance(1000);
    await assertEverything(await house.restart(end, { downSeconds: 9 }), 10);
  });

  afterRestart(`what is over after a clock was set ${way} is gone`, async ({ house, broker, end }) => {
    await leaveEverything(broker);
    broker.clock.setBy(byMs);
    broker.clock.advance(1000);
    await assertNothing(await house.restart(end, { downSeconds: 1000 }));
  });
}

afterRestart("what is stored right after the clock was set has its full time", async ({ house, broker, end }) => {
  broker.clock.setBy(TEN_DAYS_MS);
  await leaveEverything(broker);
  await assertEverything(await house.restart(end, { downSeconds: 10 }), 10);
});

afterRestart("clocks may be set again and again, in several runs", async ({ house, broker, end }) => {
  await leaveEverything(broker);
  let running = broker;
  for (const byMs of [TEN_DAYS_MS, -3 * TEN_DAYS_MS, 5 * TEN_DAYS_MS, -1500]) {
    running.clock.setBy(byMs);
    running.clock.advance(1000);
    running = await house.restart(end, { downSeconds: 4 });
  }
  await assertEverything(running, 20);
});

afterRestart(
  "no time counts as passed if the clock was set back while the broker was down, and that is logged",
  async ({
    house,
    broker,
    end,
  }) => {
    await leaveEverything(broker);
    const after = await house.restart(end, { downSeconds: -TEN_DAYS_MS / 1000 });
    const lines = after.log.lines.filter((line) => /^warn: .*no time counts as passed/.test(line));
    assertEquals(lines.length, 1, after.log.lines.join("\n"));
    await assertEverything(after, 0);
  },
);

afterRestart("what began before the clock was set back at a start ends in its time", async ({ house, broker, end }) => {
  await leaveEverything(broker);
  const after = await house.restart(end, { downSeconds: -TEN_DAYS_MS / 1000 });
  after.clock.advance(500_000);
  // As when the network is there at last.
  after.clock.setBy(TEN_DAYS_MS);
  await assertNothing(await house.restart(end, { downSeconds: 500 }));
});

Deno.test("A step of the clock is logged once", async () => {
  await using durability = await startDurable();
  const { broker } = durability;
  broker.clock.setBy(3_600_000);
  broker.clock.advance(10_000);
  const lines = broker.log.lines.filter((line) => line.includes("clock was set forward by 3600 s"));
  assert(lines.length === 1, broker.log.lines.join("\n"));
});
