/**
 * Three brokers that are processes of their own, over a real NATS server: they are killed, stopped and cut off from each
 * other at random, and all that they acknowledged is accounted for.
 */
import { join } from "@std/path";
import { BrokerProcess } from "../crash/broker_process.ts";
import { NatsServers } from "../log/nats_servers.ts";
import { Random } from "../support/random.ts";
import { FaultClient, Sequence } from "./fault_client.ts";
import { freePort, LinkProxy } from "./proxy.ts";

const NODES = ["a", "b", "c"] as const;
const FAILURE_TIMEOUT_SECONDS = 1;
/** What is owed has come by then, or is lost. */
const PATIENCE_MS = 30_000;
const RETAINED_TOPICS = 4;

/** What was done and seen. */
export interface FaultsResult {
  /** Promises that were broken. */
  readonly broken: readonly string[];
  readonly figures: Readonly<Record<string, number>>;
}

interface Sent {
  readonly payload: string;
  readonly startedAt: number;
  isAcknowledged: boolean;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** One node with its clients, which come back to it whenever they have lost it. */
class Station {
  readonly process: BrokerProcess;
  subscriber: FaultClient | undefined;
  publisher: FaultClient | undefined;
  /** Leaves a will; its payload names it. */
  mourned: { client: FaultClient; payload: string } | undefined;
  readonly sent: Sent[] = [];
  /** By topic, what was acknowledged last and what was tried after that. */
  readonly retained = new Map<string, string[]>();
  #count = 0;
  #publishing: Promise<void> = Promise.resolve();
  isUp = false;
  isEnding = false;
  isPaused = false;

  constructor(readonly name: string, configFile: string, readonly run: FaultsRun) {
    this.process = new BrokerProcess(configFile);
  }

  async start(): Promise<void> {
    await this.process.start();
    this.isUp = true;
  }

  async kill(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    this.isUp = false;
    await this.process.end(signal);
  }

  /** Brings back what is not connected; true: all are. */
  async tend(): Promise<boolean> {
    if (!this.isUp) return false;
    const { port } = this.process;
    const { sequence, figures } = this.run;
    if (this.subscriber?.isOpen !== true) {
      const one = await FaultClient.open(port, `subscriber ${this.name}`);
      if (!await one?.subscribe(["t/#", "w/#"], sequence)) return false;
      this.run.spans.push(this.subscriber = one!);
    }
    if (this.mourned?.client.isOpen !== true) {
      const payload = `w ${this.name} ${sequence.next()}`;
      const will = { topic: `w/${this.name}`, payload: new TextEncoder().encode(payload) as never, qos: 1 as const };
      const client = await FaultClient.open(port, `mourned ${sequence.next()}`, { will: { ...will, retain: false } });
      if (client === undefined) return false;
      this.mourned = { client, payload };
      this.run.wills.push(this.mourned);
    }
    if (this.publisher?.isOpen !== true) {
      this.publisher = await FaultClient.open(port, `publisher ${this.name}`);
      if (this.publisher === undefined) return false;
      figures.connections = (figures.connections ?? 0) + 1;
    }
    return true;
  }

  /** Publishes on and on, at QoS 1 and 2 and retained ones, several at a time. */
  publish(): void {
    this.isPaused = false;
    this.#publishing = Promise.all([1, 2, "retained"].map((kind) => this.#publishAll(kind as 1))).then(() => {});
  }

  async pausePublishing(): Promise<void> {
    this.isPaused = true;
    await this.#publishing;
  }

  async #publishAll(kind: 1 | 2 | "retained"): Promise<void> {
    while (!this.isPaused) {
      const { publisher } = this;
      if (publisher?.isOpen !== true) await pause(20);
      else if (kind === "retained") await this.#retain(publisher);
      else await Promise.all(Array.from({ length: 5 }, () => this.#send(publisher, kind)));
      await pause(2);
    }
  }

  async #send(publisher: FaultClient, qos: 1 | 2): Promise<void> {
    const { sequence, figures } = this.run;
    const payload = `m ${++this.#count} ${this.name}`;
    const sent: Sent = { payload, startedAt: sequence.next(), isAcknowledged: false };
    this.sent.push(sent);
    sent.isAcknowledged = await publisher.publish(`t/${this.name}/${qos}`, payload, qos);
    const key = sent.isAcknowledged ? "acknowledged" : "unacknowledged";
    figures[key] = (figures[key] ?? 0) + 1;
  }

  /** Each node has topics of its own, so that it is known what was last. */
  async #retain(publisher: FaultClient): Promise<void> {
    const topic = `r/${this.name}/${this.#count % RETAINED_TOPICS}`;
    const payload = `r ${++this.#count}`;
    const tried = this.retained.get(topic) ?? [];
    this.retained.set(topic, tried);
    tried.push(payload);
    if (await publisher.publish(topic, payload, 1, true)) tried.splice(0, tried.length - 1);
    await pause(10);
  }

