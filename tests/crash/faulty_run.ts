import { StoreError } from "../../src/store/store.ts";
import { House, MemoryDisk } from "../support/durable_broker.ts";
import { Ledger } from "./ledger.ts";
import { delay, eventually } from "./part.ts";
import { Random } from "../support/random.ts";
import { Traffic } from "./traffic.ts";

export interface FaultyOptions {
  /** How often the broker crashes; before each crash its store fails. */
  readonly crashes: number;
  /** A whole number. */
  readonly seed: number;
}

/** Lets a store fail while clients use the broker, crashes that, and accounts for everything that it acknowledged. */
export async function runFaults(
  { crashes, seed }: FaultyOptions,
): Promise<{ faults: string[]; figures: Ledger["figures"] }> {
  const [ledger, random, disk] = [new Ledger(), new Random(seed), new MemoryDisk()];
  const traffic = new Traffic({ ledger, random }, { mayBeRefused: true });
  await using house = new House(disk, { maxInflight: 50, queueLimit: 1_000_000, queueLimitBytes: 2 ** 30 });
  const port = () => house.broker.broker.addresses.tcp!.port;
  try {
    await house.start();
    await traffic.setUp(port());
    for (let crash = 0; crash < crashes; crash++) {
      await traffic.run(port());
      await delay(random.between(0, 100));
      disk.memory.failing = new StoreError("planted", random.chance(0.5));
      await delay(random.between(0, 100));
      if (random.chance(0.5)) {
        disk.memory.failing = undefined;
        const recovers = () => house.broker.broker.statistics.storeFault === undefined;
        if (!await eventually(recovers, 5000)) ledger.fault("the broker did not notice that its store works again");
        await traffic.run(port());
        await delay(random.between(0, 100));
      }
      await traffic.lost();
      disk.memory.failing = undefined;
      await house.restart("crash");
    }
    await traffic.drain(port());
  } finally {
    await traffic.close();
  }
  return { faults: ledger.faults(), figures: ledger.figures };
}
