/** Password files without a user, where nobody can sign in but by them. */
import type { ResolvedConfig } from "../config/config.ts";
import { onlyPasswordFiles } from "../config/surprises.ts";
import { readPasswordFile } from "../plugins/password_file.ts";

/** What a start warns of. A file that cannot be read is told of by the plugin that it is for. */
export async function emptyPasswordFiles(config: ResolvedConfig): Promise<string[]> {
  const entries = onlyPasswordFiles(config);
  const files = entries.map(({ options }) => (options as { readonly passwordFile: string }).passwordFile);
  const sizes = await Promise.all(
    files.map(async (file) => (await readPasswordFile(file).catch(() => undefined))?.size),
  );
  if (files.length === 0 || sizes.some((size) => size !== 0)) return [];
  const reason = `no user stands in ${files.join(" or ")}, and nobody else is let in (allow-anonymous is false)`;
  return [`${entries[0]!.place}: lets nobody in: ${reason}. Add one with passwd ${files[0]} USER`];
}