  async end(): Promise<void> {
    await Promise.all([this.subscriber?.end(), this.publisher?.end(), this.mourned?.client.end()]);
    await this.process.end("SIGKILL");
  }
}

/** See the module. */
export class FaultsRun {
  readonly sequence = new Sequence();
  readonly figures: Record<string, number> = {};
  readonly broken: string[] = [];
  /** Subscribers, each over one connection. */
  spans: FaultClient[] = [];
  wills: { client: FaultClient; payload: string }[] = [];
  readonly #random: Random;
  readonly #log: (text: string) => void;
  #stations: Station[] = [];
  #proxies: LinkProxy[] = [];
  #claimed: FaultClient[] = [];

  constructor(seed: number, log: (text: string) => void) {
    this.#random = new Random(seed);
    this.#log = log;
  }

  /** Runs so many faults, and accounts after each. */
  async run(faults: number): Promise<FaultsResult> {
    await using servers = await NatsServers.start(1);
    const folder = await Deno.makeTempDir({ prefix: "amqtt-faults-" });
    try {
      await this.#start(folder, servers.addresses);
      for (let n = 1; n <= faults && this.broken.length === 0; n++) await this.#round(n);
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
    for (const node of NODES) {
      const port = freePort();
      const proxy = new LinkProxy(port);
      this.#proxies.push(proxy);
      const file = join(folder, `${node}.yaml`);
      const config = {
        listeners: { tcp: { bind: "127.0.0.1:0" } },
        plugins: [],
        auth: { "allow-anonymous": true },
        cluster: {
          name: "faults",
          node,
          bind: `127.0.0.1:${port}`,
          advertise: proxy.address,
          "failure-timeout": FAILURE_TIMEOUT_SECONDS,
          log: { type: "nats", servers: servers.map((one) => `nats://${one}`), replicas: 1 },
        },
      };
      await Deno.writeTextFile(file, JSON.stringify(config));
      this.#stations.push(new Station(node, file, this));
    }
    await Promise.all(this.#stations.map((station) => station.start()));
    await this.#tendAll();
  }

  async #round(n: number): Promise<void> {
    const startedMs = performance.now();
    for (const station of this.#stations) station.publish();
    await pause(this.#random.between(50, 200));
    const before = this.sequence.next();
    const what = await this.#disturb();
    await this.#tendAll();
    await Promise.all(this.#stations.map((station) => station.pausePublishing()));
    await this.#heard(n);
    await this.#account(before);
    await this.#compareRetained();
    await this.#claim();
    const key = `faults: ${what}`;
    this.figures[key] = (this.figures[key] ?? 0) + 1;
    this.#log(
      `${n}. ${what}, ${Math.round(performance.now() - startedMs)} ms; ${this.figures.acknowledged} acknowledged`,
    );
  }

  async #disturb(): Promise<string> {
    const random = this.#random;
    const station = random.pick(this.#stations);
    const proxy = this.#proxies[random.between(1, 2)]!;
    const lasts = random.between(100, 2500);
    const kind = random.pick(["kill", "restart", "stop", "cut", "shut", "delay", "half-close", "client"] as const);
    if (kind === "kill" || kind === "restart") {
      await station.kill(kind === "kill" ? "SIGKILL" : "SIGTERM");
      await pause(lasts);
      await station.start();
    } else if (kind === "stop") {
      Deno.kill(station.process.pid, "SIGSTOP");
      await pause(lasts);
      Deno.kill(station.process.pid, "SIGCONT");
    } else if (kind === "cut") {
      for (let i = 0; i < 3; i++) {
        proxy.cut();
        await pause(random.between(0, 300));
      }
    } else if (kind === "shut") {
      proxy.isShut = true;
      proxy.cut();
      await pause(lasts);
      proxy.isShut = false;
    } else if (kind === "delay") {
      proxy.freeze();
      await pause(lasts);
      proxy.thaw();
    } else if (kind === "half-close") {
      proxy.halfClose();
    } else await station.mourned?.client.abort();
    return kind;
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
        if (found === undefined || !tried.includes(found)) {
          this.broken.push(`node ${name} retains ${found} at ${topic}, expected one of ${tried}`);
        }
      }
      await reader!.end();
    }
    if (new Set(sets).size > 1) this.broken.push(`retained sets differ: ${sets.join("\n")}`);
  }

  /** One identifier at one node after the other: the last connection alone stays. */
  async #claim(): Promise<void> {
    const station = this.#random.pick(this.#stations);
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
    const endMs = performance.now() + PATIENCE_MS;
    while (!await holds()) {
      if (performance.now() > endMs) {
        return void this.broken.push(`not in ${PATIENCE_MS} ms: ${typeof what === "string" ? what : what()}`);
      }
      await pause(30);
    }
  }
}
