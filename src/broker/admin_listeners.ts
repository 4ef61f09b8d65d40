/** The addresses of the admin API as listeners, so that they accept, encrypt and renew certificates as those for MQTT do. */
import type { ResolvedConfig, ResolvedListener } from "../config/config.ts";
import { listenerDefaults } from "../config/keys.ts";
import { formatAddress } from "../transport/address.ts";

/** An address of the admin API. */
export interface AdminListener {
  /** Its name is told in metrics and by the API itself. */
  readonly listener: ResolvedListener;
  /** Where its certificate is named in the config. */
  readonly place: string;
}

/** Those of a config. */
export function adminListeners({ admin, limits }: ResolvedConfig): readonly AdminListener[] {
  return admin.binds.map(({ hostname, port, tls, place }, index) => ({
    place,
    listener: {
      ...listenerDefaults,
      // Two may have port 0, and none may be called as one for MQTT is.
      name: `admin ${port === 0 ? `${index + 1}` : formatAddress(hostname, port)}`,
      type: "tcp",
      hostname,
      port,
      ...(tls && { tls: { ...tls, clientCertificate: "off" } }),
      limits,
    },
  }));
}
