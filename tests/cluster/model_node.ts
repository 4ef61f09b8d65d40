/** A node of the model: it knows only what it has read of the log, which may be long ago. */
import { ClusterState, type Verdict } from "../../src/cluster/cluster_state.ts";
import { type BatchEntry, encodeRecord, type RecordBody } from "../../src/cluster/record.ts";
import { SHARDS, type World } from "./model.ts";
import type { ModelClient, Request } from "./model_client.ts";

const MOST_UNDER_WAY = 12;

interface Own {
  readonly n: number;
  readonly body: RecordBody;
  readonly bytes: Uint8Array;
  readonly requests: readonly Request[];
}

export class ModelNode {
  /** What clients sent that was not looked at yet; the kernel keeps it while the process sleeps. */
  inbox: Request[] = [];
  running = false;
  incarnation = 0;
  #state: ClusterState;
  #position = 0;
  #n = 0;
  #asleepUntil = 0;
  /** Own records that did not come by yet, in their order. */
  #underWay: Own[] = [];
  /** In which epoch the connection of a client began. */
  readonly #connections = new Map<ModelClient, { serial: number; epoch: number }>();
  readonly #owners = Array.from({ length: SHARDS }, () => 0);

  constructor(private readonly world: World, readonly name: string) {
    this.#state = new ClusterState(SHARDS, world.rules);
  }

  /** Begins a life; what was read may have been kept on disk, or is read again. */
  start(): void {
    this.running = true;
    this.incarnation++;
    this.#n = 0;
    this.#underWay = [];
    this.inbox = [];
    if (this.world.random.chance(0.5)) this.#forget();
    this.#say({ type: "up", oldest: 1, newest: 1, address: "" });
  }

  /** From now on nothing goes wrong any more. */
  heal(): void {
    this.#asleepUntil = 0;
    if (!this.running) this.start();
  }

  believesToOwn(shard: number): boolean {
    const owner = this.#state.shard(shard)?.owner;
    return this.#up && owner?.node === this.name && owner.incarnation === this.incarnation;
  }

  /** Whether it answers now and is the owner, as far as it knows. */
  welcomes(shard: number): boolean {
    return this.running && this.world.step >= this.#asleepUntil && this.believesToOwn(shard);
  }

  /** CONNACK: the client sends nothing before that. */
  welcome(client: ModelClient, serial: number): void {
    this.#connections.set(client, { serial, epoch: this.#state.shard(client.shard)!.epoch });
  }

