/**
 * Packets of every kind and version, whole, byte by byte, cut short and with each byte changed, at every state of a
 * connection: it goes on or ends, says why if it is one of 5.0, and nobody else notices.
 */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { AuthenticationStep } from "../../src/hooks/plugin.ts";
import { decode } from "../../src/packet/decode.ts";
import { type InboundPacket, type OutboundPacket, PacketType, type ProtocolVersion } from "../../src/packet/packets.ts";
import { ProtocolError } from "../../src/packet/protocol_error.ts";
import { memoryPair } from "../../src/transport/memory.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { inboundPacket } from "../packet/arbitraries.ts";
import { feed, readerOf, toHex } from "../packet/frames.ts";
import { concat, decodeServerPackets, encodeClientPacket } from "../support/client_codec.ts";
import { connectPacket } from "../support/client_packets.ts";
import { patiently } from "../support/patience.ts";
import type { RawClient } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

type Stage = "before CONNECT" | "during AUTH" | "after CONNACK";

const { Connect, Connack, Pingreq, Pingresp, Disconnect, Auth } = PacketType;
const PING = encodeClientPacket({ type: Pingreq }, 4);
const METHOD = "m";
/** More than any random packet has: the mechanism below lets nobody else in. */
const PASSWORD = new Uint8Array(60);

/** Lets in whoever knows the password, and asks all others again and again. */
const next = (data: Uint8Array | undefined): AuthenticationStep => ({
  decision: data?.length === PASSWORD.length ? "allow" : "continue",
});

/** What a client says before the packet under test. */
function prelude(stage: Stage, protocolVersion: ProtocolVersion, clientIdentifier: string): Uint8Array {
  if (stage === "before CONNECT") return new Uint8Array();
  const authentication = {
    authenticationMethod: METHOD,
    authenticationData: stage === "after CONNACK" ? PASSWORD : undefined,
  };
  const five = protocolVersion === 5 ? authentication : {};
  return encodeClientPacket(connectPacket({ protocolVersion, clientIdentifier, ...five }), protocolVersion);
}

/** Two ends in memory; the broker's gets no more than `chunkBytes` at once. */
function pair(chunkBytes: number): readonly [Transport, Transport] {
  const [ours, brokers] = memoryPair({ capacityBytes: 16 * 1024 * 1024 });
  const read = brokers.read.bind(brokers);
  brokers.read = (into) => read(into.subarray(0, chunkBytes));
  return [ours, brokers];
}

async function readAll(transport: Transport): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const chunk = new Uint8Array(4096);
  for (let count = await transport.read(chunk); count !== null; count = await transport.read(chunk)) {
    pieces.push(chunk.slice(0, count));
  }
  return concat(...pieces);
}

/** What a client's bytes mean, as far as they mean anything. */
function understand(bytes: Uint8Array, stage: Stage, version: ProtocolVersion) {
  const packets: InboundPacket[] = [];
  let known = stage === "before CONNECT" ? undefined : version;
  let fault: ProtocolError | undefined;
  try {
    feed(readerOf(stage === "after CONNACK" ? 16 * 1024 * 1024 : 128 * 1024), bytes, (frame) => {
      const packet = decode(frame, known);
      if (packet.type === Connect) known = packet.protocolVersion;
      packets.push(packet);
    });
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    fault = error;
  }
  return { packets, fault };
}

interface Attempt {
  readonly stage: Stage;
  readonly version: ProtocolVersion;
  /** What is sent in this stage. */
  readonly bytes: Uint8Array;
  /** Bytes that the broker gets at once. */
  readonly chunkBytes?: number;
}

/** A broker under attack, with two clients that mind their own business. */
class Siege implements AsyncDisposable {
  #attackers = 0;
  #exchanged = 0;

  private constructor(
    readonly broker: TestBroker,
    readonly publisher: RawClient,
    readonly subscriber: RawClient,
  ) {}

  static async begin(): Promise<Siege> {
    const plugin = hooks({ authenticate: () => "allow", beginAuthentication: () => ({ next }) });
    const broker = await startBroker({ auth: { plugins: [plugin] } });
    const publisher = await broker.connect5({ clientIdentifier: "healthy publisher" });
    const subscriber = await broker.connect({ clientIdentifier: "healthy subscriber" });
    await subscriber.subscribe("healthy/topic of two", 2);
    return new Siege(broker, publisher, subscriber);
  }

  /** Sends the bytes and nothing more, and returns what the broker has said when both sides have ended. */
  async attempt({ stage, version, bytes, chunkBytes = Infinity }: Attempt): Promise<OutboundPacket[]> {
    const clientIdentifier = `attacker ${this.#attackers++}`;
    const [ours, brokers] = pair(chunkBytes);
    const accepted = await this.broker.broker.accept(brokers, { listener: "memory" });
    const said = readAll(ours);
    await ours.write(concat(prelude(stage, version, clientIdentifier), bytes)).catch(() => {});
    await ours.closeWrite();
    const answer = await patiently(`the end of the connection after ${toHex(bytes)}`, said);
    await patiently("the broker to close", accepted.closed);
    // A CONNECT that was changed may be one of another version: its CONNACK has two bytes only before 5.0.
    const spoken = stage !== "before CONNECT" ? version : answer[0] === 0x20 && answer[1] === 2 ? 4 : 5;
    const { packets, rest } = decodeServerPackets(answer, spoken);
    assertEquals(rest.length, 0, "the broker's last packet is not whole");
    return packets;
  }

