/** Certificates made on the spot: authorities, what they issue, and what they revoke. ECDSA P-256, RFC 5280. */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import {
  bitString,
  element,
  generalizedTime,
  integer,
  objectIdentifier,
  octetString,
  pem,
  sequence,
  set,
  TRUE,
  utcTime,
  utf8String,
} from "./der.ts";

const DAY_MILLISECONDS = 86_400_000;
const ECDSA_WITH_SHA256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));
const USAGES = { server: "1.3.6.1.5.5.7.3.1", client: "1.3.6.1.5.5.7.3.2" };

/** What a certificate is to say. */
export interface CertificateRequest {
  readonly commonName: string;
  /** Subject alternative names: `DNS:localhost`, `IP:127.0.0.1`, `URI:…` or `email:…`. @default none */
  readonly sans?: readonly string[];
  /** @default "server" */
  readonly usage?: "server" | "client";
  /** @default a day ago */
  readonly notBefore?: Date;
  /** @default in a day */
  readonly notAfter?: Date;
  /** Version 1 has no extensions. @default 3 */
  readonly version?: 1 | 3;
}

/** A certificate and its private key. */
export interface IssuedCertificate {
  /** The certificate, PEM. */
  readonly certificate: string;
  /** The private key, PKCS #8 PEM. */
  readonly key: string;
  readonly serialNumber: Uint8Array;
  /** SHA-256 of the certificate, lower-case hexadecimal. */
  readonly fingerprint: string;
}

/** A certificate authority. */
export interface Authority extends IssuedCertificate {
  issue(request: CertificateRequest): IssuedCertificate;
  /** A revocation list with those certificates, PEM; empty if none is given. */
  revocationList(revoked?: readonly IssuedCertificate[], nextUpdate?: Date): string;
}

/** Makes a self-signed authority. */
export function makeAuthority(commonName = "Test Authority"): Authority {
  const keys = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const issuer: Issuer = {
    name: distinguishedName(commonName),
    privateKey: keys.privateKey,
    publicKey: keys.publicKey,
  };
  const extensions = [
    extension("2.5.29.19", sequence(TRUE), true),
    extension("2.5.29.15", element(0x03, Uint8Array.of(1, 0b0000_0110)), true),
    extension("2.5.29.14", octetString(keyIdentifier(keys.publicKey))),
  ];
  return {
    ...certify(issuer, { commonName }, keys, extensions),
    issue: (request) => {
      const subjectKeys = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
      return certify(issuer, request, subjectKeys, leafExtensions(issuer, request));
    },
    revocationList: (revoked = [], nextUpdate = new Date(Date.now() + DAY_MILLISECONDS)) =>
      revocationList(issuer, revoked, nextUpdate),
  };
}

