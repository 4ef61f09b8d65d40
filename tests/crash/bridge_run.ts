import type { QoS } from "../../src/packet/packets.ts";
import { Random } from "../support/random.ts";
import { BrokerProcess } from "./broker_process.ts";
import { CuttingProxy } from "./cutting_proxy.ts";
import { DurableClient } from "./durable_client.ts";
import { Ledger, payloadOf } from "./ledger.ts";
import { delay, eventually } from "./part.ts";

export interface BridgeRunOptions {
  /** How often one of the two brokers is killed. */
  readonly kills: number;
  /** How often the link is cut or frozen, or a broker stands still. */
  readonly cuts: number;
  /** A whole number; what happens and when follows from it. */
  readonly seed: number;
  /** Where databases and configs are. */
  readonly folder: string;
  /** Told after each of these. */
  readonly log?: (line: string) => void;
}

export interface BridgeReport {
  /** Every broken promise; empty: none. */
  readonly faults: readonly string[];
  readonly figures: Ledger["figures"] & { readonly kills: number; readonly cuts: number };
}

const config = (name: string, bridges = "") => `
listeners:
  tcp: { bind: 127.0.0.1:0 }
auth: { plugins: [auth.anonymous], allow-anonymous: true }
plugins: []
sys-interval: 0
persistence: { type: sqlite, path: ${name}.sqlite, commit: os }
queue-limit: 1000000
queue-limit-bytes: 1 GiB
${bridges}`;

const bridge = (port: number) => `
bridges:
  link:
    address: 127.0.0.1:${port}
    client-id: link
    keep-alive: 2
    topics:
      - { filter: out/#, qos: 2 }
      - { filter: in/#, qos: 2, direction: in }
      - { filter: kept/#, qos: 1 }
`;

const STATE = "$SYS/broker/connection/link/state";
const KEPT = 10;
/** Milliseconds within which a bridge is back; its waits grow while nothing lasts. */
const PATIENCE_MS = 300_000;
/** At the end nothing more is waited for once nothing has come for so long. */
const QUIET_MS = 60_000;
/** Messages of one publisher under way. */
const WINDOW = 20;

type Side = "here" | "there";

/** One broker, and the clients that it has. */
class House {
  readonly broker: BrokerProcess;
  readonly publisher: DurableClient;
  readonly subscriber: DurableClient;
  #number = 0;
  #kept = 0;

  /** @param direction beginning of the topics that are published here */
  constructor(
    readonly side: Side,
    readonly direction: "out" | "in",
    configFile: string,
    readonly ledger: Ledger,
    onState: (state: string) => void,
  ) {
    this.broker = new BrokerProcess(configFile);
    const onFault = (text: string) => ledger.fault(`${side}: ${text}`);
    this.publisher = new DurableClient({ clientIdentifier: "publisher", protocolVersion: 5, onFault });
    this.subscriber = new DurableClient({
      clientIdentifier: "subscriber",
      protocolVersion: 5,
      onFault,
      onMessage: ({ topicName, payload, qos }) => {
        if (topicName === STATE) onState(payload);
        else ledger.delivered(side, payload, qos);
      },
    });
  }

  async connect(): Promise<void> {
    for (const client of [this.subscriber, this.publisher]) {
      if (!client.connected) await client.connect(this.broker.port);
    }
  }

  /** Subscribes to what is published at the other one. */
  async subscribe(): Promise<void> {
    const from = this.direction === "out" ? "in" : "out";
    for (const qos of [1, 2] as const) await this.subscriber.subscribe(`${from}/${qos}`, qos);
    const topics = new Map<string, QoS>([[`${from}/1`, 1], [`${from}/2`, 2]]);
    this.ledger.subscribed(this.side, { topics });
    if (this.side === "here") await this.subscriber.subscribe(STATE, 0);
  }

  /** Publishes as long as there is room. */
  publish(): void {
    if (!this.publisher.connected) return;
    while (this.publisher.outstanding < WINDOW) {
      const number = this.#number++;
      const qos = (number % 2 + 1) as 1 | 2;
      const sent = { publisher: this.side, topicName: `${this.direction}/${qos}`, qos, number };
      this.ledger.attempted(sent);
      this.publisher.publish(sent.topicName, payloadOf(sent), { qos }, () => this.ledger.acknowledged(sent));
      if (this.direction === "in" || number % 5 > 0) continue;
      const kept = this.#kept++;
      // Now and then one is cleared.
      const payload = kept % 7 === 3 ? "" : `${kept}`;
      this.publisher.publish(`kept/${kept % KEPT}`, payload, { qos: 1, retain: true }, () => {});
    }
  }

  async close(): Promise<void> {
    await this.publisher.cut();
    await this.subscriber.cut();
  }
}

