/**
 * Puts the programs of examples/cookbook/ into docs/cookbook.md.
 *
 *     deno task docs:cookbook
 */
import { join } from "@std/path";
import { root } from "./manual.ts";

/** The page that shows the programs. */
export const COOKBOOK_PAGE = "docs/cookbook.md";
/** Where the programs are. */
export const COOKBOOK_FOLDER = "examples/cookbook";

/** A block of code that says which file it shows. */
const BLOCK = /^(```\w+ ignore (examples\/cookbook\/\S+)\n)[^]*?^```$/gm;

/** Paths of the files that a page shows, in its order. */
export function shownIn(page: string): readonly string[] {
  return [...page.matchAll(BLOCK)].map(([, , path]) => path!);
}

/** The page with the files as they are now. */
export async function withPrograms(page: string): Promise<string> {
  const texts = new Map<string, string>();
  for (const path of shownIn(page)) texts.set(path, await Deno.readTextFile(join(root, path)));
  return page.replace(BLOCK, (_, head: string, path: string) => `${head}${texts.get(path)}\`\`\``);
}

if (import.meta.main) {
  const path = join(root, COOKBOOK_PAGE);
  await Deno.writeTextFile(path, await withPrograms(await Deno.readTextFile(path)));
}
