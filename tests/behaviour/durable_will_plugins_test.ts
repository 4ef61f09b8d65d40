/** Wills on which a plugin takes its time: a crash meanwhile loses none, and none comes twice. */
import { assertEquals } from "@std/assert";
import type { ApplicationMessage } from "../../src/message.ts";
import { back, durable, takeAll } from "../support/after_restart.ts";
import { House, MemoryDisk } from "../support/durable_broker.ts";
import { patiently } from "../support/patience.ts";
import { hooks, type TestBroker } from "../support/test_broker.ts";

const will = { topicName: "will", payload: "gone", qos: 1 } as const;

/** A session that sees wills whenever its client comes. */
async function leaveWitness(broker: TestBroker): Promise<void> {
  const witness = await durable(broker, "witness");
  await witness.subscribe("will", 2);
  await witness.disconnect();
}

/** A broker whose plugin lets a will through when a test says so; what a test asks for it gets once. */
function slowHouse() {
  const asked: PromiseWithResolvers<() => void>[] = [];
  let questions = 0;
  const at = (index: number) => asked[index] ??= Promise.withResolvers<() => void>();
  const transformMessage = (message: ApplicationMessage) => {
    if (message.topicName !== "will") return message;
    return new Promise<ApplicationMessage>((resolve) => at(questions++).resolve(() => resolve(message)));
  };
  const disk = new MemoryDisk();
  const house = new House(disk, { plugins: [hooks({ transformMessage })] });
  /** Resolves when the plugin is asked for the time that is given, 0: the first, to what lets the will through. */
  const question = (index: number) => patiently(`question ${index}`, at(index).promise);
  const wills = () => disk.memory.changes.filter(({ type }) => type === "will" || type === "will-end");
  return { house, disk, question, wills };
}

Deno.test("A will that a plugin has not decided on when the broker crashes is published by the next run", async () => {
  const { house, question } = slowHouse();
  await using _ = house;
  const broker = await house.start();
  await leaveWitness(broker);
  await (await durable(broker, "w", { will })).close();
  await question(0);
  const after = await house.restart("crash");
  after.clock.advance(250);
  (await question(1))();
  await takeAll(await back(after, "witness"), "gone");
  const again = await house.restart("crash");
  again.clock.advance(250);
  await takeAll(await back(again, "witness"));
});

Deno.test("A will's end and its message for a stored session are one batch", async () => {
  const { house, disk, question } = slowHouse();
  await using _ = house;
  const broker = await house.start();
  await leaveWitness(broker);
  await (await durable(broker, "w", { will })).close();
  const decide = await question(0);
  await house.stored();
  const batches: string[][] = [];
  const append = disk.memory.append.bind(disk.memory);
  disk.memory.append = (changes) => {
    batches.push(changes.map(({ type }) => type));
    return append(changes);
  };
  decide();
  await house.stored();
  assertEquals(batches.map((types) => types.filter((type) => type === "delivery" || type === "will-end").toSorted()), [
    ["delivery", "will-end"],
  ]);
});

Deno.test("A will that is decided on late does not end that of the client's next connection", async () => {
  const { house, question, wills } = slowHouse();
  await using _ = house;
  const broker = await house.start();
  await leaveWitness(broker);
  await (await durable(broker, "w", { will })).close();
  const decide = await question(0);
  await durable(broker, "w", { will: { ...will, payload: "the next" } });
  decide();
  await house.stored();
  assertEquals(wills().map(({ type }) => type), ["will", "will"]);
  const after = await house.restart("crash");
  after.clock.advance(250);
  // The broker that has crashed is asked, too, when its connections break.
  (await question(2))();
  await takeAll(await back(after, "witness"), "gone", "the next");
});

Deno.test("A will that a plugin denies late is over", async () => {
  const decision = Promise.withResolvers<"deny">();
  let questions = 0;
  const asked = Promise.withResolvers<void>();
  // The first question is that of CONNECT.
  const authorizePublish = () => {
    if (questions++ === 0) return "allow";
    asked.resolve();
    return decision.promise;
  };
  const disk = new MemoryDisk();
  await using house = new House(disk, { plugins: [hooks({ authorizePublish })] });
  const broker = await house.start();
  await (await durable(broker, "w", { will })).close();
  await patiently("the question", asked.promise);
  decision.resolve("deny");
  await house.stored();
  assertEquals(disk.memory.changes.at(-1), { type: "will-end", clientIdentifier: "w" });
});
