/** The log on real NATS servers: the contract with one and with three replicas, and the death of the leader. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import type { Log } from "../../src/log/log.ts";
import { LogError } from "../../src/log/log.ts";
import { openNatsLog } from "../../src/log/nats_log.ts";
import { assertUnreadable, type LogEngine, numbered, numberOf, take, testLog } from "./contract.ts";
import { patiently } from "../support/patience.ts";
import { CollectingLogger } from "../support/test_broker.ts";
import { natsInstalled, NatsServers } from "./nats_servers.ts";
import { retryPause } from "../support/ports.ts";

const logger = { debug() {}, info() {}, warn() {}, error() {} };
const cluster = "plant-7";
const stream = "amqtt-plant-7-log";

/** Three servers need some seconds until they have elected. */
async function openLog(servers: NatsServers, replicas: number, name = cluster): Promise<Log> {
  for (let attempt = 0;; attempt++) {
    try {
      return await openNatsLog({ servers: servers.addresses, cluster: name, replicas, logger, settleMs: 300 });
    } catch (error) {
      if (attempt === 200) throw error;
      await retryPause();
    }
  }
}

async function engine(count: number): Promise<LogEngine> {
  const servers = await NatsServers.start(count);
  let places = 0;
  const place = () => {
    const name = `place-${++places}`;
    return { connect: () => openLog(servers, count, name) };
  };
  return { place, [Symbol.asyncDispose]: () => servers[Symbol.asyncDispose]() };
}

testLog("the NATS log with one replica", () => engine(1), !natsInstalled);
testLog("the NATS log with three replicas", () => engine(3), !natsInstalled);

/** An append until somebody says that it is there, as a node does. */
async function appendSurely(log: Log, bytes: Uint8Array): Promise<void> {
  for (;;) {
    try {
      return await log.append(bytes);
    } catch (error) {
      if (!(error instanceof LogError) || error.fault !== "unreachable") throw error;
      await retryPause();
    }
  }
}

async function managing<Result>(
  servers: NatsServers,
  use: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<Result>,
): Promise<Result> {
  const connection = await connect({ servers: servers.addresses });
  try {
    return await use(await jetstreamManager(connection));
  } finally {
    await connection.close();
  }
}

/** Numbers without what was there before, since what was repeated may be there twice. */
function firstOfEach(numbers: readonly number[]): number[] {
  return Array.from(new Set(numbers));
}

Deno.test({
  name: "NATS log: after kill -9 of the stream's leader tails go on by themselves, and nothing acknowledged is lost",
  ignore: !natsInstalled,
  async fn() {
    await using servers = await NatsServers.start(3);
    const [writer, reader] = [await openLog(servers, 3), await openLog(servers, 3)];
    try {
      const read: number[] = [];
      const positions: number[] = [];
      const reading = (async () => {
        for await (const record of reader.open(1)) {
          read.push(numberOf(record));
          positions.push(record.position);
          if (read.at(-1) === 399) return;
        }
      })();
      for (let number = 0; number < 200; number++) await appendSurely(writer, numbered(number));
      const leader = await managing(servers, async (manager) => (await manager.streams.info(stream)).cluster?.leader);
      await servers.kill(leader!);
      for (let number = 200; number < 400; number++) await appendSurely(writer, numbered(number));
      await reading;
      assertEquals(firstOfEach(read), Array.from({ length: 400 }, (_, index) => index));
      assertEquals(positions, Array.from({ length: positions.length }, (_, index) => index + 1));
      assertEquals((await take(writer, 1, read.length)).map(numberOf), read);
    } finally {
      await Promise.all([writer.close(), reader.close()]);
    }
  },
});

Deno.test({
  name: "NATS log: a record that was taken out of the middle is found missing",
  ignore: !natsInstalled,
  async fn() {
    await using servers = await NatsServers.start(1);
    const log = await openLog(servers, 1);
    try {
      for (let number = 1; number <= 5; number++) await log.append(numbered(number));
      await managing(servers, (manager) => manager.streams.deleteMessage(stream, 3));
      assertEquals((await take(log, 1, 2)).map(numberOf), [1, 2]);
      await assertUnreadable(log, 3, "gap");
    } finally {
      await log.close();
    }
  },
});

Deno.test({
  name: "NATS log: a stream that is not there any longer is told, and is read again when it is there",
  ignore: !natsInstalled,
  async fn() {
    await using servers = await NatsServers.start(1);
    await (await openLog(servers, 1)).close();
    const told = new CollectingLogger();
    const log = await openNatsLog({ servers: servers.addresses, cluster, replicas: 1, logger: told, settleMs: 300 });
    try {
      await managing(servers, (manager) => manager.streams.delete(stream));
      const tail = log.open(1)[Symbol.asyncIterator]();
      const next = tail.next();
      assertMatch(
        await patiently("the log to tell", told.line(/^error/)),
        /no stream amqtt-plant-7-log any longer: restore it/,
      );
      const another = await openLog(servers, 1);
      await another.append(numbered(1));
      assertEquals(numberOf((await patiently("the record", next)).value!), 1);
      await tail.return?.();
      await another.close();
      assertEquals(told.lines.filter((line) => line.startsWith("error")).length, 1);
    } finally {
      await log.close();
    }
  },
});

Deno.test({
  name: "NATS log: what a server takes at most, another number of replicas and a bad name are told",
  ignore: !natsInstalled,
  async fn() {
    await using servers = await NatsServers.start(1);
    const log = await openLog(servers, 1);
    try {
      const error = await assertRejects(() => log.append(new Uint8Array(2 ** 20 + 1)), LogError);
      assertEquals(error.fault, "too-large");
      await log.append(new Uint8Array(2 ** 20));
      assertEquals(await log.end(), 1);
    } finally {
      await log.close();
    }
    const options = { servers: servers.addresses, cluster, replicas: 3, logger };
    await assertRejects(() => openNatsLog(options), Error, "has 1 replicas, expected 3");
    await assertRejects(
      () => openNatsLog({ ...options, cluster: "a.b" }),
      Error,
      'cluster name "a.b": expected 1 to 64',
    );
  },
});

Deno.test({
  name: "NATS log: a slow reader gets everything, and holds up no writer",
  ignore: !natsInstalled,
  async fn() {
    await using servers = await NatsServers.start(1);
    const log = await openLog(servers, 1);
    try {
      const large = new Uint8Array(200_000);
      const tail = log.open(1)[Symbol.asyncIterator]();
      await Promise.all(Array.from({ length: 100 }, () => log.append(large)));
      let position = 0;
      for (; position < 100; position++) assert((await tail.next()).value?.position === position + 1);
      await tail.return?.();
    } finally {
      await log.close();
    }
  },
});
