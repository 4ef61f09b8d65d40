/** The kinds of password hash that a password file may hold: how each is written, and how a password is checked. */
import { timingSafeEqual } from "node:crypto";
import { argon2id, type Argon2idParameters } from "./argon2id.ts";
import { pbkdf2 } from "./pbkdf2.ts";
import { deriveScramCredentials, preparePassword, SCRAM_SHA_256, type ScramCredentials } from "./scram_credentials.ts";
import { SHA_CRYPT_DEFAULT_ROUNDS, type ShaCryptJob } from "./sha_crypt.ts";
import type { ShaCryptComputer } from "./sha_crypt_thread.ts";

/** A password hash as read from a file. */
export type PasswordHash =
  | (Omit<ShaCryptJob, "password"> & { readonly kind: "sha-crypt"; readonly digest: string })
  | { readonly kind: "mosquitto-sha512"; readonly salt: Uint8Array; readonly digest: Uint8Array }
  | {
    readonly kind: "pbkdf2-sha512";
    readonly iterations: number;
    readonly salt: Uint8Array;
    readonly digest: Uint8Array;
  }
  | (Argon2idParameters & { readonly kind: "argon2id"; readonly digest: Uint8Array })
  | ScramHash;

/** Credentials for SCRAM-SHA-256, which serve a sign-in with user name and password, too. */
export type ScramHash = ScramCredentials & { readonly kind: "scram-sha-256" };

/**
 * Longest password in bytes. SHA-crypt takes the longer the longer the password is, so there has to be a limit; at this
 * one it takes about three times as long as for a short password.
 */
export const MAX_PASSWORD_BYTES = 1024;

/** Hashes that cost more than some seconds of computing are refused: every sign-in attempt would cost that. */
const MAX_SHA_CRYPT_ROUNDS = 1_048_576;
const MAX_PBKDF2_ITERATIONS = 2_000_000;
/** RFC 7677 §4. */
const MIN_SCRAM_ITERATIONS = 4096;
const MAX_SCRAM_ITERATIONS = 10_000_000;
const MAX_ARGON2_MEMORY_KIB = 262_144;
const MAX_ARGON2_PASSES = 16;
const MAX_ARGON2_PARALLELISM = 16;

const SHA512_BYTES = 64;
const SUPPORTED = "$5$ and $6$ of crypt(3), $6$ and $7$ of mosquitto_passwd, $argon2id$, SCRAM-SHA-256$";

const SHA_CRYPT = /^\$([56])\$(?:rounds=(\d{1,12})\$)?([^$:\s]{0,16})\$([./0-9A-Za-z]+)$/;
const MOSQUITTO_SHA512 = /^\$6\$([0-9A-Za-z+/]+={0,2})\$([0-9A-Za-z+/]{86}==)$/;
const PBKDF2 = /^\$7\$(\d{1,12})\$([0-9A-Za-z+/]+={0,2})\$([0-9A-Za-z+/]{86}==)$/;
const ARGON2ID =
  /^\$argon2id\$v=(\d{1,3})\$m=(\d{1,12}),t=(\d{1,12}),p=(\d{1,12})\$([0-9A-Za-z+/]+)\$([0-9A-Za-z+/]+)$/;
const SCRAM = /^SCRAM-SHA-256\$(\d{1,12}):([0-9A-Za-z+/]+={0,2})\$([0-9A-Za-z+/]{43}=):([0-9A-Za-z+/]{43}=)$/;
/** What other programs write; named in the error, since the kind alone gives nothing away. */
const FOREIGN = /^\$(1|2[abxy]?|y|gy|apr1|argon2i|argon2d|scrypt|pbkdf2|pbkdf2-sha(?:1|256|512)|bcrypt-sha256)\$/;

/**
 * Reads a hash as a password file holds it.
 *
 * @throws {Error} that says what is wrong, and never quotes the text, which may be a password
 */
export function parsePasswordHash(text: string): PasswordHash {
  if (!text.startsWith("$") && !text.startsWith(`${SCRAM_SHA_256}$`)) {
    throw new Error(`expected a hash, not a password in plain text (${SUPPORTED})`);
  }
  const hash = parseMosquittoSha512(text) ?? parseShaCrypt(text) ?? parsePbkdf2(text) ?? parseArgon2id(text) ??
    parseScram(text);
  if (hash !== undefined) return hash;
  const foreign = FOREIGN.exec(text)?.[1];
  if (foreign !== undefined) throw new Error(`hash must be one of ${SUPPORTED}: got $${foreign}$`);
  throw new Error(`cannot read the hash: expected one of ${SUPPORTED}`);
}

