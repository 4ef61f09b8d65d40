/** Bridges whose both sides crash, and whose link breaks, again and again: each message at QoS 2 comes once. */
import { assertEquals } from "@std/assert";
import type { QoS } from "../../src/packet/packets.ts";
import { type Disk, House, MemoryDisk, SqliteDisk, until } from "../support/durable_broker.ts";
import { Random } from "../support/random.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Relay } from "../support/relay.ts";
import type { TestBroker } from "../support/test_broker.ts";
import { durable } from "../support/after_restart.ts";

const ROUNDS = 10;
const MESSAGES_PER_ROUND = 8;

/** Leaves a session behind in which all that crosses is kept. */
async function leaveWitness(broker: TestBroker, topicFilter: string): Promise<void> {
  const witness = await durable(broker, "witness", { sessionExpiryIntervalSeconds: 1e6 });
  await witness.subscribe(topicFilter, 2);
  await broker.lose(witness);
}

async function takeAll(broker: TestBroker, count: number): Promise<string[]> {
  const witness = await durable(broker, "witness", { sessionExpiryIntervalSeconds: 1e6 });
  const taken: string[] = [];
  while (taken.length < count) taken.push((await witness.takeMessage()).payload);
  await witness.expectNothing();
  return taken;
}

/** Turns the clock only while the bridge waits for its next attempt. */
async function connected({ broker }: House): Promise<void> {
  const bridge = () => broker.broker.bridges()[0]!;
  await until("the bridge is connected", () => {
    if (bridge().state === "waiting") broker.clock.advance(1000);
    return bridge().state === "connected";
  });
}

/** A file has to be quiet when it is copied; a store in memory has what was committed, whatever is on its way to it. */
async function crash(house: House): Promise<void> {
  if (house.disk instanceof SqliteDisk) return void await house.restart("crash");
  const { clock } = house.broker;
  await house.crash();
  await house.start(new FakeClock(clock.now()));
}

const disks: Readonly<Record<string, () => Disk>> = {
  MemoryStore: () => new MemoryDisk(),
  SqliteStore: () => new SqliteDisk(),
};

for (const [name, disk] of Object.entries(disks)) {
  for (const version of ["5", "3.1.1"] as const) {
    Deno.test(`${name}, MQTT ${version}: through crashes of both sides and cuts of the link each QoS 2 message crosses once, in order`, async () => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      console.log(`seed ${seed}`);
      const random = new Random(seed);
      await using relay = new Relay();
      await using remote = new House(disk());
      await using here = new House(disk(), {
        bridges: {
          house: { address: relay.address, version, topics: [{ filter: "a/#", qos: 2, direction: "both" }] },
        },
      });
      await leaveWitness(await remote.start(), "a/out");
      relay.target = remote.broker.broker.addresses.tcp!;
      await leaveWitness(await here.start(), "a/in");
      // What the remote has before it is subscribed to is not the bridge's.
      await connected(here);
      const sent = { out: [] as string[], in: [] as string[] };
      const qos: QoS = 2;
      for (let round = 0; round < ROUNDS; round++) {
        for (let i = 0; i < MESSAGES_PER_ROUND; i++) {
          const text = `${round}.${i}`;
          await here.broker.broker.publish("a/out", text, { qos });
          sent.out.push(text);
          await remote.broker.broker.publish("a/in", text, { qos });
          sent.in.push(text);
          for (let turns = random.between(0, 3); turns > 0; turns--) {
            await new Promise((resolve) => setTimeout(resolve));
          }
        }
        // Who has crashed says nothing any more, though its broker here is still being ended.
        relay.target = undefined;
        relay.cut();
        await until("the bridge has noticed", () => here.broker.broker.bridges()[0]!.state !== "connected");
        const what = random.between(0, 2);
        if (what === 1) await crash(here);
        if (what === 2) await crash(remote);
        relay.target = remote.broker.broker.addresses.tcp!;
        await connected(here);
      }
      await until("all has crossed", () => {
        const waiting = (broker: TestBroker, clientIdentifier: string) => {
          const session = broker.broker.session(clientIdentifier);
          return (session?.messagesQueued ?? 0) + (session?.inflightOutbound ?? 0) + (session?.inflightInbound ?? 0);
        };
        const client = [...remote.broker.broker.sessions()].find(({ clientIdentifier }) =>
          clientIdentifier.endsWith(".house")
        );
        return waiting(here.broker, "bridge:house") === 0 && client !== undefined &&
          waiting(remote.broker, client.clientIdentifier) === 0;
      });
      assertEquals(await takeAll(remote.broker, sent.out.length), sent.out);
      assertEquals(await takeAll(here.broker, sent.in.length), sent.in);
    });
  }
}
