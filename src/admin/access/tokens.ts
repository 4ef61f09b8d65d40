/** Bearer tokens for programs: a file with one `name:role:hash:made` a line, in which no token stands itself. */
import type { AdminRole } from "../../config/config.ts";
import { host } from "../../runtime/host.ts";
import { secret, toBase64Url } from "./identity.ts";

/** A token as the file has it. */
export interface TokenEntry {
  readonly name: string;
  readonly role: AdminRole;
  /** SHA-256, in base64 for URLs. */
  readonly hash: string;
  /** When it was made, in ISO 8601. */
  readonly made: string;
}

const PREFIX = "amqtt_";
const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const ROLES: readonly AdminRole[] = ["viewer", "operator", "admin"];

/** A token file that cannot be used; the message names file and line. */
export class TokenFileError extends Error {
  override readonly name = "TokenFileError";
}

/** Reads the text of a token file. @throws {TokenFileError} */
export function parseTokens(text: string, file: string): TokenEntry[] {
  return text.split(/\r?\n/).flatMap((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return [];
    const [name = "", role, hash = "", ...made] = line.split(":");
    const known = ROLES.find((one) => one === role);
    if (!NAME.test(name) || !known || !/^[\w-]{43}$/.test(hash)) {
      throw new TokenFileError(`${file}:${index + 1}: expected "name:role:hash:made"`);
    }
    return [{ name, role: known, hash, made: made.join(":") }];
  });
}

/** The tokens of a file; a file that is not there has none. @throws {TokenFileError} */
export async function readTokens(file: string): Promise<TokenEntry[]> {
  try {
    return parseTokens(await host.readTextFile(file), file);
  } catch (error) {
    if (error instanceof host.errors.NotFound) return [];
    if (error instanceof TokenFileError) throw error;
    throw new TokenFileError(`cannot read token file ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Adds a token.
 *
 * @returns the token, which is told this once
 * @throws {Error} if the name cannot be used or is there already, or the file cannot be read or written
 */
export async function addToken(file: string, name: string, role: AdminRole, now: Date): Promise<string> {
  if (!NAME.test(name)) {
    throw new Error(`token name must be 1 to 64 letters, digits, ".", "_" and "-": got ${JSON.stringify(name)}`);
  }
  const entries = await readTokens(file);
  if (entries.some((entry) => entry.name === name)) {
    throw new Error(`there is a token ${name} already: revoke it first`);
  }
  const token = `${PREFIX}${secret()}`;
  await writeTokens(file, [...entries, { name, role, hash: await hashOf(token), made: now.toISOString() }]);
  return token;
}

/** Takes a token out; false: there is none of this name. @throws {Error} if the file cannot be read or written */
export async function revokeToken(file: string, name: string): Promise<boolean> {
  const entries = await readTokens(file);
  const rest = entries.filter((entry) => entry.name !== name);
  if (rest.length === entries.length) return false;
  await writeTokens(file, rest);
  return true;
}

async function writeTokens(file: string, entries: readonly TokenEntry[]): Promise<void> {
  const text = entries.map(({ name, role, hash, made }) => `${name}:${role}:${hash}:${made}\n`).join("");
  const temporary = `${file}.${crypto.randomUUID()}`;
  try {
    await host.writeFile(temporary, new TextEncoder().encode(text), { createNew: true, mode: 0o600 });
    await host.rename(temporary, file);
  } catch (cause) {
    await host.remove(temporary).catch(() => {});
    throw new Error(`cannot write token file ${file}: ${(cause as Error).message}`, { cause });
  }
}

async function hashOf(token: string): Promise<string> {
  return toBase64Url(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))));
}

/** The tokens of a file that is read again whenever it has changed, so that a revoked one is worth nothing at once. */
export class TokenStore {
  readonly #file: string;
  #stamp = "";
  #byHash = new Map<string, TokenEntry>();

  constructor(file: string) {
    this.#file = file;
  }

  /** Whose token that is; `undefined`: nobody's. @throws {TokenFileError} */
  async find(token: string): Promise<TokenEntry | undefined> {
    const stamp = await stampOf(this.#file);
    if (stamp !== this.#stamp) {
      this.#byHash = new Map((await readTokens(this.#file)).map((entry) => [entry.hash, entry]));
      this.#stamp = stamp;
    }
    return token.startsWith(PREFIX) ? this.#byHash.get(await hashOf(token)) : undefined;
  }
}

async function stampOf(file: string): Promise<string> {
  try {
    const { mtime, size, ino } = await host.stat(file);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch {
    return "none";
  }
}
