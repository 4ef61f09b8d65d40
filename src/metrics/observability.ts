import { contentTypes, exposition, type ExpositionFormat, openMetrics } from "./exposition.ts";
import type { Figures } from "./figures.ts";

/**
 * The metrics as they are answered to who asks for them.
 *
 * @category Broker
 */
export interface MetricsPage {
  /** The media type, for the header `Content-Type`. */
  readonly contentType: string;
  /** The page. */
  readonly body: string;
}

/**
 * How a broker is, for a monitoring system, an orchestrator and the program that it runs in.
 *
 * @category Broker
 */
export interface Observability {
  /** All metrics as OpenMetrics text. */
  openMetrics(): string;
  /**
   * All metrics in the format that is asked for: OpenMetrics, or Prometheus's older text format.
   *
   * @param accept the request's header `Accept`; `null`: it has none
   */
  metrics(accept: string | null): MetricsPage;
  /** Whether it runs; if not, it helps to start it anew. */
  live(): boolean;
  /** Whether it serves: every listener accepts connections, and what has to be stored before it is acknowledged is stored. */
  ready(): boolean;
}

/** What {@linkcode makeObservability} works with. */
export interface ObservabilityParts extends Pick<Observability, "live" | "ready"> {
  /** Looks at everything once. */
  collect(): Figures;
}

/** Puts together what an HTTP server serves at `/metrics`, `/livez` and `/readyz`. */
export function makeObservability({ collect, live, ready }: ObservabilityParts): Observability {
  return {
    openMetrics: () => openMetrics(collect()),
    metrics: (accept) => {
      const format: ExpositionFormat = accept?.includes("application/openmetrics-text") ? "openmetrics" : "text";
      return { contentType: contentTypes[format], body: exposition(collect(), format) };
    },
    live,
    ready,
  };
}
