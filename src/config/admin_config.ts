/** The configuration's shape where it is about the admin API and page. */
import type { Duration, Size } from "./units.ts";

/** What a user of the admin API may do: see, act on clients and messages too, or everything. */
export type AdminRole = "viewer" | "operator" | "admin";

/** Who is shown the figures. */
export interface AdminMetricsConfig {
  /** Whether `/metrics` is shown without sign-in. @default false */
  readonly public?: boolean;
}

/** An address of the admin API with what holds for it alone. */
export interface AdminListenerConfig {
  /** `host:port`, `:port`, `port` or `host`; port 0 picks a free one. */
  readonly bind: string | number;
  /** Path of its certificate chain, PEM. @default that of the section */
  readonly certfile?: string;
  /** Path of its private key, PEM. @default `certfile`, in which it may stand */
  readonly keyfile?: string;
  /** Whether it may do without TLS beyond loopback. @default that of the section */
  readonly insecure?: boolean;
}

/** The admin API and page. Without this section nothing is opened and nothing is remembered for it. */
export interface AdminConfig {
  /**
   * `host:port`, `:port`, `port` or `host`, alone or with certificates of its own; one or a list. Port 0 picks a free one.
   * Beyond loopback TLS is needed, or `insecure`. @default "127.0.0.1:9883"
   */
  readonly bind?: string | number | AdminListenerConfig | readonly (string | number | AdminListenerConfig)[];
  /** Path of the certificate chain, PEM; with it every address speaks TLS that names no other. */
  readonly certfile?: string;
  /** Path of the private key, PEM. @default `certfile`, in which it may stand */
  readonly keyfile?: string;
  /** Where browsers reach it if a proxy stands in front, such as `https://broker.example.org/admin`. */
  readonly publicUrl?: string;
  /** Whether addresses beyond loopback may do without TLS. @default false */
  readonly insecure?: boolean;
  /** Who is shown the figures. */
  readonly metrics?: AdminMetricsConfig;
  /** Users of the password file who may sign in, with what they may do. @default none: a one-time link is printed */
  readonly users?: Readonly<Record<string, AdminRole>>;
  /** Whether viewers are shown the payloads of messages. @default false */
  readonly viewerPayloads?: boolean;
  /** Path of the file with the hashes of bearer tokens. */
  readonly tokensFile?: string;
  /** Seconds from a sign-in until the next is asked for, 60 to 2,592,000. @default 43200 */
  readonly sessionTimeout?: Duration;
  /** Topics whose last message is remembered, at least 1; the least recently published goes first. @default 50000 */
  readonly maxTopics?: number;
  /** Bytes that are remembered of them, at least 4,096. @default 67108864 */
  readonly maxTopicsBytes?: Size;
  /** Clients whose last events are remembered, at least 1; those without events for longest go first. @default 10000 */
  readonly maxHistoryClients?: number;
  /** Bytes that are remembered of them, at least 4,096. @default 33554432 */
  readonly maxHistoryBytes?: Size;
}

/** An address of the admin API. */
export interface ResolvedAdminBind {
  /** Name or address to listen on, IPv6 without brackets. */
  readonly hostname: string;
  /** Port to listen on; 0 for any free one. */
  readonly port: number;
  /** Absolute paths; `undefined`: no TLS. */
  readonly tls?: { readonly certfile: string; readonly keyfile: string };
  /** Where its certificate is named in the config, such as `admin` or `admin.bind[1]`; the same without one. */
  readonly place: string;
}

/** The section `admin`, complete. */
export interface ResolvedAdmin {
  /** Where it listens; empty: it answers what the host program hands in. */
  readonly binds: readonly ResolvedAdminBind[];
  /** Nobody has asked for it: a port that is taken is no reason not to start. */
  readonly isDefault: boolean;
  /** Without a slash at its end. */
  readonly publicUrl?: string;
  /** Whether `/metrics` is shown without sign-in. */
  readonly metricsPublic: boolean;
  /** Has no prototype; empty: a one-time link is printed. */
  readonly users: Readonly<Record<string, AdminRole>>;
  /** Whether viewers are shown payloads. */
  readonly viewerPayloads: boolean;
  /** Absolute path; `undefined`: there are no bearer tokens. */
  readonly tokensFile?: string;
  /** Seconds. */
  readonly sessionTimeout: number;
  /** Topics that are remembered. */
  readonly maxTopics: number;
  /** Bytes of them. */
  readonly maxTopicsBytes: number;
  /** Clients that are remembered. */
  readonly maxHistoryClients: number;
  /** Bytes of them. */
  readonly maxHistoryBytes: number;
}
