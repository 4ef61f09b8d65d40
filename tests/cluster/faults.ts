/**
 * Three brokers that are processes of their own, over a real NATS server: they are killed, stopped and cut off from each
 * other at random, and all that they acknowledged is accounted for.
 */
import { join } from "@std/path";
import { NatsServers } from "../log/nats_servers.ts";
import { Random } from "../support/random.ts";
import { Disturbances } from "./disturbances.ts";
import { FaultClient, Sequence } from "./fault_client.ts";
import { LinkProxy } from "./proxy.ts";
import { freePort } from "../support/ports.ts";
import { type AdminPlace, makeAdminPlace, ShardLedger } from "./shard_ledger.ts";
import { type Ledger, type Mourned, pause, Station } from "./station.ts";

const NODES = ["a", "b", "c"] as const;
const FAILURE_TIMEOUT_SECONDS = 1;
/** What is owed has come by then, or is lost. */
const PATIENCE_MS = 30_000;
/** Where servers fail as well they elect who leads them, perhaps twice. */
const PATIENCE_WITH_ELECTIONS_MS = 60_000;

/** What a run is done with. */
export interface FaultsOptions {
  readonly seed: number;
  readonly log: (text: string) => void;
  /** How many servers keep the log; where there are several they fail as well. @default 1 */
  readonly servers?: number;
  /** How many of them keep each record. @default 1 */
  readonly replicas?: number;
}

/** What was done and seen. */
export interface FaultsResult {
  /** Promises that were broken. */
  readonly broken: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

/** See the module. */
export class FaultsRun implements Ledger {
  readonly sequence = new Sequence();
  readonly figures: Record<string, number> = {};
  readonly broken: string[] = [];
  spans: FaultClient[] = [];
  wills: Mourned[] = [];
  readonly #options: FaultsOptions;
  readonly #random: Random;
  readonly #patienceMs: number;
  #stations: Station[] = [];
  #proxies: LinkProxy[] = [];
  #claimed: FaultClient[] = [];
  #shards = new ShardLedger(new Map());

  constructor(options: FaultsOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#patienceMs = (options.servers ?? 1) > 1 ? PATIENCE_WITH_ELECTIONS_MS : PATIENCE_MS;
  }

  /** Has something fail so many times, once or twice at once, and accounts after each. */
  async run(faults: number): Promise<FaultsResult> {
    await using servers = await NatsServers.start(this.#options.servers ?? 1);
    const folder = await Deno.makeTempDir({ prefix: "amqtt-faults-" });
    try {
      await this.#start(folder, servers.addresses);
      const disturbances = new Disturbances({
        random: this.#random,
        stations: this.#stations,
        proxies: this.#proxies,
        servers: servers.servers.length > 1 ? servers : undefined,
      });
      for (let n = 1; n <= faults && this.broken.length === 0; n++) await this.#round(n, disturbances);
      return { broken: this.broken, figures: this.figures };
    } finally {
      for (const station of this.#stations) station.isPaused = true;
      for (const proxy of this.#proxies) proxy.thaw();
      for (const client of this.#claimed) await client.end();
      for (const station of this.#stations) await station.end();
      for (const proxy of this.#proxies) await proxy[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    }
  }

  async #start(folder: string, servers: readonly string[]): Promise<void> {
    const places = new Map<Station, AdminPlace>();
    for (const node of NODES) {
      const proxy = LinkProxy.beforeNode();
      this.#proxies.push(proxy);
      const file = join(folder, `${node}.yaml`);
      const tokens = join(folder, `${node}.tokens`);
      const admin = await makeAdminPlace(freePort(), tokens);
      const config = {
        listeners: { tcp: { bind: "127.0.0.1:0" } },
        plugins: [],
        auth: { "allow-anonymous": true },
        admin: { bind: `127.0.0.1:${admin.port}`, "tokens-file": tokens },
        cluster: {
          name: "faults",
          node,
          ...proxy.place,
          "failure-timeout": FAILURE_TIMEOUT_SECONDS,
          log: { type: "nats", servers: servers.map((one) => `nats://${one}`), replicas: this.#options.replicas ?? 1 },
        },
      };
      await Deno.writeTextFile(file, JSON.stringify(config));
      const station = new Station(node, file, this);
      this.#stations.push(station);
      places.set(station, admin);
    }
    this.#shards = new ShardLedger(places);
    await Promise.all(this.#stations.map((station) => station.start()));
    await this.#tendAll();
  }

  async #round(n: number, disturbances: Disturbances): Promise<void> {
    const startedMs = performance.now();
    for (const station of this.#stations) station.publish();
    await pause(this.#random.between(50, 200));
    const before = this.sequence.next();
    const claiming = this.#claimTwice();
    const watch = { isOver: false };
    const watching = this.#watchShards(watch);
    const what = await disturbances.strike();
    await claiming;
    await this.#tendAll();
    watch.isOver = true;
    await watching;
    await Promise.all(this.#stations.map((station) => station.pausePublishing()));
    await this.#heard(n);
    await this.#account(before);
    await this.#compareRetained();
    await this.#compareShards();
    await this.#claim();
    for (const kind of what) {
      const key = `faults: ${kind}`;
      this.figures[key] = (this.figures[key] ?? 0) + 1;
    }
    this.#options.log(
      `${n}. ${what.join(" and ")}, ${
        Math.round(performance.now() - startedMs)
      } ms; ${this.figures.acknowledged} acknowledged`,
    );
  }

  /** Brings all clients back. */
  async #tendAll(): Promise<void> {
    await this.#within("all clients are back", async () => {
      for (const station of this.#stations) if (!await station.tend()) return false;
      return true;
    });
  }

  /** All nodes have read the log to here: who was declared dead knows it, and its clients too. */
  async #heard(n: number): Promise<void> {
    for (const station of this.#stations) {
      await this.#within(`node ${station.name} is heard`, async () => {
        await station.tend();
        return await station.publisher?.publish(`m/${station.name}`, `${n}`, 1, true) === true;
      });
    }
    await this.#tendAll();
  }

  /** Who was subscribed before the fault, and is still connected, has all that was acknowledged and each will once. */
  async #account(before: number): Promise<void> {
    this.spans = this.spans.filter(({ isOpen }) => isOpen);
    const sent = this.#stations.flatMap((station) => station.sent.splice(0));
    const owed = (span: FaultClient) =>
      sent.filter(({ isAcknowledged, startedAt }) => isAcknowledged && startedAt > span.since);
    const dead = this.wills.filter(({ client }) => !client.isOpen).map(({ payload }) => payload);
    const missing = () =>
      this.spans.filter(({ isOpen }) => isOpen).flatMap((span) => [
        ...owed(span).filter(({ payload }) => !span.counts.has(payload)).map(({ payload }) => payload),
        ...span.since < before ? dead.filter((payload) => !span.counts.has(payload)) : [],
      ]);
    await this.#within(() => `${missing().length} owed messages come: ${missing().slice(0, 5)}`, () => {
      return Promise.resolve(missing().length === 0);
    });
    for (const span of this.spans) {
      this.figures.delivered = (this.figures.delivered ?? 0) + owed(span).length;
      for (const [payload, count] of span.counts) if (count > 1) this.broken.push(`${payload} came ${count} times`);
      this.broken.push(...span.disorder.map((what) => `out of order: ${what}`));
      for (const { client, payload } of this.wills) {
        if (client.isOpen && span.counts.has(payload)) this.broken.push(`the will ${payload} of a living client came`);
      }
    }
    this.figures.wills = (this.figures.wills ?? 0) + dead.length;
    this.wills = this.wills.filter(({ client }) => client.isOpen);
  }

  async #compareRetained(): Promise<void> {
    const sets: string[] = [];
    for (const { name, process } of this.#stations) {
      const reader = await FaultClient.open(process.port, `reader ${name}`);
      if (!await reader?.subscribe(["r/#", `end/${name}`], this.sequence)) {
        this.broken.push(`node ${name} lets nobody in`);
        continue;
      }
      await reader!.publish(`end/${name}`, "end", 1);
      await this.#within(`node ${name} gives the end`, () => Promise.resolve(reader!.counts.has("end")));
      sets.push(JSON.stringify([...reader!.retained].sort()));
      for (const [topic, tried] of this.#stations.flatMap(({ retained }) => [...retained])) {
        const found = reader!.retained.get(topic);
        if (!tried.includes(found)) {
          this.broken.push(`node ${name} retains ${found} at ${topic}, expected one of ${tried}`);
        }
      }
      await reader!.end();
    }
    if (new Set(sets).size > 1) this.broken.push(`retained sets differ: ${sets.join("\n")}`);
  }

