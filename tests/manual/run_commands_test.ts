/**
 * Runs what the manual's readers would run: the blocks `sh run` of a page, one after the other in one folder, in which
 * the blocks `yaml NAME.yaml` are files.
 */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { codeBlocks, type Page, readManual, root } from "./manual.ts";

const hasOpenssl = await new Deno.Command("openssl", { args: ["version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

/** Runs a page. @returns what each of its commands has said */
async function runPage(page: Page, folder: string): Promise<readonly string[]> {
  const said: string[] = [];
  for (const { language, remark, text } of codeBlocks(page)) {
    if (language === "yaml" && remark.endsWith(".yaml")) await Deno.writeTextFile(join(folder, remark), text);
    if (language !== "sh" || remark !== "run") continue;
    for (const line of text.trimEnd().split("\n")) said.push(await runLine(line, folder));
  }
  return said;
}

/** The commands work in the reader's checkout; here they work in a folder that is thrown away. */
async function runLine(text: string, folder: string): Promise<string> {
  const script = `deno() { "${Deno.execPath()}" "$@"; }\n${text.replaceAll(" cli.ts ", ` "${root}cli.ts" `)}`;
  const child = new Deno.Command("bash", {
    args: ["-euc", script],
    cwd: folder,
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // Where a password is asked for.
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("wonderland\n")).catch(() => {});
  await writer.close().catch(() => {});
  const { success, stdout, stderr } = await child.output();
  const [out, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert(success, `${text}\n${out}${errors}`);
  return `${out}${errors}`;
}

/** For who comes from aMQTT: a list that is named `acl` alone is right as it stands. */
function isReminder(warning: string): boolean {
  return warning.includes("name it subscribe-acl to keep that meaning");
}

for (const page of await readManual()) {
  const blocks = codeBlocks(page).filter(({ language, remark }) => language === "sh" && remark === "run");
  if (blocks.length === 0) continue;
  const ignore = !hasOpenssl && blocks.some(({ text }) => text.includes("openssl "));
  Deno.test({
    name: `the commands of ${page.path} that a reader runs in turn do what the page says`,
    ignore,
    fn: async () => {
      const folder = await Deno.makeTempDir();
      try {
        const said = await runPage(page, folder);
        const lines = said.flatMap((text) => text.split("\n"));
        assertEquals(lines.filter((line) => line.startsWith("warning:") && !isReminder(line)), []);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}
