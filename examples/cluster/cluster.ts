/**
 * Three brokers and three NATS servers on one machine:
 *
 * ```
 * deno task cluster
 * mosquitto_sub -p 1883 -t '#' -v &
 * mosquitto_pub -p 1885 -t hello -m world
 * ```
 *
 * `nats-server` has to be installed. Ctrl+C ends all of them, and removes what the servers have stored. When one ends, all
 * do: another cluster may have its ports.
 */
import { fromFileUrl, join } from "@std/path";

const SERVERS = 3;
const CLIENT_PORT = 4222;
const ROUTE_PORT = 6222;
const root = fromFileUrl(new URL("../..", import.meta.url));
const folder = await Deno.makeTempDir({ prefix: "amqtt-cluster-" });
const routes = Array.from({ length: SERVERS }, (_, i) => `nats://127.0.0.1:${ROUTE_PORT + i}`).join(",");
const children: Deno.ChildProcess[] = [];
let isEnding = false;

function keep(name: string, child: Deno.ChildProcess): void {
  children.push(child);
  child.status.then(({ code }) => {
    if (isEnding) return;
    console.error(`${name} has ended with exit code ${code}`);
    void end(1);
  });
}

function startServer(i: number): void {
  const own = ["-a", "127.0.0.1", "-p", `${CLIENT_PORT + i}`, "-n", `s${i}`, "-js", "-sd", join(folder, `s${i}`)];
  const cluster = ["--cluster_name", "example", "--cluster", `nats://127.0.0.1:${ROUTE_PORT + i}`, "--routes", routes];
  const command = new Deno.Command("nats-server", { args: [...own, ...cluster], stdout: "null", stderr: "null" });
  keep(`NATS server ${i}`, command.spawn());
}

function startBroker(name: string): void {
  const args = ["run", "-A", join(root, "cli.ts"), "--config", join(root, "examples", "cluster", `${name}.yaml`)];
  keep(`node ${name}`, new Deno.Command(Deno.execPath(), { args, cwd: root }).spawn());
}

async function listening(port: number): Promise<void> {
  for (;;) {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port }).catch(() => undefined);
    if (connection) return connection.close();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function end(exitCode: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  for (const child of children) {
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
  }
  await Promise.all(children.map(({ status }) => status));
  await Deno.remove(folder, { recursive: true });
  Deno.exit(exitCode);
}

Deno.addSignalListener("SIGINT", () => void end(0));
Deno.addSignalListener("SIGTERM", () => void end(0));
for (let i = 0; i < SERVERS; i++) startServer(i);
for (let i = 0; i < SERVERS; i++) await listening(CLIENT_PORT + i);
for (const name of ["a", "b", "c"]) startBroker(name);
for (const port of [1883, 1884, 1885]) await listening(port);
console.log("clients may connect to 127.0.0.1, ports 1883, 1884 and 1885");