  /** Whatever happens, two nodes never name two owners of a shard in one epoch. */
  async #watchShards(watch: { readonly isOver: boolean }): Promise<void> {
    while (!watch.isOver) {
      await this.#shards.look();
      await pause(20);
    }
  }

  /** When all is well again all name one live owner of each shard. */
  async #compareShards(): Promise<void> {
    let problem: string | undefined;
    await this.#within(() => `${problem}`, async () => (problem = await this.#shards.look()) === undefined);
    this.broken.push(...this.#shards.faults);
    this.figures["owners of shards"] = this.#shards.tenures;
    this.figures["views of shards"] = this.#shards.answers;
  }

  /** One identifier at two nodes at once, while something fails: who sees it first is not known. */
  async #claimTwice(): Promise<void> {
    const stations = this.#stations.filter(({ isUp }) => isUp);
    const clients = [this.#random.pick(stations), this.#random.pick(stations)].map(({ process }) =>
      FaultClient.open(process.port, "claimed")
    );
    for (const client of await Promise.all(clients)) if (client) this.#claimed.push(client);
  }

  /** One identifier at one node after the other: the last connection alone stays. */
  async #claim(): Promise<void> {
    const station = this.#random.pick(this.#stations);
    await this.#within("one connection of an identifier is left", () => {
      return Promise.resolve(this.#claimed.filter(({ isOpen }) => isOpen).length <= 1);
    });
    const client = await FaultClient.open(station.process.port, "claimed");
    if (client === undefined) return void this.broken.push(`node ${station.name} does not let the claimed client in`);
    this.#claimed.push(client);
    await this.#within("the older connection of the identifier is closed", () => {
      return Promise.resolve(this.#claimed.every((one) => one === client || !one.isOpen));
    });
    if (!client.isOpen) this.broken.push("the newer connection of the identifier was closed");
    this.#claimed = [client];
  }

  async #within(what: string | (() => string), holds: () => Promise<boolean>): Promise<void> {
    const endMs = performance.now() + this.#patienceMs;
    while (!await holds()) {
      if (performance.now() > endMs) {
        return void this.broken.push(`not in ${this.#patienceMs} ms: ${typeof what === "string" ? what : what()}`);
      }
      await pause(30);
    }
  }
}
