import type { Histogram } from "../histogram.ts";
import { families } from "./families.ts";
import type { Family, Labels, Sample } from "./family.ts";
import type { Figures } from "./figures.ts";

/** How metrics are written down: OpenMetrics 1.0, or the format that Prometheus had before it. */
export type ExpositionFormat = "openmetrics" | "text";

/** The media type of each. */
export const contentTypes: Readonly<Record<ExpositionFormat, string>> = {
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
  text: "text/plain; version=0.0.4; charset=utf-8",
};

/** Writes all metrics as OpenMetrics text. */
export function openMetrics(figures: Figures): string {
  return exposition(figures, "openmetrics");
}

/** Writes all metrics. */
export function exposition(figures: Figures, format: ExpositionFormat): string {
  const lines = families.flatMap((family) => linesOf(family, family.samples(figures), format));
  if (format === "openmetrics") lines.push("# EOF");
  return `${lines.join("\n")}\n`;
}

/** The formats differ in a counter's name, in the word for what has no type, and in who knows units. */
function linesOf(family: Family, samples: readonly Sample[], format: ExpositionFormat): readonly string[] {
  if (samples.length === 0) return [];
  const { type, unit, help } = family;
  const isOpen = format === "openmetrics";
  const name = isOpen ? family.name : sampleName(family);
  return [
    `# TYPE ${name} ${type === "unknown" && !isOpen ? "untyped" : type}`,
    ...isOpen && unit !== undefined ? [`# UNIT ${name} ${unit}`] : [],
    `# HELP ${name} ${escape(help)}`,
    ...samples.flatMap(({ labels, value }) =>
      typeof value === "number" ? [line(sampleName(family), labels, value)] : histogramLines(family.name, labels, value)
    ),
  ];
}

/** What the samples of a family are called; those of a histogram have further endings. */
export function sampleName({ name, type }: Pick<Family, "name" | "type">): string {
  return type === "counter" ? `${name}_total` : name;
}

function histogramLines(name: string, labels: Labels | undefined, histogram: Histogram): readonly string[] {
  let sum = 0;
  const buckets = Array.from(histogram.counts, (count, index) => {
    const le = histogram.bounds[index];
    return line(`${name}_bucket`, { ...labels, le: le === undefined ? "+Inf" : decimal(le) }, sum += count);
  });
  return [...buckets, line(`${name}_sum`, labels, histogram.sum), line(`${name}_count`, labels, sum)];
}

/** OpenMetrics wants a bound to be written as a number that is not whole. */
function decimal(value: number): string {
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function line(name: string, labels: Labels = {}, value: number): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text).replaceAll('"', '\\"')}"`);
  return `${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`;
}

function escape(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}
