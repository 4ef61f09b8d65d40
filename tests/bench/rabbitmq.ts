/** Two nodes of RabbitMQ as MQTT brokers, joined to one cluster; for what crosses a cluster. */
import { join } from "@std/path";
import { patiently } from "../support/patience.ts";
import { freePorts, listening } from "../support/ports.ts";
import { crosses } from "./bridged.ts";
import type { RunningBroker } from "./brokers.ts";

/** Where the package of Debian has its programs; the wrappers in the path insist on a user of its own. */
const BIN = "/usr/lib/rabbitmq/bin";

const NAMES = ["a", "b"] as const;
const STARTING_MS = 60_000;

interface Ports {
  readonly amqp: number;
  readonly mqtt: number;
  /** For the other node. */
  readonly node: number;
}

/** Its version; `undefined`: it is not installed. */
export async function rabbitVersion(): Promise<string | undefined> {
  try {
    const [library] = [...Deno.readDirSync("/usr/lib/rabbitmq/lib")];
    await Deno.stat(`${BIN}/rabbitmq-server`);
    return library?.name.split("-").at(-1);
  } catch {
    return undefined;
  }
}

/** Starts both, in a folder that is removed at the end. */
export async function rabbitCluster(): Promise<RunningBroker> {
  const folder = await Deno.makeTempDir({ prefix: "rabbit-" });
  await Deno.writeTextFile(join(folder, "plugins"), "[rabbitmq_mqtt].\n");
  // Nodes and their tools know each other by it.
  await Deno.writeTextFile(join(folder, ".erlang.cookie"), crypto.randomUUID(), { mode: 0o400 });
  const [mapper = 0, ...ports] = freePorts(1 + 3 * NAMES.length);
  // Nodes would start it themselves, and leave it behind.
  const children = [spawn("epmd", ["-address", "127.0.0.1", "-port", `${mapper}`], {})];
  const stop = async () => {
    for (const child of children) end(child);
    for (const child of children) await child.status;
    await Deno.remove(folder, { recursive: true });
  };
  try {
    const nodes: Ports[] = [];
    for (const name of NAMES) {
      const [amqp = 0, mqtt = 0, node = 0] = ports.splice(0, 3);
      nodes.push({ amqp, mqtt, node });
      children.unshift(await start(name, { amqp, mqtt, node }, { folder, mapper }));
      // The second one finds a first one to join.
      await patiently(`RabbitMQ ${name}`, listening(mqtt), STARTING_MS);
    }
    const [near, far] = nodes as [Ports, Ports];
    await crosses(near.mqtt, far.mqtt);
    return { port: far.mqtt, publishPort: near.mqtt, pid: await runtimeOf(children[0]!), caFile: "", stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  name: string,
  { amqp, mqtt, node }: Ports,
  { folder, mapper }: { readonly folder: string; readonly mapper: number },
): Promise<Deno.ChildProcess> {
  const lines = [
    `listeners.tcp.1 = 127.0.0.1:${amqp}`,
    `mqtt.listeners.tcp.1 = 127.0.0.1:${mqtt}`,
    "mqtt.allow_anonymous = true",
    "cluster_formation.peer_discovery_backend = classic_config",
    ...NAMES.map((other, index) => `cluster_formation.classic_config.nodes.${index + 1} = ${other}@localhost`),
    "log.console = false",
    "log.file = false",
  ];
  const config = join(folder, `${name}.conf`);
  await Deno.writeTextFile(config, lines.join("\n") + "\n");
  const env = {
    HOME: folder,
    ERL_EPMD_PORT: `${mapper}`,
    RABBITMQ_NODENAME: `${name}@localhost`,
    RABBITMQ_CONFIG_FILE: config,
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
    RABBITMQ_MNESIA_BASE: join(folder, name),
    RABBITMQ_LOG_BASE: join(folder, name),
    RABBITMQ_NODE_PORT: `${amqp}`,
    RABBITMQ_DIST_PORT: `${node}`,
  };
  return spawn(`${BIN}/rabbitmq-server`, [], env);
}

/** In a process group of its own: a script starts others. */
function spawn(program: string, args: string[], env: Record<string, string>): Deno.ChildProcess {
  const options: Deno.CommandOptions = { args, env, detached: true, stdin: "null", stdout: "null", stderr: "null" };
  return new Deno.Command(program, options).spawn();
}

function end({ pid }: Deno.ChildProcess): void {
  try {
    Deno.kill(-pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

/** The process that has the broker in it: the script waits for it, or has become it. */
async function runtimeOf({ pid }: Deno.ChildProcess): Promise<number> {
  const { stdout } = await new Deno.Command("pgrep", { args: ["-g", `${pid}`, "-x", "beam.smp"] }).output();
  return Number(new TextDecoder().decode(stdout).split("\n")[0]) || pid;
}
