import { Command, CommanderError, Option } from "commander";
import denoJson from "../../deno.json" with { type: "json" };
import type { PasswordOptions } from "../plugins/password_file.ts";
import { check } from "./check.ts";
import { clusterStatus, type ClusterStatusFlags } from "./cluster_status.ts";
import { ExitCode } from "./exit_code.ts";
import { health } from "./health.ts";
import { type CliIo, processIo } from "./io.ts";
import { passwd } from "./passwd.ts";
import { run } from "./run.ts";
import type { AdminRole } from "../config/config.ts";
import { token, type TokenCommand, tokenRoles } from "./token.ts";
import { type CliServices, services as realServices } from "./services.ts";

interface Flags {
  readonly config?: string;
  readonly check?: boolean;
  readonly debug?: boolean;
  readonly verbose?: boolean;
  readonly quiet?: boolean;
}

const HELP_AFTER = `
Signals: SIGINT and SIGTERM shut down, SIGHUP reads certificates, passwords and permissions again.
Exit codes: 0 shut down or nothing wrong, 1 cannot start or not well, 2 wrong config or command line.`;

/**
 * Runs the command line.
 *
 * @param args what follows the program's name
 * @returns the exit code, once the command is done or the broker was shut down
 */
export async function main(
  args: readonly string[],
  io: CliIo = processIo(),
  services: CliServices = realServices,
): Promise<number> {
  let exitCode: number = ExitCode.Success;
  const program = createProgram(io);
  program.action(async (argument: string | undefined, flags: Flags) => {
    if (argument !== undefined && flags.config !== undefined) {
      program.error(`error: the config file is given twice: got ${argument} and -c ${flags.config}`);
    }
    const file = flags.config ?? argument;
    exitCode = flags.check ? await check(file, io, services) : await run({ ...flags, file }, io, services);
  });
  program.command("passwd").description("add a user to a password file, or change their password")
    .argument("<file>", "password file; made if it is not there")
    .argument("<user>", "user name")
    .option("--scram", "for enhanced authentication by SCRAM-SHA-256 (MQTT 5.0), too")
    .action(async (file: string, username: string, { scram = false }: PasswordOptions) => {
      exitCode = await passwd({ file, username, scram }, io, services);
    });
  program.command("health").description("ask a running broker how it is: exit code 0 if it is well, 1 if not")
    .argument("[url]", "where it answers. Default: http://127.0.0.1:9883/readyz")
    .action(async (address: string | undefined) => {
      exitCode = await health(address, io, services);
    });
  program.command("cluster").description("about a cluster").command("status")
    .description("ask a node about its cluster: exit code 0 if it reaches the log and all others, 1 if not")
    .argument("[url]", "its admin API. Default: http://127.0.0.1:9883/")
    .option("--token-file <file>", "where a bearer token of the admin API stands; viewer is enough")
    .action(async (address: string | undefined, flags: ClusterStatusFlags) => {
      exitCode = await clusterStatus(address, flags, io, services);
    });
  addTokenCommands(program, async (file, command) => {
    exitCode = await token(file, command, io, services.tokens);
  });
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? ExitCode.Success : ExitCode.Usage;
  }
  return exitCode;
}

function addTokenCommands(program: Command, act: (file: string, command: TokenCommand) => Promise<void>): void {
  const tokens = program.command("token").description("bearer tokens of programs that use the admin API");
  const command = (name: string, description: string) =>
    tokens.command(name).description(description).argument("<file>", "token file, as admin.tokens-file names it");
  command("add", "make a token and print it, this once").argument("<name>", "name of the token")
    .addOption(new Option("--role <role>", "what it may do").choices(tokenRoles).default("viewer"))
    .action((file: string, name: string, { role }: { role: AdminRole }) => act(file, { do: "add", name, role }));
  command("list", "print the names of the tokens").action((file: string) => act(file, { do: "list" }));
  command("revoke", "make a token worthless").argument("<name>", "name of the token")
    .action((file: string, name: string) => act(file, { do: "revoke", name }));
}

function createProgram(io: CliIo): Command {
  return new Command("cli.ts")
    .description("MQTT broker. Without FILE it serves 127.0.0.1:1883.")
    .argument("[file]", "config file, YAML")
    .option("-c, --config <file>", "the same as FILE, as aMQTT has it")
    .option("--check", "go through a start on FILE, print what would be started, and start nothing")
    .option("-v, --verbose", "log what helps to find a fault, too; wins over log.level in FILE")
    .addOption(new Option("-q, --quiet", "log warnings and errors only").conflicts(["verbose", "debug"]))
    .option("-d, --debug", "log every packet, too")
    .version(denoJson.version, "--version", "print the version")
    .helpOption("-h, --help", "print this")
    .helpCommand(false)
    .addHelpText("after", HELP_AFTER)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text.trimEnd()), writeErr: (text) => io.error(text.trimEnd()) });
}
