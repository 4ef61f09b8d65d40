/** The configuration's shape where it is about a cluster. */
import type { TlsSource as ResolvedTls } from "../transport/tls/files.ts";
import type { NatsAccess } from "../log/access.ts";
import type { Duration, Size } from "./units.ts";

/**
 * The log that all nodes of a cluster read.
 *
 * @category Config
 */
export interface ClusterLogConfig {
  /**
   * `nats`, a stream of NATS JetStream; or `memory`, for several brokers in one process, as tests have them. @default "nats"
   */
  readonly type?: "nats" | "memory";
  /** Addresses of NATS servers, all `nats://` or all `tls://`. @default one at `nats://127.0.0.1:4222` */
  readonly servers?: readonly string[];
  /** How many servers keep the log, 1 to 5; the same in all nodes. @default 3 */
  readonly replicas?: number;
  /** User name at the servers, with `password` or `passwordFile`. @default none */
  readonly username?: string;
  /** Password at the servers. */
  readonly password?: string;
  /** Path of a file whose first line is the password, read anew for each connection. */
  readonly passwordFile?: string;
  /** Path of a file whose first line is a token, for servers that ask for one, read anew for each connection. */
  readonly tokenFile?: string;
  /** Path of a file with a user's JWT and nkey seed (`.creds`), read anew for each connection. */
  readonly credentialsFile?: string;
  /** Path of a file with authorities for the servers' certificates, PEM; turns TLS on. @default those of the runtime */
  readonly cafile?: string;
  /** Path of a client certificate, PEM; turns TLS on. */
  readonly certfile?: string;
  /** Path of its private key, PEM. @default `certfile`, in which it may stand */
  readonly keyfile?: string;
}

/**
 * The section `log` of `cluster`, complete.
 *
 * @category Config
 */
export interface ResolvedClusterLog extends Required<Pick<ClusterLogConfig, "type" | "servers" | "replicas">> {
  /** How a node signs in at the servers. */
  readonly access: NatsAccess;
}

/**
 * The cluster that the broker is a node of.
 *
 * @category Config
 */
export interface ClusterConfig {
  /** The cluster's name, the same in all nodes: 1 to 64 letters, digits, `-` and `_`. Required. */
  readonly name?: string;
  /** This node's name, which no other has. @default the host's name */
  readonly node?: string;
  /** The log that all nodes read. @default three replicas on NATS at `nats://127.0.0.1:4222` */
  readonly log?: ClusterLogConfig;
  /** Where other nodes connect, as in a listener. @default "127.0.0.1:7883" */
  readonly bind?: string | number | null;
  /** Where other nodes find that, `host:port`. @default what `bind` says */
  readonly advertise?: string;
  /** Path of the certificate chain that this node shows to others, PEM; required beyond loopback. */
  readonly certfile?: string;
  /** Path of a file with its private key, PEM. @default `certfile`, in which it may stand */
  readonly keyfile?: string;
  /** Path of a file with the authority that issues for nodes of this cluster and nobody else, PEM. */
  readonly cafile?: string;
  /**
   * Seconds for which a node may be silent before it counts as cut off, above 0 and at most 86,400; after one and a half
   * times that the others go on without it. @default 5
   */
  readonly failureTimeout?: Duration;
  /**
   * What a node does that is cut off from the log: `degrade` serves what needs no log, `stop` closes its clients.
   * @default "degrade"
   */
  readonly onPartition?: "degrade" | "stop";
  /**
   * Bytes that may wait for one other node, at least 1,048,576; above it QoS 0 to that node is dropped, and who publishes at
   * QoS 1 and 2 waits. @default 67108864
   */
  readonly maxLinkBytes?: Size;
}

/**
 * The section `cluster`, complete; paths are absolute.
 *
 * @category Config
 */
export interface ResolvedCluster {
  /** The cluster's name. */
  readonly name: string;
  /** This node's name; `undefined`: the host's. */
  readonly node: string | undefined;
  /** The log that all nodes read. */
  readonly log: ResolvedClusterLog;
  /** Where others connect. */
  readonly hostname: string;
  /** 0: any free one. */
  readonly port: number;
  /** Where others find that; `undefined`: at `hostname` and the port. */
  readonly advertise: string | undefined;
  /** `undefined`: links are not encrypted. */
  readonly tls: ResolvedTls | undefined;
  /** In seconds. */
  readonly failureTimeout: number;
  /** What a node does that is cut off from the log. */
  readonly onPartition: "degrade" | "stop";
  /** Bytes that may wait for one other node. */
  readonly maxLinkBytes: number;
}
