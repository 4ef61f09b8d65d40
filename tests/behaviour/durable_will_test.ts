/** Wills over a restart (MQTT 5.0 §3.1.2.5, §3.1.3.2.2), whether the broker was shut down or crashed, on every store. */
import { afterRestart, back, durable, leaveSubscribed, takeAll } from "../support/after_restart.ts";
import { startDurable } from "../support/durable_broker.ts";
import type { RawClient } from "../support/raw_client.ts";
import type { TestBroker } from "../support/test_broker.ts";

const will = { topicName: "will", payload: "gone", qos: 1 } as const;

/** A witness that sees wills whenever it comes, and client "w" with a will. */
async function withWill(broker: TestBroker, options: Parameters<typeof durable>[2] = {}): Promise<RawClient> {
  await leaveSubscribed(broker, "witness", "will");
  return await durable(broker, "w", { will, ...options });
}

const delayed = { will: { ...will, delayIntervalSeconds: 10 } } as const;

for (const [lifetime, sessionExpiryIntervalSeconds] of [["lasts", 1000], ["ends with its connection", 0]] as const) {
  afterRestart(`a will without delay is published once if the session ${lifetime}`, async ({ house, broker, end }) => {
    await withWill(broker, { sessionExpiryIntervalSeconds });
    const after = await house.restart(end);
    after.clock.advance(250);
    await takeAll(await back(after, "witness"), "gone");
    const again = await house.restart(end);
    again.clock.advance(20_000);
    await takeAll(await back(again, "witness"));
  });
}

afterRestart("a will is published when its delay is over, and no sooner", async ({ house, broker, end }) => {
  await broker.lose(await withWill(broker, delayed));
  broker.clock.advance(3000);
  const after = await house.restart(end, { downSeconds: 3 });
  const witness = await back(after, "witness");
  after.clock.advance(3750);
  await witness.expectNothing();
  after.clock.advance(500);
  await takeAll(witness, "gone");
  const again = await house.restart(end);
  again.clock.advance(20_000);
  await (await back(again, "witness")).expectNothing();
});

afterRestart("the delay of a client that was connected begins with the end of that", async ({ house, broker, end }) => {
  await withWill(broker, delayed);
  broker.clock.advance(60_000);
  const after = await house.restart(end);
  const witness = await back(after, "witness");
  after.clock.advance(9750);
  await witness.expectNothing();
  after.clock.advance(500);
  await takeAll(witness, "gone");
});

afterRestart("a client that is back within the delay leaves no will", async ({ house, broker, end }) => {
  await broker.lose(await withWill(broker, delayed));
  const after = await house.restart(end, { downSeconds: 5 });
  await back(after, "w");
  after.clock.advance(20_000);
  await (await back(after, "witness")).expectNothing();
  const again = await house.restart(end);
  again.clock.advance(20_000);
  await (await back(again, "witness")).expectNothing();
});

afterRestart("a will whose delay ran out meanwhile is published at the start", async ({ house, broker, end }) => {
  await broker.lose(await withWill(broker, delayed));
  const after = await house.restart(end, { downSeconds: 11 });
  after.clock.advance(250);
  await takeAll(await back(after, "witness"), "gone");
});

afterRestart(
  "a will whose delay ran out meanwhile comes, though its client is back before the first look",
  async (situation) => {
    const { house, broker, end } = situation;
    await broker.lose(await withWill(broker, delayed));
    const after = await house.restart(end, { downSeconds: 11 });
    await back(after, "w");
    await takeAll(await back(after, "witness"), "gone");
  },
);

afterRestart("a will is published when its session ends before its delay", async ({ house, broker, end }) => {
  await broker.lose(await withWill(broker, { ...delayed, sessionExpiryIntervalSeconds: 5 }));
  const after = await house.restart(end, { downSeconds: 3 });
  const witness = await back(after, "witness");
  after.clock.advance(1500);
  await witness.expectNothing();
  after.clock.advance(1000);
  await takeAll(witness, "gone");
});

afterRestart("the will of a session whose time is over is published at the start", async ({ house, broker, end }) => {
  await broker.lose(await withWill(broker, { ...delayed, sessionExpiryIntervalSeconds: 5 }));
  const after = await house.restart(end, { downSeconds: 6 });
  after.clock.advance(250);
  await takeAll(await back(after, "witness"), "gone");
});

afterRestart("a client that has said goodbye leaves no will", async ({ house, broker, end }) => {
  for (const options of [{}, delayed]) await (await withWill(broker, options)).disconnect();
  const after = await house.restart(end);
  after.clock.advance(20_000);
  await (await back(after, "witness")).expectNothing();
});

Deno.test("a will that is due is published by the shutdown, and not left to the next run", async () => {
  await using durability = await startDurable();
  const { house, broker } = durability;
  await withWill(broker);
  await house.restart("crash");
  // No look at what is due has come yet.
  const after = await house.restart("shutdown");
  await takeAll(await back(after, "witness"), "gone");
});
