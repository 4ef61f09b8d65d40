/** What a node of a cluster says of it, for people. */
import { errorText } from "../error_text.ts";
import type { ClusterShardSnapshot, ClusterSnapshot } from "../hooks/figures.ts";
import { host } from "../runtime/host.ts";
import { ExitCode } from "./exit_code.ts";
import { PATIENCE_MS } from "./health.ts";
import type { CliIo } from "./io.ts";
import type { CliServices } from "./services.ts";

const DEFAULT_URL = "http://127.0.0.1:9883/";
const PATH = "api/v1/cluster";
/** More than any cluster has to say. */
const MOST_CHARACTERS = 1_000_000;

/** What {@linkcode clusterStatus} is asked with. */
export interface ClusterStatusFlags {
  /** Where a bearer token of the admin API stands. */
  readonly tokenFile?: string;
}

/**
 * Asks the admin API of a node about its cluster.
 *
 * @param address of its admin API. @default `http://127.0.0.1:9883/`
 * @returns the exit code: 0 if the node reaches the log and has a link to all others, 1 if not or if it does not answer
 */
export async function clusterStatus(
  address: string | undefined,
  { tokenFile }: ClusterStatusFlags,
  io: CliIo,
  services: CliServices,
): Promise<number> {
  const base = address ?? DEFAULT_URL;
  if (!URL.canParse(base) || !/^https?:$/.test(new URL(base).protocol)) {
    io.error(`error: the address must be a URL that begins with http:// or https://: got ${base}`);
    return ExitCode.Usage;
  }
  const { href } = new URL(PATH, base.endsWith("/") ? base : `${base}/`);
  try {
    const token = tokenFile === undefined ? undefined : (await host.readTextFile(tokenFile)).trim();
    const { status, text } = await services.ask(href, PATIENCE_MS, { token, mostCharacters: MOST_CHARACTERS });
    if (status === 401) {
      const how = "make one with cli.ts token add in the tokens-file of its section admin, and give --token-file";
      throw new Error(`401, it asks for a token: ${how}`);
    }
    if (status !== 200) throw new Error(`${status} ${text.trim().slice(0, 200)}`);
    return show(JSON.parse(text) as ClusterSnapshot, io);
  } catch (error) {
    io.error(`${href}: ${errorText(error)}`);
    return ExitCode.Failure;
  }
}

function show(
  { name, node, nodes, cutOff, logPosition, logSilenceSeconds, links, shards }: ClusterSnapshot,
  io: CliIo,
): number {
  io.out(`cluster ${name}, seen by node ${node}: ${nodes.length} live (${nodes.join(", ")})`);
  const heard = `own word heard ${logSilenceSeconds.toFixed(1)} s ago`;
  io.out(`log: position ${logPosition}, ${cutOff ? "cut off" : "ok"}, ${heard}`);
  io.out(`shards: ${shardsText(nodes, shards)}`);
  for (const { node, connected, throughLog, waitingBytes, creditBytes, roundTripSeconds, messagesDropped } of links) {
    const roundTrip = roundTripSeconds == null ? "not measured" : `${(roundTripSeconds * 1000).toFixed(1)} ms`;
    const rest =
      `${waitingBytes} bytes wait, credit ${creditBytes}, round trip ${roundTrip}, ${messagesDropped} dropped`;
    const state = connected ? "linked" : throughLog ? "broken, QoS 1 and 2 go through the log" : "broken";
    io.out(`link to ${node}: ${state}, ${rest}`);
  }
  return !cutOff && links.every(({ connected }) => connected) ? ExitCode.Success : ExitCode.Failure;
}

/** How many each node owns. */
function shardsText(nodes: readonly string[], shards: readonly ClusterShardSnapshot[]): string {
  const countOf = (node: string | null) => shards.filter(({ owner }) => (owner ?? null) === node).length;
  const owned = nodes.map((node) => `${node} owns ${countOf(node)}`);
  const ownerless = countOf(null);
  return [...owned, ...ownerless > 0 ? [`${ownerless} without an owner`] : []].join(", ");
}
