import { basename, fromFileUrl, join, resolve } from "@std/path";
import { makeAuthority } from "../support/certificates.ts";
import { joined } from "./bridged.ts";
import { clustered, natsCluster, type NodeOfCluster } from "./clustered.ts";
import { rabbitCluster, rabbitVersion } from "./rabbitmq.ts";
import type { Setup } from "./scenarios.ts";
import { freePort } from "../support/ports.ts";

/** A broker that runs, in a process and a folder of its own. */
export interface RunningBroker {
  readonly port: number;
  /** Where publishers connect. @default the same */
  readonly publishPort?: number;
  /** Where its bridge finds its remote. @default it has no bridge, or another broker is there */
  readonly remotePort?: number;
  readonly pid: number;
  /** Authority of its certificate, PEM file. */
  readonly caFile: string;
  stop(): Promise<void>;
}

/** A broker that can be started. */
export interface Broker {
  readonly name: string;
  /** Its own words about its version; `undefined`: it is not installed. */
  version(): Promise<string | undefined>;
  /** @throws {Error} if it does not come up */
  start(setup: Setup): Promise<RunningBroker>;
}

/** A command line, and how the port is known: from its first line of output, or beforehand. */
interface Launch {
  readonly command: string;
  readonly args: readonly string[];
  readonly port: number | RegExp;
  /** Where the broker's bridge finds its remote. */
  readonly remotePort?: number;
  /** Finds the admin page's address in the output; `undefined`: there is none. */
  readonly admin?: RegExp;
  /** Looks at that page until the returned function is called. */
  readonly watch?: (link: string) => Promise<() => Promise<void>>;
}

const STARTING_MS = 20_000;
const here = fromFileUrl(new URL(".", import.meta.url));

/** This broker as it stands in a folder: the command line, with its default plugins, limits and `$SYS`. */
function ourBroker(name: string, root: string): Broker {
  return {
    name,
    version: async () => JSON.parse(await Deno.readTextFile(join(root, "deno.json"))).version,
    start: (setup) =>
      alone(setup, async (folder, company) => {
        const file = join(folder, "broker.yaml");
        const remotePort = setup.carriedBy === "bridge" ? freePort() : undefined;
        await Deno.writeTextFile(file, ourConfig(setup, folder, { ...company, remotePort }));
        const args = ["run", "-A", "--quiet", join(root, "cli.ts"), file];
        const admin = setup.admin === "off" ? {} : { admin: /^admin: (\S+)$/m };
        const watch = setup.admin === "watched" ? { watch: (link: string) => watchAdmin(link) } : {};
        return { command: Deno.execPath(), args, port: /^\w+:\/\/127\.0\.0\.1:(\d+)/, ...admin, ...watch, remotePort };
      }),
  };
}

const ours = ourBroker("ours", join(here, "../.."));

/** Another checkout of this broker, named after its folder. */
export function checkout(folder: string): Broker {
  const root = resolve(folder);
  return ourBroker(basename(root), root);
}

/** What a broker is one of two with. */
interface Company {
  /** The broker that it has a bridge to. */
  readonly farPort?: number;
  /** Where it has a bridge to whoever is there later. */
  readonly remotePort?: number;
  readonly cluster?: NodeOfCluster;
}

/** A broker, or two of them with a bridge between, or as nodes of one cluster. */
function alone(
  { bridge, cluster }: Setup,
  prepare: (folder: string, company: Company) => Promise<Launch>,
): Promise<RunningBroker> {
  const start = (company: Company) => launched((folder) => prepare(folder, company));
  if (cluster) return clustered((node) => start({ cluster: node }));
  return bridge === undefined ? start({}) : joined((farPort) => start({ farPort }));
}

