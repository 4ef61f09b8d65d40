/** The files that TLS material comes from. */
import { join } from "node:path";
import { ListenError } from "../listen_error.ts";
import { host } from "../../runtime/host.ts";

/** Where TLS material comes from; paths are absolute. */
export interface TlsSource {
  /** Path of the certificate chain, PEM. */
  readonly certfile: string;
  /** Path of a file with the private key, PEM; may be that of the certificates. */
  readonly keyfile: string;
  /** What opens an encrypted key; `undefined`: it is not encrypted, or the next one holds. */
  readonly keyfilePassphrase?: string;
  /** Path of a file whose first line is the passphrase. */
  readonly keyfilePassphraseFile?: string;
  /** Path of a file with the authorities for client certificates, PEM. */
  readonly cafile?: string;
  /** Path of a folder with such authorities, PEM files. */
  readonly capath?: string;
  /** Such authorities as PEM text. */
  readonly cadata?: string;
  /** Path of a file with certificate revocation lists, PEM. */
  readonly crlfile?: string;
  /** Whether clients are asked for a certificate, and whether they must have one: `off`, or there is an authority. */
  readonly clientCertificate: "off" | "optional" | "required";
}

/** Reads a file. @throws {ListenError} that names `key`, path and reason */
export async function readText(key: string, path: string): Promise<string> {
  try {
    return await host.readTextFile(path);
  } catch (error) {
    throw fault(`${key} "${path}"`, reasonOf(error), error);
  }
}

/** Every file in a folder; links are followed, as folders made by `c_rehash` have them. @throws {ListenError} */
export async function readFolder(path: string): Promise<[path: string, text: string][]> {
  const names = await fileNames(path).catch((error) => {
    throw fault(`capath "${path}"`, reasonOf(error), error);
  });
  return await Promise.all(names.map(async (name): Promise<[string, string]> => {
    const file = join(path, name);
    return [file, await readText("capath", file)];
  }));
}

/** Tells one content of everything that `source` names from another without reading it; links are followed. */
export async function versionOf(source: TlsSource): Promise<string> {
  const { certfile, keyfile, keyfilePassphraseFile, cafile, capath, crlfile } = source;
  const files = [certfile, keyfile, keyfilePassphraseFile, cafile, crlfile].filter((file) => file !== undefined);
  if (capath !== undefined) {
    const names = await fileNames(capath).catch(() => []);
    files.push(...names.map((name) => join(capath, name)));
  }
  const versions = await Promise.all(files.map(async (file) => {
    try {
      const { mtime, size, ino, dev } = await host.stat(file);
      return [file, mtime?.getTime(), size, ino, dev];
    } catch {
      return [file];
    }
  }));
  return JSON.stringify(versions);
}

/** What cannot be used, and why. */
export function fault(place: string, reason: string, cause?: unknown): ListenError {
  return new ListenError(`Cannot read ${place}: ${reason}`, { cause });
}

/** The system's refusal in words. */
export function reasonOf(error: unknown): string {
  if (error instanceof host.errors.NotFound) return "no such file";
  if (error instanceof host.errors.PermissionDenied) return "permission denied";
  if (error instanceof host.errors.NotADirectory) return "it is not a folder";
  if (error instanceof host.errors.IsADirectory) return "it is a folder, expected a file";
  return error instanceof Error ? error.message : String(error);
}

async function fileNames(folder: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of host.readDir(folder)) if (!entry.isDirectory) names.push(entry.name);
  return names.sort();
}
