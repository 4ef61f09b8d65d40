/** PEM (RFC 7468) as people's files have it: several objects in one file, and text between them. */
import { createPrivateKey, type KeyObject } from "node:crypto";

const PRIVATE_KEY = /-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----[^]+?-----END \1-----/g;

/** The objects with one of these labels, in their order; whatever else there is does not matter. */
export function pemBlocks(text: string, ...labels: string[]): string[] {
  return text.match(new RegExp(`-----BEGIN (${labels.join("|")})-----[^-]+-----END \\1-----`, "g")) ?? [];
}

/** What an object is made of. @throws {SyntaxError} if that is no base64 */
export function pemBytes(block: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.fromBase64(block.replace(/-----[^-]+-----|\s/g, ""));
}

/** What {@linkcode readPrivateKeys} finds. */
export interface PrivateKeys {
  readonly keys: readonly KeyObject[];
  /** Why others cannot be read. */
  readonly faults: readonly Error[];
}

/**
 * Reads every private key in a text.
 *
 * @param passphrase what opens an encrypted one; `undefined`: there is none
 */
export function readPrivateKeys(text: string, passphrase: string | undefined): PrivateKeys {
  const keys: KeyObject[] = [];
  const faults: Error[] = [];
  for (const [block] of text.matchAll(PRIVATE_KEY)) {
    try {
      keys.push(readPrivateKey(block, passphrase));
    } catch (error) {
      faults.push(error as Error);
    }
  }
  return { keys, faults };
}

function readPrivateKey(block: string, passphrase: string | undefined): KeyObject {
  const encrypted = /-----BEGIN ENCRYPTED|Proc-Type:\s*4,\s*ENCRYPTED/.test(block);
  if (encrypted && passphrase === undefined) {
    throw new Error("the key is encrypted: give keyfile-passphrase or keyfile-passphrase-file");
  }
  try {
    // The runtime refuses a passphrase for some kinds of keys that need none.
    return createPrivateKey({ key: block, format: "pem", ...(encrypted && { passphrase }) });
  } catch (cause) {
    throw new Error(encrypted ? "the passphrase does not open the key" : "the key is malformed", { cause });
  }
}
