import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import { timeOfDay } from "../format.ts";
import { text } from "../strings.ts";

export interface Line {
  readonly label: string;
  /** Name of a custom property with its colour. */
  readonly colour: string;
  readonly values: readonly number[];
}

interface ChartProps {
  /** Seconds since the Unix epoch. */
  readonly at: readonly number[];
  readonly lines: readonly Line[];
  readonly height?: number;
  /** Seconds that are shown at least, up to the last point. */
  readonly seconds?: number;
  /** The values alone decide what is shown, and 0 need not be. @default false */
  readonly close?: boolean;
}

function colourOf(element: Element, name: string): string {
  return getComputedStyle(element).getPropertyValue(name).trim();
}

function optionsOf(
  element: HTMLElement,
  { lines, height = 180, seconds = 60, close = false }: ChartProps,
): uPlot.Options {
  const axis = { stroke: colourOf(element, "--quiet"), grid: { stroke: colourOf(element, "--line"), width: 1 } };
  return {
    width: Math.max(100, element.clientWidth),
    height,
    legend: { show: false },
    cursor: { show: false },
    scales: {
      x: { range: (_, first, last) => [Math.min(first, last - seconds), last] },
      y: { range: (_, low, high) => close ? spread(low, high) : [Math.min(0, low), Math.max(high * 1.05, low + 1)] },
    },
    axes: [{ ...axis, space: 90, values: (_, at) => timesOf(at) }, { ...axis, size: 56 }],
    series: [{}, ...lines.map(({ label, colour }) => ({ label, stroke: colourOf(element, colour), width: 2 }))],
  };
}

/** With seconds where they tell the marks apart. */
function timesOf(at: readonly number[]): string[] {
  const step = (at[1] ?? 60) - (at[0] ?? 0);
  const length = step < 60 ? 8 : 5;
  return at.map((seconds) => timeOfDay(new Date(seconds * 1000).toISOString()).slice(0, length));
}

/** Some space above and below. */
function spread(low: number, high: number): [number, number] {
  const space = (high - low) / 10 || Math.abs(high) / 10 || 1;
  return [low - space, high + space];
}

/** Lines over time. Those who do not see it are told the last, the lowest and the highest value. */
export function Chart(props: ChartProps) {
  const { at, lines } = props;
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const data: uPlot.AlignedData = [[...at], ...lines.map(({ values }) => [...values])];
  useEffect(() => {
    const parent = element.current;
    if (!parent) return;
    const draw = () => {
      plot.current?.destroy();
      plot.current = new uPlot(optionsOf(parent, props), data, parent);
    };
    draw();
    let { clientWidth } = parent;
    const resized = new ResizeObserver(() => {
      if (parent.clientWidth === clientWidth) return;
      ({ clientWidth } = parent);
      plot.current?.setSize({ width: Math.max(100, clientWidth), height: props.height ?? 180 });
    });
    resized.observe(parent);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      scheme.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [lines.map(({ label }) => label).join(), document.documentElement.dataset["theme"], at.length > 0]);
  useEffect(() => plot.current?.setData(data), [at.at(-1), at.length]);
  if (at.length === 0) return <p class="quiet">{text.chart.empty}</p>;
  return (
    <figure class="chart">
      <figcaption>
        {lines.map(({ label, colour }) => <span key={label} class={`key key${colour}`}>{label}</span>)}
      </figcaption>
      <div
        ref={element}
        role="img"
        aria-label={lines.map(({ label, values }) =>
          text.chart.summary(label, values.at(-1) ?? 0, Math.min(...values), Math.max(...values))
        ).join(" ")}
      />
    </figure>
  );
}
