/** A client of the model: it publishes at QoS 2, a few messages at once, with very few packet identifiers. */
import type { World } from "./model.ts";
import type { ModelNode } from "./model_node.ts";

const MOST_UNDER_WAY = 3;
const IDENTIFIERS = [1, 2, 3, 4];

interface Sent {
  readonly id: number;
  readonly packetIdentifier: number;
  /** Whether PUBREC came. */
  received: boolean;
}

/** Where a client is, and the how-manieth connection that is. */
interface Connection {
  readonly node: ModelNode;
  readonly incarnation: number;
  readonly serial: number;
}

/** What a client asks of a node. */
export interface Request {
  readonly client: ModelClient;
  readonly serial: number;
  readonly type: "publish" | "release";
  readonly id: number;
  readonly packetIdentifier: number;
}

export class ModelClient {
  /** Messages that became deliveries, in the log's order. */
  readonly queued: number[] = [];
  readonly #acknowledged = new Set<number>();
  #window: Sent[] = [];
  #ids = 0;
  #connection: Connection | undefined;
  #serial = 0;

  constructor(private readonly world: World, readonly shard: number, readonly session: number) {}

  /** Whether all that it sent is settled. */
  get done(): boolean {
    return this.#window.length === 0;
  }

  turn(): void {
    const { random, faulty } = this.world;
    const connection = this.#connection;
    const lost = connection === undefined || connection.node.incarnation !== connection.incarnation ||
      !connection.node.running;
    if (lost || random.chance(0.04)) return this.#connect();
    if (!faulty || this.#window.length === MOST_UNDER_WAY || !random.chance(0.4)) return;
    const used = this.#window.map(({ packetIdentifier }) => packetIdentifier);
    const packetIdentifier = random.pick(IDENTIFIERS.filter((one) => !used.includes(one)));
    const sent = { id: this.#ids++, packetIdentifier, received: false };
    this.#window.push(sent);
    this.#send(sent);
  }

  /** PUBREC or PUBCOMP. */
  answered({ serial, type, packetIdentifier }: Request): void {
    if (serial !== this.#connection?.serial) return;
    const sent = this.#window.find((one) => one.packetIdentifier === packetIdentifier);
    if (sent === undefined) return;
    if (type === "publish" && !sent.received) {
      sent.received = true;
      this.#acknowledged.add(sent.id);
      this.#send(sent);
    } else if (type === "release" && sent.received) {
      this.#window = this.#window.filter((one) => one !== sent);
    }
  }

  /** The node closed the connection. */
  closed(serial: number): void {
    if (serial === this.#connection?.serial) this.#connection = undefined;
  }

  /** What was promised and not kept. */
  faults(): string[] {
    const who = `client ${this.session}:`;
    const queued = new Set(this.queued);
    const faults: string[] = [];
    if (!this.done) faults.push(`${who} ${this.#window.length} messages were never settled`);
    if (queued.size < this.queued.length) faults.push(`${who} a message was queued twice: ${this.queued}`);
    if (this.queued.some((id, index) => index > 0 && id < this.queued[index - 1]!)) {
      faults.push(`${who} out of order: ${this.queued}`);
    }
    const lost = Array.from(this.#acknowledged).filter((id) => !queued.has(id));
    if (lost.length > 0) faults.push(`${who} acknowledged and lost: ${lost}`);
    return faults;
  }

  #connect(): void {
    this.#connection = undefined;
    const owners = this.world.nodes.filter((node) => node.welcomes(this.shard));
    if (owners.length === 0) return;
    const node = this.world.random.pick(owners);
    this.#connection = { node, incarnation: node.incarnation, serial: ++this.#serial };
    node.welcome(this, this.#serial);
    for (const sent of this.#window) this.#send(sent);
  }

  #send({ id, packetIdentifier, received }: Sent): void {
    const { node, serial } = this.#connection!;
    node.inbox.push({ client: this, serial, type: received ? "release" : "publish", id, packetIdentifier });
  }
}
