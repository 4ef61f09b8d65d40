/** Clients and addresses as the log names them. */
import type { ClientSnapshot } from "../hooks/plugin.ts";
import { quote } from "../quote.ts";
import { formatAddress } from "../transport/address.ts";
import type { RemoteAddress } from "../transport/transport.ts";

/** What stands for an address that there is not, in every line. */
export const UNKNOWN_ADDRESS = "unknown address";

/** Which client that is, for the log. */
export function describeClient({ clientIdentifier, remote, listener }: ClientSnapshot): string {
  // One of an earlier run has come by no listener of this one.
  const through = listener === "" ? "" : `, listener ${listener}`;
  return `client ${quote(clientIdentifier)}, ${describeAddress(remote)}${through}`;
}

/** An address for the log. Unix sockets and streams of the host program have none. */
export function describeAddress({ hostname, port = 0 }: RemoteAddress): string {
  return hostname === undefined ? UNKNOWN_ADDRESS : formatAddress(hostname, port);
}
