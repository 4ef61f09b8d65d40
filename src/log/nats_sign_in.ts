/** What the client library is told so that it signs in at NATS servers, and what is said when they refuse it. */
import {
  type Authenticator,
  credsAuthenticator,
  type NatsConnection,
  type NodeConnectionOptions,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from "@nats-io/transport-node";
import { errorText } from "../error_text.ts";
import type { Logger } from "../logger.ts";
import { host } from "../runtime/host.ts";
import type { NatsAccess } from "./access.ts";
import { connectSafely, type ToldTls } from "./nats_transport.ts";

/**
 * Connects, and signs in. Files are read anew for each connection.
 *
 * @throws {Error} if a file cannot be used, or the servers refuse it; it says which file to look at
 */
export async function signIn(
  access: NatsAccess,
  options: NodeConnectionOptions,
  logger: Logger,
): Promise<NatsConnection> {
  let fault: Error | undefined;
  let isConnected = false;
  const refusals = new Refusals(access, logger);
  const tell = (error: Error) => {
    if (isConnected) refusals.tell(error);
    else fault = error;
  };
  const { tls } = access;
  for (const key of ["cafile", "certfile", "keyfile"] as const) {
    if (tls?.[key] !== undefined) readText(key, tls[key]);
  }
  const authenticator = steady(() => authenticatorOf(access), logger);
  const toldTls: ToldTls | undefined = tls &&
    { tell, caFile: tls.cafile, certFile: tls.certfile, keyFile: tls.keyfile };
  try {
    const connection = await connectSafely({
      ...options,
      // A server that is asked while its accounts are changed is asked again.
      ignoreAuthErrorAbort: true,
      ...authenticator && { authenticator },
      ...toldTls && { tls: toldTls },
    });
    isConnected = true;
    void refusals.follow(connection);
    return connection;
  } catch (cause) {
    const text = refusalText(fault ?? cause, access);
    throw text === undefined ? cause : new Error(text, { cause });
  }
}

/** What to say of an error while connecting; `undefined`: it has nothing to do with who is who, and may pass. */
function refusalText(error: unknown, access: NatsAccess): string | undefined {
  const text = errorText(error);
  if (/authorization violation/i.test(text)) {
    return `log: the NATS servers refuse the sign-in (Authorization Violation): ${remedy(access)}`;
  }
  if (access.tls && /certificate|fatal alert|does not support 'tls'/i.test(text)) {
    const { cafile, certfile } = access.tls;
    const authorities = cafile === undefined ? "without cafile the authorities of the runtime hold" : named({ cafile });
    return `log: no TLS to the NATS servers (${text}): ${authorities}; ${
      certfile === undefined ? "there is no certfile" : named({ certfile })
    }`;
  }
  return undefined;
}

/** Says it when servers refuse the node later on; once until it is connected again. */
class Refusals {
  #told = false;
  readonly #access: NatsAccess;
  readonly #logger: Logger;

  constructor(access: NatsAccess, logger: Logger) {
    this.#access = access;
    this.#logger = logger;
  }

  async follow(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      if (status.type === "reconnect") this.#told = false;
      if (status.type === "error") this.tell(status.error);
    }
  }

  tell(error: Error): void {
    const text = refusalText(error, this.#access);
    if (text === undefined || this.#told) return;
    this.#told = true;
    this.#logger.error(text);
  }
}

/** The library gives up for good when an authenticator throws: then what was right before is used again. */
function steady(make: () => Authenticator | undefined, logger: Logger): Authenticator | undefined {
  let last = make();
  if (last === undefined) return undefined;
  let told = "";
  return (nonce) => {
    try {
      const now = make();
      const answer = now?.(nonce);
      last = now;
      told = "";
      return answer;
    } catch (error) {
      const text = errorText(error);
      if (text !== told) logger.error(`${text}; what it held before is used`);
      told = text;
      return last?.(nonce);
    }
  };
}

function authenticatorOf(access: NatsAccess): Authenticator | undefined {
  const { username, password, passwordFile, tokenFile, credentialsFile } = access;
  if (credentialsFile !== undefined) return credentialsOf(credentialsFile);
  if (tokenFile !== undefined) return tokenAuthenticator(firstLine("token-file", tokenFile));
  if (username === undefined) return undefined;
  const text = passwordFile === undefined ? password : firstLine("password-file", passwordFile);
  return usernamePasswordAuthenticator(username, text);
}

function credentialsOf(path: string): Authenticator {
  const authenticator = credsAuthenticator(new TextEncoder().encode(readText("credentials-file", path)));
  try {
    authenticator("nonce");
  } catch {
    // Not what the library says: the file is a secret.
    throw new Error(
      `log: credentials-file "${path}" must hold a user's JWT and nkey seed, as nsc writes them (.creds)`,
    );
  }
  return authenticator;
}

function firstLine(key: string, path: string): string {
  const line = readText(key, path).split(/\r?\n/, 1)[0] ?? "";
  if (line === "") throw new Error(`log: ${key} "${path}" has nothing in its first line`);
  return line;
}

function readText(key: string, path: string): string {
  try {
    return host.readTextFileSync(path);
  } catch (error) {
    throw new Error(`log: ${key} "${path}" cannot be read: ${errorText(error)}`, { cause: error });
  }
}

function remedy({ username, passwordFile, tokenFile, credentialsFile }: NatsAccess): string {
  if (credentialsFile !== undefined) return named({ credentialsFile });
  if (tokenFile !== undefined) return named({ tokenFile });
  if (username === undefined) {
    return "give cluster.log a username with a password-file, a token-file or a credentials-file";
  }
  return `look at user ${JSON.stringify(username)} and ${
    passwordFile ? `password-file "${passwordFile}"` : "password"
  }`;
}

/** `look at cafile "/ca.pem"`. */
function named(file: Readonly<Record<string, string>>): string {
  const [[key, path]] = Object.entries(file) as [[string, string]];
  return `look at ${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} "${path}"`;
}
