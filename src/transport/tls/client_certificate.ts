/** What a verified client certificate says, and whether it still counts. */
import { X509Certificate } from "node:crypto";
import { quote } from "../../quote.ts";
import { inside, readElements } from "./der.ts";
import { findRevocation, type RevocationList } from "./revocation.ts";
import type { ClientCertificate } from "../transport.ts";

const SUBJECT_ALTERNATIVE_NAME = "551d11";
/** The runtime keeps 256 sessions that can be resumed; what is forgotten here signs in with a full handshake. */
const REMEMBERED_CERTIFICATES = 1024;

const VERSION_1 = "the certificate is of X.509 version 1, which cannot be verified here: issue it anew as version 3, " +
  "that is with at least one extension (openssl x509 -req … -extfile FILE)";

/** The part of a `TLSSocket` that tells how its handshake went. */
export interface HandshakeOutcome {
  readonly authorized: boolean;
  readonly authorizationError: unknown;
  isSessionReused(): boolean;
  /** An object without `raw` if the peer presented none. */
  getPeerCertificate(detailed: true): Partial<PeerCertificate>;
}

/** The part of `node:tls`'s peer certificate that is used here. */
export interface PeerCertificate {
  /** DER. */
  readonly raw: Uint8Array;
  readonly subject: object;
  readonly issuerCertificate?: PeerCertificate;
}

/** Decides about the certificates of the connections that one listener accepts. */
export class ClientCertificateCheck {
  /** Fingerprints of certificates that a full handshake has verified, the one used last at the end. */
  readonly #verified = new Set<string>();
  readonly #lists: readonly RevocationList[] | undefined;

  /** @param lists the revocation lists to look at; `undefined`: revocation does not matter */
  constructor(lists: readonly RevocationList[] | undefined) {
    this.#lists = lists;
  }

  /**
   * Takes the certificate of a finished handshake.
   *
   * @returns the certificate, or `undefined` if the client presented none
   * @throws {Error} if it presented one that does not count
   */
  take(socket: HandshakeOutcome): ClientCertificate | undefined {
    const peer = socket.getPeerCertificate(true);
    if (!isPresent(peer)) return undefined;
    const chain = chainOf(peer);
    const leaf = chain[0]!;
    const fingerprint = leaf.fingerprint256.replaceAll(":", "").toLowerCase();
    this.#requireVerified(socket, leaf, fingerprint);
    const now = new Date();
    if (now < new Date(leaf.validFrom) || now > new Date(leaf.validTo)) {
      throw new Error("the certificate is not valid now");
    }
    const reason = this.#lists && findRevocation(chain, this.#lists, now);
    if (reason) throw new Error(reason);
    const subject = namesOf(peer.subject);
    const subjectAlternativeNames = readAlternativeNames(leaf.raw);
    requireVisible([...Object.values(subject), ...subjectAlternativeNames]);
    return { subject, subjectAlternativeNames, fingerprint };
  }

  /**
   * A resumed session comes without a new verification, and the runtime calls it authorized even if the handshake that
   * made it was not: only what this listener has verified itself counts there.
   */
  #requireVerified(socket: HandshakeOutcome, leaf: X509Certificate, fingerprint: string): void {
    // The runtime does not say so.
    if (!socket.authorized && isVersion1(leaf.raw)) throw new Error(VERSION_1);
    if (!socket.authorized) throw new Error(`the certificate is not vouched for: ${socket.authorizationError}`);
    if (socket.isSessionReused() && !this.#verified.has(fingerprint)) {
      throw new Error("the session to be resumed was not verified");
    }
    this.#verified.delete(fingerprint);
    this.#verified.add(fingerprint);
    if (this.#verified.size > REMEMBERED_CERTIFICATES) {
      for (const oldest of this.#verified) return void this.#verified.delete(oldest);
    }
  }
}

/** A name that reads like another one, or ends where it seems to, may be taken for that by who looks at it. */
function requireVisible(names: readonly string[]): void {
  const name = names.find((text) => /\p{Cc}/u.test(text));
  if (name !== undefined) throw new Error(`the certificate has a name with control characters: ${quote(name)}`);
}

/** The client's certificate and those that it sent along, without self-signed ones: those are authorities. */
function chainOf(peer: PeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<PeerCertificate>();
  for (let next: PeerCertificate | undefined = peer; next?.raw && !seen.has(next); next = next.issuerCertificate) {
    seen.add(next);
    const certificate = new X509Certificate(next.raw);
    if (chain.length === 0 || certificate.issuer !== certificate.subject) chain.push(certificate);
  }
  return chain;
}

/** Later versions say which they are, in the element [0] (RFC 5280 §4.1). */
function isVersion1(der: Uint8Array): boolean {
  return inside(inside(readElements(der)[0])[0])[0]?.tag !== 0xa0;
}

function isPresent(peer: Partial<PeerCertificate> | null): peer is PeerCertificate {
  return peer?.raw !== undefined;
}

function namesOf(subject: object): Record<string, string> {
  const names = Object.entries(subject).map((
    [name, value],
  ) => [name, Array.isArray(value) ? value.join("+") : `${value}`]);
  return Object.fromEntries(names);
}

/**
 * Reads the subject alternative names (RFC 5280 §4.2.1.6) from the certificate itself: `node:crypto`'s text form joins them
 * with commas, which a name may contain.
 *
 * @param der the certificate's bytes
 */
export function readAlternativeNames(der: Uint8Array): string[] {
  const extensions = inside(inside(readElements(der)[0])[0]).find((field) => field.tag === 0xa3);
  if (!extensions) return [];
  for (const extension of inside(inside(extensions)[0])) {
    const parts = inside(extension);
    if (parts[0]!.contents.toHex() !== SUBJECT_ALTERNATIVE_NAME) continue;
    return inside(readElements(parts.at(-1)!.contents)[0]).flatMap(({ tag, contents }) => nameOf(tag, contents));
  }
  return [];
}

function nameOf(tag: number, contents: Uint8Array): string[] {
  const text = new TextDecoder().decode(contents);
  switch (tag) {
    case 0x81:
      return [`email:${text}`];
    case 0x82:
      return [`DNS:${text}`];
    case 0x86:
      return [`URI:${text}`];
    case 0x87:
      return [`IP:${addressOf(contents)}`];
    default:
      return [];
  }
}

function addressOf(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from(
    { length: bytes.length / 2 },
    (_, index) => bytes[2 * index]! * 256 + bytes[2 * index + 1]!,
  );
  return new URL(`http://[${groups.map((group) => group.toString(16)).join(":")}]`).hostname.slice(1, -1);
}