function ourConfig(
  { transport, persistence, admin, bridge }: Setup,
  folder: string,
  { farPort, remotePort, cluster }: Company,
): string {
  const listener = transport === "tls"
    ? { bind: "127.0.0.1:0", ssl: true, certfile: join(folder, "server.pem"), keyfile: join(folder, "server.key") }
    : { bind: "127.0.0.1:0", type: transport };
  const far = { address: `127.0.0.1:${farPort}`, topics: [{ filter: "load/#", direction: "out", qos: bridge }] };
  const log = { type: "nats", servers: cluster?.log.map((address) => `nats://${address}`), replicas: 3 };
  // A lazy one connects with the first message, when its remote is there.
  const carrying = { version: "3.1.1", start: "lazy", topics: [{ filter: "carried/#", qos: 1 }] };
  const remote = { address: `127.0.0.1:${remotePort}`, ...carrying };
  const store = { type: "sqlite", path: join(folder, "broker.sqlite"), commit: persistence };
  // JSON is YAML.
  return JSON.stringify({
    listeners: { bench: listener },
    auth: { "allow-anonymous": true },
    ...(admin === "off" ? {} : { admin: { bind: "127.0.0.1:0" } }),
    ...(farPort === undefined ? {} : { bridges: { far } }),
    ...(cluster ? { cluster: { name: "bench", node: cluster.node, bind: "127.0.0.1:0", log } } : {}),
    ...(remotePort === undefined ? {} : { bridges: { remote } }),
    ...(persistence === "memory" ? {} : { persistence: store }),
  });
}

const aedes: Broker = {
  name: "aedes",
  version: () => Promise.resolve("1.2.0"),
  start: ({ transport }) =>
    launched((folder) => {
      const files = [join(folder, "server.pem"), join(folder, "server.key")];
      const args = ["run", "-A", "--quiet", join(here, "peers/aedes.ts"), transport, ...files];
      return Promise.resolve({ command: Deno.execPath(), args, port: /^(\d+)/ });
    }),
};

const mosquitto: Broker = {
  name: "mosquitto",
  version: () => versionOf("mosquitto", "-h", /version (\S+)/),
  start: (setup) =>
    alone(setup, async (folder, { farPort }) => {
      const port = freePort();
      const file = join(folder, "mosquitto.conf");
      const bridge = farPort === undefined
        ? ""
        : `connection far\naddress 127.0.0.1:${farPort}\ntopic load/# out ${setup.bridge}\n`;
      await Deno.writeTextFile(file, mosquittoConfig(setup, folder, port) + bridge);
      return { command: "mosquitto", args: ["-c", file], port };
    }),
};

