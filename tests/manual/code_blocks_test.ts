import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { parse } from "@std/yaml";
import configuration from "../../deno.json" with { type: "json" };
import { main } from "../../src/cli/main.ts";
import { resolveConfig } from "../../src/config/resolve.ts";
import { expandVariables } from "../../src/config/variables.ts";
import type { TokenServices } from "../../src/cli/services.ts";
import { parseOptions } from "../bench/options.ts";
import { FakeIo, FakeServices } from "../cli/support.ts";
import { commandsOf } from "./commands.ts";
import { type CodeBlock, codeBlocks, readManual, root } from "./manual.ts";

const manual = await readManual();

/** `text` is for what is only looked at, `nats` is run by the tests of the log. `ts` is checked and run by `deno test --doc`, or, with `ignore`, as a file. */
const languages: ReadonlySet<string> = new Set(["sh", "yaml", "ts", "text", "mermaid", "ini", "js", "promql", "nats"]);

/** Programs of others that the manual calls. */
const foreignPrograms: ReadonlySet<string> = new Set([
  "cat",
  "cp",
  "docker",
  "flock",
  "git",
  "journalctl",
  "mosquitto_pub",
  "mosquitto_sub",
  "openssl",
  "rm",
  "sqlite3",
  "sudo",
  "systemctl",
]);

for (const page of manual) {
  const blocks = codeBlocks(page);
  Deno.test(`every block of code in ${page.path} says a language that is checked`, () => {
    assertEquals(blocks.map(({ language }) => language).filter((language) => !languages.has(language)), []);
  });

  for (const [index, block] of blocks.filter(({ language }) => language === "yaml").entries()) {
    Deno.test(`example ${index + 1} of YAML in ${page.path} has no fault`, () => checkYaml(block));
  }

  const commands = blocks.filter(({ language }) => language === "sh").flatMap(({ text }) => commandsOf(text));
  if (commands.length > 0) {
    Deno.test(`every command in ${page.path} names tasks, files and flags that exist`, async () => {
      for (const command of commands) await checkCommand(command);
    });
  }
}

/** A config of ours is resolved; one of another program, named behind `yaml`, is only parsed. */
function checkYaml({ remark, text }: CodeBlock): void {
  const config = parse(text);
  if (remark !== "" && !remark.endsWith(".yaml")) return;
  const { document, faults } = expandVariables(config, { environment: () => undefined, isPlain: () => true });
  assertEquals(faults, []);
  resolveConfig(document, { baseDirectory: root });
}

async function checkCommand([program, ...args]: readonly string[]): Promise<void> {
  if (program === "npx") {
    assertEquals(args[0], "--yes");
    assert(args[1]!.startsWith("deno@"), args[1]);
    return await checkDeno(args.slice(2));
  }
  if (program === "deno") return await checkDeno(args);
  if (program === "cli.ts" || program === "amqtt-broker") return await checkCli(args);
  if (program === ".ci/run") return;
  assert(foreignPrograms.has(program!), `${program} is no program that the manual may call`);
}

/** What `deno task start` gives the engine. */
const engineFlag = /--v8-flags=\S+/.exec(configuration.tasks.start)?.[0];

Deno.test("whatever starts the broker quickly gives the engine the same flags, and it knows them", async () => {
  assert(engineFlag !== undefined);
  for (const file of ["cli.ts", "examples/amqtt-broker.service", "docs/operating.md"]) {
    const text = await Deno.readTextFile(join(root, file));
    assertEquals(text.match(/--v8-flags=\S+/g), [engineFlag], file);
  }
  assertEquals(/--v8-flags=\S+/.exec(configuration.tasks.compile)?.[0], engineFlag);
  const args = ["eval", engineFlag, ""];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), { args }).output();
  assert(success, new TextDecoder().decode(stderr));
});

async function checkDeno([command, ...args]: readonly string[]): Promise<void> {
  if (command === "task") return await checkTask(args);
  if (command === "run") {
    const at = args.findIndex((arg) => !arg.startsWith("-"));
    for (const flag of args.slice(0, at)) {
      const isKnown = /^(-A|--no-prompt|--cached-only|--allow-(net|read|write|env)=\S+)$/.test(flag);
      assert(isKnown || flag === engineFlag, `flag ${flag}`);
    }
    const script = args[at]!;
    if (!script.startsWith("/")) await Deno.stat(join(root, script));
    if (script === "cli.ts") await checkCli(args.slice(at + 1));
    return;
  }
  if (command === "test") return;
  assert(["fmt", "lint", "doc", "bench", "compile", "cache"].includes(command!), `deno ${command}`);
}

async function checkTask([task, ...args]: readonly string[]): Promise<void> {
  const tasks: Readonly<Record<string, string>> = configuration.tasks;
  assert(tasks[task!] !== undefined, `there is no task ${task}`);
  if (task === "bench") parseOptions(args);
  if (task === "start") await checkCli(args);
}

const pretended: TokenServices = {
  add: () => Promise.resolve("amqtt_…"),
  list: () => Promise.resolve([]),
  revoke: () => Promise.resolve(true),
};

/** What the command line says of it with files and brokers that only pretend. */
async function checkCli(args: readonly string[]): Promise<void> {
  const io = new FakeIo(["secret\n"]);
  const file = args.find((arg) => arg.endsWith(".yaml"));
  if (file?.startsWith("examples/")) await Deno.stat(join(root, file));
  // A file of the reader's does not exist here; what is checked is that the flags do.
  const isFile = (arg: string, at: number) => arg === file || args[at - 1] === "--token-file";
  const known = args.map((arg, at) => isFile(arg, at) ? join(root, "examples", "acl.yaml") : arg);
  const running = main(known, io, Object.assign(new FakeServices(), { tokens: pretended }));
  const serves = await Promise.race([running.then(() => false), io.listening("SIGTERM").then(() => true)]);
  if (serves) io.raise("SIGTERM");
  assertEquals([await running, io.errorLines.filter((line) => line.startsWith("error"))], [0, []], args.join(" "));
}

Deno.test("the check of commands finds a task, a flag, a file and a program that do not exist", async () => {
  const refuses = (command: string) => checkCommand(command.split(" ")).then(() => false, () => true);
  for (
    const command of [
      "deno task nothing",
      "deno task bench --nothing",
      "deno run -A nothing.ts",
      "deno run --nothing cli.ts",
      "deno run -A cli.ts --nothing",
      "deno run -A cli.ts examples/nothing.yaml",
      "nothing",
    ]
  ) assert(await refuses(command), command);
});
