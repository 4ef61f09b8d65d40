/**
 * Prints the tables of config keys for the manual. With the path of a page it renews those that stand there instead, each
 * found by its first keys.
 *
 * ```
 * deno task docs:config [PAGE]
 * ```
 */
import { keyEntries, type KeyEntry, listedKeys } from "../../src/config/keys.ts";
import { toCamelCase } from "../../src/config/spelling.ts";

/** The sections that have a table of their own. */
export const sections = Object.keys(listedKeys) as KeyEntry["section"][];

/** The table of a section, as `deno fmt` sets it. */
export function referenceTable(section: KeyEntry["section"]): string {
  const rows = keyEntries.filter((entry) => entry.section === section).map((entry) => {
    const key = listedKeys[section][toCamelCase(entry.key)]!;
    return [`\`${entry.key}\``, entry.default, entry.unit, key.doc];
  });
  const head = ["Key", "Default", "Unit", "Meaning"];
  const widths = head.map((title, column) =>
    Math.max(...[head, ...rows].map((row) => row[column]!.length), title.length)
  );
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

/** A page with its tables of keys renewed. */
export function renewTables(page: string): string {
  const tables = new Map(sections.map((section) => {
    const table = referenceTable(section);
    return [firstKeys(table), table];
  }));
  return page.replace(/^\| Key +\|.*\n(?:\|.*\n)+/gm, (table) => {
    const renewed = tables.get(firstKeys(table));
    return renewed === undefined ? table : `${renewed}\n`;
  });
}

/** Of two rows, which no two sections have in common. */
function firstKeys(table: string): string {
  return table.split("\n").slice(2, 4).map((row) => row.split("|")[1]?.trim()).join();
}

if (import.meta.main) {
  const [file] = Deno.args;
  if (file === undefined) {
    for (const section of sections) console.log(`## ${section}\n\n${referenceTable(section)}\n`);
  } else await Deno.writeTextFile(file, renewTables(await Deno.readTextFile(file)));
}
