/** The password file: one `user:hash` a line, `#` comments and blank lines. */
import { basename, dirname, join } from "node:path";
import { hashWithArgon2id } from "./password/argon2id.ts";
import { MAX_PASSWORD_BYTES, parsePasswordHash, type PasswordHash } from "./password/password_hash.ts";
import { hashWithScram } from "./password/scram_credentials.ts";
import { host } from "../runtime/host.ts";

/** The users of a password file and their hashes. */
export type PasswordTable = ReadonlyMap<string, PasswordHash>;

/** How a new password is kept. */
export interface PasswordOptions {
  /** As credentials for SCRAM-SHA-256 instead of Argon2id. @default false */
  readonly scram?: boolean;
}

/** A password file that cannot be used; the message has a line `file:line: …` for each fault and quotes no hash. */
export class PasswordFileError extends Error {
  /** For telling it from other errors. */
  override readonly name = "PasswordFileError";
}

interface Line {
  /** Counts from 1. */
  readonly number: number;
  readonly username: string;
  readonly hash: string;
}

const BYTE_ORDER_MARK = "\uFEFF";
const REPLACEMENT_CHARACTER = "\uFFFD";
// deno-lint-ignore no-control-regex
const CONTROL_CHARACTER = /[\u0000-\u001F\u007F-\u009F]/;

/**
 * Reads the text of a password file. Line ends may be CRLF.
 *
 * @param file its path, for the messages
 * @throws {PasswordFileError} if a line cannot be read, a user is there twice or a password is in plain text
 */
export function parsePasswordFile(text: string, file: string): PasswordTable {
  const table = new Map<string, PasswordHash>();
  const firstLines = new Map<string, number>();
  const faults: string[] = [];
  text.replace(BYTE_ORDER_MARK, "").split("\n").forEach((content, index) => {
    try {
      const line = readLine(content, index + 1);
      if (line === undefined) return;
      const first = firstLines.get(line.username);
      if (first !== undefined) throw new Error(`user ${JSON.stringify(line.username)} is in line ${first} already`);
      firstLines.set(line.username, line.number);
      table.set(line.username, parsePasswordHash(line.hash));
    } catch (fault) {
      faults.push(`${file}:${index + 1}: ${(fault as Error).message}`);
    }
  });
  if (faults.length > 0) throw new PasswordFileError(faults.join("\n"));
  return table;
}

/**
 * Reads a password file.
 *
 * @throws {PasswordFileError} if it cannot be read, or see {@linkcode parsePasswordFile}
 */
export async function readPasswordFile(file: string): Promise<PasswordTable> {
  return parsePasswordFile(await readText(file), file);
}

/**
 * Sets the password of a user; what else the file holds stays as it is. A file that is not there is
 * made. The new content replaces the old in one step, readable by the owner only.
 *
 * @param username not empty, without `:` and control characters, no `#` at the beginning and no space at either end
 * @param password 1 to 1,024 bytes; for SCRAM without control characters
 * @returns whether the user was new
 * @throws {PasswordFileError} if the file has a fault
 * @throws {Error} if username or password cannot be used, or the file cannot be written
 */
export async function setPassword(
  file: string,
  username: string,
  password: string,
  { scram = false }: PasswordOptions = {},
): Promise<"added" | "changed"> {
  checkUsername(username);
  checkPassword(password);
  const present = await followLinks(file);
  const text = present === undefined ? "" : await readText(file);
  parsePasswordFile(text, file);
  const entry = `${username}:${await hashPassword(password, { scram })}`;
  const { changed, text: newText } = withEntry(text, username, entry);
  await replaceFile(present ?? file, newText);
  return changed ? "changed" : "added";
}

/**
 * The hash of a password as it stands behind the colon of a line of a password file.
 *
 * @param password 1 to 1,024 bytes in UTF-8; for SCRAM without control characters
 * @throws {Error} if the password cannot be used
 * @category Testing
 *
 * @example
 * ```ts
 * import { hashPassword } from "@amqtt/broker/testing";
 *
 * const line = `alice:${await hashPassword("secret")}`;
 * console.log(line); // alice:$argon2id$…
 * ```
 */
