/** What every log must do. A test file of each log runs it. */
import { assertEquals, assertRejects } from "@std/assert";
import { type Log, LogError, type LogFault, type LogRecord } from "../../src/log/log.ts";
import { patiently } from "../support/patience.ts";

/** A log that several nodes can reach: each call opens another way to the same records. */
export interface LogPlace {
  connect(): Promise<Log>;
}

/** What keeps logs: each call makes a place for a log that is empty. */
export interface LogEngine extends AsyncDisposable {
  place(): LogPlace;
}

/** A record with a number in it. */
export function numbered(number: number): Uint8Array {
  return new Uint8Array([number >>> 16, number >>> 8, number]);
}

/** The number of {@linkcode numbered}. */
export function numberOf({ bytes }: LogRecord): number {
  return bytes[0]! << 16 | bytes[1]! << 8 | bytes[2]!;
}

/** The next records of a log from a position on. */
export async function take(log: Log, from: number, count: number): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  if (count === 0) return records;
  for await (const record of log.open(from)) {
    if (records.push(record) === count) break;
  }
  return records;
}

/** Checks that reading from a position on fails, and how. */
export async function assertUnreadable(log: Log, from: number, fault: LogFault): Promise<void> {
  const error = await assertRejects(() => patiently("an error", take(log, from, 1)), LogError);
  assertEquals(error.fault, fault, error.message);
}

type Check = (place: LogPlace, log: Log) => Promise<void>;

/** The suite, as steps of one test, since an engine may take seconds to start. */
export function testLog(name: string, start: () => Promise<LogEngine>, ignore = false): void {
  Deno.test({
    name: `${name} keeps the contract of logs`,
    ignore,
    async fn(context) {
      await using engine = await start();
      for (const [title, check] of checks) {
        await context.step(title, async () => {
          const place = engine.place();
          const log = await place.connect();
          try {
            await check(place, log);
          } finally {
            await log.close();
          }
        });
      }
    },
  });
}

const checks = new Map<string, Check>();

checks.set("what is appended comes back, with positions from 1 on and times", async (_, log) => {
  const before = Date.now() - 5_000;
  const all = Uint8Array.from({ length: 256 }, (_, index) => index);
  await log.append(all);
  await log.append(new Uint8Array([7]));
  const records = await patiently("two records", take(log, 1, 2));
  assertEquals(records.map(({ position }) => position), [1, 2]);
  assertEquals(records.map(({ bytes }) => Array.from(bytes)), [Array.from(all), [7]]);
  assertEquals(records.map(({ timeMs }) => timeMs > before && timeMs < before + 600_000), [true, true]);
  assertEquals(await log.end(), 2);
});

checks.set("an empty log ends at 0, begins at 1, and can be read from 1 on only", async (_, log) => {
  assertEquals([await log.end(), log.first], [0, 1]);
  await assertUnreadable(log, 2, "rewound");
});

checks.set("many appends under way land in the order of the calls", async (_, log) => {
  await Promise.all(Array.from({ length: 500 }, (_, index) => log.append(numbered(index))));
  const records = await patiently("500 records", take(log, 1, 500));
  assertEquals(records.map(numberOf), Array.from({ length: 500 }, (_, index) => index));
});

checks.set("two nodes read the same, and a tail goes on with what comes later", async (place, log) => {
  const other = await place.connect();
  try {
    const [here, there] = [take(log, 1, 60), take(other, 1, 60)];
    for (let index = 0; index < 30; index++) {
      await Promise.all([log.append(numbered(index)), other.append(numbered(1000 + index))]);
    }
    const read = await patiently("60 records at both", Promise.all([here, there]));
    assertEquals(read[0].map(numberOf), read[1].map(numberOf));
    assertEquals(new Set(read[0].map(numberOf)).size, 60);
    assertEquals(await other.end(), 60);
  } finally {
    await other.close();
  }
});

checks.set("an append may be repeated: it is there twice", async (_, log) => {
  await log.append(numbered(9));
  await log.append(numbered(9));
  assertEquals((await patiently("two records", take(log, 1, 2))).map(numberOf), [9, 9]);
});

checks.set("who changes its bytes after the append was called changes nothing", async (_, log) => {
  const bytes = numbered(5);
  const done = log.append(bytes);
  bytes.fill(0xff);
  await done;
  assertEquals((await patiently("a record", take(log, 1, 1))).map(numberOf), [5]);
});

checks.set("what is trimmed is gone, the rest keeps its positions", async (place, log) => {
  for (let index = 1; index <= 10; index++) await log.append(numbered(index));
  await log.trim(6);
  assertEquals(log.first, 6);
  await assertUnreadable(log, 5, "trimmed");
  assertEquals((await patiently("five records", take(log, 6, 5))).map(numberOf), [6, 7, 8, 9, 10]);
  const later = await place.connect();
  assertEquals(later.first, 6);
  await later.close();
  await log.trim(3);
  assertEquals(log.first, 6);
});

checks.set("a log that was trimmed to nothing goes on where it was", async (_, log) => {
  for (let index = 1; index <= 3; index++) await log.append(numbered(index));
  await log.trim(1000);
  assertEquals([log.first, await log.end()], [4, 3]);
  await log.append(numbered(4));
  const records = await patiently("a record", take(log, 4, 1));
  assertEquals(records.map(({ position }) => position), [4]);
  await assertUnreadable(log, 6, "rewound");
});

checks.set("closing ends tails that wait, and what is asked afterwards fails", async (_, log) => {
  const tail = log.open(1)[Symbol.asyncIterator]();
  const waiting = tail.next();
  await log.close();
  assertEquals((await patiently("the end of the tail", waiting)).done, true);
  for (const ask of [() => log.append(numbered(1)), () => log.trim(1), () => log.end()]) {
    assertEquals((await assertRejects(ask, LogError)).fault, "closed");
  }
});
