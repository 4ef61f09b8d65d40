/** PBKDF2 (RFC 8018 §5.2) by WebCrypto, which computes it off the event loop. */

/** What a PBKDF2 key is made with. */
export interface Pbkdf2Parameters {
  readonly hash: "SHA-256" | "SHA-512";
  readonly salt: Uint8Array;
  /** At least 1. */
  readonly iterations: number;
}

/** Computes a key from a password. */
export async function pbkdf2(
  password: Uint8Array,
  { hash, salt, iterations }: Pbkdf2Parameters,
  lengthBytes: number,
): Promise<Uint8Array> {
  const key = await crypto.subtle.importKey("raw", password.slice(), "PBKDF2", false, ["deriveBits"]);
  const algorithm = { name: "PBKDF2", hash, salt: salt.slice(), iterations };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, lengthBytes * 8));
}
