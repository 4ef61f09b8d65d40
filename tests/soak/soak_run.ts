import { Random } from "../support/random.ts";
import type { Figures } from "../support/figures_plugin.ts";
import { MeasuredBroker } from "../support/measured_broker.ts";
import { RawClient } from "../support/raw_client.ts";
import { EXPIRY_SECONDS, live, TOPIC_NAMES } from "./life.ts";

export interface SoakOptions {
  /** How long clients come and go. */
  readonly seconds: number;
  readonly persistence: "memory" | "sqlite";
  readonly seed: number;
  /** Clients at once. */
  readonly clients: number;
  readonly log?: (text: string) => void;
}

export interface SoakResult {
  readonly lives: number;
  /** What did not come back to where it was, and broken protocol. */
  readonly faults: readonly string[];
  readonly before: Figures;
  readonly after: Figures;
}

/** The part of the time in which caches fill and code is compiled, before the first look. */
const WARM_UP = 0.3;
/** Growth of heap and buffers that is no leak: what the runtime keeps at hand. */
const HEAP_SLACK_BYTES = 6 * 2 ** 20;
const RSS_SLACK_BYTES = 96 * 2 ** 20;
const LOG_SECONDS = 30;

/** Lets clients come and go, and compares what the broker holds when they have gone with what it held before. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const { seconds, persistence, seed, log = () => {} } = options;
  await using broker = await MeasuredBroker.start({ persistence, sessionExpiryInterval: EXPIRY_SECONDS });
  const random = new Random(seed);
  const faults: string[] = [];
  const churn = (partSeconds: number) => churnFor(broker, { ...options, seconds: partSeconds, random, faults });
  let lives = await churn(seconds * WARM_UP);
  const before = await rest(broker);
  log(`after ${lives} lives: ${describe(before)}`);
  const endMs = performance.now() + seconds * (1 - WARM_UP) * 1000;
  for (let leftMs = endMs - performance.now(); leftMs > 0; leftMs = endMs - performance.now()) {
    lives += await churn(Math.min(LOG_SECONDS, leftMs / 1000));
    log(`after ${lives} lives: ${describe(await broker.figures({ collect: true }))}`);
  }
  const after = await rest(broker);
  log(`at rest: ${describe(after)}`);
  return { lives, faults: [...faults, ...differences(before, after)], before, after };
}

/** @returns how many clients have lived */
async function churnFor(
  { port }: MeasuredBroker,
  { seconds, clients, random, faults }: SoakOptions & { readonly random: Random; readonly faults: string[] },
): Promise<number> {
  const endMs = performance.now() + seconds * 1000;
  let lives = 0;
  const worker = async () => {
    for (; performance.now() < endMs; lives++) await live({ port, random, onFault: (text) => faults.push(text) });
  };
  await Promise.all(Array.from({ length: clients }, worker));
  return lives;
}

/** Waits until the last session and will has expired, and clears what is retained. */
async function rest(broker: MeasuredBroker): Promise<Figures> {
  await broker.figuresWhen(({ statistics }) => statistics.clientsDisconnected === 0);
  const client = new RawClient(await Deno.connect({ hostname: "127.0.0.1", port: broker.port }));
  await client.connect({ clientIdentifier: "cleaner" });
  for (const topicName of TOPIC_NAMES) await client.publish(topicName, "", { qos: 1, retain: true });
  await client.disconnect();
  return await broker.figuresWhen((figures) => remains(figures).length === 0);
}

/** What is there besides the client that asks. */
function remains({ statistics }: Figures): string[] {
  const expected = {
    clientsConnected: 1,
    clientsDisconnected: 0,
    subscriptions: 1,
    retainedMessages: 0,
    messagesQueued: 0,
    inflightInbound: 0,
    inflightOutbound: 0,
    changesWaiting: 0,
  } as const;
  return Object.entries(expected).flatMap(([name, value]) => {
    const found = statistics[name as keyof typeof expected];
    return found === value ? [] : [`${name}: expected ${value} at rest: got ${found}`];
  });
}

function differences(before: Figures, after: Figures): string[] {
  const faults = remains(after);
  if (after.timers > before.timers) faults.push(`timers: expected ${before.timers}: got ${after.timers}`);
  const descriptors = [before.descriptors ?? 0, after.descriptors ?? 0] as const;
  if (descriptors[1] > descriptors[0]) faults.push(`open files: expected ${descriptors[0]}: got ${descriptors[1]}`);
  const limits = [["heapBytes", HEAP_SLACK_BYTES], ["rssBytes", RSS_SLACK_BYTES]] as const;
  for (const [name, slackBytes] of limits) {
    const most = before[name] + slackBytes;
    if (after[name] > most) faults.push(`${name}: expected at most ${most}: got ${after[name]}`);
  }
  return faults;
}

function describe({ rssBytes, heapBytes, timers, descriptors, statistics }: Figures): string {
  const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const { clientsDisconnected, subscriptions, messagesQueued, publishesReceived } = statistics;
  return [
    `heap ${mebibytes(heapBytes)}, process ${mebibytes(rssBytes)}, ${timers} timers, ${descriptors} open files`,
    `${clientsDisconnected} sessions without client, ${subscriptions} subscriptions, ${messagesQueued} messages queued`,
    `${publishesReceived} PUBLISH packets received`,
  ].join("; ");
}
