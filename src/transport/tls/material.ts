/** Certificates and keys from files. */
import { type KeyObject, X509Certificate } from "node:crypto";
import { ListenError } from "../listen_error.ts";
import { type Element, inside, readElements, SEQUENCE } from "./der.ts";
import { pemBlocks, pemBytes, readPrivateKeys } from "./pem.ts";
import { readRevocationList, type RevocationList } from "./revocation.ts";
import { fault, readFolder, readText, reasonOf, type TlsSource } from "./files.ts";
import type { CertificateValidity } from "../transport.ts";

export type { TlsSource } from "./files.ts";

/** What a TLS listener works with. */
export interface TlsMaterial {
  /** The certificate chain, PEM. */
  readonly certificates: string;
  /** The private key, PKCS #8 PEM without a passphrase. */
  readonly key: string;
  /** Of the server's own certificate. */
  readonly validity: CertificateValidity;
  /** Authorities for client certificates, PEM; empty if clients are not asked. */
  readonly authorities: readonly string[];
  /** `undefined`: revocation does not matter. */
  readonly revocationLists: readonly RevocationList[] | undefined;
}

/**
 * Reads and checks everything that `source` names. Files may hold more than what they are named for: the key may stand with
 * the chain in one file, beside DH parameters, or with other keys.
 *
 * @throws {ListenError} that names key, path and reason: no such file, no PEM, key of another certificate, …
 */
export async function loadTlsMaterial(source: TlsSource): Promise<TlsMaterial> {
  const place = `certfile "${source.certfile}"`;
  const chain = parseCertificates(place, await readText("certfile", source.certfile));
  if (chain.length === 0) throw fault(place, "there is no PEM certificate in it");
  const { leaf, key } = await loadKey(source, chain);
  const served = {
    // Clients expect the server's own first.
    certificates: [leaf, ...chain.filter((certificate) => certificate !== leaf)].join("\n"),
    key: key.export({ type: "pkcs8", format: "pem" }) as string,
    validity: { from: new Date(leaf.validFrom), to: new Date(leaf.validTo) },
  };
  if (source.clientCertificate === "off") return { ...served, authorities: [], revocationLists: undefined };
  const authorities = await loadAuthorities(source);
  return {
    ...served,
    authorities: authorities.map((authority) => authority.toString()),
    revocationLists: source.crlfile === undefined ? undefined : await loadLists(source.crlfile, authorities),
  };
}

/** The key, and the certificate that it belongs to. */
async function loadKey(
  source: TlsSource,
  chain: readonly X509Certificate[],
): Promise<{ readonly leaf: X509Certificate; readonly key: KeyObject }> {
  const place = `keyfile "${source.keyfile}"`;
  const text = await readText("keyfile", source.keyfile);
  const { keys, faults } = readPrivateKeys(text, await loadPassphrase(source));
  for (const leaf of chain) {
    const key = keys.find((candidate) => leaf.checkPrivateKey(candidate));
    if (key) return { leaf, key };
  }
  if (faults[0]) throw fault(place, faults[0].message, faults[0]);
  if (keys.length === 0) throw fault(place, "there is no PEM private key in it");
  throw fault(place, `the key does not belong to the certificate in "${source.certfile}"`);
}

async function loadPassphrase({ keyfilePassphrase, keyfilePassphraseFile: path }: TlsSource) {
  if (path === undefined) return keyfilePassphrase;
  const [line] = (await readText("keyfile-passphrase-file", path)).split(/\r?\n/);
  if (!line) throw fault(`keyfile-passphrase-file "${path}"`, "its first line is empty, expected the passphrase");
  return line;
}

async function loadAuthorities(source: TlsSource): Promise<X509Certificate[]> {
  const found = new Map<string, X509Certificate>();
  const add = (place: string, text: string) => {
    const certificates = parseCertificates(place, text);
    for (const certificate of certificates) found.set(certificate.fingerprint256, certificate);
    return certificates.length;
  };
  const { cafile, capath, cadata } = source;
  if (cafile !== undefined && add(`cafile "${cafile}"`, await readText("cafile", cafile)) === 0) {
    throw fault(`cafile "${cafile}"`, "there is no PEM certificate in it");
  }
  if (cadata !== undefined && add("cadata", cadata) === 0) throw fault("cadata", "there is no PEM certificate in it");
  if (capath !== undefined) {
    const counts = (await readFolder(capath)).map(([path, text]) => add(`capath "${path}"`, text));
    if (!counts.some((count) => count > 0)) throw fault(`capath "${capath}"`, "there is no PEM certificate in it");
  }
  if (found.size === 0) {
    throw new ListenError(
      `Cannot verify client certificates: expected cafile, capath or cadata with client-certificate "${source.clientCertificate}": got none`,
    );
  }
  return [...found.values()];
}

async function loadLists(path: string, authorities: readonly X509Certificate[]): Promise<RevocationList[]> {
  const blocks = pemBlocks(await readText("crlfile", path), "X509 CRL");
  if (blocks.length === 0) throw fault(`crlfile "${path}"`, "there is no PEM revocation list in it");
  return blocks.map((block, index) => {
    try {
      return readRevocationList(pemBytes(block), authorities);
    } catch (error) {
      throw fault(`crlfile "${path}"`, `list ${index + 1}: ${reasonOf(error)}`, error);
    }
  });
}

function parseCertificates(place: string, text: string): X509Certificate[] {
  return pemBlocks(text, "CERTIFICATE", "X509 CERTIFICATE", TRUSTED).map((block, index) => {
    const which = `certificate ${index + 1}`;
    let elements: Element[];
    try {
      elements = block.includes(`BEGIN ${TRUSTED}-`) ? readElements(pemBytes(block)) : [];
      if (!elements.slice(1).some(restrictsTrust)) {
        return new X509Certificate(plainPem(elements[0]?.whole ?? pemBytes(block)));
      }
    } catch (error) {
      throw fault(place, `${which} is malformed`, error);
    }
    const remedy = "write it anew with openssl x509 -in FILE -clrtrust -clrreject";
    throw fault(place, `${which} says what it is to be trusted for, which would not be heeded: ${remedy}`);
  });
}

/** Written by `openssl x509 -trustout`: the certificate, and behind it what OpenSSL alone knows. */
const TRUSTED = "TRUSTED CERTIFICATE";

/** Purposes that an authority is trusted or rejected for; a name does no harm. */
function restrictsTrust(auxiliary: Element): boolean {
  return inside(auxiliary).some(({ tag }) => tag === SEQUENCE || tag === REJECTED);
}

const REJECTED = 0xa0;

function plainPem(certificate: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${certificate.toBase64()}\n-----END CERTIFICATE-----\n`;
}
