import { cpuMicrosecondsOf, type LoadResult } from "../result.ts";
import { hold, startBurden } from "./burden.ts";
import { openChannel } from "./channel.ts";
import { Client } from "./client.ts";
import { connectStorm } from "./connect_storm.ts";
import { layoutOf } from "./layout.ts";
import type { LoadOptions } from "./options.ts";
import { usageOf } from "./process_usage.ts";
import { retained } from "./retained.ts";
import type { PacketHandler } from "./connection.ts";
import { Traffic } from "./traffic.ts";
import { Faults, rounded, turn, until } from "./waiting.ts";

/** Runs one scenario and tells what came of it. Faults are counted in the result, not thrown. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const scenarios = { pubsub, subscribe: pubsub, connect: connectStorm, retained, hold };
  const isBeside = options.scenario === "pubsub" &&
    (options.idle + options.elsewhere > 0 || options.carriedBy !== "nobody");
  return isBeside ? await besideBurden(options) : await scenarios[options.scenario](options);
}

/** The longest that broker and generator were seen to get faster after their start. */
const WARMING_SECONDS = 2;

/** The same traffic alone, beside the burden, and alone again, so that what changes meanwhile favours neither. */
async function besideBurden(options: LoadOptions): Promise<LoadResult> {
  const before = await pubsub({ ...options, warmupSeconds: options.warmupSeconds + WARMING_SECONDS });
  const burden = await startBurden(options);
  const held = usageOf(options.pid);
  let words = "";
  const beside = await pubsub(options).finally(async () => words = await burden.release());
  const carried: LoadResult = JSON.parse(words);
  const after = await pubsub(options);
  const faulty = [before, beside, after, carried].find(({ errors }) => errors > 0);
  return {
    ...beside,
    msgs_per_s_alone: rounded(((before.msgs_per_s ?? 0) + (after.msgs_per_s ?? 0)) / 2),
    broker_cpu_us_alone: rounded(((cpuMicrosecondsOf(before) ?? 0) + (cpuMicrosecondsOf(after) ?? 0)) / 2),
    broker_rss_kb_held: held.rssKibibytes,
    carried_per_s: carried.msgs_per_s,
    errors: faulty?.errors ?? 0,
    first_error: faulty?.first_error ?? "",
  };
}

/** Hands packets to a handler that is made after the connections are. */
export class Later implements PacketHandler {
  handler: PacketHandler | undefined;

  packet(...[connection, firstByte, start, end]: Parameters<PacketHandler["packet"]>): void {
    if (this.handler === undefined) throw new Error(`packet type ${firstByte >> 4} came before anything was sent`);
    this.handler.packet(connection, firstByte, start, end);
  }
}

/** Opens the clients one after the other: subscribers first, then publishers. */
async function openClients(options: LoadOptions, count: number, handler: PacketHandler, faults: Faults) {
  const run = crypto.randomUUID().slice(0, 8);
  const { subscribers } = layoutOf(options);
  const clients: Client[] = [];
  for (let index = 0; index < count; index++) {
    const port = index < subscribers ? options.port : options.publishPort;
    clients.push(
      await Client.open(
        {
          index,
          channel: await openChannel({ ...options, port }),
          version: options.version,
          clientIdentifier: `load-${run}-${index}`,
          isDurable: options.isDurable && index < subscribers,
          topicAliasMaximum: options.withTopicAlias ? 10 : 0,
        },
        handler,
        (error) => faults.add(error),
      ),
    );
  }
  return clients;
}

async function pubsub(options: LoadOptions): Promise<LoadResult> {
  const layout = layoutOf(options);
  const faults = new Faults();
  const later = new Later();
  const before = usageOf(options.pid);
  const clients = await openClients(options, layout.subscribers + layout.publishers, later, faults);
  const publishers = clients.slice(layout.subscribers);
  const receiveMaximum = Math.min(...publishers.map((client) => client.receiveMaximum));
  const traffic = new Traffic(
    {
      ...options,
      layout,
      isRetained: false,
      window: options.qos > 0 ? Math.min(options.window, receiveMaximum) : options.window,
    },
    publishers.map(({ connection }) => connection),
  );
  later.handler = traffic;
  const subscribing = performance.now();
  const filters = clients.slice(0, layout.subscribers).map((_, subscriber) => layout.filters(subscriber));
  await Promise.all(filters.map((list, subscriber) => clients[subscriber]!.subscribe(list, options.qos)));
  const subscriptions = filters.reduce((sum, list) => sum + list.length, 0);
  const subscribeSeconds = (performance.now() - subscribing) / 1000;
  const subscribed = usageOf(options.pid);
  const measured = await measure(options, traffic, faults);
  for (const { connection } of clients) connection.close();
  return {
    scenario: options.scenario,
    subs_per_s: rounded(subscriptions / subscribeSeconds),
    broker_rss_kb_before: before.rssKibibytes,
    broker_rss_kb_subscribed: subscribed.rssKibibytes,
    ...measured,
    ...faults.summary(),
  };
}

/** Warms up, measures, stops sending, and waits for what is under way. */
async function measure(options: LoadOptions, traffic: Traffic, faults: Faults): Promise<Partial<LoadResult>> {
  const { ledger, windows } = traffic;
  const givingUp = setInterval(() => traffic.isSending && traffic.giveUp(), 500);
  traffic.start();
  await send(options.warmupSeconds, options, traffic, faults);
  traffic.isMeasuring = true;
  const start = performance.now();
  const usage = usageOf(options.pid);
  await send(options.durationSeconds, options, traffic, faults);
  traffic.isMeasuring = false;
  const seconds = (performance.now() - start) / 1000;
  const after = usageOf(options.pid);
  traffic.isSending = false;
  clearInterval(givingUp);
  const isSettled = () => windows.busy === 0 && traffic.unreleased === 0 && ledger.lost === 0;
  await until(isSettled, () => ledger.received, options.drainSeconds, faults);
  const cpuSeconds = after.cpuSeconds - usage.cpuSeconds;
  return {
    sent: ledger.sent,
    expected: ledger.expected,
    received: ledger.received,
    lost: ledger.lost,
    duplicate: ledger.duplicate,
    out_of_order: ledger.outOfOrder,
    stray: traffic.stray,
    measured_s: rounded(seconds),
    sent_per_s: rounded(traffic.measuredSent / seconds),
    msgs_per_s: rounded(traffic.measuredReceived / seconds),
    latency_us: traffic.latency.summary(),
    broker_rss_kb_after: after.rssKibibytes,
    broker_cpu_util: rounded(cpuSeconds / seconds),
  };
}

/** Lets the traffic go on for so long. With a schedule every turn of the event loop looks at it, since timers are too coarse. */
async function send(seconds: number, { rate }: LoadOptions, traffic: Traffic, faults: Faults): Promise<void> {
  const end = performance.now() + seconds * 1000;
  if (rate === 0) return await until(() => performance.now() >= end, () => 0, seconds + 1, faults);
  while (performance.now() < end && !faults.any) {
    traffic.sendDue();
    await turn();
  }
}
