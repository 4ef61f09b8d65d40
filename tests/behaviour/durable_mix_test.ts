/** Everything that makes, shares, moves and ends stored messages, at random and mixed: nothing is lost or comes twice. */
import { assert, assertEquals } from "@std/assert";
import { type OutboundPacket, PacketType, type PublishPacket, type QoS } from "../../src/packet/packets.ts";
import { type Disk, type End, House, MemoryDisk, SqliteDisk } from "../support/durable_broker.ts";
import { patiently } from "../support/patience.ts";
import type { RawClient } from "../support/raw_client.ts";
import { randomFrom } from "../support/random.ts";

const CLIENTS = 5;
const STEPS = 150;
/** So large that a few dozen of them are more than `max-total-bytes`. */
const PADDING = "x".repeat(24 * 1024);
const CONFIG = { maxTotalBytes: 2 ** 20, maxInflight: 20 };

const decoder = new TextDecoder();

/** What a session owes its client, and what the client has had of it. */
class Ledger {
  readonly filters = new Set<string>();
  readonly owed = new Map<string, QoS>();
  readonly arrivals = new Map<string, number>();
  /** QoS 2 identifiers that have come and are not released yet. */
  readonly received = new Set<number>();
  /** What has come and was not acknowledged. */
  unacknowledged: PublishPacket[] = [];

  /** Counts a message, unless it is only sent again. */
  arrived({ payload, qos, retain, packetIdentifier }: PublishPacket): void {
    const again = qos === 2 && this.received.has(packetIdentifier);
    if (qos === 2) this.received.add(packetIdentifier);
    if (again || retain) return;
    const text = nameOf(payload);
    this.arrivals.set(text, (this.arrivals.get(text) ?? 0) + 1);
  }
}

function nameOf(payload: Uint8Array): string {
  return decoder.decode(payload).split(" ")[0]!;
}

interface Member {
  readonly clientIdentifier: string;
  client: RawClient | undefined;
  ledger: Ledger;
}