export async function hashPassword(password: string, { scram = false }: PasswordOptions = {}): Promise<string> {
  const bytes = checkPassword(password);
  return await (scram ? hashWithScram(bytes) : hashWithArgon2id(bytes));
}

function checkPassword(password: string): Uint8Array {
  const bytes = new TextEncoder().encode(password);
  if (bytes.length >= 1 && bytes.length <= MAX_PASSWORD_BYTES) return bytes;
  throw new Error(`cannot set the password: it must have 1 to ${MAX_PASSWORD_BYTES} bytes: got ${bytes.length}`);
}

/**
 * Checks that a user name can stand in a password file.
 *
 * @throws {Error} if it cannot
 */
export function checkUsername(username: string): void {
  const fault = username === ""
    ? "be empty"
    : username.includes(":")
    ? 'contain ":"'
    : CONTROL_CHARACTER.test(username) || !username.isWellFormed()
    ? "contain control characters"
    : username.startsWith("#")
    ? 'begin with "#"'
    : username !== username.trim()
    ? "begin or end with a space"
    : undefined;
  if (fault !== undefined) throw new Error(`user name must not ${fault}: got ${JSON.stringify(username)}`);
}

/** `undefined`: there is nothing in the line. */
function readLine(content: string, number: number): Line | undefined {
  const line = content.trim();
  if (line === "" || line.startsWith("#")) return undefined;
  if (line.includes(REPLACEMENT_CHARACTER)) throw new Error("the line is not UTF-8");
  const colon = line.indexOf(":");
  if (colon < 0) throw new Error('expected "user:hash": there is no ":" in the line');
  const username = line.slice(0, colon).trim();
  checkUsername(username);
  return { number, username, hash: line.slice(colon + 1).trim() };
}

function withEntry(text: string, username: string, entry: string): { changed: boolean; text: string } {
  const lineEnd = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.replace(BYTE_ORDER_MARK, "").split(/\r?\n/);
  const index = lines.findIndex((content, at) => readLine(content, at + 1)?.username === username);
  if (index >= 0) lines[index] = entry;
  else {
    if (lines.at(-1)?.trim() === "") lines.pop();
    lines.push(entry, "");
  }
  return { changed: index >= 0, text: lines.join(lineEnd) };
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder().decode(await host.readFile(file));
  } catch (cause) {
    throw new PasswordFileError(`cannot read password file ${file}: ${(cause as Error).message}`, { cause });
  }
}

/** The file that a path leads to, so that a link is not replaced by a file; `undefined`: there is none. */
async function followLinks(file: string): Promise<string | undefined> {
  try {
    return await host.realPath(file);
  } catch (error) {
    if (error instanceof host.errors.NotFound) return undefined;
    throw new PasswordFileError(`cannot read password file ${file}: ${(error as Error).message}`, { cause: error });
  }
}

async function replaceFile(file: string, text: string): Promise<void> {
  const temporary = join(dirname(file), `.${basename(file)}.${crypto.randomUUID()}`);
  try {
    await writeNew(temporary, text);
    await keepOwner(file, temporary);
    await host.rename(temporary, file);
  } catch (cause) {
    await host.remove(temporary).catch(() => {});
    throw new Error(`cannot write password file ${file}: ${(cause as Error).message}`, { cause });
  }
}

async function writeNew(file: string, text: string): Promise<void> {
  using handle = await host.open(file, { write: true, createNew: true, mode: 0o600 });
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length;) written += await handle.write(bytes.subarray(written));
  await handle.sync();
}

/** The administrator may set a password, and the broker's user has to be able to read it. */
async function keepOwner(old: string, replacement: string): Promise<void> {
  if (host.build.os === "windows") return;
  const before = await host.stat(old).catch(() => undefined);
  if (before === undefined) return;
  const after = await host.stat(replacement);
  if (before.uid !== after.uid || before.gid !== after.gid) await host.chown(replacement, before.uid, before.gid);
}
