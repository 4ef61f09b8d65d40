/**
 * How a node signs in at NATS servers, and knows that they are the right ones; paths are absolute.
 *
 * @category Config
 */
export interface NatsAccess {
  /** With `password` or `passwordFile`; `undefined`: none. */
  readonly username?: string;
  /** Password of `username`. */
  readonly password?: string;
  /** A file whose first line is the password. */
  readonly passwordFile?: string;
  /** A file whose first line is a token. */
  readonly tokenFile?: string;
  /** A file with a user's JWT and nkey seed, as `nsc` writes it (`.creds`). */
  readonly credentialsFile?: string;
  /** `undefined`: TLS where the server offers it, checked against the authorities of the runtime. */
  readonly tls?: NatsTls;
}

/**
 * TLS that has to be; paths are absolute.
 *
 * @category Config
 */
export interface NatsTls {
  /** Authorities for the servers' certificates; `undefined`: those of the runtime. */
  readonly cafile?: string;
  /** Client certificate; `undefined`: none. */
  readonly certfile?: string;
  /** Its private key. */
  readonly keyfile?: string;
}
