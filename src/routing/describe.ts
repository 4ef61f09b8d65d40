/** Clients and addresses as the log names them. */
import type { ClientSnapshot } from "../hooks/plugin.ts";
import { quote } from "../quote.ts";
import { formatAddress } from "../transport/address.ts";
import type { RemoteAddress } from "../transport/transport.ts";

/** Which client that is, for the log. */
export function describeClient({ clientIdentifier, remote, listener }: ClientSnapshot): string {
  // One of an earlier run has come by no listener of this one.
  const through = listener === "" ? "" : `, listener ${listener}`;
  return `client ${quote(clientIdentifier)}, ${describeAddress(remote, "unknown address")}${through}`;
}

/** An address for the log. @param without what stands for one that is not known */
export function describeAddress({ hostname, port = 0 }: RemoteAddress, without: string): string {
  return hostname === undefined ? without : formatAddress(hostname, port);
}
