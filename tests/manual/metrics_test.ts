/** The page about metrics and the examples for Prometheus and Grafana know the metrics that there are. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { parse } from "@std/yaml";
import { sampleName } from "../../src/metrics/exposition.ts";
import { families } from "../../src/metrics/families.ts";
import { root } from "./manual.ts";
import { METRICS_PAGE, withMetrics } from "./metrics_reference.ts";

const known = new Set(
  families.flatMap((family) => {
    const name = sampleName(family);
    return family.type === "histogram" ? ["_bucket", "_sum", "_count"].map((ending) => name + ending) : [name];
  }),
);

/** Names of ours in a query that no metric has. */
function unknownIn(query: string): readonly string[] {
  return [...query.matchAll(/\b(?:amqtt|broker)_\w+/g)].map(([name]) => name).filter((name) => !known.has(name));
}

function read(path: string): Promise<string> {
  return Deno.readTextFile(join(root, path));
}

Deno.test("the page about metrics lists every one of them as the code describes it", async () => {
  const page = await read(METRICS_PAGE);
  assertEquals(withMetrics(page), page, "deno task docs:metrics");
});

Deno.test("the alerts ask for metrics that there are", async () => {
  const { groups } = parse(await read("examples/prometheus-alerts.yaml")) as {
    groups: { rules: { alert: string; expr: string }[] }[];
  };
  const rules = groups.flatMap(({ rules }) => rules);
  assert(rules.length >= 5, `${rules.length}`);
  for (const { alert, expr } of rules) assertEquals(unknownIn(expr), [], alert);
});

Deno.test("every panel of the board for Grafana asks for metrics that there are, and no two lie on each other", async () => {
  const { panels } = JSON.parse(await read("examples/grafana.json")) as {
    panels: {
      title: string;
      gridPos: { x: number; y: number; w: number; h: number };
      targets: { expr: string }[];
    }[];
  };
  assert(panels.length > 15, `${panels.length}`);
  const places = new Set<string>();
  for (const { title, targets, gridPos: { x, y, w, h } } of panels) {
    assert(targets.length > 0 && x + w <= 24, title);
    for (const { expr } of targets) assertEquals(unknownIn(expr), [], title);
    for (let column = x; column < x + w; column++) {
      for (let row = y; row < y + h; row++) {
        assert(!places.has(`${column} ${row}`), `${title} lies on another panel`);
        places.add(`${column} ${row}`);
      }
    }
  }
});
