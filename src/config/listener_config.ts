/** The configuration's shape where it is about listeners. */
import type { TlsSource as ResolvedTls } from "../transport/tls/files.ts";
import type { ConnectionLimits, ResolvedLimits } from "./limits.ts";

export type { ResolvedTls };

/** Whether a TLS listener asks clients for a certificate, and whether it insists. */
export type ClientCertificateRequest = "off" | "optional" | "required";

/** Which name of a verified client certificate is the user name: common name, first subject alternative name, or none. */
export type UsernameFromCertificate = "off" | "cn" | "san";

/**
 * One entry of `listeners`. What `default` says holds for every listener that does not say otherwise.
 *
 * @category Config
 */
export interface ListenerConfig extends ConnectionLimits {
  /** `tcp`, `ws` (WebSocket) or `external` (no socket: the host program hands connections in). @default "tcp" */
  readonly type?: "tcp" | "ws" | "external";
  /**
   * `host:port`, `:port`, `port`, `host`, `[v6]:port` or `unix:path`; port 0 picks a free one. A name stands for all its
   * addresses. Never inherited; `null` is not given, and at `default` says that it is not meant to listen.
   * @default all IPv4 interfaces; port 1883 (tcp), 8883 (tcp with ssl), 8080 (ws), 8443 (ws with ssl)
   */
  readonly bind?: string | number | null;
  /** Unix sockets only: who may connect, as an octal mode such as `"0660"`. @default as the process's umask has it */
  readonly socketMode?: string;
  /** TLS. Needs `certfile`. @default false */
  readonly ssl?: boolean;
  /** Path of the certificate chain, PEM. */
  readonly certfile?: string;
  /** Path of a file with the private key, PEM. @default `certfile`, in which it may stand */
  readonly keyfile?: string;
  /** What opens an encrypted key. */
  readonly keyfilePassphrase?: string;
  /** Path of a file whose first line opens an encrypted key. */
  readonly keyfilePassphraseFile?: string;
  /** Path of a file with the authorities for client certificates, PEM. */
  readonly cafile?: string;
  /** Path of a folder with authorities for client certificates, one PEM file each. */
  readonly capath?: string;
  /** Authorities for client certificates as PEM text. */
  readonly cadata?: string;
  /** Path of a file with certificate revocation lists, PEM. */
  readonly crlfile?: string;
  /** Whether clients show a certificate; needs authorities unless `off`. @default "optional" if there are authorities, else "off" */
  readonly clientCertificate?: ClientCertificateRequest;
  /** Takes the user name from the verified client certificate, which then also signs the client in. @default "off" */
  readonly usernameFromCertificate?: UsernameFromCertificate;
  /**
   * What stands before all topics of its clients, and what they do not know of: levels that end in `/`, such as
   * `tenants/%u/`. `%u` stands for the user name, `%c` for the client identifier; a client whose name is empty or holds
   * `+`, `#` or `/` is refused. Permissions are asked for the topic with the mountpoint. @default none
   */
  readonly mountpoint?: string;
  /** Connections at once; 0 is no limit. @default 0 */
  readonly maxConnections?: number;
  /** WebSocket only: the path that is served, with its leading `/`; `undefined`: any. */
  readonly path?: string;
  /**
   * WebSocket only: values of the Origin header that are let in, `*` for any, `null` for pages without a host such as
   * files. Requests without the header always are.
   * @default the host that the request was sent to, if it is an IP address; on this machine pages of this machine
   */
  readonly origins?: readonly string[];
  /**
   * WebSocket only: names and addresses of hosts whose pages are let in, whatever their scheme and port, besides `origins`.
   * What is beyond loopback and has a name needs it here or in `origins`, behind a reverse proxy too.
   * @default none
   */
  readonly hosts?: readonly string[];
}

/** A listener with inheritance and defaults applied. */
export interface ResolvedListener {
  /** Key in `listeners`. */
  readonly name: string;
  /** Kind of transport; `external` has no socket. */
  readonly type: "tcp" | "ws" | "external";
  /** Name or address to listen on, IPv6 without brackets; empty if `external` or a unix socket. */
  readonly hostname: string;
  /** Port to listen on, 0 for any free one; 0 if `external` or a unix socket. */
  readonly port: number;
  /** Absolute path of the unix socket to listen on; `undefined`: host name and port hold. */
  readonly socketPath?: string;
  /** Permission bits of the unix socket; `undefined`: as the process's umask has it. */
  readonly socketMode?: number;
  /** `undefined`: no TLS. */
  readonly tls?: ResolvedTls;
  /** `off` on listeners that ask for no client certificate. */
  readonly usernameFromCertificate: UsernameFromCertificate;
  /** Connections at once; 0 is no limit. */
  readonly maxConnections: number;
  /** Path of the WebSocket; `undefined`: any. */
  readonly path?: string;
  /** `undefined`: the listener's own address. */
  readonly origins?: readonly string[];
  /** Hosts whose pages are let in besides. */
  readonly hosts?: readonly string[];
  /** With `%u` and `%c` as they stand; `undefined`: none. */
  readonly mountpoint?: string;
  /** Limits of its connections. */
  readonly limits: ResolvedLimits;
}
