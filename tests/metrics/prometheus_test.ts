/** The metrics as the real Prometheus reads them, and its alerts; where it is installed. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { parse } from "@std/yaml";
import type { Observability } from "../../mod.ts";
import { root } from "../manual/manual.ts";
import { makeAuthority } from "../support/certificates.ts";
import { startDurable } from "../support/durable_broker.ts";
import { patiently } from "../support/patience.ts";
import { startBroker } from "../support/test_broker.ts";

const DAY_MS = 86_400_000;

/** A Prometheus has to start first. */
const PATIENCE_MS = 60_000;

function isInstalled(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

const withoutPromtool = { ignore: !isInstalled("promtool") };
const withoutPrometheus = { ignore: !isInstalled("prometheus") || !isInstalled("promtool") };

/** Runs promtool; fails with what it has said unless it is content. */
async function promtool(args: readonly string[], input = ""): Promise<void> {
  const process = new Deno.Command("promtool", { args: [...args], stdin: "piped", stdout: "piped", stderr: "piped" })
    .spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { success, stdout, stderr } = await process.output();
  assert(success, [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n"));
}

Deno.test({
  name: "promtool finds nothing wrong with the metrics, with and without a store",
  ...withoutPromtool,
  async fn() {
    await using durable = await startDurable();
    await using plain = await startBroker();
    for (const { broker } of [durable.broker, plain]) {
      await promtool(["check", "metrics"], broker.observability.metrics(null).body);
    }
  },
});

Deno.test({
  name: "promtool finds nothing wrong with the scrape config and the alerts among the examples",
  ...withoutPromtool,
  fn: () => promtool(["check", "config", join(root, "examples", "prometheus.yaml")]),
});

/** What makes each alert fire, minute by minute, in Prometheus's notation; and what must not. */
const occasions: Readonly<Record<string, { fires: Record<string, string>; silent: Record<string, string> }>> = {
  AmqttDown: { fires: { 'up{job="amqtt"}': "0x10" }, silent: { 'up{job="amqtt"}': "1x10" } },
  AmqttListenerDown: {
    fires: { 'amqtt_listener_up{listener="tcp"}': "0x10" },
    silent: { 'amqtt_listener_up{listener="tcp"}': "1x10" },
  },
  AmqttStoreFault: { fires: { amqtt_store_up: "1x8 0 0" }, silent: { amqtt_store_up: "0x8 1 1" } },
  AmqttMessagesDropped: {
    fires: { 'amqtt_messages_dropped_total{reason="queue-limit"}': "0+1x10" },
    silent: {
      'amqtt_messages_dropped_total{reason="queue-limit"}': "7x10",
      'amqtt_messages_dropped_total{reason="session-ended"}': "0+1x10",
    },
  },
  AmqttSignInsRefused: {
    fires: { 'amqtt_refused_total{reason="sign-in"}': "0+20x10" },
    silent: { 'amqtt_refused_total{reason="sign-in"}': "0+5x10", 'amqtt_refused_total{reason="path"}': "0+20x10" },
  },
  AmqttCertificateExpires: {
    fires: { amqtt_listener_certificate_expiry_timestamp_seconds: "1209000x10" },
    silent: { amqtt_listener_certificate_expiry_timestamp_seconds: "1300000x10" },
  },
  AmqttCeilingNear: {
    fires: {
      'amqtt_ceiling_used{ceiling="max-sessions"}': "91x10",
      'amqtt_ceiling_limit{ceiling="max-sessions"}': "100x10",
    },
    silent: {
      'amqtt_ceiling_used{ceiling="max-sessions"}': "90x10",
      'amqtt_ceiling_limit{ceiling="max-sessions"}': "100x10",
      'amqtt_ceiling_used{ceiling="max-inflight"}': "100x10",
      'amqtt_ceiling_limit{ceiling="max-inflight"}': "100x10",
    },
  },
};

Deno.test({
  name: "each alert fires when it should, and not on what looks like it",
  ...withoutPromtool,
  async fn() {
    const file = await Deno.makeTempFile({ suffix: ".yaml" });
    const seriesOf = (values: Record<string, string>) =>
      Object.entries(values).map(([series, values]) => ({ series, values }));
    const countOf = (alertname: string) => `count(ALERTS{alertname="${alertname}",alertstate="firing"}) or vector(0)`;
    const tests = Object.entries(occasions).flatMap(([alert, { fires, silent }]) =>
      [[fires, 1], [silent, 0]].map(([values, value]) => ({
        interval: "1m",
        input_series: seriesOf(values as Record<string, string>),
        promql_expr_test: [{ expr: countOf(alert), eval_time: "9m", exp_samples: [{ labels: "{}", value }] }],
      }))
    );
    try {
      const rules = join(root, "examples", "prometheus-alerts.yaml");
      await Deno.writeTextFile(file, JSON.stringify({ rule_files: [rules], evaluation_interval: "1m", tests }));
      await promtool(["test", "rules", file]);
      const listed = [...(await Deno.readTextFile(rules)).matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
      assertEquals(listed, Object.keys(occasions));
    } finally {
      await Deno.remove(file);
    }
  },
});

interface ScrapeConfig {
  global: Record<string, string>;
  rule_files: string[];
  scrape_configs: { static_configs: { targets: string[] }[] }[];
}

/** The config among the examples, made to look at `address` each second and to tell its alerts there. */
async function configFor(address: string): Promise<string> {
  const config = parse(await Deno.readTextFile(join(root, "examples", "prometheus.yaml"))) as ScrapeConfig;
  config.global = { scrape_interval: "1s", evaluation_interval: "1s" };
  config.rule_files = config.rule_files.map((file) => join(root, "examples", file));
  config.scrape_configs[0]!.static_configs[0]!.targets = [address];
  // JSON is YAML.
  return JSON.stringify({ ...config, alerting: { alertmanagers: [{ static_configs: [{ targets: [address] }] }] } });
}

/** An alert as Prometheus tells it. */
interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Serves metrics to a Prometheus, and hears of its alerts. */
class Scraped implements AsyncDisposable {
  readonly formats = new Set<string>();
  /** Resolves with the first alert of a name. */
  readonly #alerts = new Map<string, PromiseWithResolvers<Alert>>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor(observability: Observability) {
    this.#server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/api/v2/alerts") {
        for (const alert of await request.json() as Alert[]) this.#alert(alert.labels.alertname!).resolve(alert);
        return Response.json({});
      }
      const { contentType, body } = observability.metrics(request.headers.get("accept"));
      this.formats.add(contentType);
      return new Response(body, { headers: { "Content-Type": contentType } });
    });
  }

  get address(): string {
    return `127.0.0.1:${this.#server.addr.port}`;
  }

  alert(name: string): Promise<Alert> {
    return patiently(`the alert ${name}`, this.#alert(name).promise, PATIENCE_MS);
  }

  #alert(name: string): PromiseWithResolvers<Alert> {
    const known = this.#alerts.get(name) ?? Promise.withResolvers<Alert>();
    this.#alerts.set(name, known);
    return known;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** Runs a Prometheus on this config for the time of `body`. */
async function withPrometheus(config: string, folder: string, body: () => Promise<void>): Promise<void> {
  await Deno.writeTextFile(join(folder, "prometheus.yaml"), config);
  const args = [
    `--config.file=${join(folder, "prometheus.yaml")}`,
    `--storage.tsdb.path=${join(folder, "data")}`,
    "--web.listen-address=127.0.0.1:0",
    "--log.level=error",
  ];
  const prometheus = new Deno.Command("prometheus", { args, stdout: "null", stderr: "null" }).spawn();
  const ended = prometheus.status.then(({ code }) => {
    throw new Error(`prometheus has ended with exit code ${code}`);
  });
  // It is to end afterwards.
  ended.catch(() => {});
  try {
    await Promise.race([body(), ended]);
  } finally {
    try {
      prometheus.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await prometheus.status;
  }
}

Deno.test({
  name: "Prometheus scrapes the broker as OpenMetrics, and the alert on a certificate that expires soon fires",
  ...withoutPrometheus,
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const certfile = join(folder, "server.pem");
      const notAfter = new Date(Date.now() + 5 * DAY_MS);
      const { certificate, key } = makeAuthority().issue({ commonName: "localhost", notAfter });
      await Deno.writeTextFile(certfile, certificate + key);
      await using broker = await startBroker({ listeners: { secure: { bind: "127.0.0.1:0", ssl: true, certfile } } });
      await using scraped = new Scraped(broker.broker.observability);
      await withPrometheus(await configFor(scraped.address), folder, async () => {
        const { labels, annotations } = await scraped.alert("AmqttCertificateExpires");
        assertEquals([labels.listener, labels.severity], ["secure", "warning"]);
        assert(annotations.summary!.includes("the certificate of listener secure expires in 4d"), annotations.summary);
      });
      assertEquals([...scraped.formats], ["application/openmetrics-text; version=1.0.0; charset=utf-8"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
