/** What the tests of a broker's restart share: each runs on every store, after a shutdown and after a crash. */
import { assertEquals } from "@std/assert";
import type { BrokerConfig } from "../../src/config/config.ts";
import { type Disk, type End, House, MemoryDisk, SqliteDisk } from "./durable_broker.ts";
import type { ConnectOptions, RawClient } from "./raw_client.ts";
import type { TestBroker } from "./test_broker.ts";

const DISKS: Readonly<Record<string, () => Disk>> = {
  MemoryStore: () => new MemoryDisk(),
  SqliteStore: () => new SqliteDisk(),
};
/** Both ways in which a broker ends. */
export const ENDS: readonly End[] = ["shutdown", "crash"];

/** What one test works with. */
export interface Situation {
  readonly house: House;
  readonly broker: TestBroker;
  readonly end: End;
}

/** One test for each store and each end. */
export function afterRestart(
  title: string,
  body: (situation: Situation) => Promise<void>,
  config: BrokerConfig = {},
): void {
  for (const [name, disk] of Object.entries(DISKS)) {
    for (const end of ENDS) {
      Deno.test(`${name}, after a ${end}: ${title}`, async () => {
        await using house = new House(disk(), config);
        const broker = await house.start();
        await body({ house, broker, end });
      });
    }
  }
}

/** A client of 5.0 whose session lasts 1000 seconds. */
export const durable = (
  broker: TestBroker,
  clientIdentifier: string,
  options: Omit<ConnectOptions, "protocolVersion"> = {},
) => broker.connect5({ clean: false, sessionExpiryIntervalSeconds: 1000, ...options, clientIdentifier });

/** As {@linkcode durable}; its session must be there. */
export async function back(broker: TestBroker, clientIdentifier: string, options: Parameters<typeof durable>[2] = {}) {
  const client = await durable(broker, clientIdentifier, options);
  assertEquals(client.connack.sessionPresent, true, `session of ${clientIdentifier}`);
  return client;
}

/** Leaves a session with one subscription behind. */
export async function leaveSubscribed(
  broker: TestBroker,
  clientIdentifier: string,
  topicFilter: string,
): Promise<void> {
  const client = await durable(broker, clientIdentifier);
  await client.subscribe(topicFilter, 2);
  await broker.lose(client);
}

/** Takes exactly these. */
export async function takeAll(client: RawClient, ...payloads: readonly string[]): Promise<void> {
  for (const payload of payloads) await client.takeMessage({ payload });
  await client.expectNothing();
}
