/** Faults of the disk while the worker deletes what ended sessions have left: what is stored goes on. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { SqliteDatabase } from "../../../src/store/sqlite/database.ts";
import { type Port, serve } from "../../../src/store/sqlite/service.ts";
import { SqliteStore } from "../../../src/store/sqlite/sqlite_store.ts";
import { type Change, StoreError } from "../../../src/store/store.ts";
import { WatchedStore } from "../../../src/store/sqlite/watched_store.ts";
import { delivery, message, opened, session } from "../contract.ts";
import { SqlitePlace } from "../support.ts";

/** So many that one slice does not delete them. */
const MANY = 5001;
const MINUTE_MS = 60_000;

/** Of the disk, for some of the tries to delete. */
class FaultyDisk {
  /** How many tries still fail. */
  faults = 0;
  tries = 0;
  opens = 0;
  isTidying = false;

  readonly openFile = (path: string): DatabaseSync => {
    this.opens++;
    const database = new DatabaseSync(path);
    const prepare = database.prepare.bind(database);
    database.prepare = (sql) => {
      const statement = prepare(sql);
      if (!sql.startsWith("DELETE FROM delivery WHERE session = ? AND sequence <=")) return statement;
      const run = statement.run.bind(statement) as typeof statement.run;
      statement.run = ((...values: (string | number)[]) => {
        if (!this.isTidying || this.faults === 0) return run(...values);
        this.faults--;
        throw Object.assign(new Error("disk I/O error"), { errcode: 10 });
      }) as typeof statement.run;
      return statement;
    };
    return database;
  };
}

class TidyingDatabase extends SqliteDatabase {
  readonly #disk: FaultyDisk;

  constructor(path: string, disk: FaultyDisk) {
    super({ path, commit: "os" }, { openFile: disk.openFile });
    this.#disk = disk;
  }

  override tidy(): void {
    this.#disk.tries++;
    this.#disk.isTidying = true;
    try {
      super.tidy();
    } finally {
      this.#disk.isTidying = false;
    }
  }
}

/** What a worker does, in this thread. */
function workerInThisThread(path: string, disk: FaultyDisk, now: () => number): Worker {
  const worker: Pick<Worker, "onmessage" | "postMessage" | "terminate"> = {
    onmessage: null,
    postMessage: (request: unknown) => {
      const data = structuredClone(request);
      queueMicrotask(() => port.onmessage?.({ data } as MessageEvent));
    },
    terminate: () => {},
  };
  const port: Port = {
    onmessage: null,
    postMessage: (data) => queueMicrotask(() => worker.onmessage?.call(worker as Worker, { data } as MessageEvent)),
  };
  serve(port, () => new TidyingDatabase(path, disk), { now });
  return worker as Worker;
}

/** All timers that were due have run. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** An open store whose log was seen, and that a session has left, with messages, after which deleting fails. */
async function failing({ file }: SqlitePlace, faults: number) {
  const disk = new FaultyDisk();
  const clock = { nowMs: 0 };
  const now = () => clock.nowMs;
  const inner = new SqliteStore({ path: file, commit: "os" }, {
    startWorker: () => workerInThisThread(file, disk, now),
  });
  const store = new WatchedStore(inner, file, { now });
  await opened(store);
  const changes: Change[] = [session(1)];
  for (let n = 1; n <= MANY; n++) changes.push(message(n), delivery(1, n, n));
  await store.append(changes);
  clock.nowMs += MINUTE_MS;
  await store.append([session(2)]);
  disk.faults = faults;
  await store.append([{ type: "session-end", session: 1 }]);
  await turns();
  clock.nowMs += MINUTE_MS / 2;
  return { store, clock, disk };
}

function deliveriesIn(path: string): number {
  const database = new DatabaseSync(path);
  const row = database.prepare("SELECT count(*) AS n FROM delivery").get()!;
  database.close();
  return Number(row.n);
}

Deno.test("one fault while deleting is told once, as one that passes, and then all goes on", async () => {
  await using place = new SqlitePlace();
  const { store, clock, disk } = await failing(place, 1);
  assertEquals([disk.tries, disk.faults], [1, 0]);
  const { message, fault, lasting } = await assertRejects(() => store.append([session(3)]), StoreError);
  assertEquals([fault, lasting], ["io", false]);
  assert(message.startsWith(`${place.file}: cannot be read or written: `), message);
  for (let round = 0; round < 3; round++) {
    clock.nowMs += MINUTE_MS;
    await store.append([session(3)]);
    await turns();
  }
  await store.close();
  assertEquals(deliveriesIn(place.file), 0);
});

Deno.test("deleting that always fails is told once and tried once a minute, and what is stored goes on", async () => {
  await using place = new SqlitePlace();
  const { store, clock, disk } = await failing(place, Infinity);
  await assertRejects(() => store.append([session(3)]), StoreError);
  const atAll = async () => {
    for (let n = 3; n < 23; n++) {
      await store.append([session(n)]);
      await turns();
    }
    return [disk.tries, disk.opens];
  };
  assertEquals(await atAll(), [1, 2]);
  clock.nowMs += MINUTE_MS;
  assertEquals(await atAll(), [2, 3]);
  clock.nowMs += MINUTE_MS;
  assertEquals(await atAll(), [3, 4]);
  await store.close();
});

Deno.test("a fault while deleting disturbs neither who reads nor a shutdown", async () => {
  await using place = new SqlitePlace();
  const { store } = await failing(place, 1);
  assertEquals(await store.deliveries(2, { underWay: false, after: 0, maximumMessages: 1, maximumBytes: 1 }), []);
  await store.close();
});

for (
  const [what, replace] of [
    ["deleted or moved away", (path: string) => Deno.renameSync(path, `${path}.away`)],
    ["replaced by another file", (path: string) => {
      Deno.copyFileSync(path, `${path}.copy`);
      Deno.renameSync(`${path}.copy`, path);
    }],
  ] as const
) {
  Deno.test(`a file that was ${what} is not taken for the database when that is opened again`, async () => {
    await using place = new SqlitePlace();
    const disk = new FaultyDisk();
    const database = new TidyingDatabase(place.file, disk);
    database.open();
    const changes: Change[] = [session(1)];
    for (let n = 1; n <= MANY; n++) changes.push(message(n), delivery(1, n, n));
    database.append(changes);
    database.append([{ type: "session-end", session: 1 }]);
    disk.faults = 1;
    assertThrows(() => database.tidy(), StoreError, "disk I/O error");
    replace(place.file);
    const before = [...Deno.readDirSync(place.path)].map(({ name }) => name).sort();
    const { message: text, fault } = assertThrows(() => database.append([session(2)]), StoreError);
    assertEquals(fault, "corrupt");
    assert(text.startsWith(`${place.file}: was ${what} while it was in use: `), text);
    assertEquals([...Deno.readDirSync(place.path)].map(({ name }) => name).sort(), before);
    database.close();
  });
}
