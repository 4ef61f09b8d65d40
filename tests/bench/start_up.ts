/**
 * How long a broker takes to start on a file with many messages, and what it holds then. Prints a line of JSON for an
 * empty file and one for the full one; in that, also how soon a client has the first of what waits for it.
 *
 * ```
 * deno task bench:start [--messages 1000000]
 * ```
 */
import { assertEquals } from "@std/assert";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { SqliteStore } from "../../src/store/sqlite/sqlite_store.ts";
import type { Change } from "../../src/store/store.ts";
import { MeasuredBroker } from "../support/measured_broker.ts";
import { RawClient } from "../support/raw_client.ts";

const SESSIONS = 100;
const PAYLOAD_BYTES = 64;
const BATCH_MESSAGES = 10_000;
const FIRST_MESSAGES = 10_000;
const NEVER_SECONDS = 0xffff_ffff;

/** Lets messages wait for sessions, the same number for each. */
async function fill(path: string, messages: number): Promise<void> {
  const store = new SqliteStore({ path, commit: "os" });
  await store.open();
  await store.append(Array.from({ length: SESSIONS }, (_, index) => sessionChanges(index + 1)).flat());
  for (let done = 0; done < messages; done += BATCH_MESSAGES) {
    const count = Math.min(BATCH_MESSAGES, messages - done);
    await store.append(Array.from({ length: count }, (_, index) => messageChanges(done + index)).flat());
  }
  await store.close();
}

function sessionChanges(session: number): Change[] {
  const clientIdentifier = `client-${session}`;
  const topicFilter = parseTopicFilter(`to/${session}`);
  const subscription = { topicFilter, qos: 1, noLocal: false, retainAsPublished: false } as const;
  return [
    { type: "session", session, clientIdentifier, expiryIntervalSeconds: NEVER_SECONDS, disconnectedAt: Date.now() },
    { type: "subscribe", session, subscription },
  ];
}

function messageChanges(index: number): Change[] {
  const session = index % SESSIONS + 1;
  const id = index + 1;
  const topicName = parseTopicName(`to/${session}`);
  const message = { id, topicName, payload: new Uint8Array(PAYLOAD_BYTES), qos: 1, retain: false } as const;
  const waits = { qos: 1, retain: false, state: "queued", packetIdentifier: 0, sizeBytes: 200 } as const;
  return [
    { type: "message", message },
    { type: "delivery", session, sequence: Math.floor(index / SESSIONS) + 1, messageId: id, ...waits },
  ];
}

/** How long the first of the messages for one client take, in milliseconds. */
async function takeFirst(port: number, count: number): Promise<number> {
  const startMs = performance.now();
  const client = new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  await client.connect({ clientIdentifier: "client-1", clean: false });
  for (let taken = 0; taken < count; taken++) {
    const { packetIdentifier } = await client.expectMessage({ topicName: "to/1" });
    await client.sendAck("Puback", packetIdentifier);
  }
  await client.close();
  return performance.now() - startMs;
}

async function measure(messages: number): Promise<void> {
  await using broker = await MeasuredBroker.start({ persistence: "sqlite", fill: (path) => fill(path, messages) });
  const { rssBytes, statistics } = await broker.figures();
  assertEquals(statistics.messagesQueued, messages);
  const first = Math.min(FIRST_MESSAGES, messages / SESSIONS);
  const firstMs = first > 0 ? Math.round(await takeFirst(broker.port, first)) : undefined;
  const startedInMs = Math.round(broker.startedInMs);
  console.log(JSON.stringify({ messages, startedInMs, rssMB: Math.round(rssBytes / 1e6), first, firstMs }));
}

if (import.meta.main) {
  const at = Deno.args.indexOf("--messages");
  const messages = at < 0 ? 1_000_000 : Number(Deno.args[at + 1]);
  if (!(messages >= SESSIONS)) throw new Error(`--messages: expected at least ${SESSIONS}: got ${Deno.args[at + 1]}`);
  await measure(0);
  await measure(messages);
}
