/** Bytes only: what carries a connection, and what makes such carriers. Nothing here knows MQTT. */

/** A client certificate that the listener's authorities vouched for. */
export interface ClientCertificate {
  /** Subject fields by their short names, such as `CN` and `O`. */
  readonly subject: Readonly<Record<string, string>>;
  /** Subject alternative names as `type:value`, such as `DNS:device-1`, `URI:spiffe://…` or `email:a@b`. */
  readonly subjectAlternativeNames: readonly string[];
  /** SHA-256 of the certificate, lower-case hexadecimal without colons. */
  readonly fingerprint: string;
}

/** Where the other end is; `undefined` fields for carriers that have no network address. */
export interface RemoteAddress {
  /** IPv4 or IPv6 address without brackets. */
  readonly hostname?: string;
  /** 1 to 65,535. */
  readonly port?: number;
}

/** A two-way byte stream. One read and one write may be under way at once, never two of a kind. */
export interface Transport {
  /** TCP (with or without TLS), WebSocket, unix socket, or a byte stream of the host program. */
  readonly kind: "tcp" | "ws" | "unix" | "stream";
  /** Whether the connection is encrypted. */
  readonly secure: boolean;
  /** Where the peer is. */
  readonly remote: RemoteAddress;
  /** `undefined`: the peer showed none, or was not asked. */
  readonly certificate?: ClientCertificate;
  /** Milliseconds on the clock of `performance.now()` at which the peer reached us, before any handshake. */
  readonly acceptedAt: number;
  /** Bytes that came and were not read yet, or were written and did not leave, as far as they are in this process. @default none */
  readonly bufferedBytes?: number;
  /**
   * Bytes that the carrier has taken over so far, those of a write under way included, in a measure of its own: that more
   * were taken is all it tells. `undefined`: that is not known before a write is over.
   */
  readonly takenBytes?: number;
  /**
   * Bytes that the system has taken over and the peer has not; `undefined`: nobody can tell. It costs the system something,
   * so that it is for those that seem to take nothing.
   */
  unsentBytes?(): Promise<number | undefined>;
  /**
   * Fills the beginning of `into`, which has at least one byte of room.
   *
   * @returns how many bytes were read, at least 1, or `null` when the peer has ended its side
   * @throws if the stream broke or was closed here
   */
  read(into: Uint8Array): Promise<number | null>;
  /**
   * Sends all of `bytes`, which must not change until the promise is settled. Resolves when further bytes may be given
   * (they were taken over by the system, or what waits is below the carrier's own limit).
   *
   * @throws if the stream broke or was closed here
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends our side once everything written has left; the peer's bytes can still be read. Never throws. */
  closeWrite(): Promise<void>;
  /** Closes both sides at once and frees everything; a pending `read` or `write` ends. May be called again. */
  close(): void;
}

/** From when to when a certificate is valid. */
export interface CertificateValidity {
  readonly from: Date;
  readonly to: Date;
}

/** Makes transports: an async iterable that ends after {@linkcode Listener.close}. */
export interface Listener extends AsyncIterable<Transport> {
  /** What it really listens on; the port is the one picked when 0 was asked for. With a `socketPath` the others mean nothing. */
  readonly address: { readonly hostname: string; readonly port: number; readonly socketPath?: string };
  /** From when to when the server's certificate is valid; `undefined`: there is none. */
  readonly certificateValidity: CertificateValidity | undefined;
  /** Reads certificates, keys, authorities and revocation lists again. Throws, and keeps the old ones, on a fault. */
  reload(): Promise<void>;
  /**
   * Does so if one of the files has changed. Files that do not fit together are looked at once more before that is a fault,
   * since they may be written one after the other; a lasting fault is thrown once.
   *
   * @returns whether there is something new
   */
  refresh(): Promise<boolean>;
  /** Stops listening and cuts connections still in their handshake; transports already given out live on. */
  close(): Promise<void>;
}