/** Kills and cuts while messages cross a bridge both ways, and accounts for all that was acknowledged. */
export async function runBridge({ kills, cuts, seed, folder, log }: BridgeRunOptions): Promise<BridgeReport> {
  const [ledger, random, proxy] = [new Ledger(), new Random(seed), new CuttingProxy()];
  await Deno.writeTextFile(`${folder}/here.yaml`, config("here", bridge(proxy.port)));
  await Deno.writeTextFile(`${folder}/there.yaml`, config("there"));
  let isUp = false;
  const here = new House("here", "out", `${folder}/here.yaml`, ledger, (state) => isUp = state === "1");
  const there = new House("there", "in", `${folder}/there.yaml`, ledger, () => {});
  const houses = [here, there];
  const done = { kills: 0, cuts: 0 };
  let isOver = false;
  const publishing = async () => {
    for (; !isOver; await delay(5)) for (const house of houses) house.publish();
  };
  let published: Promise<void> | undefined;
  try {
    await there.broker.start();
    proxy.target = there.broker.port;
    await here.broker.start();
    for (const house of houses) await house.connect();
    for (const house of houses) await house.subscribe();
    if (!await eventually(() => isUp, PATIENCE_MS)) throw new Error("the bridge does not connect");
    published = publishing();
    while (done.kills < kills || done.cuts < cuts) {
      await delay(random.between(50, 500));
      const isKill = done.cuts >= cuts || (done.kills < kills && random.chance(0.5));
      const what = isKill ? await kill(random.pick(houses)) : await disturb();
      done[isKill ? "kills" : "cuts"]++;
      if (random.chance(0.5) && !await eventually(() => isUp, PATIENCE_MS)) throw new Error(`no bridge after ${what}`);
      const { acknowledged, deliveries } = ledger.figures;
      log?.(`${done.kills} kills, ${done.cuts} cuts (${what}), ${acknowledged} acknowledged, ${deliveries} deliveries`);
    }
    isOver = true;
    await published;
    // As long as something comes it is not lost, however much has gathered.
    let seen = -1;
    const settled = () => {
      const { deliveries } = ledger.figures;
      const isQuiet = deliveries === seen;
      seen = deliveries;
      return isQuiet && houses.every(({ publisher }) => publisher.outstanding === 0) && ledger.missing().length === 0;
    };
    for (let before = -1; before !== ledger.figures.deliveries;) {
      before = ledger.figures.deliveries;
      if (await eventually(settled, QUIET_MS)) break;
    }
    await compareRetained();
  } catch (error) {
    ledger.fault(error instanceof Error ? `${error.stack}` : String(error));
  } finally {
    isOver = true;
    await published;
    for (const house of houses) {
      await house.close();
      const { log } = await house.broker.end("SIGTERM");
      if (/ERROR/.test(log)) ledger.fault(`${house.side}: the broker wrote ${log}`);
    }
    await proxy.close();
  }
  return { faults: ledger.faults(), figures: { ...ledger.figures, ...done } };

  async function kill(house: House): Promise<string> {
    isUp = false;
    await house.broker.end("SIGKILL");
    await house.close();
    if (random.chance(0.5)) await delay(random.between(0, 300));
    await house.broker.start();
    proxy.target = there.broker.port;
    await house.connect();
    return `kill -9 ${house.side}`;
  }

  async function disturb(): Promise<string> {
    const what = random.pick(["cut", "freeze", "stop here", "stop there"]);
    const ms = random.between(100, 1500);
    if (what === "cut") {
      isUp = false;
      proxy.cut();
    } else if (what === "freeze") proxy.freeze(random.chance(0.3) ? 4000 : ms);
    else {
      const { pid } = (what === "stop here" ? here : there).broker;
      Deno.kill(pid, "SIGSTOP");
      await delay(ms);
      Deno.kill(pid, "SIGCONT");
    }
    return what;
  }

  async function compareRetained(): Promise<void> {
    const retained = (house: House) => retainedOf(house.broker.port, ledger);
    const [mine, theirs] = [await retained(here), await retained(there)];
    if (mine !== theirs) ledger.fault(`retained here:\n${mine}\nand there:\n${theirs}`);
    if (mine === "") ledger.fault("nothing is retained");
  }
}

/** What is retained below `kept/`, a line each. */
async function retainedOf(port: number, ledger: Ledger): Promise<string> {
  const lines: string[] = [];
  const looker = new DurableClient({
    clientIdentifier: `looker${crypto.randomUUID()}`,
    protocolVersion: 5,
    sessionExpiryIntervalSeconds: 0,
    onMessage: ({ topicName, payload }) => void lines.push(`${topicName} ${payload}`),
    onFault: (text) => ledger.fault(text),
  });
  await looker.connect(port);
  await looker.subscribe("kept/#", 1);
  await looker.ping();
  await eventually(() => lines.length >= KEPT, 500);
  await looker.cut();
  return lines.sort().join("\n");
}