/** Checks a password in about the same time whatever it is. */
export async function verifyPassword(
  hash: PasswordHash,
  password: Uint8Array,
  thread: ShaCryptComputer,
): Promise<boolean> {
  switch (hash.kind) {
    case "sha-crypt": {
      const { algorithm, salt, rounds } = hash;
      const digest = await thread.compute({ algorithm, salt, rounds, password });
      return equal(encoder.encode(digest), encoder.encode(hash.digest));
    }
    case "mosquitto-sha512": {
      const salted = new Uint8Array(password.length + hash.salt.length);
      salted.set(password);
      salted.set(hash.salt, password.length);
      return equal(new Uint8Array(await crypto.subtle.digest("SHA-512", salted)), hash.digest);
    }
    case "pbkdf2-sha512":
      return equal(await pbkdf2(password, { ...hash, hash: "SHA-512" }, SHA512_BYTES), hash.digest);
    case "argon2id":
      return equal(await argon2id(password, hash, hash.digest.length), hash.digest);
    case "scram-sha-256": {
      const prepared = preparePassword(password);
      const { storedKey } = await deriveScramCredentials(prepared ?? password, hash);
      return equal(storedKey, hash.storedKey) && prepared !== undefined;
    }
  }
}

const encoder = new TextEncoder();

function parseMosquittoSha512(text: string): PasswordHash | undefined {
  const match = MOSQUITTO_SHA512.exec(text);
  if (match === null) return undefined;
  return { kind: "mosquitto-sha512", salt: fromBase64("salt", match[1]), digest: fromBase64("digest", match[2]) };
}

function parseShaCrypt(text: string): PasswordHash | undefined {
  const match = SHA_CRYPT.exec(text);
  if (match === null) return undefined;
  const [, id, roundsText, salt, digest] = match as unknown as [string, string, string | undefined, string, string];
  if (digest.length !== (id === "5" ? 43 : 86)) return undefined;
  const rounds = roundsText === undefined ? SHA_CRYPT_DEFAULT_ROUNDS : Number(roundsText);
  checkRange(`rounds of $${id}$`, rounds, 1000, MAX_SHA_CRYPT_ROUNDS);
  const algorithm = id === "5" ? "sha256" : "sha512";
  return { kind: "sha-crypt", algorithm, salt: encoder.encode(salt), rounds, digest };
}

function parsePbkdf2(text: string): PasswordHash | undefined {
  const match = PBKDF2.exec(text);
  if (match === null) return undefined;
  const iterations = Number(match[1]);
  checkRange("iterations of $7$", iterations, 1, MAX_PBKDF2_ITERATIONS);
  return {
    kind: "pbkdf2-sha512",
    iterations,
    salt: fromBase64("salt", match[2]),
    digest: fromBase64("digest", match[3]),
  };
}

function parseArgon2id(text: string): PasswordHash | undefined {
  const match = ARGON2ID.exec(text);
  if (match === null) return undefined;
  const [version, memoryKib, passes, parallelism] = match.slice(1, 5).map(Number) as [number, number, number, number];
  checkRange("version of $argon2id$", version, 19, 19);
  checkRange("p of $argon2id$", parallelism, 1, MAX_ARGON2_PARALLELISM);
  checkRange("m of $argon2id$", memoryKib, 8 * parallelism, MAX_ARGON2_MEMORY_KIB);
  checkRange("t of $argon2id$", passes, 1, MAX_ARGON2_PASSES);
  const salt = fromBase64("salt", match[5]);
  const digest = fromBase64("digest", match[6]);
  checkRange("bytes of salt of $argon2id$", salt.length, 8, 128);
  checkRange("bytes of digest of $argon2id$", digest.length, 16, 128);
  return { kind: "argon2id", memoryKib, passes, parallelism, salt, digest };
}

function parseScram(text: string): PasswordHash | undefined {
  const match = SCRAM.exec(text);
  if (match === null) return undefined;
  const iterations = Number(match[1]);
  checkRange(`iterations of ${SCRAM_SHA_256}$`, iterations, MIN_SCRAM_ITERATIONS, MAX_SCRAM_ITERATIONS);
  const salt = fromBase64("salt", match[2]);
  checkRange(`bytes of salt of ${SCRAM_SHA_256}$`, salt.length, 8, 128);
  const storedKey = fromBase64("StoredKey", match[3]);
  return { kind: "scram-sha-256", iterations, salt, storedKey, serverKey: fromBase64("ServerKey", match[4]) };
}

function checkRange(what: string, value: number, minimum: number, maximum: number): void {
  if (value >= minimum && value <= maximum) return;
  const expected = minimum === maximum ? `${minimum}` : `${minimum} to ${maximum}`;
  throw new Error(`${what} must be ${expected}: got ${value}`);
}

function fromBase64(what: string, text: string | undefined): Uint8Array {
  try {
    return Uint8Array.fromBase64(text ?? "");
  } catch {
    throw new Error(`cannot read the hash: its ${what} is not base64`);
  }
}

/** Compares in a time that does not depend on where the first difference is. */
function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
