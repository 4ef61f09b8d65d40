/** Argon2id (RFC 9106) by WebCrypto, which computes it off the event loop. */

/** What an Argon2id hash is made with. */
export interface Argon2idParameters {
  /** 8 KiB for each lane at least. */
  readonly memoryKib: number;
  readonly passes: number;
  /** Lanes. */
  readonly parallelism: number;
  /** At least 8 bytes. */
  readonly salt: Uint8Array;
}

/** WebCrypto's parameters for Argon2id, in the words of "Modern Algorithms in the Web Cryptography API". */
interface Argon2Algorithm extends Algorithm {
  readonly nonce: Uint8Array;
  readonly memory: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** The first choice of OWASP's Password Storage Cheat Sheet, and what `mosquitto_passwd` 2.1 uses: 46 MiB, one pass. */
const NEW_HASH = { memoryKib: 47104, passes: 1, parallelism: 1 };
const NEW_SALT_BYTES = 16;
const NEW_DIGEST_BYTES = 32;

/** Whether this runtime's WebCrypto is one that has Argon2id. */
const hasArgon2id = (globalThis.SubtleCrypto as { supports?(operation: string, algorithm: string): boolean })
  .supports?.("importKey", "Argon2id") ?? false;

/** Computes the digest of a password. */
export async function argon2id(
  password: Uint8Array,
  { memoryKib, passes, parallelism, salt }: Argon2idParameters,
  lengthBytes: number,
): Promise<Uint8Array> {
  if (!hasArgon2id) return await computeHere(password, { memoryKib, passes, parallelism, salt }, lengthBytes);
  const key = await crypto.subtle.importKey("raw-secret", password.slice(), "Argon2id", false, ["deriveBits"]);
  const algorithm: Argon2Algorithm = { name: "Argon2id", nonce: salt, memory: memoryKib, passes, parallelism };
  return new Uint8Array(await crypto.subtle.deriveBits(algorithm, key, lengthBytes * 8));
}

/** In the event loop, which stands still meanwhile: for Bun, and for Node before 24.7. */
async function computeHere(
  password: Uint8Array,
  { memoryKib, passes, parallelism, salt }: Argon2idParameters,
  lengthBytes: number,
): Promise<Uint8Array> {
  const { argon2id } = await import("hash-wasm");
  const parameters = { iterations: passes, parallelism, memorySize: memoryKib, hashLength: lengthBytes };
  return await argon2id({ password, salt, ...parameters, outputType: "binary" });
}

/** Hashes a password with a fresh salt, as `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
export async function hashWithArgon2id(password: Uint8Array): Promise<string> {
  const salt = crypto.getRandomValues(new Uint8Array(NEW_SALT_BYTES));
  const digest = await argon2id(password, { ...NEW_HASH, salt }, NEW_DIGEST_BYTES);
  const { memoryKib, passes, parallelism } = NEW_HASH;
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${toBase64(salt)}$${toBase64(digest)}`;
}

function toBase64(bytes: Uint8Array): string {
  return bytes.toBase64({ omitPadding: true });
}
