/**
 * Writes keys, defaults and units into the tables of docs/configuration.md, as the table of keys has them. What a key
 * means stays as it is written there.
 *
 *     deno task docs
 */
import { join } from "@std/path";
import { keyEntries, type KeyEntry } from "../../src/config/keys.ts";
import { root } from "./manual.ts";

const PATH = join(root, "docs", "configuration.md");

/** What stands before the table of each section. */
export const tableTitles: Readonly<Record<KeyEntry["section"], string>> = {
  broker: "At the top.",
  listener: "In each entry of `listeners`:",
  auth: "In `auth`:",
  "topic-check": "In `topic-check`:",
  persistence: "In `persistence`:",
  log: "In `log`:",
};

/** Cells of the rows of the first table behind a text; none if the page does not have the text. */
export function rowsAfter(text: string, page: string): readonly (readonly string[])[] {
  return tableAfter(text, page).split("\n").slice(2).map(cellsOf);
}

function tableAfter(text: string, page: string): string {
  const start = page.indexOf(text);
  const table = start < 0 ? "" : page.slice(start).split("\n\n").find((part) => part.startsWith("| "));
  return (table ?? "").trim();
}

function cellsOf(row: string): readonly string[] {
  return row.split("|").slice(1, -1).map((cell) => cell.trim());
}

/** The page with the tables of these keys; `deno fmt` gives the columns their widths. */
export function withTables(page: string, entries: readonly KeyEntry[]): string {
  let result = page;
  for (const [section, title] of Object.entries(tableTitles)) {
    const old = tableAfter(title, page);
    const meanings = new Map(rowsAfter(title, page).map(([key, , , meaning]) => [key, meaning]));
    const rows = entries.filter((entry) => entry.section === section).map((entry) => {
      const key = `\`${entry.key}\``;
      return `| ${[key, entry.default, entry.unit, meanings.get(key) ?? ""].join(" | ")} |`;
    });
    result = result.replace(old, () => [...old.split("\n").slice(0, 2), ...rows].join("\n"));
  }
  return result;
}

if (import.meta.main) await Deno.writeTextFile(PATH, withTables(await Deno.readTextFile(PATH), keyEntries));
