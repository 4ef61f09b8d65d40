/** Certificates and keys from files. */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { join } from "@std/path";
import { ListenError } from "./listen_error.ts";
import { readRevocationList, type RevocationList } from "./revocation.ts";

/** Where TLS material comes from; paths are absolute. */
export interface TlsSource {
  /** Path of the certificate chain, PEM. */
  readonly certfile: string;
  /** Path of the private key, PEM. */
  readonly keyfile: string;
  /** Path of a file with the authorities for client certificates, PEM. */
  readonly cafile?: string;
  /** Path of a folder with such authorities, PEM files. */
  readonly capath?: string;
  /** Such authorities as PEM text. */
  readonly cadata?: string;
  /** Path of a file with certificate revocation lists, PEM. */
  readonly crlfile?: string;
  /** Whether clients are asked for a certificate, and whether they must have one. */
  readonly clientCertificate: "off" | "optional" | "required";
}

/** What a TLS listener works with. */
export interface TlsMaterial {
  /** The certificate chain, PEM. */
  readonly certificates: string;
  /** The private key, PEM. */
  readonly key: string;
  /** Authorities for client certificates, PEM; empty if clients are not asked. */
  readonly authorities: readonly string[];
  /** `undefined`: revocation does not matter. */
  readonly revocationLists: readonly RevocationList[] | undefined;
}

/**
 * Reads and checks everything that `source` names.
 *
 * @throws {ListenError} that names key, path and reason: no such file, no PEM, key of another certificate, …
 */
export async function loadTlsMaterial(source: TlsSource): Promise<TlsMaterial> {
  const certificates = await readText("certfile", source.certfile);
  const [certificate] = parseCertificates(`certfile "${source.certfile}"`, certificates);
  if (!certificate) throw fault(`certfile "${source.certfile}"`, "there is no PEM certificate in it");
  const key = await readText("keyfile", source.keyfile);
  if (!certificate.checkPrivateKey(parseKey(source.keyfile, key))) {
    throw fault(`keyfile "${source.keyfile}"`, `the key does not belong to the certificate in "${source.certfile}"`);
  }
  if (source.clientCertificate === "off") return { certificates, key, authorities: [], revocationLists: undefined };
  const authorities = await loadAuthorities(source);
  return {
    certificates,
    key,
    authorities: authorities.map((authority) => authority.toString()),
    revocationLists: source.crlfile === undefined ? undefined : await loadLists(source.crlfile, authorities),
  };
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

/** Every file in a folder; links are followed, as folders made by `c_rehash` have them. */
async function readFolder(path: string): Promise<[path: string, text: string][]> {
  const names: string[] = [];
  try {
    for await (const entry of Deno.readDir(path)) if (!entry.isDirectory) names.push(entry.name);
  } catch (error) {
    throw fault(`capath "${path}"`, reasonOf(error), error);
  }
  return await Promise.all(
    names.sort().map(async (name) => {
      const file = join(path, name);
      return [file, await readText("capath", file)] as [string, string];
    }),
  );
}

async function loadLists(path: string, authorities: readonly X509Certificate[]): Promise<RevocationList[]> {
  const blocks = pemBlocks(await readText("crlfile", path), "X509 CRL");
  if (blocks.length === 0) throw fault(`crlfile "${path}"`, "there is no PEM revocation list in it");
  return blocks.map((block, index) => {
    try {
      const base64 = block.replace(/-----[^-]+-----|\s/g, "");
      return readRevocationList(Uint8Array.fromBase64(base64), authorities);
    } catch (error) {
      throw fault(`crlfile "${path}"`, `list ${index + 1}: ${reasonOf(error)}`, error);
    }
  });
}

function parseCertificates(place: string, text: string): X509Certificate[] {
  return pemBlocks(text, "CERTIFICATE").map((block, index) => {
    try {
      return new X509Certificate(block);
    } catch (error) {
      throw fault(place, `certificate ${index + 1} is malformed`, error);
    }
  });
}

function parseKey(path: string, text: string): KeyObject {
  const place = `keyfile "${path}"`;
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) throw fault(place, "there is no PEM private key in it");
  if (text.includes("ENCRYPTED")) throw fault(place, "the key is encrypted, expected one without a passphrase");
  try {
    return createPrivateKey(text);
  } catch (error) {
    throw fault(place, `the key is malformed`, error);
  }
}

function pemBlocks(text: string, label: string): string[] {
  return text.match(new RegExp(`-----BEGIN ${label}-----[^-]+-----END ${label}-----`, "g")) ?? [];
}

async function readText(key: string, path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    throw fault(`${key} "${path}"`, reasonOf(error), error);
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.NotADirectory) return "it is not a folder";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder, expected a file";
  return error instanceof Error ? error.message : String(error);
}

function fault(place: string, reason: string, cause?: unknown): ListenError {
  return new ListenError(`Cannot read ${place}: ${reason}`, { cause });
}
