import { fromFileUrl } from "@std/path";
import type { LoadResult } from "../result.ts";
import { openChannel } from "./channel.ts";
import { carry } from "./carried.ts";
import { Client } from "./client.ts";
import { refusing } from "./connect_storm.ts";
import type { LoadOptions } from "./options.ts";
import { DIGITS, DISCONNECT } from "./packets.ts";
import { Faults, rounded } from "./waiting.ts";

const LOAD = fromFileUrl(new URL("../load.ts", import.meta.url));
/** Connections that are opened at a time. */
const CONCURRENCY = 100;
/** Subscriptions of one client. */
const FILTERS_OF_ONE = 10_000;

/** Clients of another process that load the broker and take no part in the traffic. */
export interface Burden {
  /** Closes all connections and waits for the end of the process, whose last words it gives back. */
  release(): Promise<string>;
}

/** Filters of the `client`th of those that subscribe elsewhere: every kind, in a branch that nobody publishes to. */
export function elsewhereFilters(client: number, elsewhere: number): string[] {
  const count = Math.min(FILTERS_OF_ONE, elsewhere - client * FILTERS_OF_ONE);
  const ends = ["t", "+", "#", "+/t"];
  return Array.from({ length: count }, (_, i) => {
    const number = `${client * FILTERS_OF_ONE + i}`.padStart(DIGITS, "0");
    return `elsewhere/${number}/${ends[i & 3]}`;
  });
}

/** Opens idle clients and subscriptions elsewhere, says so with an empty line, and holds them until standard input ends. */
export async function hold(options: LoadOptions): Promise<LoadResult> {
  const { idle, elsewhere, carriedBy } = options;
  const faults = new Faults();
  const clients: Client[] = [];
  const subscribers = Math.ceil(elsewhere / FILTERS_OF_ONE);
  const run = crypto.randomUUID().slice(0, 8);
  let next = 0;
  const openSome = async () => {
    while (next < subscribers + idle && !faults.any) {
      const index = next++;
      const client = await open(options, index, `hold-${run}-${index}`, faults);
      clients.push(client);
      if (index < subscribers) await client.subscribe(elsewhereFilters(index, elsewhere), 0);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, () => openSome().catch((error) => faults.add(error))));
  const carried = carriedBy === "nobody" || faults.any ? undefined : await carry(options, faults);
  const startedAt = performance.now();
  if (!faults.any) {
    console.log();
    await Deno.stdin.readable.pipeTo(new WritableStream());
  }
  const seconds = (performance.now() - startedAt) / 1000;
  carried?.close();
  for (const { connection } of clients) connection.send(DISCONNECT);
  await new Promise((resolve) => setTimeout(resolve));
  for (const { connection } of clients) connection.close();
  const perSecond = carried && { msgs_per_s: rounded(carried.taken / seconds) };
  return { scenario: "hold", connected: clients.length, ...perSecond, ...faults.summary() };
}

async function open(options: LoadOptions, index: number, clientIdentifier: string, faults: Faults): Promise<Client> {
  const client = { index, version: options.version, clientIdentifier, isDurable: false, topicAliasMaximum: 0 };
  return await Client.open({ ...client, channel: await openChannel(options) }, refusing, (error) => faults.add(error));
}

/**
 * Starts a process that runs {@linkcode hold}.
 *
 * @throws {Error} if it cannot open all
 */
export async function startBurden(options: LoadOptions): Promise<Burden> {
  const { idle, elsewhere, carriedBy, remotePort, hostname, port, version } = options;
  const args = ["run", "-A", "--quiet", LOAD, "hold", "--idle", `${idle}`, "--elsewhere", `${elsewhere}`];
  args.push("--carried", carriedBy, "--remote-port", `${remotePort}`);
  args.push("--host", hostname, "--port", `${port}`, "--version", `${version}`);
  const child = new Deno.Command(Deno.execPath(), { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const release = async () => {
    await child.stdin.close();
    let words = "";
    for (let said = await output.read(); !said.done; said = await output.read()) words += said.value;
    await child.status;
    return words;
  };
  const { value: said = "" } = await output.read();
  if (said === "\n") return { release };
  await release();
  throw new Error(`the clients beside the traffic cannot be opened: ${said.trim()}`);
}