class Mix {
  readonly #house: House;
  readonly #random: (limit: number) => number;
  readonly #members: Member[] = Array.from({ length: CLIENTS }, (_, index) => {
    return { clientIdentifier: `c${index}`, client: undefined, ledger: new Ledger() };
  });
  #published = 0;

  constructor(house: House, random: (limit: number) => number) {
    this.#house = house;
    this.#random = random;
  }

  async step(): Promise<void> {
    const member = this.#members[this.#random(CLIENTS)]!;
    const steps: (() => Promise<void>)[] = [
      ...Array(8).fill(() => this.#publish()),
      ...Array(6).fill(() => this.#connect(member)),
      ...Array(6).fill(() => this.#subscribe(member)),
      ...Array(6).fill(() => this.#drain(member, this.#random(4))),
      ...Array(2).fill(() => this.#leave(member)),
      ...Array(3).fill(() => this.#advance(this.#random(1000))),
      () => this.#unsubscribe(member),
      () => this.#restart(),
    ];
    await steps[this.#random(steps.length)]!();
    const complaint = this.#house.broker.log.lines.find((line) => /^error: /.test(line));
    assertEquals(complaint, undefined);
  }

  /** Lets everybody take everything, and compares. */
  async finish(): Promise<void> {
    for (const member of this.#members) {
      await this.#leave(member);
      await this.#connect(member, true);
      // What a commit is waited for comes behind an answer to PINGREQ.
      for (let quiet = 0; quiet < 3;) {
        await this.#house.stored();
        quiet = await this.#drain(member, 4) ? 0 : quiet + 1;
        if (!member.client) await this.#connect(member, true);
      }
      const { owed, arrivals } = member.ledger;
      for (const [name, qos] of owed) {
        const times = arrivals.get(name) ?? 0;
        assert(
          qos === 2 ? times === 1 : times >= 1,
          `${member.clientIdentifier}: ${name} (QoS ${qos}) came ${times} times`,
        );
      }
    }
  }

  async #publish(): Promise<void> {
    const { broker } = this.#house.broker;
    const topicName = `${["p", "p", "s"][this.#random(3)]}/${this.#random(6)}`;
    const all: Promise<unknown>[] = [];
    for (let count = 1 + this.#random(30); count > 0; count--) {
      const qos = this.#random(3) as QoS;
      const name = `${this.#published++}`;
      const retain = this.#random(2) === 0;
      if (qos > 0) {
        for (const { ledger } of this.#members) if (isOwed(ledger, topicName)) ledger.owed.set(name, qos);
      }
      const clears = retain && this.#random(4) === 0;
      all.push(broker.publish(topicName, clears ? "" : `${name} ${PADDING}`, { qos, retain }));
      if (clears) { for (const { ledger } of this.#members) ledger.owed.delete(name); }
    }
    await patiently("messages to be stored", Promise.all(all));
  }

  async #connect(member: Member, staying = false): Promise<void> {
    if (member.client && this.#random(3) > 0) return;
    const { broker } = this.#house;
    const clean = !staying && this.#random(30) === 0;
    const sessionExpiryIntervalSeconds = staying || this.#random(6) > 0 ? 100_000 : 1 + this.#random(6);
    const receiveMaximum = 1 + this.#random(8);
    const { clientIdentifier } = member;
    const client = await broker.connect5({ clientIdentifier, clean, sessionExpiryIntervalSeconds, receiveMaximum });
    if (!client.connack.sessionPresent) member.ledger = new Ledger();
    member.ledger.unacknowledged = [];
    member.client = client;
    if (member.ledger.filters.size === 0) await this.#subscribe(member);
  }

  async #subscribe(member: Member): Promise<void> {
    const filter = ["p/+", "$share/g/s/#", "$share/h/s/0"][this.#random(3)]!;
    await this.#talk(member, async (client) => {
      await client.subscribe(filter, 2);
      member.ledger.filters.add(filter);
    });
  }

  async #unsubscribe(member: Member): Promise<void> {
    const [filter] = member.ledger.filters;
    if (filter === undefined) return;
    await this.#talk(member, async (client) => {
      member.ledger.filters.delete(filter);
      await client.unsubscribe(filter);
    });
  }

  /** Takes what has come; acknowledges none, some or (from 3) all of it. Returns whether anything has. */
  async #drain(member: Member, eagerness: number): Promise<boolean> {
    let any = false;
    await this.#talk(member, async (client) => {
      await client.sendPacket({ type: PacketType.Pingreq });
      for (;;) {
        const packet = await client.next();
        if (packet.type === PacketType.Pingresp) break;
        any = true;
        await this.#take(member, client, packet);
      }
      const { ledger } = member;
      const waiting = ledger.unacknowledged;
      ledger.unacknowledged = [];
      for (const packet of waiting) {
        if (this.#random(3) < eagerness) {
          any = true;
          await client.sendAck(packet.qos === 1 ? "Puback" : "Pubrec", packet.packetIdentifier);
        } else ledger.unacknowledged.push(packet);
      }
    });
    return any;
  }

  async #take({ ledger }: Member, client: RawClient, packet: OutboundPacket): Promise<void> {
    if (packet.type === PacketType.Disconnect) throw new Error("sent away");
    if (packet.type === PacketType.Pubrel) {
      ledger.received.delete(packet.packetIdentifier);
      await client.sendAck("Pubcomp", packet.packetIdentifier);
    }
    if (packet.type !== PacketType.Publish) return;
    ledger.arrived(packet);
    if (packet.qos > 0) ledger.unacknowledged.push(packet);
  }

  /** The broker may send the client away meanwhile, since its memory is full. */
  async #talk(member: Member, words: (client: RawClient) => Promise<void>): Promise<void> {
    if (!member.client) return;
    try {
      await words(member.client);
    } catch (error) {
      if (!/sent away|closed|end of the connection|Disconnect/.test(`${error}`)) throw error;
      member.client = undefined;
    }
  }

  async #leave(member: Member): Promise<void> {
    const { client } = member;
    member.client = undefined;
    if (client && this.#isConnected(member)) await this.#house.broker.lose(client);
  }

  #isConnected({ clientIdentifier }: Member): boolean {
    return this.#house.broker.broker.clients.some((client) => client.clientIdentifier === clientIdentifier);
  }

  #advance(ms: number): Promise<void> {
    this.#house.broker.clock.advance(ms);
    return Promise.resolve();
  }

  async #restart(): Promise<void> {
    const end: End = this.#random(2) === 0 ? "shutdown" : "crash";
    for (const member of this.#members) member.client = undefined;
    await this.#house.restart(end, { downSeconds: this.#random(3) });
  }
}

function isOwed({ filters }: Ledger, topicName: string): boolean {
  return filters.has("p/+") && topicName.startsWith("p/");
}

async function runMix(disk: Disk, seed: number, steps: number): Promise<void> {
  await using house = new House(disk, CONFIG);
  await house.start();
  const mix = new Mix(house, randomFrom(seed));
  for (let step = 0; step < steps; step++) await mix.step();
  await mix.finish();
}

const disks: Readonly<Record<string, () => Disk>> = {
  MemoryStore: () => new MemoryDisk(),
  SqliteStore: () => new SqliteDisk(),
};

for (const [name, disk] of Object.entries(disks)) {
  Deno.test(`${name}: whatever clients, memory and restarts do, what was stored comes, and at QoS 2 once`, async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    try {
      await runMix(disk(), seed, STEPS);
    } catch (error) {
      throw new Error(`seed ${seed}: ${error}`, { cause: error });
    }
  });
}