async function versionOf(command: string, flag: string, pattern: RegExp): Promise<string | undefined> {
  try {
    const { stdout } = await new Deno.Command(command, { args: [flag], stdin: "null", stderr: "null" }).output();
    return pattern.exec(new TextDecoder().decode(stdout))?.[1];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Mosquitto as it comes, with room enough that it drops nothing the others carry. */
function mosquittoConfig({ transport }: Setup, folder: string, port: number): string {
  const lines = [`listener ${port} 127.0.0.1`, "allow_anonymous true", "log_type error", "persistence false"];
  lines.push("max_inflight_messages 1000", "max_queued_messages 0");
  if (transport === "ws") lines.push("protocol websockets");
  if (transport === "tls") {
    lines.push(`certfile ${join(folder, "server.pem")}`, `keyfile ${join(folder, "server.key")}`);
  }
  return `${lines.join("\n")}\n`;
}

/** No broker but a ceiling: what the runtime's sockets carry when messages are copied and nothing is kept. */
const relay: Broker = {
  name: "relay",
  version: () => Promise.resolve("without state"),
  start: () =>
    launched(() => {
      const args = ["run", "-A", "--quiet", join(here, "peers/relay.ts")];
      return Promise.resolve({ command: Deno.execPath(), args, port: /^(\d+)/ });
    }),
};

/** The servers that our clusters have their log on, as brokers: for what crosses a cluster only. */
const nats: Broker = {
  name: "nats",
  version: () => versionOf("nats-server", "--version", / v(\S+)/),
  start: natsCluster,
};

/** For what crosses a cluster only. */
const rabbitmq: Broker = { name: "rabbitmq", version: rabbitVersion, start: rabbitCluster };

/** The broker first, then its peers, in the order they take turns. */
export const brokers: readonly Broker[] = [ours, aedes, mosquitto, nats, rabbitmq, relay];

async function launched(prepare: (folder: string) => Promise<Launch>): Promise<RunningBroker> {
  const folder = await Deno.makeTempDir();
  await writeCertificate(folder);
  const { command, args, port, admin, watch, remotePort } = await prepare(folder);
  const child = new Deno.Command(command, { args: [...args], stdin: "null", stdout: "piped", stderr: "null" }).spawn();
  let hasEnded = false;
  child.status.then(() => hasEnded = true);
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let stopWatching = () => Promise.resolve();
  const stop = async () => {
    await stopWatching();
    try {
      child.kill("SIGTERM");
    } catch {
      // It has ended already.
    }
    await child.status;
    await output.cancel();
    await Deno.remove(folder, { recursive: true });
  };
  try {
    const said = typeof port === "number"
      ? { known: port, text: "" }
      : await within(STARTING_MS, announced(output, port, admin));
    const { known, text } = said;
    await within(STARTING_MS, listening(known, () => hasEnded));
    const link = admin?.exec(text)?.[1];
    if (watch && link !== undefined) stopWatching = await watch(link);
    return { port: known, remotePort, pid: child.pid, caFile: join(folder, "ca.pem"), stop };
  } catch (error) {
    await stop();
    throw new Error(`cannot start ${command} ${args.join(" ")}: ${error instanceof Error ? error.message : error}`);
  }
}

async function writeCertificate(folder: string): Promise<void> {
  const authority = makeAuthority();
  const { certificate, key } = authority.issue({ commonName: "localhost", sans: ["IP:127.0.0.1"] });
  await Deno.writeTextFile(join(folder, "ca.pem"), authority.certificate);
  await Deno.writeTextFile(join(folder, "server.pem"), certificate);
  await Deno.writeTextFile(join(folder, "server.key"), key);
  // Mosquitto may give up its rights to a user that is not the owner.
  await Deno.chmod(folder, 0o755);
}

/** The port, and everything that was said until it and the admin page were known. */
async function announced(
  output: ReadableStreamDefaultReader<string>,
  pattern: RegExp,
  admin: RegExp | undefined,
): Promise<{ known: number; text: string }> {
  let text = "";
  for (;;) {
    const { value, done } = await output.read();
    text += value ?? "";
    const port = pattern.exec(text)?.[1];
    const whole = text.slice(0, text.lastIndexOf("\n") + 1);
    if (port !== undefined && whole !== "" && (!admin || admin.test(whole))) {
      return { known: Number(port), text: whole };
    }
    if (done) throw new Error(`it ended and had said ${JSON.stringify(text)}`);
  }
}

/** What the page does that shows the overview and the tree: it reads streams, and asks for a branch every second. */
async function watchAdmin(link: string): Promise<() => Promise<void>> {
  const { origin, hash } = new URL(link);
  const signIn = await fetch(`${origin}/api/v1/sign-in/link`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-csrf-token": "none yet" },
    body: JSON.stringify({ token: hash.slice("#token=".length) }),
  });
  if (!signIn.ok) throw new Error(`the admin page is closed: ${signIn.status} ${await signIn.text()}`);
  await signIn.body?.cancel();
  const headers = { cookie: signIn.headers.get("set-cookie")!.split(";")[0]! };
  const leaving = new AbortController();
  const streams = ["events", "overview"].map(async (name) => {
    const { body } = await fetch(`${origin}/api/v1/streams/${name}`, { headers, signal: leaving.signal });
    for await (const _ of body!);
  });
  const look = async () => {
    while (!leaving.signal.aborted) {
      for (const path of ["topics", "overview"]) await (await fetch(`${origin}/api/v1/${path}`, { headers })).json();
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  };
  const looking = Promise.allSettled([look(), ...streams]);
  return async () => {
    leaving.abort();
    await looking;
  };
}

/** Resolves once somebody answers on the port. */
async function listening(port: number, hasEnded: () => boolean): Promise<void> {
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      if (hasEnded()) throw new Error("it ended at once");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not up within ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
