import type { PasswordOptions } from "../plugins/password_file.ts";
import { ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import { Interrupted, PasswordReader } from "./password_reader.ts";
import type { CliServices } from "./services.ts";

/** What `passwd` sets. */
export interface PasswdOptions extends PasswordOptions {
  /** Path of the password file. */
  readonly file: string;
  readonly username: string;
}

/** Exit code of a process that SIGINT ended. */
const INTERRUPTED = 130;

/**
 * Adds a user to a password file or changes their password, which is typed twice on a terminal, or else is the first
 * line of standard input.
 *
 * @returns the exit code
 */
export async function passwd(
  { file, username, scram = false }: PasswdOptions,
  io: CliIo,
  services: CliServices,
): Promise<number> {
  try {
    // Before anything is typed for nothing.
    await services.checkUsername(username);
    const password = await readPassword(username, io);
    const result = await services.setPassword(file, username, password, { scram });
    io.out(result === "added" ? `${file}: added ${username}` : `${file}: changed the password of ${username}`);
    return ExitCode.Success;
  } catch (error) {
    if (error instanceof Interrupted) return INTERRUPTED;
    io.error(`${file}: ${error instanceof Error ? error.message : String(error)}`);
    return ExitCode.Failure;
  }
}

async function readPassword(username: string, io: CliIo): Promise<string> {
  const reader = new PasswordReader(io);
  try {
    const password = await reader.read(`Password for ${username}: `);
    if (password === "") throw new Error("a password must not be empty");
    if (io.isTerminal && await reader.read("Again: ") !== password) throw new Error("the passwords differ");
    return password;
  } finally {
    await reader.close();
  }
}