  /** The two go on. */
  async goesOn(): Promise<void> {
    const payload = `m${this.#exchanged}`;
    const qos = this.#exchanged++ % 3 as 0 | 1 | 2;
    await this.publisher.publish("healthy/topic of two", payload, { qos });
    await this.subscriber.takeMessage({ payload, qos });
  }

  /** Nobody is left but the two, and nothing has failed inside. */
  async end(): Promise<void> {
    await this.goesOn();
    await this.subscriber.expectNothing();
    assertEquals(this.broker.broker.clients.map(({ clientIdentifier }) => clientIdentifier), [
      "healthy publisher",
      "healthy subscriber",
    ]);
    assertEquals(this.broker.log.lines.filter((line) => /^error:|connection lost/.test(line)), []);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.broker[Symbol.asyncDispose]();
  }
}

/** The broker's answer must fit what was sent. */
function judge({ stage, version, bytes }: Attempt, answer: readonly OutboundPacket[]): void {
  const { packets, fault } = understand(bytes, stage, version);
  const last = answer.at(-1);
  const farewells = answer.filter((packet) => packet.type === Disconnect);
  for (const farewell of farewells) {
    const [first] = packets;
    assertEquals(first?.type === Connect ? first.protocolVersion : version, 5, "DISCONNECT to who does not know it");
    assert(answer.some((packet) => packet.type === Connack && packet.reasonCode === 0), "DISCONNECT before CONNACK");
    assert(farewell === last && farewell.reasonCode >= 0x80, `DISCONNECT ${farewell.reasonCode} amid the rest`);
  }
  if (stage === "before CONNECT") {
    assert(answer.length <= 1 || answer[0]?.type === Connack, "something comes before CONNACK");
    assert(packets.length > 0 || !last || last.type === Connack && last.reasonCode > 0, "CONNACK or nothing");
    return;
  }
  assertEquals(answer[0]?.type, stage === "during AUTH" ? Auth : Connack);
  if (stage === "during AUTH" || packets.some(({ type }) => type === Disconnect)) return;
  if (fault) assert(version === 5 ? last?.type === Disconnect : !goesOn(answer, packets), `no end after ${fault}`);
  else if (packets.at(-1)?.type === Pingreq) {
    // In 5.0 what can be read may still break the rules, such as a topic alias that stands for nothing.
    assert(goesOn(answer, packets) || version === 5 && last?.type === Disconnect, "neither an answer nor an end");
  }
}

/** Every PINGREQ was answered. */
function goesOn(answer: readonly OutboundPacket[], packets: readonly InboundPacket[]): boolean {
  const pings = packets.filter(({ type }) => type === Pingreq).length;
  return pings > 0 && answer.filter(({ type }) => type === Pingresp).length === pings;
}

/** The packet in all its bad shapes. */
function* shapes(bytes: Uint8Array, differences: readonly number[]): Generator<Uint8Array> {
  const headerSize = bytes[1]! < 0x80 ? 2 : 3;
  for (let size = 0; size < bytes.length; size++) yield bytes.subarray(0, size);
  for (let size = 0; size < Math.min(bytes.length - headerSize, 128); size++) {
    yield concat(bytes[0]!, size, bytes.subarray(headerSize, headerSize + size), PING);
  }
  for (let at = 0; at < bytes.length; at++) {
    const difference = differences[at % differences.length]!;
    yield concat(bytes.with(at, bytes[at]! ^ difference), PING);
  }
}

async function attack(siege: Siege, attempt: Attempt): Promise<OutboundPacket[]> {
  try {
    const answer = await siege.attempt(attempt);
    judge(attempt, answer);
    return answer;
  } catch (error) {
    throw new Error(`${toHex(attempt.bytes)}: ${(error as Error).message}`, { cause: error });
  }
}

const answerTypes = (answer: readonly OutboundPacket[]) =>
  answer.map(({ type }) => type).filter((type) => type !== PacketType.Publish);

const NUM_RUNS = 30;
const VERSIONS = [[3, "3.1"], [4, "3.1.1"], [5, "5.0"]] as const;
const STAGES = ["before CONNECT", "during AUTH", "after CONNACK"] as const;

for (const [version, name] of VERSIONS) {
  for (const stage of STAGES) {
    if (stage === "during AUTH" && version !== 5) continue;
    Deno.test(`Whatever comes ${stage} in ${name}, in whatever shape: the connection goes on or ends as it should, all others go on`, async () => {
      const seed = Date.now() & 0x7fffffff;
      console.log(`seed ${seed}`);
      await using siege = await Siege.begin();
      const differences = fc.array(fc.integer({ min: 1, max: 255 }), { minLength: 7, maxLength: 7 });
      const property = fc.asyncProperty(inboundPacket(version), differences, async (packet, changes) => {
        const bytes = encodeClientPacket(packet, version);
        const valid = { stage, version, bytes: concat(bytes, PING) };
        const whole = await attack(siege, valid);
        assertEquals(answerTypes(await attack(siege, { ...valid, chunkBytes: 1 })), answerTypes(whole));
        await siege.goesOn();
        await Promise.all([...shapes(bytes, changes)].map((shape) => attack(siege, { stage, version, bytes: shape })));
        await siege.goesOn();
      });
      await fc.assert(property, { seed, numRuns: NUM_RUNS, endOnFailure: true });
      await siege.end();
    });
  }
}
