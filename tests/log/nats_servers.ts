/** Real NATS servers with JetStream, on ports of their own and in a folder that is removed. */
import { join } from "@std/path";
import { patiently } from "../support/patience.ts";
import { freePorts, listening } from "../support/ports.ts";

/** Whether `nats-server` is installed; where it is not, tests that need it are skipped, and counted as such. */
export const natsInstalled: boolean = await isInstalled();

async function isInstalled(): Promise<boolean> {
  try {
    return (await new Deno.Command("nats-server", { args: ["--version"], stdout: "null" }).output()).success;
  } catch {
    // What is not there is thrown at once.
    return false;
  }
}

interface Server {
  readonly name: string;
  readonly port: number;
  /** Where MQTT clients of its own connect; 0: nowhere. */
  readonly mqttPort: number;
  readonly args: readonly string[];
  process: Deno.ChildProcess;
}

/** A cluster of servers, or one by itself. */
export class NatsServers implements AsyncDisposable {
  private constructor(readonly servers: readonly Server[], private readonly folder: string) {}

  /**
   * Starts so many servers; they may still be electing.
   *
   * @param options whether they are MQTT brokers themselves, and more arguments and lines of the config for each
   */
  static async start(
    count: number,
    { mqtt = false, more = [], lines = "" }: {
      readonly mqtt?: boolean;
      readonly more?: readonly string[];
      readonly lines?: string;
    } = {},
  ): Promise<NatsServers> {
    const folder = await Deno.makeTempDir({ prefix: "nats-" });
    const ports = freePorts(count * 3);
    const mqttPorts = ports.splice(2 * count);
    const routes = ports.slice(count).map((port) => `nats://127.0.0.1:${port}`).join(",");
    const config = (index: number) => join(folder, `s${index}.conf`);
    for (const [index, port] of mqttPorts.entries()) {
      await Deno.writeTextFile(config(index), mqtt ? `mqtt { host: "127.0.0.1", port: ${port} }\n` : lines);
    }
    const servers = Array.from({ length: count }, (_, index): Server => {
      const name = `s${index}`;
      const args = ["-js", "-a", "127.0.0.1", "-p", `${ports[index]}`, "-n", name, "-sd", join(folder, name)];
      args.push("-c", config(index), ...more);
      if (count > 1) {
        args.push(
          "--cluster_name",
          "test",
          "--cluster",
          `nats://127.0.0.1:${ports[count + index]}`,
          "--routes",
          routes,
        );
      }
      return { name, port: ports[index]!, mqttPort: mqtt ? mqttPorts[index]! : 0, args, process: spawn(args) };
    });
    const all = new NatsServers(servers, folder);
    for (const { name, port } of servers) await patiently(`server ${name}`, listening(port));
    if (mqtt) { for (const { name, mqttPort } of servers) await patiently(`MQTT of ${name}`, listening(mqttPort)); }
    return all;
  }

  get addresses(): string[] {
    return this.servers.map(({ port }) => `127.0.0.1:${port}`);
  }

  /** Ends one with SIGKILL. */
  async kill(name: string): Promise<void> {
    const { process } = this.#server(name);
    process.kill("SIGKILL");
    await process.status;
  }

  /** Starts one anew that was killed, with what it had. */
  async restart(name: string): Promise<void> {
    const server = this.#server(name);
    server.process = spawn(server.args);
    await patiently(`server ${name}`, listening(server.port));
  }

  /** Writes the config that one gets when it is started anew. */
  async configure(name: string, lines: string): Promise<void> {
    await Deno.writeTextFile(join(this.folder, `${name}.conf`), lines);
  }

  /** Has one stand still, until it is let go on. */
  freeze(name: string): void {
    this.#server(name).process.kill("SIGSTOP");
  }

  thaw(name: string): void {
    this.#server(name).process.kill("SIGCONT");
  }

  #server(name: string): Server {
    return this.servers.find((one) => one.name === name)!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { process } of this.servers) {
      try {
        process.kill("SIGKILL");
      } catch {
        // It ended before.
      }
      await process.status;
    }
    await Deno.remove(this.folder, { recursive: true });
  }
}

function spawn(args: readonly string[]): Deno.ChildProcess {
  const options: Deno.CommandOptions = { args: [...args], stdin: "null", stdout: "null", stderr: "null" };
  return new Deno.Command("nats-server", options).spawn();
}
