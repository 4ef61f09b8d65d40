/** What a client makes the broker hold that is signed in and says nothing: most clients of most brokers are such. */
import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { writeHeapSnapshot } from "node:v8";
import { concat, packetOf, string } from "../support/client_codec.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";
import type { Transport } from "../../src/transport/transport.ts";

/** Clients that come between two looks at the heap. */
const CLIENTS = 200;

/** Functions of one idle client, and everything on the heap with them: promises, arrays, numbers, texts. A tenth is margin. */
const MOST_CLOSURES = 8;
const MOST_OBJECTS = 80;

/** One of each of these belongs to an idle client; of the broker's other classes it needs none. */
const OURS = [
  "Connection",
  "Deadline",
  "FrameReader",
  "IdentifierMap",
  "InboundTopicAliases",
  "Inflight",
  "Outbox",
  "OutputBuffer",
  "Overlap",
  "PacketIdentifiers",
  "PacketWriter",
  "Receiver",
  "Sender",
  "Session",
  "SessionVoice",
  "Throttle",
  "WorkParty",
];

/** Classes that are for clients which do something. */
const FOR_SOME = [
  "AbortController",
  "AbortSignal",
  "ClientView",
  "CommitGate",
  "DeferredPublishes",
  "Fifo",
  "GracefulClose",
  "OutboundTopicAliases",
  "ReceiptGate",
  "RetainedPromises",
  "RetainedWalk",
  "SignInAttempt",
  "StallWatch",
  "Waiting",
];

/** The other end of a client that says CONNECT and nothing more: it holds next to nothing itself. */
class IdleClient implements Transport {
  readonly kind = "stream";
  readonly secure = false;
  readonly remote = {};
  readonly acceptedAt = 0;
  #connect: Uint8Array | undefined;
  readonly #end = Promise.withResolvers<null>();
  readonly #answered = Promise.withResolvers<void>();

  constructor(clientIdentifier: string) {
    this.#connect = packetOf(0x10, string("MQTT"), [4, 2, 0, 0], string(clientIdentifier));
  }

  /** Resolves when CONNACK was written. */
  get answered(): Promise<void> {
    return this.#answered.promise;
  }

  read(into: Uint8Array): Promise<number | null> {
    const connect = this.#connect;
    if (!connect) return this.#end.promise;
    this.#connect = undefined;
    into.set(connect);
    return Promise.resolve(connect.length);
  }

  write(bytes: Uint8Array): Promise<void> {
    assertEquals([...bytes], [...concat([0x20, 2, 0, 0])]);
    this.#answered.resolve();
    return Promise.resolve();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.#end.resolve(null);
  }
}

/** How many nodes of the heap there are by name, by kind and in all. */
interface Heap {
  readonly named: Map<string, number>;
  readonly kinds: Map<string, number>;
  readonly objects: number;
}

interface Snapshot {
  readonly snapshot: { readonly meta: { readonly node_fields: string[]; readonly node_types: [string[]] } };
  readonly nodes: number[];
  readonly strings: string[];
}

/** Takes the heap's snapshot; garbage is collected before. */
async function look(): Promise<Heap> {
  const directory = await Deno.makeTempDir();
  try {
    const path = writeHeapSnapshot(join(directory, "idle.heapsnapshot"));
    return count(JSON.parse(await Deno.readTextFile(path)));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function count({ snapshot: { meta }, nodes, strings }: Snapshot): Heap {
  const [type, name] = ["type", "name"].map((field) => meta.node_fields.indexOf(field));
  const [named, kinds] = [new Map<string, number>(), new Map<string, number>()];
  let objects = 0;
  for (let at = 0; at < nodes.length; at += meta.node_fields.length) {
    const kind = meta.node_types[0][nodes[at + type!]!]!;
    // Code comes and goes as the engine thinks fit.
    if (kind === "code") continue;
    objects++;
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    const text = strings[nodes[at + name!]!]!;
    if (kind !== "string") named.set(text, (named.get(text) ?? 0) + 1);
  }
  return { named, kinds, objects };
}

/** Signs so many clients in that say nothing more. */
async function connect(broker: TestBroker, clients: number, from: number): Promise<IdleClient[]> {
  const all = Array.from({ length: clients }, (_, index) => new IdleClient(`idle-client-${from + index}`));
  for (const client of all) await broker.broker.accept(client);
  await Promise.all(all.map((client) => client.answered));
  // The sign-in is over when all that is ready to run has run.
  await new Promise((resolve) => setTimeout(resolve, 0));
  return all;
}

Deno.test("An idle client is few objects, of classes that it needs and of no hidden class of its own", async () => {
  await using broker = await startBroker();
  const clients = await connect(broker, 3 * CLIENTS, 0);
  // Looking, too, loads something the first time.
  await look();
  const before = await look();
  clients.push(...await connect(broker, CLIENTS, clients.length));
  const after = await look();
  const perClient = (now = 0, then = 0) => (now - then) / CLIENTS;
  const byName = (name: string) => Math.round(perClient(after.named.get(name), before.named.get(name)));
  assertEquals(OURS.map((name) => `${name} ${byName(name)}`), OURS.map((name) => `${name} 1`));
  assertEquals(FOR_SOME.map((name) => `${name} ${byName(name)}`), FOR_SOME.map((name) => `${name} 0`));
  assertEquals(byName("system / Map"), 0, "hidden classes");
  const closures = perClient(after.kinds.get("closure"), before.kinds.get("closure"));
  assert(closures <= MOST_CLOSURES, `${closures} closures`);
  const objects = perClient(after.objects, before.objects);
  assert(objects <= MOST_OBJECTS, `${objects} objects`);
  for (const client of clients) client.close();
});
