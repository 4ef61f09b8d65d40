/** Where a listener listens: an address, every address of a name, or a unix socket. */
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { JoinedListener } from "./joined_listener.ts";
import { cannotListen, codeOf } from "./listen_error.ts";
import { listenTcp, type TcpListenOptions } from "./tcp.ts";
import type { Listener } from "./transport.ts";
import { listenUnix } from "./unix.ts";
import { host } from "../runtime/host.ts";

/** Where and how a listener listens. */
export interface ListenOptions extends TcpListenOptions {
  /** Absolute path of a unix socket, in place of host name and port. */
  readonly socketPath?: string;
  /** Who may connect to it, as permission bits. @default as the process's umask has it */
  readonly socketMode?: number;
  /** Finds the addresses of a name. @default asks the system */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
}

/** How often another port is tried, if the one that was picked for one address of a name is taken on the next. */
const PORT_ATTEMPTS = 16;

/**
 * Listens for connections without any handshake.
 *
 * @throws {ListenError} if an address cannot be listened on; addresses of a name that this machine does not have are left
 * out as long as there is another
 */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { hostname, socketPath, resolve = addressesOf } = options;
  if (socketPath !== undefined) return await listenUnix({ ...options, socketPath });
  if (isAddress(hostname)) return await listenTcp(options);
  let addresses: readonly string[];
  try {
    addresses = [...new Set(await resolve(hostname))];
  } catch (cause) {
    throw cannotListen(hostname, options.port, cause);
  }
  if (addresses.length < 2) return await listenTcp({ ...options, hostname: addresses[0] ?? hostname });
  return await listenOnAll(options, addresses);
}

/** The addresses of a name, or the one that it is. @throws {Error} if nobody knows the name */
export async function addressesOf(hostname: string): Promise<string[]> {
  if (isAddress(hostname)) return [hostname];
  try {
    return (await lookup(hostname, { all: true })).map(({ address }) => address);
  } catch (error) {
    // A permission for the name alone does for listening on its first address.
    if (codeOf(error) === "EPERM") return [];
    throw error;
  }
}

function isAddress(hostname: string): boolean {
  return isIP(hostname.replace(/%.*$/, "")) !== 0;
}

async function listenOnAll(options: ListenOptions, addresses: readonly string[]): Promise<Listener> {
  for (let attempt = 1;; attempt++) {
    const listeners: Listener[] = [];
    const absent: unknown[] = [];
    try {
      for (const hostname of addresses) {
        const port = listeners[0]?.address.port ?? options.port;
        try {
          listeners.push(await listenTcp({ ...options, hostname, port }));
        } catch (error) {
          if (!isAbsent(error)) throw error;
          absent.push(error);
        }
      }
      if (listeners.length === 0) throw absent[0];
      for (const error of absent) options.logger.warn(`${options.hostname}: ${(error as Error).message}`);
      return new JoinedListener(listeners, options.hostname);
    } catch (error) {
      await Promise.all(listeners.map((listener) => listener.close()));
      const taken = causeOf(error) instanceof host.errors.AddrInUse;
      if (options.port !== 0 || !taken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

/** A name may have addresses that this machine does not have, such as `::1` where IPv6 is off. */
function isAbsent(error: unknown): boolean {
  const cause = causeOf(error);
  return cause instanceof host.errors.AddrNotAvailable || codeOf(cause) === "EAFNOSUPPORT";
}

function causeOf(error: unknown): unknown {
  return error instanceof Error ? error.cause : undefined;
}
