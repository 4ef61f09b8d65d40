import { createHmac, randomBytes } from "node:crypto";
import type { PasswordHash } from "./password_hash.ts";

const MAX_PAIRS = 20_000;
const KEY_BYTES = 32;

/**
 * The user names and passwords that were found right, so that the next sign-in with them costs no hash. What is kept of
 * them is an HMAC whose key exists in this process's memory only.
 */
export class VerifiedPairs {
  readonly #key = randomBytes(KEY_BYTES);
  /** What each pair was checked against; the one that was used longest ago first. */
  readonly #hashes = new Map<string, PasswordHash>();

  /** What a pair is known by here. */
  nameOf(username: string, password: Uint8Array): string {
    // NUL ends the user name, in which there can be none.
    return createHmac("sha256", this.#key).update(`${username}\0`).update(password).digest("base64");
  }

  /** Whether the pair was found right before, for a user whose hash is still this one. */
  has(name: string, hash: PasswordHash): boolean {
    if (this.#hashes.get(name) !== hash) return false;
    this.#hashes.delete(name);
    this.#hashes.set(name, hash);
    return true;
  }

  /** The pair was found right. */
  add(name: string, hash: PasswordHash): void {
    for (const oldest of this.#hashes.keys()) {
      if (this.#hashes.size < MAX_PAIRS) break;
      this.#hashes.delete(oldest);
    }
    this.#hashes.set(name, hash);
  }

  /** The password file has changed. */
  clear(): void {
    this.#hashes.clear();
  }
}
