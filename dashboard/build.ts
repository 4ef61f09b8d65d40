/** Bundles the dashboard into the one module that the broker serves it from: `deno task build:dashboard`. */
import { fromFileUrl } from "@std/path";
import { sourceHash } from "./source_hash.ts";

const folder = fromFileUrl(new URL(".", import.meta.url));
const target = fromFileUrl(new URL("../src/admin/dashboard_files.ts", import.meta.url));

async function bundle(): Promise<string> {
  const out = await Deno.makeTempFile({ suffix: ".js" });
  try {
    const args = ["bundle", "--quiet", "--platform", "browser", "--minify", "--output", out, `${folder}src/main.tsx`];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: folder }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return await Deno.readTextFile(out);
  } finally {
    await Deno.remove(out);
  }
}

const files = {
  "": { type: "text/html; charset=utf-8", body: await Deno.readTextFile(`${folder}index.html`) },
  "app.js": { type: "text/javascript; charset=utf-8", body: await bundle() },
  "app.css": { type: "text/css; charset=utf-8", body: await Deno.readTextFile(`${folder}styles.css`) },
};
const lines = Object.entries(files).map(([path, { type, body }]) =>
  `  ${JSON.stringify(path)}: {\n    type: ${JSON.stringify(type)},\n    body: ${JSON.stringify(body)},\n  },\n`
);
await Deno.writeTextFile(
  target,
  `// Made by \`deno task build:dashboard\` from dashboard/. Do not edit.
// deno-fmt-ignore-file
// deno-lint-ignore-file

/** Of the sources that this was made from. */
export const sourceHash = ${JSON.stringify(await sourceHash())};

/** By path below the page's own; the empty one is the page itself. */
export const dashboardFiles: Readonly<Record<string, { readonly type: string; readonly body: string }>> = {
${lines.join("")}};
`,
);
console.log(Object.entries(files).map(([path, { body }]) => `${path || "index"}: ${body.length}`).join(", "));
