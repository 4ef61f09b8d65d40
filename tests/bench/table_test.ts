import { assertEquals, assertStringIncludes } from "@std/assert";
import { plot } from "./plot.ts";
import type { LoadResult } from "./result.ts";
import { cpuPerMessage, type Scenario, scenarios } from "./scenarios.ts";
import { advantageOver, markdownTable, ratioTo, rowsOf, short } from "./table.ts";

const scenario = scenarios[0] as Scenario;

function run(messages: number, changes: Partial<LoadResult> = {}): LoadResult {
  return { scenario: "pubsub", msgs_per_s: messages, errors: 0, first_error: "", ...changes };
}

Deno.test("A row holds medians, and runs with errors are left out", () => {
  const [row] = rowsOf(scenario, {
    ours: [run(30), run(10), run(20)],
    peer: [run(5), run(900, { errors: 1 }), run(15)],
  });
  assertEquals([row!.figures.ours!.median, row!.figures.peer!.median, ratioTo(row!, "ours", "peer")], [20, 10, 2]);
  const [none] = rowsOf(scenario, { ours: [run(1, { errors: 1 })] });
  assertEquals(none!.figures, {});
});

Deno.test("Where less is better, the advantage is the ratio turned over", () => {
  const latency = scenarios.find(({ metrics }) => metrics[0]!.unit === "µs")!;
  const timed = (p50: number) => run(1, { latency_us: { n: 1, mean: 0, p50, p90: 0, p99: 0, max: 0 } });
  const [row] = rowsOf(latency, { ours: [timed(50)], peer: [timed(100)] });
  assertEquals([ratioTo(row!, "ours", "peer"), advantageOver(row!, "ours", "peer")], [0.5, 2]);
});

Deno.test("A run that lost messages is marked in the table", () => {
  const rows = rowsOf(scenario, { ours: [run(2_500_000)], peer: [run(1000, { lost: 7 })] });
  const text = markdownTable(rows, { brokers: ["ours", "peer"] });
  assertStringIncludes(text, "2.50 M | 1.00 k (1) |");
  assertStringIncludes(text, "(1) peer, one-to-one QoS 0: 7 messages did not arrive in one run");
  assertStringIncludes(plot(rows, { ours: "ours", peers: ["peer"], subtitle: "" }), ">2500.0<");
});

Deno.test("Figures have three digits", () => {
  assertEquals([9.994, 9.996, 999.4, 999.6, 12_345, 1_000_000].map(short), [
    "9.99",
    "10.0",
    "999",
    "1.00 k",
    "12.3 k",
    "1.00 M",
  ]);
});

Deno.test("A range of ratios is of the runs that took turns, and left out where a run is missing", () => {
  const rows = rowsOf(scenario, { ours: [run(10), run(20), run(30)], before: [run(10), run(10), run(20)] });
  assertStringIncludes(
    markdownTable(rows, { brokers: ["ours", "before"], withRange: true }),
    "| 2.00 (1.00 to 2.00) |",
  );
  const uneven = rowsOf(scenario, { ours: [run(10), run(20)], before: [run(10), run(10, { errors: 1 })] });
  assertStringIncludes(markdownTable(uneven, { brokers: ["ours", "before"], withRange: true }), "  1.50 |");
});

Deno.test("Processor time of one message is the broker's share of a second, by what arrived in it", () => {
  const rows = rowsOf({ ...scenario, metrics: [cpuPerMessage] }, {
    ours: [run(400_000, { broker_cpu_util: 0.8 })],
    unknown: [run(400_000, { broker_cpu_util: 0 })],
  });
  assertEquals(rows[0]!.figures, { ours: { runs: [2], median: 2, remark: undefined } });
});
