/** The manual: README.md, CONTRIBUTING.md, CHANGELOG.md and the pages in docs/. */
import { fromFileUrl, join } from "@std/path";

/** The checkout's folder. */
export const root: string = fromFileUrl(new URL("../..", import.meta.url));

/** A page of the manual. */
export interface Page {
  /** Relative to the checkout: `docs/tls.md`. */
  readonly path: string;
  readonly text: string;
}

/** A block of code with what stands behind its backquotes. */
export interface CodeBlock {
  /** `yaml`, `ts`, `sh`, … */
  readonly language: string;
  /** What follows the language. */
  readonly remark: string;
  readonly text: string;
}

/** Every page, README.md first. */
export async function readManual(): Promise<readonly Page[]> {
  const paths = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"];
  for await (const { name } of Deno.readDir(join(root, "docs"))) if (name.endsWith(".md")) paths.push(`docs/${name}`);
  return Promise.all(paths.map(async (path) => ({ path, text: await Deno.readTextFile(join(root, path)) })));
}

/** The blocks of code of a page, in their order. */
export function codeBlocks({ text }: Page): readonly CodeBlock[] {
  return [...text.matchAll(/^```(\w*) ?(.*)\n([^]*?)^```$/gm)].map(([, language, remark, text]) => ({
    language: language!,
    remark: remark!,
    text: text!,
  }));
}

/** A page without its blocks of code. */
export function proseOf({ text }: Page): string {
  return text.replace(/^```[^]*?^```$/gm, "");
}
