import type { ResolvedConfig } from "../../src/config/config.ts";
import type { ReloadReport } from "../../src/broker/broker.ts";
import type { Answer } from "../../src/cli/ask.ts";
import type { CliIo, CliSignal } from "../../src/cli/io.ts";
import type { PasswordOptions } from "../../src/plugins/password_file.ts";
import { type CliServices, type ListenerAddress, type ServedBroker, services } from "../../src/cli/services.ts";

/** Input, output and signals that a test looks at. */
export class FakeIo implements CliIo {
  readonly outLines: string[] = [];
  readonly errorLines: string[] = [];
  readonly prompts: string[] = [];
  readonly rawModes: boolean[] = [];
  readonly exits: number[] = [];
  readonly input: ReadableStream<Uint8Array>;
  readonly isTerminal: boolean;
  /** No systemd, unless a test sets some variables. */
  supervisor: CliIo["supervisor"] = {
    env: () => undefined,
    pid: 1,
    open: () => {
      throw new Error("there is none");
    },
  };
  readonly #handlers = new Map<CliSignal, Set<() => void>>();
  readonly #waiting = new Map<CliSignal, () => void>();
  #onError: () => void = () => {};

  /** @param chunks what arrives on standard input */
  constructor(chunks: readonly (string | Uint8Array)[] = [], options: { readonly isTerminal?: boolean } = {}) {
    this.input = ReadableStream.from(
      chunks.map((chunk) => typeof chunk === "string" ? new TextEncoder().encode(chunk) : chunk),
    );
    this.isTerminal = options.isTerminal ?? false;
  }

  out(line: string): void {
    this.outLines.push(line);
  }

  error(line: string): void {
    this.errorLines.push(line);
    this.#onError();
  }

  log(text: string): Promise<void> {
    for (const line of text.trimEnd().split("\n")) this.error(line);
    return Promise.resolve();
  }

  /** Resolves once a line on standard error holds the text. */
  async said(text: string): Promise<void> {
    while (!this.errorLines.some((line) => line.includes(text))) {
      await new Promise<void>((resolve) => this.#onError = resolve);
    }
  }

  prompt(text: string): void {
    this.prompts.push(text);
  }

  setRaw(raw: boolean): void {
    this.rawModes.push(raw);
  }

  exit(code: number): void {
    this.exits.push(code);
  }

  onSignal(signal: CliSignal, handler: () => void): () => void {
    const handlers = this.#handlers.get(signal) ?? new Set();
    this.#handlers.set(signal, handlers.add(handler));
    this.#waiting.get(signal)?.();
    return () => handlers.delete(handler);
  }

  /** Resolves once somebody listens to the signal. */
  async listening(signal: CliSignal): Promise<void> {
    if ((this.#handlers.get(signal)?.size ?? 0) > 0) return;
    await new Promise<void>((resolve) => this.#waiting.set(signal, resolve));
  }

  raise(signal: CliSignal): void {
    for (const handler of this.#handlers.get(signal) ?? []) handler();
  }

  /** How many handlers were not taken away. */
  get handlerCount(): number {
    return [...this.#handlers.values()].reduce((sum, handlers) => sum + handlers.size, 0);
  }
}

/** What a fake broker does in place of the real one. */
export interface FakeBehaviour {
  readonly addresses?: Record<string, ListenerAddress>;
  create?(): void;
  start?(): Promise<void>;
  shutdown?(): Promise<void>;
  reload?(config: ResolvedConfig): Promise<ReloadReport | void>;
}

/** Services that note what they are asked for. */
export class FakeServices implements CliServices {
  /** Those that write files. */
  readonly tokens = services.tokens;
  readonly calls: string[] = [];
  readonly configs: ResolvedConfig[] = [];
  /** Addresses that were asked over HTTP; all answer that they are well. */
  readonly asked: string[] = [];
  readonly passwords: [file: string, username: string, password: string][] = [];
  /** Users whose password was set for SCRAM. */
  readonly scramUsers: string[] = [];

  constructor(readonly behaviour: FakeBehaviour = {}) {}

  createBroker(config: ResolvedConfig): Promise<ServedBroker> {
    const { calls, behaviour } = this;
    this.configs.push(config);
    behaviour.create?.();
    return Promise.resolve({
      addresses: behaviour.addresses ?? {},
      start: async () => {
        calls.push("start");
        await behaviour.start?.();
      },
      shutdown: async () => {
        calls.push("shutdown");
        await behaviour.shutdown?.();
      },
      reload: async (config) => {
        calls.push("reload");
        return await behaviour.reload?.(config) ?? { certificates: [], plugins: [], needsRestart: [], failed: [] };
      },
    });
  }

  /** As it really is: it starts nothing. */
  readonly checkStart = services.checkStart;

  ask(url: string, _timeoutMs: number): Promise<Answer> {
    this.asked.push(url);
    const cluster = {
      name: "x",
      node: "a",
      nodes: ["a"],
      cutOff: false,
      logPosition: 1,
      logSilenceSeconds: 0,
      logRoundTripSeconds: null,
      links: [],
      shards: [{ shard: 0, owner: "a", epoch: 1 }],
      shardHandovers: 0,
    };
    return Promise.resolve({ status: 200, text: url.endsWith("/cluster") ? JSON.stringify(cluster) : "ok\n" });
  }

  checkUsername(username: string): Promise<void> {
    return username === "" ? Promise.reject(new Error('user name must not be empty: got ""')) : Promise.resolve();
  }

  setPassword(
    file: string,
    username: string,
    password: string,
    { scram = false }: PasswordOptions,
  ): Promise<"added" | "changed"> {
    if (scram) this.scramUsers.push(username);
    this.passwords.push([file, username, password]);
    if (file === "locked") return Promise.reject(new Error("cannot write locked: permission denied"));
    return Promise.resolve(username === "old" ? "changed" : "added");
  }
}

/** Writes files into a folder of their own for the time of `body`. */
export async function withFiles<T>(
  files: Readonly<Record<string, string>>,
  body: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await Deno.makeTempDir();
  try {
    for (const [name, text] of Object.entries(files)) await Deno.writeTextFile(`${folder}/${name}`, text);
    return await body(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
