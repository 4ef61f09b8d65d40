/** What the broker keeps of a password for SCRAM-SHA-256 (RFC 5802 §3, RFC 7677): enough to check it, not to sign in. */
import { createHash, createHmac, hkdfSync } from "node:crypto";
import { pbkdf2 } from "./pbkdf2.ts";

/** One user's SCRAM-SHA-256 credentials, in the words of RFC 5802. */
export interface ScramCredentials {
  /** Rounds of PBKDF2 that the client computes. */
  readonly iterations: number;
  readonly salt: Uint8Array;
  /** 32 bytes: tells that the client knows the password. */
  readonly storedKey: Uint8Array;
  /** 32 bytes: tells the client that the broker knows it. */
  readonly serverKey: Uint8Array;
}

/** Name of the mechanism, as an MQTT 5.0 Authentication Method. */
export const SCRAM_SHA_256 = "SCRAM-SHA-256";
/** Bytes of a SHA-256 digest, and so of every key and proof. */
export const SCRAM_KEY_BYTES = 32;

/**
 * Rounds of new credentials. The client computes them at every sign-in, and MQTT's clients may be microcontrollers that
 * do some ten thousand in a second. RFC 7677 asks for 4,096 at least; the 600,000 that OWASP wants would take such a
 * client longer than `connect-timeout` lets it. More rounds only make short passwords harder to guess from a stolen
 * file: a long random password, as devices should have, needs no more.
 */
const NEW_ITERATIONS = 15_000;
const NEW_SALT_BYTES = 16;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Prepares a password, so that it is the same from every keyboard. Of SASLprep (RFC 4013) this is the normalization
 * (NFKC) and the refusal of control characters and of nothing. Left out are the tables for what is invisible, such as
 * the soft hyphen, which SASLprep removes, and for other prohibited or unassigned characters and mixed directions of
 * writing, which it refuses: the results differ for passwords with these only.
 *
 * @returns UTF-8; `undefined` if it cannot be prepared
 */
export function preparePassword(password: Uint8Array): Uint8Array | undefined {
  let text: string;
  try {
    text = decoder.decode(password).normalize("NFKC");
  } catch {
    return undefined;
  }
  return text === "" || /\p{Cc}/u.test(text) ? undefined : encoder.encode(text);
}

/** Computes the credentials of a prepared password. */
export async function deriveScramCredentials(
  prepared: Uint8Array,
  { iterations, salt }: Pick<ScramCredentials, "iterations" | "salt">,
): Promise<ScramCredentials> {
  const saltedPassword = await pbkdf2(prepared, { hash: "SHA-256", salt, iterations }, SCRAM_KEY_BYTES);
  const storedKey = sha256(hmac(saltedPassword, "Client Key"));
  return { iterations, salt, storedKey, serverKey: hmac(saltedPassword, "Server Key") };
}

/**
 * Makes credentials with a fresh salt, in the form of PostgreSQL:
 * `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, the last three in base64.
 *
 * @throws {Error} if the password cannot be prepared
 */
export async function hashWithScram(password: Uint8Array): Promise<string> {
  const prepared = preparePassword(password);
  if (prepared === undefined) {
    throw new Error("cannot set the password: for SCRAM it must be UTF-8 without control characters");
  }
  const salt = crypto.getRandomValues(new Uint8Array(NEW_SALT_BYTES));
  const { storedKey, serverKey } = await deriveScramCredentials(prepared, { iterations: NEW_ITERATIONS, salt });
  return `${SCRAM_SHA_256}$${NEW_ITERATIONS}:${salt.toBase64()}$${storedKey.toBase64()}:${serverKey.toBase64()}`;
}

/**
 * Credentials for a user who has none, so that the exchange looks the same: always the same ones for a user name. Nobody
 * can sign in with them, since nobody knows what hashes to their StoredKey.
 *
 * @param like whose iterations and length of the salt to take; `undefined`: those of new credentials
 */
export function fakeScramCredentials(
  secret: Uint8Array,
  username: string,
  like: ScramCredentials | undefined,
): ScramCredentials {
  const derive = (purpose: string, lengthBytes: number) =>
    new Uint8Array(hkdfSync("sha256", secret, username, `SCRAM ${purpose}`, lengthBytes));
  return {
    iterations: like?.iterations ?? NEW_ITERATIONS,
    salt: derive("salt", like?.salt.length ?? NEW_SALT_BYTES),
    storedKey: derive("StoredKey", SCRAM_KEY_BYTES),
    serverKey: derive("ServerKey", SCRAM_KEY_BYTES),
  };
}

/** HMAC-SHA-256. */
export function hmac(key: Uint8Array, message: string): Uint8Array {
  return new Uint8Array(createHmac("sha256", key).update(message).digest());
}

/** SHA-256. */
export function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}
