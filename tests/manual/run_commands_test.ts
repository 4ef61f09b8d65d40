/**
 * Runs what the manual's readers would run, page by page, in a folder of its own: the blocks `yaml NAME.yaml` become
 * files, the blocks `sh run` are run, and those `sh live` beside a broker on `broker.yaml`, if there is one by then.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Broker } from "../../src/broker/broker.ts";
import { loadConfigFile } from "../../src/config/load.ts";
import { patiently } from "../support/patience.ts";
import { CollectingLogger } from "../support/test_broker.ts";
import { commandsOf } from "./commands.ts";
import { type CodeBlock, codeBlocks, type Page, readManual, root } from "./manual.ts";

/** What is typed where a password is asked for; the manual's commands give it with `-P`. */
const PASSWORD = "secret\n";

/** Ports of the manual's configs, which are replaced by free ones. */
const ADDRESS = /bind: (?:0\.0\.0\.0|127\.0\.0\.1):\d+/g;

const HOOKS_PLUGIN = new URL("../support/hooks_plugin.ts", import.meta.url).href;

function isInstalled(program: string): boolean {
  try {
    new Deno.Command(program, { args: ["--help"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch {
    return false;
  }
}

const hasOpenssl = isInstalled("openssl");
const hasMosquitto = isInstalled("mosquitto_sub");

function isRun({ language, remark }: CodeBlock): boolean {
  return language === "sh" && (remark === "run" || remark === "live");
}

/** A page that is being worked through. */
class Reader implements AsyncDisposable {
  readonly #folder: string;
  /** What `sh run` has said, in lines. */
  readonly said: string[] = [];
  #broker: Broker | undefined;
  #onSubscribed = () => {};
  readonly #subscribers: Deno.ChildProcess[] = [];
  #published = false;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(block: CodeBlock): Promise<void> {
    const { language, remark, text } = block;
    if (language === "yaml" && remark.endsWith(".yaml")) {
      await Deno.writeTextFile(join(this.#folder, remark), text.replaceAll(ADDRESS, "bind: 127.0.0.1:0"));
      await this.#stop();
    } else if (remark === "run") { for (const line of text.trimEnd().split("\n")) await this.#run(line); }
    else if (remark === "live" && hasMosquitto) {
      for (const command of commandsOf(text)) {
        await this.#runLive(command);
      }
    }
  }

  /** Whoever has subscribed before something was published has got it. */
  async finish(): Promise<void> {
    if (!this.#published) return;
    for (const { stdout } of this.#subscribers) {
      const reader = stdout.getReader();
      const { value } = await patiently("a line of mosquitto_sub", reader.read());
      assert((value?.length ?? 0) > 0);
      await reader.cancel();
    }
  }

  async #run(line: string): Promise<void> {
    const script = `deno() { "${Deno.execPath()}" "$@"; }\n${line.replaceAll(" cli.ts ", ` "${root}cli.ts" `)}`;
    const child = new Deno.Command("bash", {
      args: ["-euc", script],
      cwd: this.#folder,
      env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(PASSWORD)).catch(() => {});
    await writer.close().catch(() => {});
    const { success, stdout, stderr } = await child.output();
    const said = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("");
    assert(success, `${line}\n${said}`);
    this.said.push(...said.split("\n"));
  }

  async #runLive([program, ...args]: readonly string[]): Promise<void> {
    const port = String(await this.#port());
    const given = args.indexOf("-p");
    const withPort = given < 0 ? [...args, "-p", port] : args.with(given + 1, port);
    const subscribed = new Promise<void>((resolve) => this.#onSubscribed = resolve);
    const child = new Deno.Command(program!, {
      args: withPort,
      cwd: this.#folder,
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    if (program === "mosquitto_sub" && !args.includes("-C")) {
      this.#subscribers.push(child);
      return await patiently("the subscription", subscribed);
    }
    const { success, stdout } = await patiently([program, ...withPort].join(" "), child.output());
    assert(success, [program, ...withPort].join(" "));
    if (program === "mosquitto_pub") this.#published = true;
    else assert(stdout.length > 0, `${program} got nothing`);
  }

  async #port(): Promise<number> {
    this.#broker ??= await this.#start();
    return Object.values(this.#broker.addresses)[0]!.port!;
  }

  async #start(): Promise<Broker> {
    const file = join(this.#folder, "broker.yaml");
    const exists = await Deno.stat(file).then(() => true, () => false);
    const config = exists ? (await loadConfigFile(file)).config : { listeners: { mqtt: { bind: "127.0.0.1:0" } } };
    const observer = { [HOOKS_PLUGIN]: { hooks: { clientSubscribed: () => this.#onSubscribed() } } };
    const broker = new Broker({ ...config, plugins: [observer] }, {
      baseDirectory: this.#folder,
      logger: new CollectingLogger(),
    });
    await broker.start();
    return broker;
  }

  async #stop(): Promise<void> {
    await this.#broker?.shutdown();
    this.#broker = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#subscribers) {
      child.kill();
      await child.status;
      if (!child.stdout.locked) await child.stdout.cancel();
    }
    await this.#stop();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** For who comes from aMQTT: a list that is named `acl` alone is right as it stands. */
function isReminder(warning: string): boolean {
  return warning.includes("name it subscribe-acl to keep that meaning");
}

async function readPage(page: Page): Promise<void> {
  await using reader = new Reader(await Deno.makeTempDir());
  for (const block of codeBlocks(page)) await reader.read(block);
  await reader.finish();
  assertEquals(reader.said.filter((line) => line.startsWith("warning:") && !isReminder(line)), []);
}

for (const page of await readManual()) {
  const blocks = codeBlocks(page).filter(isRun);
  if (blocks.length === 0) continue;
  Deno.test({
    name: `the commands of ${page.path} that a reader runs in turn do what the page says`,
    ignore: !hasOpenssl && blocks.some(({ text }) => text.includes("openssl ")),
    fn: () => readPage(page),
  });
}
