import { createHmac } from "node:crypto";
import { type PasswordTable, readPasswordFile } from "../password_file.ts";
import type { PasswordHash, ScramHash } from "./password_hash.ts";
import { fakeScramCredentials, type ScramCredentials } from "./scram_credentials.ts";

/** The users of one password file, as of the last time it could be read. */
export class PasswordStore {
  readonly #file: string;
  readonly #secret: Uint8Array;
  #table: PasswordTable = new Map();
  #hashes: readonly PasswordHash[] = [];
  #scramHashes: readonly ScramHash[] = [];
  #version: string;

  /**
   * Reads a password file; throws if it has a fault.
   *
   * @param secret what the answers about users who do not exist are drawn with: random bytes, the same for every file
   */
  static async open(file: string, secret: Uint8Array): Promise<PasswordStore> {
    const version = await versionOf(file);
    return new PasswordStore(file, secret, { table: await readPasswordFile(file), version });
  }

  private constructor(
    file: string,
    secret: Uint8Array,
    { table, version }: { readonly table: PasswordTable; readonly version: string },
  ) {
    this.#file = file;
    this.#secret = secret;
    this.#version = version;
    this.#take(table);
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
    return this.#draw(this.#hashes, username);
  }

  /**
   * The SCRAM credentials of any user name: for those who have none, always the same ones that nobody can sign in with,
   * and nobody can tell which these are.
   */
  scramCredentials(username: string): ScramCredentials {
    // Made in any case, so that both take the same time.
    const fake = fakeScramCredentials(this.#secret, username, this.#draw(this.#scramHashes, username));
    const hash = this.#table.get(username);
    return hash?.kind === "scram-sha-256" ? hash : fake;
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
    this.#take(await reading);
    return true;
  }

  #take(table: PasswordTable): void {
    this.#table = table;
    this.#hashes = [...table.values()];
    this.#scramHashes = this.#hashes.filter((hash) => hash.kind === "scram-sha-256");
  }

  #draw<Hash>(hashes: readonly Hash[], username: string): Hash | undefined {
    const draw = createHmac("sha256", this.#secret).update(username).digest().readUInt32BE(0);
    return hashes[draw % hashes.length];
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
