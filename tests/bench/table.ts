import { remark } from "./generator.ts";
import type { LoadResult } from "./result.ts";
import type { Metric, Scenario } from "./scenarios.ts";
import { median, ratio, ratioRange } from "./statistics.ts";

/** What all runs of one broker say about one metric. */
export interface Figure {
  /** The value of each run, in the order they ran. */
  readonly runs: readonly number[];
  readonly median: number;
  /** Said by a run in which something was lost or went wrong. */
  readonly remark: string | undefined;
}

/** One line of the table. */
export interface Row {
  readonly title: string;
  readonly unit: Metric["unit"];
  readonly better: Metric["better"];
  /** By name of the broker; absent: not measured. */
  readonly figures: Readonly<Record<string, Figure>>;
}

/** Results of each broker for one scenario, by name. */
export type Results = Readonly<Record<string, readonly LoadResult[]>>;

/** The lines of one scenario. Runs with errors give no value. */
export function rowsOf(scenario: Scenario, results: Results): Row[] {
  return scenario.metrics.map((metric) => {
    const figures: Record<string, Figure> = {};
    for (const [broker, runs] of Object.entries(results)) {
      const values = runs.filter(({ errors }) => errors === 0).flatMap((run) => metric.of(run) ?? []);
      if (values.length === 0) continue;
      figures[broker] = { runs: values, median: median(values), remark: runs.map(remark).find((text) => text) };
    }
    const title = metric.label === "" ? scenario.name : `${scenario.name}: ${metric.label}`;
    return { title, unit: metric.unit, better: metric.better, figures };
  });
}

/** How many times the peer's median the first broker's is; `undefined`: one of them was not measured. */
export function ratioTo(row: Row, ours: string, peer: string): number | undefined {
  return ratio(row.figures[ours]?.median, row.figures[peer]?.median);
}

/** The same turned so that above 1 is always the better side. */
export function advantageOver(row: Row, ours: string, peer: string): number | undefined {
  const times = ratioTo(row, ours, peer);
  return times === undefined || row.better === "higher" ? times : 1 / times;
}

/** Three digits, with k and M. */
export function short(value: number): string {
  if (value >= 999_500) return `${threeDigits(value / 1e6)} M`;
  return value >= 999.5 ? `${threeDigits(value / 1000)} k` : threeDigits(value);
}

function threeDigits(value: number): string {
  return value.toFixed(value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2);
}

/** Who is in a table and how. */
export interface TableOptions {
  /** The first is held against the others. */
  readonly brokers: readonly string[];
  /** Whether the least and the largest ratio of all runs stand behind that of the medians. */
  readonly withRange?: boolean;
}

/** The table as Markdown. */
export function markdownTable(rows: readonly Row[], { brokers, withRange = false }: TableOptions): string {
  const [ours = "", ...peers] = brokers;
  const header = ["scenario", "unit", ...brokers, ...peers.map((peer) => `× ${peer}`)];
  const notes: string[] = [];
  const lines = rows.map((row) => {
    const cells = brokers.map((broker) => cell(row, broker, notes));
    const ratios = peers.map((peer) => {
      const range = withRange ? rangeOf(row, ours, peer) : "";
      return `${ratioTo(row, ours, peer)?.toFixed(2) ?? "–"}${range}`;
    });
    return [row.title, row.better === "lower" ? `${row.unit}, less is better` : row.unit, ...cells, ...ratios];
  });
  const rule = header.map((_, i) => i < 2 ? "---" : "--:");
  const table = aligned([header, rule, ...lines]);
  return [...table, ...notes.flatMap((note, i) => ["", `(${i + 1}) ${note}`])].join("\n") + "\n";
}

function rangeOf(row: Row, ours: string, peer: string): string {
  const range = ratioRange(row.figures[ours]?.runs ?? [], row.figures[peer]?.runs ?? []);
  return range === undefined ? "" : ` (${range.map((value) => value.toFixed(2)).join(" to ")})`;
}

function cell(row: Row, broker: string, notes: string[]): string {
  const figure = row.figures[broker];
  if (figure === undefined) return "–";
  if (figure.remark === undefined) return short(figure.median);
  return `${short(figure.median)} (${notes.push(`${broker}, ${row.title}: ${figure.remark} in one run`)})`;
}

function aligned(lines: readonly (readonly string[])[]): string[] {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]!.length)));
  return lines.map((line) => {
    const cells = line.map((text, column) => {
      const width = widths[column]!;
      if (/^-+:?$/.test(text)) return text.endsWith(":") ? `${"-".repeat(width - 1)}:` : "-".repeat(width);
      return column < 2 ? text.padEnd(width) : text.padStart(width);
    });
    return `| ${cells.join(" | ")} |`;
  });
}