interface Issuer {
  readonly name: Uint8Array;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

function certify(
  issuer: Issuer,
  request: CertificateRequest,
  keys: KeyPair,
  extensions: Uint8Array[],
): IssuedCertificate {
  const serialNumber = new Uint8Array(randomBytes(8));
  serialNumber[0] = serialNumber[0]! & 0x3f | 0x40;
  const notBefore = request.notBefore ?? new Date(Date.now() - DAY_MILLISECONDS);
  const notAfter = request.notAfter ?? new Date(Date.now() + DAY_MILLISECONDS);
  const isVersion3 = request.version !== 1;
  const body = sequence(
    ...(isVersion3 ? [element(0xa0, integer(Uint8Array.of(2)))] : []),
    integer(serialNumber),
    ECDSA_WITH_SHA256,
    issuer.name,
    sequence(utcTime(notBefore), utcTime(notAfter)),
    distinguishedName(request.commonName),
    publicKeyInfo(keys.publicKey),
    ...(isVersion3 ? [element(0xa3, sequence(...extensions))] : []),
  );
  const der = signed(body, issuer.privateKey);
  return {
    certificate: pem("CERTIFICATE", der),
    key: keys.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    serialNumber,
    fingerprint: createHash("sha256").update(der).digest("hex"),
  };
}

function revocationList(issuer: Issuer, revoked: readonly IssuedCertificate[], nextUpdate: Date): string {
  const now = new Date(Date.now() - 1000);
  const entries = revoked.map((certificate) => sequence(integer(certificate.serialNumber), utcTime(now)));
  const body = sequence(
    integer(Uint8Array.of(1)),
    ECDSA_WITH_SHA256,
    issuer.name,
    utcTime(now),
    generalizedOrUtc(nextUpdate),
    ...(entries.length > 0 ? [sequence(...entries)] : []),
    element(0xa0, sequence(authorityKey(issuer), extension("2.5.29.20", integer(Uint8Array.of(1))))),
  );
  return pem("X509 CRL", signed(body, issuer.privateKey));
}

function leafExtensions(issuer: Issuer, request: CertificateRequest): Uint8Array[] {
  const usage = objectIdentifier(USAGES[request.usage ?? "server"]);
  const names = (request.sans ?? []).map(generalName);
  return [
    extension("2.5.29.19", sequence(), true),
    extension("2.5.29.15", element(0x03, Uint8Array.of(7, 0b1000_0000)), true),
    extension("2.5.29.37", sequence(usage)),
    authorityKey(issuer),
    ...(names.length > 0 ? [extension("2.5.29.17", sequence(...names))] : []),
  ];
}

function signed(body: Uint8Array, key: KeyObject): Uint8Array<ArrayBuffer> {
  return sequence(body, ECDSA_WITH_SHA256, bitString(sign("sha256", body, key)));
}

function distinguishedName(commonName: string): Uint8Array {
  return sequence(set(sequence(objectIdentifier("2.5.4.3"), utf8String(commonName))));
}

function extension(identifier: string, value: Uint8Array, critical = false): Uint8Array {
  return sequence(objectIdentifier(identifier), ...(critical ? [TRUE] : []), octetString(value));
}

function authorityKey(issuer: Issuer): Uint8Array {
  return extension("2.5.29.35", sequence(element(0x80, keyIdentifier(issuer.publicKey))));
}

function publicKeyInfo(key: KeyObject): Uint8Array {
  return new Uint8Array(key.export({ type: "spki", format: "der" }));
}

function keyIdentifier(key: KeyObject): Uint8Array {
  return new Uint8Array(createHash("sha1").update(publicKeyInfo(key)).digest());
}

function generalName(name: string): Uint8Array {
  const [, type, value] = /^([a-zA-Z]+):(.*)$/s.exec(name) ?? [];
  const text = new TextEncoder().encode(value);
  switch (type) {
    case "email":
      return element(0x81, text);
    case "DNS":
      return element(0x82, text);
    case "URI":
      return element(0x86, text);
    case "IP":
      return element(0x87, Uint8Array.from(value!.split("."), Number));
    default:
      throw new Error(`Cannot make a subject alternative name: expected DNS:, IP:, URI: or email: got ${name}`);
  }
}

/** RFC 5280 §4.1.2.5: UTCTime to the end of 2049, GeneralizedTime after that. */
function generalizedOrUtc(time: Date): Uint8Array {
  return time.getUTCFullYear() < 2050 ? utcTime(time) : generalizedTime(time);
}

/** Writes a certificate for `localhost` and its key into a folder; the paths are named as the config names them. */
export async function writeServerCertificate(
  directory: string,
  authority: Authority,
): Promise<{ certfile: string; keyfile: string }> {
  const { certificate, key } = authority.issue({ commonName: "localhost", sans: ["DNS:localhost", "IP:127.0.0.1"] });
  const [certfile, keyfile] = [`${directory}/certificate.pem`, `${directory}/key.pem`];
  await Promise.all([Deno.writeTextFile(certfile, certificate), Deno.writeTextFile(keyfile, key)]);
  return { certfile, keyfile };
}
