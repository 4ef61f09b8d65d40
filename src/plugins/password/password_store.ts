import { createHash } from "node:crypto";
import { type PasswordTable, readPasswordFile } from "../password_file.ts";
import { deriveSecret, keepSecret } from "./decoy_secret.ts";
import { Decoys } from "./decoys.ts";
import type { PasswordHash, ScramHash } from "./password_hash.ts";
import { fakeScramCredentials, type ScramCredentials } from "./scram_credentials.ts";
import { host } from "../../runtime/host.ts";

/** The users of one password file, as of the last time it could be read. */
export class PasswordStore {
  readonly #file: string;
  readonly #secretFile: string;
  #table: PasswordTable = new Map();
  #decoys = new Decoys<PasswordHash>([]);
  #scramDecoys = new Decoys<ScramHash>([]);
  #hasScram = false;
  #hasShaCrypt = false;
  #version: string;
  /** What the answers about users who do not exist are drawn with. */
  #secret: Uint8Array;
  #keeping: Promise<string | undefined> | undefined;

  /**
   * Reads a password file; throws if it has a fault.
   *
   * @param secretFile where the secret of {@linkcode PasswordStore.keepSecret} is
   */
  static async open(file: string, secretFile: string): Promise<PasswordStore> {
    const version = await versionOf(file);
    return new PasswordStore(file, secretFile, { table: await readPasswordFile(file), version });
  }

  private constructor(
    file: string,
    secretFile: string,
    { table, version }: { readonly table: PasswordTable; readonly version: string },
  ) {
    this.#file = file;
    this.#secretFile = secretFile;
    this.#version = version;
    this.#secret = deriveSecret(table);
    this.#take(table);
  }

  /** Number of users. */
  get size(): number {
    return this.#table.size;
  }

  /**
   * A text that is another one as soon as the user's line holds another hash, and that gives nothing of it away;
   * `undefined`: no such user.
   */
  mark(username: string): string | undefined {
    const hash = this.#table.get(username);
    return hash && createHash("sha256").update(JSON.stringify(hash)).digest("base64");
  }

  /** Whether a user has a hash that is computed on a thread of our own. */
  get hasShaCrypt(): boolean {
    return this.#hasShaCrypt;
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
    return this.#decoys.draw(this.#secret, username);
  }

  /**
   * The SCRAM credentials of any user name: for those who have none, always the same ones that nobody can sign in with,
   * and nobody can tell which these are.
   */
  scramCredentials(username: string): ScramCredentials {
    // Made in any case, so that both take the same time.
    const fake = fakeScramCredentials(this.#secret, username, this.#scramDecoys.draw(this.#secret, username));
    const hash = this.#table.get(username);
    return hash?.kind === "scram-sha-256" ? hash : fake;
  }

  /**
   * Takes the secret from its file, which is made if there is none, once there are users with SCRAM credentials: before,
   * there is nobody that others have to look like.
   *
   * @returns why it cannot be kept; said once
   */
  async keepSecret(): Promise<string | undefined> {
    if (!this.#hasScram) return undefined;
    if (this.#keeping !== undefined) return await this.#keeping.then(() => undefined);
    this.#keeping = keepSecret(this.#secretFile, this.#table).then(({ secret, fault }) => {
      this.#secret = secret;
      return fault;
    });
    return await this.#keeping;
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
    const hashes = [...table.values()];
    const scramHashes = hashes.filter((hash) => hash.kind === "scram-sha-256");
    this.#table = table;
    this.#decoys = new Decoys(hashes);
    this.#scramDecoys = new Decoys(scramHashes);
    this.#hasScram = scramHashes.length > 0;
    this.#hasShaCrypt = hashes.some((hash) => hash.kind === "sha-crypt");
  }
}

/** Tells one content of a file from another without reading it; empty: there is no such file. */
async function versionOf(file: string): Promise<string> {
  try {
    const { mtime, size, ino } = await host.stat(file);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch {
    return "";
  }
}
