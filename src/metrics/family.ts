import type { Histogram } from "../histogram.ts";
import type { Figures } from "./figures.ts";

/** Names and values that tell the samples of a family apart; never what a client chooses. */
export type Labels = Readonly<Record<string, string>>;

/** One sample. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number | Histogram;
}

/** Metrics of one name. */
export interface Family {
  /** Without `_total`, which a counter's samples have besides. */
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "unknown";
  /** The end of its name; `undefined`: it counts things. */
  readonly unit?: "seconds" | "bytes";
  /** One sentence. */
  readonly help: string;
  /** Names of its labels. @default none */
  readonly labels?: readonly string[];
  samples(figures: Figures): readonly Sample[];
}

type Rest = Pick<Family, "help" | "labels"> & { readonly samples: (figures: Figures) => number | readonly Sample[] };

/** What only grows. */
export function counter(name: string, help: string, samples: Rest["samples"], labels?: readonly string[]): Family {
  return family("counter", name, { help, samples, labels });
}

/** What is as of now. */
export function gauge(name: string, help: string, samples: Rest["samples"], labels?: readonly string[]): Family {
  return family("gauge", name, { help, samples, labels });
}

/** How often something was how large. */
export function histogram(name: string, help: string, of: (figures: Figures) => Histogram | undefined): Family {
  const samples = (figures: Figures) => {
    const value = of(figures);
    return value ? [{ value }] : [];
  };
  return family("histogram", name, { help, samples });
}

/** A sample for each entry of a record, told apart by one label. */
export function byLabel(label: string, values: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(values).map(([name, value]) => ({ labels: { [label]: name }, value }));
}

function family(type: Family["type"], name: string, { help, labels, samples }: Rest): Family {
  const unit = /_(seconds|bytes)$/.exec(name)?.[1] as Family["unit"];
  return {
    name,
    type,
    unit,
    help,
    labels,
    samples: (figures) => {
      const found = samples(figures);
      return typeof found === "number" ? [{ value: found }] : found;
    },
  };
}
