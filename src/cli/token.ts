import type { AdminRole } from "../config/config.ts";
import { errorText } from "../error_text.ts";
import { ExitCode } from "./exit_code.ts";
import type { CliIo } from "./io.ts";
import type { TokenServices } from "./services.ts";

/** Roles that a token may have. */
export const tokenRoles: readonly AdminRole[] = ["viewer", "operator", "admin"];

/** What is to be done with the tokens of a file. */
export type TokenCommand =
  | { readonly do: "add"; readonly name: string; readonly role: AdminRole }
  | { readonly do: "list" }
  | { readonly do: "revoke"; readonly name: string };

/** Adds, lists or revokes bearer tokens of the admin API. @returns the exit code */
export async function token(
  file: string,
  command: TokenCommand,
  io: CliIo,
  services: TokenServices,
): Promise<number> {
  try {
    if (command.do === "add") io.out(await services.add(file, command.name, command.role));
    else if (command.do === "list") {
      for (const { name, role, made } of await services.list(file)) io.out(`${name} ${role} ${made}`);
    } else if (await services.revoke(file, command.name)) io.out(`${file}: revoked ${command.name}`);
    else throw new Error(`there is no token ${command.name}`);
    return ExitCode.Success;
  } catch (error) {
    io.error(`${file}: ${errorText(error)}`);
    return ExitCode.Failure;
  }
}
