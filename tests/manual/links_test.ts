import { assert, assertEquals } from "@std/assert";
import { dirname, join } from "@std/path";
import { type Page, proseOf, readManual, root } from "./manual.ts";

const manual = await readManual();

/** Targets of links and pictures. */
function linksOf(page: Page): readonly string[] {
  return [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
}

/** Anchors as GitHub makes them from headings. */
function anchorsOf(page: Page): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading] of proseOf(page).matchAll(/^#+ (.+)$/gm)) {
    const words = heading!.replaceAll(/\]\([^)]*\)/g, "").toLowerCase().replaceAll(/[^\p{L}\p{N} _-]/gu, "");
    const anchor = words.replaceAll(" ", "-");
    let name = anchor;
    for (let count = 1; anchors.has(name); count++) name = `${anchor}-${count}`;
    anchors.add(name);
  }
  return anchors;
}

/** What is wrong with a link; `undefined`: it leads somewhere. */
async function faultOf(from: Page, link: string): Promise<string | undefined> {
  if (/^https:/.test(link)) return undefined;
  const [file = "", anchor] = link.split("#");
  const path = file === "" ? from.path : join(dirname(from.path), file);
  const exists = await Deno.stat(join(root, path)).then(() => true, () => false);
  if (!exists) return `${from.path}: there is no file ${path}`;
  if (anchor === undefined) return undefined;
  const page = manual.find((page) => page.path === path);
  return page && anchorsOf(page).has(anchor) ? undefined : `${from.path}: ${path} has no heading #${anchor}`;
}

for (const page of manual) {
  Deno.test(`every link in ${page.path} leads to a file and a heading that exist`, async () => {
    const faults = await Promise.all(linksOf(page).map((link) => faultOf(page, link)));
    assertEquals(faults.filter((fault) => fault !== undefined), []);
  });

  Deno.test(`every file of the checkout that ${page.path} names exists`, async () => {
    const missing: string[] = [];
    for (const [, path] of page.text.matchAll(/`((?:src|tests|docs|examples|\.ci|\.jsr)\/[\w./-]*)`/g)) {
      // What a run of the example makes.
      if (path!.endsWith(".sqlite")) continue;
      await Deno.stat(join(root, path!)).catch(() => missing.push(path!));
    }
    assertEquals(missing, []);
  });
}

/** What the page says to stand in a file, as `name of src/…`, `name in src/…` or `src/… (name)`. */
function namesIn(text: string): readonly (readonly [name: string, path: string])[] {
  const prose = text.replaceAll(/\s+/g, " ");
  const before = [...prose.matchAll(/`([#\w]+)` (?:of|in) `(src\/[\w./-]+\.ts)`/g)];
  const behind = [...prose.matchAll(/`(src\/[\w./-]+\.ts)` \(`([#\w]+)`\)/g)];
  return [
    ...before.map(([, name, path]) => [name!, path!] as const),
    ...behind.map(([, path, name]) => [name!, path!] as const),
  ];
}

Deno.test("what docs/architecture.md says to stand in a file stands there", async () => {
  const names = namesIn(manual.find(({ path }) => path === "docs/architecture.md")!.text);
  assert(names.length > 10, names.join("; "));
  const missing: string[] = [];
  for (const [name, path] of names) {
    const declared = new RegExp(
      `^ *(?:export |async |get |function |class |interface |readonly )*${name}(?: extends| implements| *[(:<{])`,
      "m",
    );
    if (!declared.test(await Deno.readTextFile(join(root, path)))) missing.push(`${name} in ${path}`);
  }
  assertEquals(missing, []);
});

Deno.test("the check of links finds a file and a heading that do not exist", async () => {
  const page: Page = {
    path: "docs/tls.md",
    text: "[a](nowhere.md) [b](../README.md#nowhere) [c](../README.md#run-it)",
  };
  assertEquals(await Promise.all(linksOf(page).map((link) => faultOf(page, link))), [
    "docs/tls.md: there is no file docs/nowhere.md",
    "docs/tls.md: README.md has no heading #nowhere",
    undefined,
  ]);
});

Deno.test("README.md leads to every page of the manual", () => {
  const [readme, ...others] = manual;
  const links = new Set(linksOf(readme!));
  assertEquals(others.map(({ path }) => path).filter((path) => !links.has(path)), []);
});

Deno.test("README.md has at most 250 lines", () => {
  const lines = manual[0]!.text.trimEnd().split("\n").length;
  assert(lines <= 250, `it has ${lines}`);
});