  turn(): void {
    const { random, faulty, step } = this.world;
    if (!this.running) {
      if (random.chance(0.03)) this.start();
      return;
    }
    if (step < this.#asleepUntil) return;
    if (faulty && random.chance(0.005)) this.#asleepUntil = step + random.between(10, 100);
    if (faulty && random.chance(0.004)) this.running = false;
    if (!this.running || step < this.#asleepUntil) return;
    // Who wakes up may act on what it knew before it reads on.
    if (random.chance(0.5)) this.#serve();
    this.#read(faulty ? random.between(0, 20) : Infinity);
    this.#serve();
    if (random.chance(0.15)) { for (const { bytes } of this.#underWay) this.world.append(bytes); }
    if (this.#up) this.#care();
  }

  get #up(): boolean {
    return this.#state.isLive({ node: this.name, incarnation: this.incarnation });
  }

  #forget(): void {
    this.#state = new ClusterState(SHARDS, this.world.rules);
    this.#position = 0;
    this.#owners.fill(0);
  }

  #say(body: RecordBody, requests: readonly Request[] = []): void {
    const record = { writer: this.name, incarnation: this.incarnation, n: this.#n++, body };
    const bytes = encodeRecord(record);
    if (body.type === "claim") this.world.meansToUnseat(record, this.#owners[body.shard]!);
    this.#underWay.push({ n: record.n, body, bytes, requests });
    this.world.append(bytes);
  }

  #read(most: number): void {
    const { log } = this.world;
    for (let count = 0; count < most && this.#position < log.length; count++) {
      const record = log[this.#position]!;
      const verdict = this.#state.apply(record);
      this.world.compare(this.#position++, verdict, this.name);
      const { body } = record;
      if (verdict.is === "counts" && (body.type === "claim" || body.type === "yield")) this.#owners[body.shard]!++;
      const mine = record.writer === this.name && record.incarnation === this.incarnation;
      if (mine && (verdict.is === "counts" || verdict.is === "void")) this.#cameBy(record.n, verdict);
      const self = this.#state.writer(this.name);
      // It was declared dead.
      if (self?.incarnation === this.incarnation && !self.live) return this.start();
    }
  }

  #cameBy(n: number, verdict: Verdict): void {
    const own = this.#underWay.find((one) => one.n === n);
    this.#underWay = this.#underWay.filter((one) => one.n > n);
    const entries = verdict.is === "counts" ? verdict.entries : [];
    own?.requests.forEach((request, index) => {
      if (entries[index] === "not-owner") request.client.closed(request.serial);
      else request.client.answered(request);
    });
  }

  /** Puts what clients ask for into one batch. Nothing is answered from memory: see cluster_state.ts. */
  #serve(): void {
    if (this.#underWay.length >= MOST_UNDER_WAY || this.inbox.length === 0 || !this.#up) return;
    const requests = this.inbox.splice(0).filter((request) => {
      const serves = this.#serves(request);
      if (!serves) request.client.closed(request.serial);
      return serves;
    });
    if (requests.length > 0) this.#say({ type: "batch", entries: requests.map((one) => this.#entryOf(one)) }, requests);
  }

  /**
   * A connection lives in one epoch of its shard. If the node lost the shard and has it again, what came over the connection
   * meanwhile did not count, and what comes now must not overtake it.
   */
  #serves({ client, serial }: Request): boolean {
    if (!this.believesToOwn(client.shard)) return false;
    const began = this.#connections.get(client);
    return began?.serial === serial && began.epoch === this.#state.shard(client.shard)!.epoch;
  }

  #entryOf({ client: { shard, session }, type, id, packetIdentifier }: Request): BatchEntry {
    const { epoch } = this.#state.shard(shard)!;
    if (type === "publish") {
      const content = new Uint8Array([id >>> 8, id]);
      return { type: "message", publisher: { shard, epoch, session, packetIdentifier }, content };
    }
    const released = [{ session, packetIdentifier }];
    return { type: "part", shard, epoch, applied: 0, released, ended: [], changes: new Uint8Array(0) };
  }

  /** Takes what has no owner, and now and then what has one. */
  #care(): void {
    const { random, faulty, nodes } = this.world;
    for (let shard = 0; shard < SHARDS; shard++) {
      const { owner } = this.#state.shard(shard)!;
      const orphan = owner === undefined || !this.#state.isLive(owner);
      if (random.chance(orphan ? 0.3 : faulty ? 0.002 : 0)) this.#claim(shard);
      if (faulty && this.believesToOwn(shard) && random.chance(0.01)) this.#yield(shard);
    }
    for (const node of nodes) {
      const life = this.#state.writer(node.name);
      if (node === this || life === undefined || !life.live) continue;
      const suspects = faulty && random.chance(node.running ? 0.002 : 0.1);
      if (suspects) this.#say({ type: "down", node: life.node, incarnation: life.incarnation });
    }
  }

  #claim(shard: number): void {
    const { epoch } = this.#state.shard(shard)!;
    const asked = this.#underWay.some(({ body }) =>
      body.type === "claim" && body.shard === shard && body.epoch === epoch
    );
    if (!asked) this.#say({ type: "claim", shard, epoch });
  }

  #yield(shard: number): void {
    const to = this.world.random.pick(this.world.nodes.filter((node) => node !== this)).name;
    this.#say({ type: "yield", shard, epoch: this.#state.shard(shard)!.epoch, to });
  }
}
