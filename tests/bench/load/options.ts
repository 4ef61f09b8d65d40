import { parseArgs } from "node:util";
import type { Version } from "./packets.ts";

/** What one run of the load generator does. */
export interface LoadOptions {
  readonly scenario: "pubsub" | "subscribe" | "connect" | "retained" | "hold";
  readonly mode: "one-to-one" | "fan-out" | "fan-in" | "shared";
  readonly transport: "tcp" | "tls" | "ws";
  readonly hostname: string;
  readonly port: number;
  /** That of publishers. */
  readonly publishPort: number;
  /** PEM text of the authority for TLS. */
  readonly caCertificate: string | undefined;
  readonly version: Version;
  readonly qos: number;
  readonly publishers: number;
  readonly subscribers: number;
  readonly payloadBytes: number;
  /** Messages of one publisher that may be under way. */
  readonly window: number;
  /** Messages a second in all, sent on time whatever comes back; 0: as fast as the window allows. */
  readonly rate: number;
  readonly durationSeconds: number;
  readonly warmupSeconds: number;
  /** How long nothing may arrive before what is missing counts as lost. */
  readonly drainSeconds: number;
  /** Process of the broker, for memory and processor time; 0: unknown. */
  readonly pid: number;
  readonly isDurable: boolean;
  readonly userProperties: number;
  readonly withTopicAlias: boolean;
  /** retained: how many. */
  readonly messages: number;
  /** connect: how many connections, and how many of them at a time. */
  readonly connections: number;
  readonly concurrency: number;
  /** subscribe: clients, filters of each, and their kind. */
  readonly clients: number;
  readonly filters: number;
  readonly filterKind: FilterKind;
  /** Beside the traffic, in another process: clients that do nothing, and subscriptions to what nobody publishes. */
  readonly idle: number;
  readonly elsewhere: number;
  /** Beside the traffic, in another process: a publisher at full speed, and a client, or a bridge's remote, that takes it. */
  readonly carriedBy: "nobody" | "client" | "bridge";
  /** Where the broker's bridge finds its remote. */
  readonly remotePort: number;
}

/** Where filters have their wildcard. */
export type FilterKind = "exact" | "plus" | "hash" | "lead" | "mixed";

const scenarios = ["pubsub", "subscribe", "connect", "retained", "hold"] as const;
const modes = ["one-to-one", "fan-out", "fan-in", "shared"] as const;
const transports = ["tcp", "tls", "ws"] as const;
const carriers = ["nobody", "client", "bridge"] as const;
const filterKinds = ["exact", "plus", "hash", "lead", "mixed"] as const;
const defaultClients = { "one-to-one": [10, 10], "fan-out": [1, 100], "fan-in": [50, 1], shared: [10, 10] } as const;

const flags = {
  mode: { type: "string", default: "one-to-one" },
  transport: { type: "string", default: "tcp" },
  host: { type: "string", default: "127.0.0.1" },
  port: { type: "string", default: "1883" },
  "publish-port": { type: "string" },
  cafile: { type: "string" },
  version: { type: "string" },
  qos: { type: "string" },
  pubs: { type: "string" },
  subs: { type: "string" },
  payload: { type: "string", default: "64" },
  window: { type: "string" },
  rate: { type: "string", default: "0" },
  duration: { type: "string", default: "5" },
  warmup: { type: "string", default: "1" },
  drain: { type: "string", default: "3" },
  pid: { type: "string", default: "0" },
  durable: { type: "boolean", default: false },
  "user-properties": { type: "string", default: "0" },
  "topic-alias": { type: "boolean", default: false },
  messages: { type: "string", default: "10000" },
  conns: { type: "string", default: "1000" },
  conc: { type: "string", default: "50" },
  hold: { type: "string", default: "1" },
  clients: { type: "string", default: "1" },
  filters: { type: "string", default: "1000" },
  filter: { type: "string", default: "exact" },
  idle: { type: "string", default: "0" },
  elsewhere: { type: "string", default: "0" },
  carried: { type: "string", default: "nobody" },
  "remote-port": { type: "string", default: "1884" },
} as const;

/** Flags that only this generator knows; the others are those that any generator has to know. */
export const ownFlags: readonly string[] = [
  "--transport",
  "--cafile",
  "--publish-port",
  "--durable",
  "--user-properties",
  "--topic-alias",
  "--idle",
  "--elsewhere",
  "--carried",
  "--remote-port",
];

/**
 * Reads the command line of a load generator.
 *
 * @throws {Error} for what is unknown or out of range
 */
export function parseLoadOptions(args: readonly string[]): LoadOptions {
  const { values, positionals } = parseArgs({ args: [...args], options: flags, allowPositionals: true });
  const scenario = oneOf("scenario", positionals[0] ?? "", scenarios);
  const mode = oneOf("--mode", values.mode, modes);
  const [publishers, subscribers] = scenario === "pubsub" ? defaultClients[mode] : [1, 1];
  const rate = number("--rate", values.rate, 0, 1e7);
  const usualWindow = rate > 0 ? 10_000 : scenario === "retained" ? 1000 : 100;
  return {
    scenario,
    mode,
    rate,
    transport: oneOf("--transport", values.transport, transports),
    hostname: values.host,
    port: number("--port", values.port, 1, 65_535),
    publishPort: number("--publish-port", values["publish-port"] ?? values.port, 1, 65_535),
    caCertificate: values.cafile === undefined ? undefined : Deno.readTextFileSync(values.cafile),
    version: number("--version", values.version ?? (mode === "shared" ? "5" : "4"), 4, 5) === 5 ? 5 : 4,
    qos: number("--qos", values.qos ?? (scenario === "retained" ? "1" : "0"), 0, 2),
    publishers: number("--pubs", values.pubs ?? `${publishers}`, 1, 10_000),
    subscribers: number("--subs", values.subs ?? `${subscribers}`, 1, 10_000),
    payloadBytes: number("--payload", values.payload, 24, 1 << 26),
    window: number("--window", values.window ?? `${usualWindow}`, 1, 65_535),
    durationSeconds: number("--duration", values.duration, 0, 3600),
    warmupSeconds: number("--warmup", values.warmup, 0, 3600),
    drainSeconds: number("--drain", values.drain, 0, 3600),
    pid: number("--pid", values.pid, 0, 2 ** 31),
    isDurable: values.durable,
    userProperties: number("--user-properties", values["user-properties"], 0, 10),
    withTopicAlias: values["topic-alias"],
    messages: number("--messages", values.messages, 1, 1e7),
    connections: number("--conns", values.conns, 1, 1e6),
    concurrency: number("--conc", values.conc, 1, 1e5),
    clients: number("--clients", values.clients, 1, 10_000),
    filters: number("--filters", values.filters, 1, 100_000),
    filterKind: oneOf("--filter", values.filter, filterKinds),
    // All come from one address, which has about 28,000 ports for them.
    idle: number("--idle", values.idle, 0, 25_000),
    elsewhere: number("--elsewhere", values.elsewhere, 0, 1e7),
    carriedBy: oneOf("--carried", values.carried, carriers),
    remotePort: number("--remote-port", values["remote-port"], 1, 65_535),
  };
}

function number(flag: string, value: string, least: number, most: number): number {
  const read = Number(value);
  if (value.trim() !== "" && read >= least && read <= most) return read;
  throw new Error(`${flag} must be ${least} to ${most}: got ${value}`);
}

function oneOf<T extends string>(name: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((word) => word === value);
  if (found === undefined) {
    throw new Error(`${name} must be one of ${allowed.join(", ")}: got ${JSON.stringify(value)}`);
  }
  return found;
}
