/** The real `mosquitto` as a broker beside ours, where it is installed. */
import { assertEquals } from "@std/assert";
import { makeAuthority } from "./certificates.ts";
import { patiently } from "./patience.ts";
import { freePort } from "./ports.ts";

/** Whether tests with it can run. */
export const hasMosquitto: boolean = isInstalled();

function isInstalled(): boolean {
  try {
    new Deno.Command("mosquitto", { args: ["-h"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch {
    return false;
  }
}

/** Files of an authority, and of a server and a client that it vouches for. */
export interface CertificateFiles {
  readonly cafile: string;
  readonly certfile: string;
  readonly keyfile: string;
}

/** Writes the files into a folder; the server is called `localhost` and 127.0.0.1. */
export async function writeCertificates(folder: string): Promise<CertificateFiles> {
  const authority = makeAuthority();
  const { certificate, key } = authority.issue({ commonName: "localhost", sans: ["DNS:localhost", "IP:127.0.0.1"] });
  const files = { cafile: `${folder}/ca.pem`, certfile: `${folder}/server.pem`, keyfile: `${folder}/server.key` };
  await Deno.writeTextFile(files.cafile, authority.certificate);
  await Deno.writeTextFile(files.certfile, certificate);
  await Deno.writeTextFile(files.keyfile, key);
  // Mosquitto may give up its rights to a user that is not the owner.
  await Deno.chmod(folder, 0o755);
  return files;
}

/** A `mosquitto` that listens on 127.0.0.1, lets everybody in, and keeps nothing. */
export class Mosquitto implements AsyncDisposable {
  readonly port = freePort();
  readonly #folder: string;
  readonly #child: Deno.ChildProcess;
  readonly #clients: Deno.ChildProcess[] = [];

  /** @param lines of its config, behind those of the listener */
  constructor(lines: readonly string[] = []) {
    this.#folder = Deno.makeTempDirSync();
    const file = `${this.#folder}/mosquitto.conf`;
    Deno.writeTextFileSync(file, [`listener ${this.port} 127.0.0.1`, ...lines].join("\n"));
    this.#child = new Deno.Command("mosquitto", { args: ["-c", file], stdout: "null", stderr: "null" }).spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#clients) kill(child);
    kill(this.#child);
    await Promise.all([...this.#clients, this.#child].map(({ status }) => status));
    Deno.removeSync(this.#folder, { recursive: true });
  }

  /** Publishes to it with `mosquitto_pub`. */
  async publish(...args: string[]): Promise<void> {
    const { code } = await new Deno.Command("mosquitto_pub", { args: [...this.#where, ...args] }).output();
    assertEquals(code, 0);
  }

  /** The next message that it has for a filter: topic, RETAIN and payload. */
  async next(topicFilter: string, ...args: string[]): Promise<string> {
    const all = [...this.#where, "-C", "1", "-q", "2", "-F", "%t %r %p", "-t", topicFilter, ...args];
    const { stdout, stderr } = await patiently(
      `mosquitto's message on ${topicFilter}`,
      new Deno.Command("mosquitto_sub", { args: all }).output(),
    );
    return new TextDecoder().decode(stdout.length > 0 ? stdout : stderr).trim();
  }

  /** As {@linkcode Mosquitto.next}, of what is retained: a message that comes only now is asked for again. */
  async retained(topicFilter: string, ...args: string[]): Promise<string> {
    const first = await this.next(topicFilter, ...args);
    return first.includes(" 0 ") ? await this.next(topicFilter, ...args) : first;
  }

  /** Nothing is retained that a filter matches. */
  async assertNothingRetained(topicFilter: string): Promise<void> {
    await this.publish("-q", "1", "-r", "-t", "end", "-m", "end");
    // Retained messages come in the order of the subscriptions.
    assertEquals(await this.next(topicFilter, "-t", "end"), "end 1 end");
  }

  /** A client with a will that is cut off without a word as soon as it has got a message on a topic. */
  async dieWithWill(topicName: string, payload: string, ...args: string[]): Promise<void> {
    const will = ["--will-topic", topicName, "--will-payload", payload, "--will-qos", "1", ...args];
    const all = [...this.#where, "-t", "alive", "-F", "%p", ...will];
    const child = new Deno.Command("mosquitto_sub", { args: all, stdout: "piped", stderr: "null" }).spawn();
    this.#clients.push(child);
    const reader = child.stdout.getReader();
    await this.publish("-r", "-t", "alive", "-m", "yes");
    await patiently("a sign of life of mosquitto_sub", reader.read());
    kill(child);
    await reader.cancel();
  }

  get #where(): readonly string[] {
    return ["-h", "127.0.0.1", "-p", `${this.port}`];
  }
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended already.
  }
}
