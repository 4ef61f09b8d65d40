/** Programs that are tried from outside, and MQTT spoken to them. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { connectAsync, type IClientOptions } from "mqtt";

/** The checkout's folder. */
export const root: string = fromFileUrl(new URL("..", import.meta.url));

/** What runs a program with every permission. */
export const deno: readonly string[] = [Deno.execPath(), "run", "-A"];

/** A program that was started. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(command: readonly string[]) {
    const [program, ...args] = command;
    this.#child = new Deno.Command(program!, {
      args,
      cwd: root,
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
      // A process group of its own, so that a launcher's children end with it.
      detached: true,
    }).spawn();
    this.#lines = linesOf(this.#child.stdout);
  }

  /** Asks it to do something. */
  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  /** Its exit code, once it has ended by itself. */
  async code(): Promise<number> {
    return (await this.#child.status).code;
  }

  /** Reads lines until one has the pattern. */
  async waitFor(pattern: RegExp): Promise<string> {
    for (;;) {
      const { value, done } = await this.#lines.next();
      assert(!done, `the program ended before it wrote ${pattern}`);
      console.log(value);
      const found = pattern.exec(value);
      if (found) return found[0];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      Deno.kill(-this.#child.pid, "SIGTERM");
    } catch {
      // It has ended already.
    }
    await this.#lines.return?.();
    await this.#child.status;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
}

/** What a client signs in with. */
type Options = Pick<IClientOptions, "clientId" | "username" | "password" | "rejectUnauthorized">;

/** Subscribes, publishes, and checks what comes back. */
export async function roundTrip(url: string, topic: string, qos: 0 | 1 | 2, options: Options = {}): Promise<void> {
  const client = await connectAsync(url, { ...options, protocolVersion: 4, reconnectPeriod: 0 });
  try {
    const message = new Promise<string>((resolve) => client.once("message", (_, payload) => resolve(String(payload))));
    const [granted] = await client.subscribeAsync(topic, { qos });
    assertEquals(granted?.qos, qos, `QoS granted for ${topic}`);
    await client.publishAsync(topic, `at QoS ${qos}`, { qos });
    assertEquals(await message, `at QoS ${qos}`);
  } finally {
    await client.endAsync();
  }
}
