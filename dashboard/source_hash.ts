/** Says whether the generated module is as new as its sources. */
import { fromFileUrl, join, relative } from "@std/path";

const folder = fromFileUrl(new URL(".", import.meta.url));

/** What the dashboard is made of, as paths. */
export async function sourceFiles(): Promise<string[]> {
  const found = ["build.ts", "deno.json", "index.html", "styles.css"].map((name) => join(folder, name));
  const walk = async (at: string): Promise<void> => {
    for await (const { name, isDirectory } of Deno.readDir(at)) {
      if (isDirectory) await walk(join(at, name));
      else found.push(join(at, name));
    }
  };
  await walk(join(folder, "src"));
  return found.sort();
}

/** A digest of all sources, the same on every system. */
export async function sourceHash(): Promise<string> {
  const parts: string[] = [];
  for (const file of await sourceFiles()) {
    const body = (await Deno.readTextFile(file)).replaceAll("\r\n", "\n");
    parts.push(`${relative(folder, file).replaceAll("\\", "/")}\n${body.length}\n${body}`);
  }
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(parts.join("\n")));
  return new Uint8Array(digest).toHex();
}
