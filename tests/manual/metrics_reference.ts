/**
 * Renews the tables of docs/metrics.md from the tables in the code.
 *
 *     deno task docs:metrics
 */
import { join } from "@std/path";
import { sampleName } from "../../src/metrics/exposition.ts";
import { families } from "../../src/metrics/families.ts";
import { exporterName, mosquittoTopics } from "../../src/plugins/sys/mosquitto_topics.ts";
import { root } from "./manual.ts";

/** The page that has the tables. */
export const METRICS_PAGE = "docs/metrics.md";

const METRICS_HEAD = ["Metric", "Type", "Labels", "Meaning"];
const MOSQUITTO_HEAD = ["Below `$SYS/broker/`", "Metric", "Meaning"];

/** The page with its tables renewed. */
export function withMetrics(page: string): string {
  const metrics = families.filter(({ name }) => name.startsWith("amqtt_")).map((family) => [
    `\`${sampleName(family)}\``,
    family.type,
    (family.labels ?? []).map((label) => `\`${label}\``).join(", "),
    family.help,
  ]);
  const topics = mosquittoTopics.map(({ topic, meaning }) => [`\`${topic}\``, `\`${exporterName(topic)}\``, meaning]);
  return renewed(renewed(page, METRICS_HEAD, metrics), MOSQUITTO_HEAD, topics);
}

/** The table with this head gets these rows, set as `deno fmt` sets them. */
function renewed(page: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |\n`;
  const table = [head, widths.map((width) => "-".repeat(width)), ...rows].map(line).join("");
  const old = page.match(/^\|.*\n(?:\|.*\n)+/gm)?.find((table) => {
    const cells = table.split("\n")[0]!.split("|").slice(1, -1).map((cell) => cell.trim());
    return cells.join() === head.join();
  });
  if (old === undefined) throw new Error(`${METRICS_PAGE} must have a table with the columns ${head.join(", ")}`);
  return page.replace(old, () => table);
}

if (import.meta.main) {
  const path = join(root, METRICS_PAGE);
  await Deno.writeTextFile(path, withMetrics(await Deno.readTextFile(path)));
}
