/** Certificate revocation lists (RFC 5280 §5). The runtime's TLS does not look at them, so this does. */
import { verify, type X509Certificate } from "node:crypto";
import {
  BOOLEAN,
  dotted,
  type Element,
  GENERALIZED_TIME,
  hexadecimal,
  inside,
  INTEGER,
  readElements,
  readTime,
  SEQUENCE,
  UTC_TIME,
} from "./der.ts";

/** Signature algorithms by identifier, and the hash that `node:crypto` wants for them. */
const HASHES: Readonly<Record<string, string | null>> = {
  "1.2.840.113549.1.1.11": "sha256",
  "1.2.840.113549.1.1.12": "sha384",
  "1.2.840.113549.1.1.13": "sha512",
  "1.2.840.10045.4.3.2": "sha256",
  "1.2.840.10045.4.3.3": "sha384",
  "1.2.840.10045.4.3.4": "sha512",
  "1.3.101.112": null,
};

/** A list whose signature one of the authorities vouches for. */
export interface RevocationList {
  readonly authority: X509Certificate;
  /** Serial numbers in lower-case hexadecimal without leading zeros. */
  readonly revoked: ReadonlySet<string>;
  /** When the list stops to count; `undefined`: never. */
  readonly nextUpdate: Date | undefined;
}

interface ParsedList {
  readonly signedPart: Uint8Array;
  readonly algorithm: string;
  readonly signature: Uint8Array;
  readonly issuer: Uint8Array;
  readonly revoked: ReadonlySet<string>;
  readonly nextUpdate: Date | undefined;
}

/**
 * Reads one list.
 *
 * @param der the list's bytes
 * @param authorities those who may have signed it
 * @throws {Error} if it is malformed, says what is not understood here, or none of `authorities` signed it
 */
export function readRevocationList(der: Uint8Array, authorities: readonly X509Certificate[]): RevocationList {
  const list = parse(der);
  const hash = HASHES[list.algorithm];
  if (hash === undefined) throw new Error(`its signature algorithm ${list.algorithm} is not supported`);
  const authority = authorities.find((candidate) =>
    sameBytes(subjectOf(candidate), list.issuer) &&
    verify(hash, list.signedPart, candidate.publicKey, list.signature)
  );
  if (!authority) throw new Error("it was not signed by one of the authorities");
  return { authority, revoked: list.revoked, nextUpdate: list.nextUpdate };
}

/**
 * Tells why a chain must not be trusted, as far as revocation goes. Every certificate below the authorities needs a list
 * of its issuer that has not run out, and must not be on it.
 *
 * @param chain the client's certificate and those between it and an authority
 * @returns the reason, or `undefined` if nothing speaks against the chain
 */
export function findRevocation(
  chain: readonly X509Certificate[],
  lists: readonly RevocationList[],
  now: Date,
): string | undefined {
  for (const certificate of chain) {
    const subject = certificate.subject.replaceAll("\n", ", ");
    const own = lists.filter((list) => certificate.checkIssued(list.authority));
    if (own.length === 0) return `there is no revocation list of the issuer of ${subject}`;
    if (own.every((list) => list.nextUpdate !== undefined && list.nextUpdate < now)) {
      return `the revocation list of the issuer of ${subject} has run out`;
    }
    const serialNumber = certificate.serialNumber.toLowerCase().replace(/^0+(?=.)/, "");
    if (own.some((list) => list.revoked.has(serialNumber))) return `the certificate of ${subject} was revoked`;
  }
  return undefined;
}

function parse(der: Uint8Array): ParsedList {
  const [body, algorithm, signature] = inside(readElements(der)[0]);
  const fields = inside(body);
  // version is optional, and so are nextUpdate, revokedCertificates and the extensions.
  if (fields[0]?.tag === INTEGER) fields.shift();
  const [, issuer, , ...rest] = fields;
  if (!body || !algorithm || !signature || !issuer) throw new RangeError("DER: an element is missing");
  refuseCriticalExtensions(rest.find((field) => field.tag === 0xa0));
  const nextUpdate = rest.find((field) => field.tag === UTC_TIME || field.tag === GENERALIZED_TIME);
  const entries = rest.find((field) => field.tag === SEQUENCE);
  return {
    signedPart: body.whole,
    algorithm: dotted(inside(algorithm)[0]?.contents ?? new Uint8Array(0)),
    signature: signature.contents.subarray(1),
    issuer: issuer.whole,
    revoked: new Set(entries ? inside(entries).map((entry) => hexadecimal(inside(entry)[0]!.contents)) : []),
    nextUpdate: nextUpdate && readTime(nextUpdate),
  };
}

/** Such a list says something else than "these are revoked": part of a list, or others' certificates (RFC 5280 §5.2). */
function refuseCriticalExtensions(extensions: Element | undefined): void {
  if (!extensions) return;
  for (const extension of inside(inside(extensions)[0])) {
    const [identifier, critical] = inside(extension);
    if (critical?.tag === BOOLEAN && critical.contents[0] !== 0) {
      throw new Error(`its critical extension ${dotted(identifier!.contents)} is not supported`);
    }
  }
}

/** The subject's encoded name: version [0], serial number, signature, issuer, validity, subject (RFC 5280 §4.1). */
function subjectOf(certificate: X509Certificate): Uint8Array {
  const fields = inside(inside(readElements(certificate.raw)[0])[0]);
  if (fields[0]?.tag === 0xa0) fields.shift();
  return fields[4]!.whole;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
