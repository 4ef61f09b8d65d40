/**
 * What the system still has to send, as Linux tells it in /proc/net. A send buffer of megabytes takes nothing more before a
 * third of it is free: for a slow reader that may take minutes in which a write makes no progress, though the reader does.
 */
import { host, type HostTcpAddress } from "../runtime/host.ts";

/** What was read serves everybody for so long. */
const FRESH_MS = 500;

/** Two ends of a TCP connection. */
export interface SocketEnds {
  readonly local: HostTcpAddress;
  readonly remote: HostTcpAddress;
}

/** Tells of sockets how many bytes their peers have not taken yet. Reads the system's list only when somebody asks. */
export class UnsentBytes {
  #bytes: Promise<ReadonlyMap<string, number> | undefined> | undefined;
  #readAtMs = -Infinity;

  /** Bytes that the peer has not confirmed; `undefined`: the system does not tell. */
  async of({ local, remote }: SocketEnds): Promise<number | undefined> {
    const nowMs = performance.now();
    if (!this.#bytes || nowMs - this.#readAtMs > FRESH_MS) {
      this.#readAtMs = nowMs;
      this.#bytes = readAll();
    }
    return (await this.#bytes)?.get(`${endOf(local)} ${endOf(remote)}`);
  }

  /** Resolves when nothing is read any longer. */
  async close(): Promise<void> {
    await this.#bytes;
  }
}

/** `undefined`: there is no such list, or no permission for it. */
async function readAll(): Promise<ReadonlyMap<string, number> | undefined> {
  try {
    const lists = await Promise.all(["tcp", "tcp6"].map((list) => host.readTextFile(`/proc/self/net/${list}`)));
    return parseSocketList(lists.join("\n"));
  } catch {
    return undefined;
  }
}

/** Exported for tests: bytes to be sent by `local remote` from the text of /proc/net/tcp or tcp6. */
export function parseSocketList(text: string): ReadonlyMap<string, number> {
  const bytes = new Map<string, number>();
  for (
    const [, ends, unsent] of text.matchAll(/^ *\d+: ([0-9A-F]+:[0-9A-F]{4} [0-9A-F]+:[0-9A-F]{4}) \w+ ([0-9A-F]+):/gm)
  ) {
    bytes.set(ends!, parseInt(unsent!, 16));
  }
  return bytes;
}

/** An address as the list writes it: words of 32 bits in the machine's order of bytes. */
export function endOf({ hostname, port }: Pick<HostTcpAddress, "hostname" | "port">): string {
  const bytes = hostname.includes(":") ? bytesOfV6(hostname) : hostname.split(".").map(Number);
  const words = Array.from({ length: bytes.length / 4 }, (_, at) => bytes.slice(4 * at, 4 * at + 4).reverse());
  return `${hexOf(words.flat())}:${hexOf([port >> 8, port & 0xff])}`;
}

function bytesOfV6(hostname: string): number[] {
  const v4 = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(hostname);
  const groups = v4 ? `${v4[1]}${hexOf([+v4[2]!, +v4[3]!])}:${hexOf([+v4[4]!, +v4[5]!])}` : hostname;
  const [before = "", after] = groups.split("::");
  const left = before.split(":").filter(Boolean);
  const right = (after ?? "").split(":").filter(Boolean);
  const all = [...left, ...new Array<string>(8 - left.length - right.length).fill("0"), ...right];
  return all.map((group) => parseInt(group, 16)).flatMap((word) => [word >> 8, word & 0xff]);
}

function hexOf(bytes: readonly number[]): string {
  return bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("").toUpperCase();
}
