/** A copy of the checkout in a temporary folder, in which the mutants wait to be switched on. */
import { dirname, fromFileUrl, join, relative } from "@std/path";
import { type Mutant, withSwitches } from "./mutants.ts";

/** Where the checkout is that is copied. */
export const root: string = fromFileUrl(new URL("../..", import.meta.url));

/** How long a test of the copy waits for what must come: with a mutant it often does not. */
const PATIENCE_MS = 3000;

/** All files of the checkout that are not ignored, as they are now. */
export async function filesOfCheckout(): Promise<string[]> {
  const args = ["ls-files", "--cached", "--others", "--exclude-standard"];
  const { success, stdout, stderr } = await new Deno.Command("git", { args, cwd: root }).output();
  if (!success) throw new Error(`git ls-files: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout).split("\n").filter((path) => path !== "" && exists(join(root, path)));
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/**
 * Copies files of the checkout into `folder`.
 *
 * @param textFor another text for a file; `undefined`: it stays as it is. @default all do
 */
export async function copyFiles(
  folder: string,
  files: readonly string[],
  textFor: (file: string) => Promise<string> | undefined = () => undefined,
): Promise<void> {
  for (const file of files) {
    const target = join(folder, file);
    await Deno.mkdir(dirname(target), { recursive: true });
    const text = textFor(file);
    if (text) await Deno.writeTextFile(target, await text);
    else await Deno.copyFile(join(root, file), target);
  }
}

/** Makes the copy in `folder`. The number of a mutant is its place among them, from 1. */
export async function copyCheckout(
  folder: string,
  files: readonly string[],
  mutants: readonly Mutant[],
): Promise<void> {
  const numbers = new Map(mutants.map((mutant, index) => [mutant, index + 1]));
  const mutantsByFile = Map.groupBy(mutants, ({ file }) => file);
  const switched = async (file: string, its: readonly Mutant[]) => {
    const switches = relative(dirname(file), "tests/mutate/switch.ts").replaceAll("\\", "/");
    const source = await Deno.readTextFile(join(root, file));
    return withSwitches(source, its, { numberOf: (mutant) => numbers.get(mutant)!, switches });
  };
  await copyFiles(folder, files, (file) => {
    const its = mutantsByFile.get(file);
    return its && switched(file, its);
  });
  await shortenPatience(join(folder, "tests/support/patience.ts"));
}

async function shortenPatience(path: string): Promise<void> {
  const before = await Deno.readTextFile(path);
  const after = before.replace(/(const PATIENCE_MS = )[\d_]+;/, `$1${PATIENCE_MS};`);
  if (after === before) throw new Error(`${path}: expected a line "const PATIENCE_MS = …;"`);
  await Deno.writeTextFile(path, after);
}
