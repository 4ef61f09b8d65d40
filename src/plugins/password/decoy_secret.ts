/**
 * The secret that the answers about users who do not exist are made with. It has to outlive restarts and changes of the
 * password file: whose salt changes then would be told from those who exist.
 */
import { createHash } from "node:crypto";
import type { PasswordTable } from "../password_file.ts";
import { host } from "../../runtime/host.ts";

const SECRET_BYTES = 32;

/** The secret, and why it could not be kept. */
export interface KeptSecret {
  readonly secret: Uint8Array;
  /** `undefined`: it is kept. */
  readonly fault?: string;
}

/**
 * Reads the secret from its file, and makes the file, for its owner only, if there is none.
 *
 * @returns without a file that can be used, a secret derived from `table`
 */
export async function keepSecret(file: string, table: PasswordTable): Promise<KeptSecret> {
  try {
    const secret = await readSecret(file) ?? await writeSecret(file);
    if (secret.length === SECRET_BYTES) return { secret };
    throw new Error(`it must have ${SECRET_BYTES} bytes: got ${secret.length}`);
  } catch (fault) {
    return { secret: deriveSecret(table), fault: `${file}: ${(fault as Error).message}` };
  }
}

/** A secret that lasts as long as the users stay what they are: nobody can compute it without all of their hashes. */
export function deriveSecret(table: PasswordTable): Uint8Array {
  const hash = createHash("sha256");
  for (const [username, entry] of table) {
    hash.update(`${username}\0${entry.kind}\0`).update("digest" in entry ? entry.digest : entry.serverKey);
  }
  return new Uint8Array(hash.digest());
}

async function readSecret(file: string): Promise<Uint8Array | undefined> {
  try {
    return await host.readFile(file);
  } catch (error) {
    if (error instanceof host.errors.NotFound) return undefined;
    throw error;
  }
}

/** Another broker may do the same just now: what is there in the end counts for both. */
async function writeSecret(file: string): Promise<Uint8Array> {
  const temporary = `${file}.${crypto.randomUUID()}`;
  try {
    const secret = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
    await host.writeFile(temporary, secret, { createNew: true, mode: 0o600 });
    await host.rename(temporary, file);
  } catch (error) {
    await host.remove(temporary).catch(() => {});
    throw error;
  }
  return await host.readFile(file);
}
