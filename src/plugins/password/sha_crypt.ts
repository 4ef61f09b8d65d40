/**
 * SHA-crypt: the `$5$` (SHA-256) and `$6$` (SHA-512) hashes of crypt(3), after U. Drepper's specification. The hash functions
 * are WebAssembly, and the rounds with SHA-512, which is what others write, are computed by code made for them: a call
 * of `node:crypto` for each round costs five times as much.
 */
import type { IHasher } from "hash-wasm";
import { type Stretch, stretchWithSha512 } from "./sha_crypt_rounds.ts";

/** What a SHA-crypt digest is made from. */
export interface ShaCryptJob {
  readonly algorithm: "sha256" | "sha512";
  readonly password: Uint8Array;
  /** At most 16 bytes. */
  readonly salt: Uint8Array;
  readonly rounds: number;
}

/** Rounds of a hash that does not name them. */
export const SHA_CRYPT_DEFAULT_ROUNDS = 5000;

const ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/**
 * Computes the last part of a SHA-crypt hash: 43 characters for SHA-256, 86 for SHA-512. Takes milliseconds to seconds
 * and does not yield meanwhile, but for the loading of the hash function: see {@linkcode ShaCryptThread}.
 */
export async function shaCrypt({ algorithm, password, salt, rounds }: ShaCryptJob): Promise<string> {
  const hasher = await createHasher(algorithm);
  const hash = (...parts: Uint8Array[]): Uint8Array => {
    hasher.init();
    for (const part of parts) hasher.update(part);
    return hasher.digest("binary");
  };
  const first = firstDigest(hash, password, salt);
  const passwordDigest = hash(...new Array<Uint8Array>(password.length).fill(password));
  const saltDigest = hash(...new Array<Uint8Array>(16 + (first[0] as number)).fill(salt));
  const beginning: Stretch = {
    digest: first,
    password: repeatTo(password.length, passwordDigest),
    salt: repeatTo(salt.length, saltDigest),
    rounds,
  };
  return encode(algorithm === "sha512" ? stretchWithSha512(beginning) : stretch(hash, beginning));
}

type Hash = (...parts: Uint8Array[]) => Uint8Array;

/** Each digest has one of its own. Loaded here, so that it is there only where such hashes are computed. */
async function createHasher(algorithm: ShaCryptJob["algorithm"]): Promise<IHasher> {
  const { createSHA256, createSHA512 } = await import("hash-wasm");
  return await (algorithm === "sha256" ? createSHA256() : createSHA512());
}

/** Steps 1 to 12 of the specification. */
function firstDigest(hash: Hash, password: Uint8Array, salt: Uint8Array): Uint8Array {
  const alternate = hash(password, salt, password);
  const parts = [password, salt, repeatTo(password.length, alternate)];
  for (let bits = password.length; bits > 0; bits >>>= 1) parts.push((bits & 1) === 1 ? alternate : password);
  return hash(...parts);
}

/** Step 21 for SHA-256. Each round's input is laid out in one buffer, since a call to the hash costs more than the copying. */
function stretch(hash: Hash, { digest, password, salt, rounds }: Stretch): Uint8Array {
  const input = new Uint8Array(digest.length + 2 * password.length + salt.length);
  let current = digest;
  for (let round = 0; round < rounds; round++) {
    const odd = (round & 1) === 1;
    let length = 0;
    const append = (part: Uint8Array) => {
      input.set(part, length);
      length += part.length;
    };
    append(odd ? password : current);
    if (round % 3 !== 0) append(salt);
    if (round % 7 !== 0) append(password);
    append(odd ? current : password);
    current = hash(input.subarray(0, length));
  }
  return current;
}

function repeatTo(length: number, block: Uint8Array): Uint8Array {
  const result = new Uint8Array(length);
  for (let at = 0; at < length; at += block.length) result.set(block.subarray(0, length - at), at);
  return result;
}

/** Step 22: groups of three bytes, taken a third of the digest apart, as four characters with the low bits first. */
function encode(digest: Uint8Array): string {
  const third = Math.floor(digest.length / 3);
  const turn = digest.length === 64 ? 1 : 2;
  let text = "";
  for (let group = 0; group < third; group++) {
    const at = (part: number) => byte(digest, group + third * ((part + group * turn) % 3));
    text += characters(at(0) << 16 | at(1) << 8 | at(2), 4);
  }
  if (digest.length === 64) return text + characters(byte(digest, 63), 2);
  return text + characters(byte(digest, 31) << 8 | byte(digest, 30), 3);
}

function characters(value: number, count: number): string {
  let text = "";
  for (let i = 0; i < count; i++) text += ALPHABET[value >> (6 * i) & 63];
  return text;
}

function byte(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}
