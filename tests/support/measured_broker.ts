/** The command line's broker as a process of its own, which tells how much it holds. */
import { fromFileUrl, join } from "@std/path";
import { BrokerProcess } from "../crash/broker_process.ts";
import type { Figures } from "./figures_plugin.ts";
import { RawClient } from "./raw_client.ts";

const FIGURES_PLUGIN = fromFileUrl(new URL("./figures_plugin.ts", import.meta.url));

export class MeasuredBroker implements AsyncDisposable {
  readonly #directory: string;
  readonly #process: BrokerProcess;
  #client: RawClient | undefined;
  #startedInMs = 0;

  private constructor(directory: string, process: BrokerProcess) {
    this.#directory = directory;
    this.#process = process;
  }

  /** @param config keys besides listener, sign-in and plugins; `persistence: "sqlite"` is a file that goes with the broker */
  static async start(
    { persistence = "memory", commit = "os", fill, ...config }: Readonly<Record<string, unknown>> & {
      readonly persistence?: "memory" | "sqlite";
      /** What a commit of the file waits for. */
      readonly commit?: "disk" | "os";
      /** Puts something into the file before the broker starts. */
      readonly fill?: (path: string) => Promise<void>;
    } = {},
  ): Promise<MeasuredBroker> {
    const directory = await Deno.makeTempDir();
    const file = join(directory, "broker.yaml");
    const path = join(directory, "broker.db");
    // JSON is YAML.
    const text = JSON.stringify({
      listeners: { default: { type: "tcp" }, tcp: { bind: "127.0.0.1:0" } },
      auth: { plugins: ["auth.anonymous"], "allow-anonymous": true },
      plugins: [FIGURES_PLUGIN],
      sysInterval: 0,
      persistence: persistence === "sqlite" ? { type: "sqlite", path, commit } : { type: "memory" },
      ...config,
    });
    await Deno.writeTextFile(file, text);
    const broker = new MeasuredBroker(directory, new BrokerProcess(file));
    try {
      await fill?.(path);
      const startMs = performance.now();
      await broker.#process.start();
      broker.#startedInMs = performance.now() - startMs;
      await broker.#listen();
    } catch (error) {
      await broker[Symbol.asyncDispose]();
      throw error;
    }
    return broker;
  }

  get port(): number {
    return this.#process.port;
  }

  /** How long it took from nothing to listening, in milliseconds. */
  get startedInMs(): number {
    return this.#startedInMs;
  }

  /** What the broker holds now. */
  async figures({ collect = false }: { readonly collect?: boolean } = {}): Promise<Figures> {
    const client = this.#client!;
    await client.sendPublish("figures/ask", collect ? "collect" : "");
    return JSON.parse((await client.expectMessage({ topicName: "figures" })).payload);
  }

  /** The figures as soon as they are as they should be, or those of the last of many looks. */
  async figuresWhen(settled: (figures: Figures) => boolean): Promise<Figures> {
    const endMs = performance.now() + PATIENCE_MS;
    let figures = await this.figures({ collect: true });
    while (!settled(figures) && performance.now() < endMs) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      figures = await this.figures({ collect: true });
    }
    return figures;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client?.close();
    await this.#process.end("SIGTERM");
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #listen(): Promise<void> {
    const client = new RawClient(await Deno.connect({ hostname: "127.0.0.1", port: this.port }));
    this.#client = client;
    await client.connect({ clientIdentifier: "figures" });
    await client.subscribe("figures");
  }
}

const PATIENCE_MS = 10_000;
const LOOK_MS = 50;
