/** Shared subscriptions under stress: members join, leave, die and come back at random, and no message is lost. */
import { assertEquals } from "@std/assert";
import { PacketType, type ProtocolVersion, type PublishPacket } from "../../src/packet/packets.ts";
import type { RawClient } from "../support/raw_client.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";
import { randomFrom } from "../support/random.ts";

const MEMBERS = 50;
const MESSAGES = 2000;
const FILTER = "$share/stress/a";
const EXPIRY_SECONDS = 1000;

const decoder = new TextDecoder();

interface MemberOptions {
  readonly broker: TestBroker;
  readonly name: string;
  readonly protocolVersion: ProtocolVersion;
  readonly qos: 1 | 2;
  /** Whether its session outlives its connection, for a time. */
  readonly lasting: boolean;
  readonly receiveMaximum: number;
  /** How often each message has come to somebody, by payload. */
  readonly arrivals: Map<string, number>;
}

class Member {
  readonly #options: MemberOptions;
  /** `undefined`: not connected. */
  client: RawClient | undefined;
  /** Packet identifiers of QoS 2 messages that have come and are not released yet. */
  #received = new Set<number>();

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  async join(): Promise<void> {
    const { broker, name, protocolVersion, qos, lasting, receiveMaximum } = this.#options;
    const own = protocolVersion === 5
      ? { receiveMaximum, sessionExpiryIntervalSeconds: lasting ? EXPIRY_SECONDS : 0 }
      : {};
    this.client = await broker.connect({ clientIdentifier: name, protocolVersion, clean: !lasting, ...own });
    // 3.1 does not say whether there was a session; its members here have none.
    if (!this.client.connack.sessionPresent) this.#received = new Set();
    assertEquals(await this.client.subscribe(FILTER, qos), [qos]);
  }

  /** Takes what has come. Each message is acknowledged if `acknowledges` says so, or left under way. */
  async drain(acknowledges: () => boolean): Promise<number> {
    const { client } = this;
    if (!client) return 0;
    await client.sendPacket({ type: PacketType.Pingreq });
    for (let taken = 0;;) {
      const packet = await client.next();
      if (packet.type === PacketType.Pingresp) return taken;
      if (packet.type === PacketType.Publish) await this.#take(client, packet, acknowledges());
      if (packet.type === PacketType.Pubrel) await this.#release(client, packet.packetIdentifier);
      taken++;
    }
  }

  /** The connection is lost, with whatever was on its way. */
  async die(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    if (client) await this.#options.broker.lose(client);
  }

  async leave(): Promise<void> {
    const { client } = this;
    this.client = undefined;
    if (!client) return;
    await client.unsubscribe(FILTER);
    await this.#options.broker.lose(client);
  }

  async #take(client: RawClient, { qos, payload, packetIdentifier }: PublishPacket, acknowledged: boolean) {
    const { arrivals } = this.#options;
    const text = decoder.decode(payload);
    if (qos === 1 || !this.#received.has(packetIdentifier)) arrivals.set(text, (arrivals.get(text) ?? 0) + 1);
    if (qos === 2) this.#received.add(packetIdentifier);
    if (acknowledged) await client.sendAck(qos === 1 ? "Puback" : "Pubrec", packetIdentifier);
  }

  async #release(client: RawClient, packetIdentifier: number): Promise<void> {
    this.#received.delete(packetIdentifier);
    await client.sendAck("Pubcomp", packetIdentifier);
  }
}

/** A member of some version; of those whose sessions last, some are 3.1.1 and some 5.0. */
function makeMember(shared: Pick<MemberOptions, "broker" | "qos" | "arrivals">, index: number): Member {
  const protocolVersion = ([5, 4, 3] as const)[index % 3]!;
  const lasting = protocolVersion !== 3 && index % 4 < 2;
  return new Member({ ...shared, name: `m${index}`, protocolVersion, lasting, receiveMaximum: 1 + index % 7 });
}

interface Stress {
  readonly broker: TestBroker;
  readonly members: readonly Member[];
  readonly random: (limit: number) => number;
}

/** Something happens to somebody; members that have left or died join or come back. */
async function happen({ broker, members, random }: Stress): Promise<void> {
  const member = members[random(members.length)]!;
  if (!member.client) return await member.join();
  const what = random(8);
  if (what === 0) await member.leave();
  else if (what < 3) await member.die();
  else await member.drain(() => random(4) > 0);
  if (random(40) === 0) broker.clock.advance(EXPIRY_SECONDS / 2 * 1000);
}

/** Half of the dead come back, the sessions of the rest end, and all take what there is. */
async function settle({ broker, members, random }: Stress, steady: Member): Promise<void> {
  for (const member of members) if (!member.client && random(2) === 0) await member.join();
  broker.clock.advance((EXPIRY_SECONDS + 1) * 1000);
  // Sessions end when others do not need the time.
  while ([...broker.broker.sessions()].some(({ connected }) => !connected)) {
    await steady.drain(() => true);
    broker.clock.advance(1000);
  }
  const connected = [steady, ...members.filter(({ client }) => client)];
  // Whatever was left unacknowledged comes again with the next connection only.
  for (const member of connected) {
    await member.die();
    await member.join();
  }
  for (let taken = 1; taken > 0;) {
    taken = 0;
    for (const member of connected) taken += await member.drain(() => true);
  }
}

async function stress(qos: 1 | 2, seed: number): Promise<{ arrivals: Map<string, number>; dropped: number }> {
  const random = randomFrom(seed);
  await using broker = await startBroker({ sessionExpiryInterval: EXPIRY_SECONDS });
  const shared = { broker, qos, arrivals: new Map<string, number>() };
  const members = Array.from({ length: MEMBERS }, (_, index) => makeMember(shared, index));
  // One stays, so that there is always somebody for what another leaves behind.
  const steady = new Member({ ...shared, name: "steady", protocolVersion: 5, lasting: true, receiveMaximum: 20 });
  await steady.join();
  for (let number = 0; number < MESSAGES; number++) {
    await broker.broker.publish("a", `${number}`, { qos });
    if (number % 2 === 0) await happen({ broker, members, random });
    if (number % 50 === 0) await steady.drain(() => true);
  }
  await settle({ broker, members, random }, steady);
  const { messagesDropped } = broker.broker.statistics;
  return { arrivals: shared.arrivals, dropped: Object.values(messagesDropped).reduce((sum, count) => sum + count, 0) };
}

const numbers = Array.from({ length: MESSAGES }, (_, number) => `${number}`);

Deno.test("Fifty members come and go at random, and no QoS 1 message is lost", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  console.log(`seed ${seed}`);
  const { arrivals, dropped } = await stress(1, seed);
  assertEquals(numbers.filter((number) => !arrivals.has(number)), [], `lost with seed ${seed}`);
  assertEquals(dropped, 0, `given up with seed ${seed}`);
});

Deno.test("Fifty members come and go at random, and no QoS 2 message comes twice", async () => {
  const seed = crypto.getRandomValues(new Uint32Array(1))[0]!;
  console.log(`seed ${seed}`);
  const { arrivals, dropped } = await stress(2, seed);
  const twice = [...arrivals].filter(([, count]) => count > 1).map(([number]) => number);
  assertEquals(twice, [], `came twice with seed ${seed}`);
  // Those that died with their member's session are counted, and may have reached it before that.
  const lost = numbers.filter((number) => !arrivals.has(number)).length;
  assertEquals(lost <= dropped, true, `${lost} lost, ${dropped} given up, with seed ${seed}`);
});
