/** Whether the addresses of a config can be listened on side by side. */
import { formatAddress } from "../transport/address.ts";
import { addressesOf } from "../transport/endpoint.ts";
import { errorText } from "../error_text.ts";
import { problemOfSocketPath } from "../transport/unix.ts";
import type { ResolvedListener } from "../config/config.ts";

/** What is wrong with the address of a listener. */
export interface AddressProblem {
  /** The listener's name. */
  readonly listener: string;
  readonly problem: string;
  /** Whether a start would fail whatever the network is like then. */
  readonly certain: boolean;
}

interface Claim {
  readonly listener: string;
  /** As the system compares them. */
  readonly address: string;
  readonly port: number;
}

/** Finds the addresses that a start would fail at. Nothing is listened on. */
export async function checkAddresses(listeners: readonly ResolvedListener[]): Promise<AddressProblem[]> {
  const problems: AddressProblem[] = [];
  const claims: Claim[] = [];
  for (const { name: listener, type, hostname, port, socketPath } of listeners) {
    const add = (problem: string, certain = true) => problems.push({ listener, problem, certain });
    if (type === "external") continue;
    if (socketPath !== undefined) {
      const problem = await problemOfSocketPath(socketPath);
      if (problem !== undefined) add(`unix:${socketPath}: ${problem}`);
      continue;
    }
    try {
      const own = (await addressesOf(hostname)).map((address) => ({ listener, address: canonical(address), port }));
      const taken = own.map((claim) => claims.find((other) => collide(claim, other))).find((claim) => claim);
      if (taken) add(describeCollision(formatAddress(hostname, port), taken));
      else claims.push(...own);
    } catch (error) {
      add(`${hostname} cannot be looked up now: ${errorText(error)}`, false);
    }
  }
  return problems;
}

function describeCollision(address: string, { listener, address: other, port }: Claim): string {
  return `${address} is taken by listener ${listener}, which has ${
    formatAddress(other, port)
  }: give one of them another ` +
    "address";
}

/** The address of all interfaces leaves no other at its port; that of IPv6 takes IPv4 in. */
function collide(one: Claim, other: Claim): boolean {
  if (one.port !== other.port || one.port === 0) return false;
  const [a, b] = [one.address, other.address];
  if (a === b || a === "::" || b === "::") return true;
  return (a === "0.0.0.0" && !b.includes(":")) || (b === "0.0.0.0" && !a.includes(":"));
}

function canonical(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1];
  if (mapped !== undefined || !address.includes(":")) return mapped ?? address;
  const [host = "", zone] = address.split("%");
  const short = URL.canParse(`http://[${host}]/`) ? new URL(`http://[${host}]/`).hostname.slice(1, -1) : host;
  return zone === undefined ? short : `${short}%${zone}`;
}
