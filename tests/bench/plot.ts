import { advantageOver, type Row } from "./table.ts";

/** What is drawn. */
export interface PlotOptions {
  /** The broker that is held against the others. */
  readonly ours: string;
  /** One bar in each group for each of them. */
  readonly peers: readonly string[];
  /** Under the title: machine and date. */
  readonly subtitle: string;
}

const WIDTH = 920;
const LABELS = 350;
const RIGHT = 70;
const TOP = 110;
const BAR = 16;
const GROUP_GAP = 12;
const BOTTOM = 24;
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000];

/** It draws its own background, and both with the scheme of whoever looks at it, so it is readable on any page. */
const STYLE = `
text { font-family: system-ui, sans-serif; font-size: 15px; fill: #1f2328 }
.title { font-size: 20px; font-weight: 600 } .small { font-size: 14px; fill: #59636e }
.page { fill: #ffffff } .grid { stroke: #d1d9e0 } .level { stroke: #59636e; stroke-width: 2 }
.peer0 { fill: #0969da } .peer1 { fill: #bc4c00 } .peer2 { fill: #8250df }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9198a1 } .page { fill: #0d1117 } .grid { stroke: #3d444d }
.level { stroke: #9198a1 } .peer0 { fill: #4493f8 } .peer1 { fill: #e3742f } .peer2 { fill: #ab7df8 }
}`;

/** Horizontal bars, one group for each row: how many times better than each peer, on a logarithmic axis. 1 is level. */
export function plot(rows: readonly Row[], { ours, peers, subtitle }: PlotOptions): string {
  // What a broker does beside a burden is told as a part of what it does alone, which is nothing to hold against peers.
  const drawn = rows.filter((row) =>
    row.unit !== "%" && peers.some((peer) => advantageOver(row, ours, peer) !== undefined)
  );
  const groupHeight = Math.max(1, peers.length) * BAR + GROUP_GAP;
  const height = TOP + drawn.length * groupHeight + BOTTOM;
  const all = drawn.flatMap((row) => peers.flatMap((peer) => advantageOver(row, ours, peer) ?? []));
  const axis = axisOver(all);
  const parts = [
    `<rect class="page" width="${WIDTH}" height="${height}" rx="8"/>`,
    label({ x: 20, y: 34, class: "title" }, `How many times as good as ${peers.join(" and ")}`),
    label({ x: 20, y: 58, class: "small" }, `1 is level; for latency and memory, times as little. ${subtitle}`),
    ...legend(peers),
    ...grid(axis, height),
    ...drawn.flatMap((row, i) => group(row, TOP + i * groupHeight, { ours, peers, axis })),
  ];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" role="img">` +
    `<style>${STYLE}\n</style>\n${parts.join("\n")}\n</svg>\n`;
}

interface Axis {
  readonly least: number;
  readonly most: number;
  x(value: number): number;
}

/** From the tick below the smallest value to the one above the largest, 1 always in it. */
function axisOver(values: readonly number[]): Axis {
  const least = TICKS.findLast((tick) => tick <= Math.min(1, ...values)) ?? TICKS[0]!;
  const most = TICKS.find((tick) => tick >= Math.max(2, ...values)) ?? TICKS.at(-1)!;
  const x = (value: number) => {
    const within = Math.min(most, Math.max(least, value));
    return LABELS + (WIDTH - LABELS - RIGHT) * Math.log(within / least) / Math.log(most / least);
  };
  return { least, most, x };
}

function grid({ least, most, x }: Axis, height: number): string[] {
  return TICKS.filter((tick) => tick >= least && tick <= most).flatMap((tick) => [
    `<line class="${tick === 1 ? "level" : "grid"}" x1="${fixed(x(tick))}" x2="${fixed(x(tick))}" y1="${TOP - 8}" ` +
    `y2="${height - BOTTOM + 4}"/>`,
    label({ x: x(tick), y: TOP - 14, class: "small", anchor: "middle" }, `${tick}`),
  ]);
}

function legend(peers: readonly string[]): string[] {
  return peers.flatMap((peer, i) => [
    `<rect class="peer${i % 3}" x="${20 + i * 150}" y="70" width="14" height="14"/>`,
    label({ x: 40 + i * 150, y: 82, class: "small" }, `against ${peer}`),
  ]);
}

function group(row: Row, y: number, { ours, peers, axis }: Omit<PlotOptions, "subtitle"> & { axis: Axis }): string[] {
  const title = label({ x: LABELS - 12, y: y + peers.length * BAR / 2 + 5, anchor: "end" }, row.title);
  return [
    title,
    ...peers.flatMap((peer, i) => {
      const value = advantageOver(row, ours, peer);
      if (value === undefined) return [];
      const [from, to] = [axis.x(1), axis.x(value)];
      const at = y + i * BAR;
      return [
        `<rect class="peer${i % 3}" x="${fixed(Math.min(from, to))}" y="${at}" ` +
        `width="${fixed(Math.max(1, Math.abs(to - from)))}" height="${BAR - 3}"/>`,
        label({ x: Math.max(from, to) + 5, y: at + 12, class: "small" }, value.toFixed(value < 10 ? 2 : 1)),
      ];
    }),
  ];
}

interface LabelOptions {
  readonly x: number;
  readonly y: number;
  readonly class?: string;
  readonly anchor?: "middle" | "end";
}

function label({ x, y, class: name = "", anchor }: LabelOptions, text: string): string {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const anchored = anchor === undefined ? "" : ` text-anchor="${anchor}"`;
  return `<text x="${fixed(x)}" y="${fixed(y)}"${name === "" ? "" : ` class="${name}"`}${anchored}>${escaped}</text>`;
}

function fixed(value: number): string {
  return value.toFixed(1);
}
