/**
 * How long a healthy pair has to wait beside a subscriber that has stopped reading: both get messages of 64 KiB at QoS 1,
 * as fast as the pair takes them. Prints one line of JSON for each broker.
 *
 * ```
 * deno task bench:slow [--seconds 20] [--port 1883]
 * ```
 *
 * Without `--port` it starts the command line's broker, without persistence and with both kinds of commit; with it, a broker that
 * runs already is measured.
 */
import { BulkPair, openSubscriber } from "../support/bulk_pair.ts";
import { MeasuredBroker } from "../support/measured_broker.ts";

const PAYLOAD_BYTES = 64 * 1024;

/** What is measured: each commit of the file is with the system, or on the disk. */
const setups = [
  ["memory", { persistence: "memory" }],
  ["sqlite, os", { persistence: "sqlite", commit: "os" }],
  ["sqlite, disk", { persistence: "sqlite", commit: "disk" }],
] as const;

function option(name: string): number | undefined {
  const at = Deno.args.indexOf(`--${name}`);
  if (at < 0) return undefined;
  const value = Number(Deno.args[at + 1]);
  if (!(value > 0)) throw new Error(`--${name}: expected a number above 0: got ${Deno.args[at + 1]}`);
  return value;
}

async function measure(what: string, port: number, seconds: number): Promise<void> {
  const frozen = await openSubscriber(port, {
    clientIdentifier: "frozen",
    topicFilter: "bulk",
    qos: 1,
    clean: false,
  });
  const pair = await BulkPair.open({ port, topicName: "bulk", payloadBytes: PAYLOAD_BYTES });
  try {
    const { messages, longestGapMs } = await pair.run({ afterMs: seconds * 1000 });
    console.log(JSON.stringify({
      broker: what,
      seconds,
      messagesPerSecond: Math.round(messages / seconds),
      longestGapMs: Math.round(longestGapMs * 10) / 10,
    }));
  } finally {
    pair.close();
    frozen.close();
  }
}

if (import.meta.main) {
  const seconds = option("seconds") ?? 20;
  const port = option("port");
  if (port !== undefined) await measure(`port ${port}`, port, seconds);
  for (const [what, setup] of port === undefined ? setups : []) {
    await using broker = await MeasuredBroker.start(setup);
    await measure(what, broker.port, seconds);
  }
}
