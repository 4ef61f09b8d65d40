/** What a node that begins makes of a log whose bounds say something different each time. */
import { assert, assertEquals } from "@std/assert";
import { LogReader } from "../../src/cluster/log_reader.ts";
import { type ClusterRecord, encodeRecord, type Snapshot } from "../../src/cluster/record.ts";
import { SnapshotReader } from "../../src/cluster/snapshots.ts";
import type { Log, LogRecord } from "../../src/log/log.ts";
import { WorkBudget } from "../../src/work_budget.ts";
import { CollectingLogger } from "../support/test_broker.ts";

const FIRST = 101;

/** What is left of the log: what came before a snapshot is given up. */
const snapshot: Snapshot = {
  ...{ type: "snapshot", position: FIRST - 1, part: 0, isLast: true },
  ...{ writers: [], shards: [], items: [] },
};
const bodies: ClusterRecord["body"][] = [snapshot, { type: "heartbeat", safe: 0 }];
const records = bodies.map((body, at): LogRecord => ({
  position: FIRST + at,
  timeMs: 0,
  bytes: encodeRecord({ writer: "a", incarnation: 1, n: at, body }),
}));

/** Reads that log, where the servers name these positions as its end, one each time they are asked. */
async function reads(ends: readonly number[], { there = records } = {}) {
  let asked = 0;
  const closed = Promise.withResolvers<void>();
  const log: Log = {
    first: FIRST,
    async *open() {
      yield* there;
      await closed.promise;
    },
    append: () => Promise.resolve(),
    trim: () => Promise.resolve(),
    end: () => Promise.resolve(ends[Math.min(++asked, ends.length - 1)]!),
    close: () => Promise.resolve(),
  };
  const outcome = Promise.withResolvers<string>();
  const logger = new CollectingLogger();
  const taken: number[] = [];
  const machine = { letRun: () => Promise.resolve(), after: (_ms: number, run: () => void) => (run(), () => {}) };
  const reader = new LogReader({
    ...{ log, logger, machine, snapshots: new SnapshotReader() },
    work: new WorkBudget({ now: () => 0, pollSockets: () => Promise.resolve(), letRun: () => Promise.resolve() }),
    isCutOff: () => false,
    take: ({ n }) => void taken.push(n),
    restore: () => void taken.push(-1),
    forgetAll: () => void taken.splice(0),
    onRead: () => outcome.resolve("read"),
    onFault: () => reader.failure !== undefined && outcome.resolve(`${reader.failure}`),
    onMoved: () => {},
  });
  const reading = reader.read(ends[0]!);
  const what = await outcome.promise;
  reader.close();
  closed.resolve();
  await reading;
  return { what, taken, asked, lines: logger.lines };
}

Deno.test("A log that begins in the middle is read from its snapshot on", async () => {
  const { what, taken, asked } = await reads([FIRST + 1]);
  assertEquals([what, taken, asked], ["read", [-1, 0, 1], 0]);
});

Deno.test("A node that begins looks again where a server that is behind has told where the log ends", async () => {
  const { what, taken, asked, lines } = await reads([FIRST - 10, FIRST - 1, FIRST + 1]);
  assertEquals([what, taken, asked], ["read", [-1, 0, 1], 2]);
  assert(lines.some((line) => line.includes("this node reads it anew: ")), lines.join("\n"));
});

Deno.test("A node that begins leaves if the log's beginning is gone for good", async () => {
  const { what, asked } = await reads([FIRST + 1], { there: records.map((record) => ({ ...record, ...records[1]! })) });
  assertEquals([what, asked], ["LogError: log: its beginning is gone, and no snapshot is in it", 9]);
});
