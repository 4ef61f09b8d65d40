import { DurableClient } from "../crash/durable_client.ts";
import type { Random } from "../support/random.ts";
import { RawClient } from "../support/raw_client.ts";

/** Topics with a retained message at times. */
export const TOPIC_NAMES: readonly string[] = Array.from({ length: 12 }, (_, index) => `soak/${index % 3}/${index}`);
const TOPIC_FILTERS = [...TOPIC_NAMES, "soak/#", "soak/+/1", "soak/2/+", "$share/a/soak/0/+", "$share/b/soak/#"];
/** Few enough that clients often take each other's sessions over. */
const CLIENT_IDENTIFIERS = 40;
const LARGEST_PAYLOAD_BYTES = 4096;
/** Expiry of sessions and delay of wills, so that they end while the churn goes on. */
export const EXPIRY_SECONDS = 1;

/** Where a client lives, and what it is told to do. */
export interface Surroundings {
  readonly port: number;
  readonly random: Random;
  /** The broker has broken the protocol. */
  readonly onFault: (text: string) => void;
}

/** Lives one client's life: connect, subscribe, publish, die. Another one may take its session over at any time. */
export async function live(surroundings: Surroundings): Promise<void> {
  if (surroundings.random.chance(0.5)) await liveDutifully(surroundings);
  else await liveCarelessly(surroundings);
}

/** A client with a persistent session that answers all it gets. */
async function liveDutifully({ port, random, onFault }: Surroundings): Promise<void> {
  const client = new DurableClient({
    clientIdentifier: `soak-${random.between(1, CLIENT_IDENTIFIERS)}`,
    protocolVersion: random.pick([4, 5] as const),
    sessionExpiryIntervalSeconds: random.pick([0, EXPIRY_SECONDS]),
    onFault,
  });
  await client.connect(port, { will: willOf(random) });
  for (let count = random.between(0, 3); count > 0; count--) {
    await client.subscribe(random.pick(TOPIC_FILTERS), random.pick([0, 1, 2] as const));
  }
  for (let count = random.between(0, 8); count > 0; count--) {
    const flags = { qos: random.pick([1, 2] as const), retain: random.chance(0.2) };
    await client.published(random.pick(TOPIC_NAMES), payloadOf(random), flags);
  }
  if (random.chance(0.3)) await client.unsubscribe(random.pick(TOPIC_FILTERS));
  if (random.chance(0.5)) await client.disconnect();
  await client.cut();
}

/** A client of any version that answers nothing of what it gets, and breaks off. */
async function liveCarelessly({ port, random }: Surroundings): Promise<void> {
  const client = new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  try {
    await client.connect({
      protocolVersion: random.pick([3, 4, 5] as const),
      clientIdentifier: `soak-${random.between(1, CLIENT_IDENTIFIERS)}`,
      clean: random.chance(0.5),
      will: willOf(random),
      sessionExpiryIntervalSeconds: random.pick([0, EXPIRY_SECONDS]),
    });
    if (random.chance(0.7)) await client.subscribe(random.pick(TOPIC_FILTERS), random.pick([0, 1, 2] as const));
    for (let count = random.between(0, 8); count > 0; count--) {
      const flags = { qos: random.pick([0, 1, 2] as const), retain: random.chance(0.2) };
      await client.sendPublish(random.pick(TOPIC_NAMES), payloadOf(random), flags);
    }
    if (random.chance(0.2)) await client.disconnect();
  } catch {
    // Another client has taken the session over.
  } finally {
    await client.close();
  }
}

function willOf(random: Random) {
  if (random.chance(0.5)) return undefined;
  return {
    topicName: random.pick(TOPIC_NAMES),
    payload: "gone",
    qos: random.pick([0, 1, 2] as const),
    retain: random.chance(0.2),
    delayIntervalSeconds: random.pick([0, EXPIRY_SECONDS]),
  };
}

function payloadOf(random: Random): string {
  return "x".repeat(random.between(1, LARGEST_PAYLOAD_BYTES));
}
