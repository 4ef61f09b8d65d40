import { createHmac, randomBytes } from "node:crypto";
import { type PasswordTable, readPasswordFile } from "../password_file.ts";
import type { PasswordHash } from "./password_hash.ts";

/** The users of one password file, as of the last time it could be read. */
export class PasswordStore {
  readonly #file: string;
  readonly #secret = randomBytes(32);
  #table: PasswordTable;
  #hashes: readonly PasswordHash[];
  #version: string;

  /** Reads a password file; throws if it has a fault. */
  static async open(file: string): Promise<PasswordStore> {
    const version = await versionOf(file);
    return new PasswordStore(file, await readPasswordFile(file), version);
  }

  private constructor(file: string, table: PasswordTable, version: string) {
    this.#file = file;
    this.#table = table;
    this.#hashes = [...table.values()];
    this.#version = version;
  }

  /** Number of users. */
  get size(): number {
    return this.#table.size;
  }

  /** The hash of a user's password; `undefined`: no such user. */
  find(username: string): PasswordHash | undefined {
    return this.#table.get(username);
  }

  /**
   * The hash to check a password against when the user does not exist, so that this takes the time it takes for users
   * who do: always the same one for a user name, and nobody can tell which. `undefined`: there are no users.
   */
  decoy(username: string): PasswordHash | undefined {
    const draw = createHmac("sha256", this.#secret).update(username).digest().readUInt32BE(0);
    return this.#hashes[draw % this.#hashes.length];
  }

  /**
   * Reads the file again if it has changed since it was last looked at. A faulty one is reported once.
   *
   * @returns whether there is something new
   * @throws {PasswordFileError} if it has a fault; what was read before stays
   */
  async refresh(): Promise<boolean> {
    const version = await versionOf(this.#file);
    if (version === this.#version) return false;
    const reading = readPasswordFile(this.#file);
    await reading.catch(() => {});
    // It is being written just now: look again next time.
    if (await versionOf(this.#file) !== version) return false;
    this.#version = version;
    this.#table = await reading;
    this.#hashes = [...this.#table.values()];
    return true;
  }
}

/** Tells one content of a file from another without reading it; empty: there is no such file. */
async function versionOf(file: string): Promise<string> {
  try {
    const { mtime, size, ino } = await Deno.stat(file);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch {
    return "";
  }
}
