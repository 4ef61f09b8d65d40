import type { AdminRole } from "../../config/config.ts";

/** Who makes a request. */
export interface Identity {
  /** For people, and the audit log. */
  readonly name: string;
  readonly role: AdminRole;
  /** Whether payloads are shown. */
  readonly payloads: boolean;
  /** What a changing request has to bring as `X-CSRF-Token`; `undefined`: a program with a bearer token need not. */
  readonly csrf: string | undefined;
  /** Of the session's cookie; `undefined`: there is no session. */
  readonly sessionKey: string | undefined;
  /** When the session ends, in milliseconds since the Unix epoch; `undefined`: it does not. */
  readonly expiresAtMs: number | undefined;
}

const RANKS: Readonly<Record<AdminRole, number>> = { viewer: 0, operator: 1, admin: 2 };

/** Whether a role may do what another one may. */
export function mayDo(role: AdminRole, needed: AdminRole): boolean {
  return RANKS[role] >= RANKS[needed];
}

/** A text that nobody can guess: 256 bits. */
export function secret(): string {
  return toBase64Url(crypto.getRandomValues(new Uint8Array(32)));
}

/** Base64 for URLs and headers. */
export function toBase64Url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Whether two secrets are the same, in a time that does not tell where they differ. */
export function sameSecret(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at++) difference |= a.charCodeAt(at) ^ (b.charCodeAt(at) || 0);
  return difference === 0;
}
