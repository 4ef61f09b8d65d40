/** What befalls the nodes, links and servers of a cluster: one thing, or two at once. */
import type { NatsServers } from "../log/nats_servers.ts";
import type { Random } from "../support/random.ts";
import type { LinkProxy } from "./proxy.ts";
import { pause, type Station } from "./station.ts";

/** How often something else fails at the same time. */
const PAIRS = 0.3;
const DELAY_MS = 50;

const NODE_FAULTS = ["kill", "restart", "stop", "client"] as const;
const LINK_FAULTS = ["cut", "shut", "freeze", "delay", "half-close", "half-close back"] as const;
const SERVER_FAULTS = ["server kill", "server stop"] as const;

/** What {@linkcode Disturbances} work with. */
export interface DisturbancesParts {
  readonly random: Random;
  readonly stations: readonly Station[];
  /** Each stands before a node, for those whose names are lower. */
  readonly proxies: readonly LinkProxy[];
  /** `undefined`: they are left alone. */
  readonly servers: NatsServers | undefined;
}

interface Fault {
  readonly kind: string;
  /** Two faults never meet one thing. */
  readonly target: unknown;
  strike(): Promise<void>;
}

/** Strikes, and mends. */
export class Disturbances {
  readonly #parts: DisturbancesParts;

  constructor(parts: DisturbancesParts) {
    this.#parts = parts;
  }

  /** Resolves when all is mended. @returns what it was */
  async strike(): Promise<string[]> {
    const faults = [this.#fault()];
    if (this.#parts.random.chance(PAIRS)) {
      const other = this.#fault();
      if (other.target !== faults[0]!.target) faults.push(other);
    }
    await Promise.all(faults.map((fault) => fault.strike()));
    return faults.map(({ kind }) => kind);
  }

  #fault(): Fault {
    const { random, servers } = this.#parts;
    const lastsMs = random.between(100, 2500);
    const where = random.pick(["node", "link", ...servers === undefined ? [] : ["server"]]);
    if (where === "node") return this.#nodeFault(lastsMs);
    return where === "link" ? this.#linkFault(lastsMs) : this.#serverFault(servers!, lastsMs);
  }

  #nodeFault(lastsMs: number): Fault {
    const { random, stations } = this.#parts;
    const [station, kind] = [random.pick(stations), random.pick(NODE_FAULTS)];
    const strike = async () => {
      if (kind === "client") return await station.mourned?.client.abort();
      if (kind !== "stop") {
        await station.kill(kind === "kill" ? "SIGKILL" : "SIGTERM");
        await pause(lastsMs);
        return await station.start();
      }
      Deno.kill(station.process.pid, "SIGSTOP");
      await pause(lastsMs);
      Deno.kill(station.process.pid, "SIGCONT");
    };
    return { kind, target: station, strike };
  }

  #linkFault(lastsMs: number): Fault {
    const { random, proxies } = this.#parts;
    // Nobody is reached at the first node: it connects itself.
    const [proxy, kind] = [random.pick(proxies.slice(1)), random.pick(LINK_FAULTS)];
    const pauses = Array.from({ length: 3 }, () => random.between(0, 300));
    const strike = async () => {
      if (kind === "half-close" || kind === "half-close back") {
        return proxy.halfClose(kind === "half-close" ? "node" : "peer");
      }
      if (kind === "cut") {
        for (const ms of pauses) {
          proxy.cut();
          await pause(ms);
        }
        return;
      }
      if (kind === "freeze") proxy.freeze();
      else if (kind === "delay") proxy.delayMs = DELAY_MS;
      else {
        proxy.isShut = true;
        proxy.cut();
      }
      await pause(lastsMs);
      proxy.isShut = false;
      proxy.delayMs = 0;
      proxy.thaw();
    };
    return { kind, target: proxy, strike };
  }

  #serverFault(servers: NatsServers, lastsMs: number): Fault {
    const { random } = this.#parts;
    const [{ name }, kind] = [random.pick(servers.servers), random.pick(SERVER_FAULTS)];
    const strike = async () => {
      if (kind === "server kill") {
        await servers.kill(name);
        await pause(lastsMs);
        return await servers.restart(name);
      }
      servers.freeze(name);
      await pause(lastsMs);
      servers.thaw(name);
    };
    return { kind, target: name, strike };
  }
}
