/** One node of a cluster: reads the log, says what this node has to say in it, and keeps the links to the others. */
import type { ClusterSnapshot } from "../hooks/figures.ts";
import { quote } from "../quote.ts";
import type { ClusterParts } from "./cluster_parts.ts";
import { clusterSnapshot } from "./cluster_snapshot.ts";
import type { Life, Writer } from "./cluster_state.ts";
import { encodeWillEnd } from "./entries.ts";
import { LogSpeaker } from "./log_speaker.ts";
import type { Logged } from "./logged.ts";
import { lowest } from "./membership.ts";
import { type NodeHost, NodeRooms } from "./node_rooms.ts";
import type { Peers } from "./peers.ts";
import { OLDEST_RECORD_VERSION, RECORD_VERSION } from "./record.ts";
import type { StoredWill } from "../store/store.ts";
import { unheardWills } from "./unheard_wills.ts";

/** A node waits for the others for so many failure timeouts before it lets clients in. */
const PATIENCE_TIMEOUTS = 3;

/** One node of a cluster. */
export class Cluster {
  readonly #parts: ClusterParts;
  readonly #rooms: NodeRooms;
  #life: Life;
  #speaker: LogSpeaker;
  #joined = false;
  /** What a life that is over has left to the next. */
  #unheard: readonly StoredWill[] = [];
  #reading: Promise<void> | undefined;
  #stopTimer = () => {};
  /** Resolves when this node's own life, or its peers, are known. */
  #changed = Promise.withResolvers<void>();
  #closed = false;
  #isReplaced = false;
  /** It says goodbye: nothing begins anew. */
  #isLeaving = false;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    this.#life = { node: parts.node, incarnation: 0 };
    this.#speaker = this.#makeSpeaker();
    this.#rooms = new NodeRooms(parts, this.#asHost());
  }

  /** Who this node is now. */
  get life(): Life {
    return this.#life;
  }

  /** It is a node of the cluster, and was not declared dead. */
  get joined(): boolean {
    return this.#joined;
  }

  /** It does not see its own word in the log, or is declared dead. */
  get isCutOff(): boolean {
    return this.#rooms.membership.isCutOff || !this.#joined;
  }

  /** Up to which position the log was read. */
  get position(): number {
    return this.#rooms.reader.position;
  }

  /** The nodes that live, in the order of their names. */
  get nodes(): readonly Life[] {
    return [...this.#rooms.state.live].sort((a, b) => a.node < b.node ? -1 : 1);
  }

  /** What goes by the log. */
  get logged(): Logged {
    return this.#rooms.logged;
  }

  /** The links to the others. */
  get peers(): Pick<Peers, "links" | "link"> {
    return this.#rooms.peers;
  }

  /** As this node sees it. */
  snapshot(): ClusterSnapshot {
    return clusterSnapshot({
      name: this.#parts.name,
      life: this.#life,
      nodes: this.nodes,
      isCutOff: this.isCutOff,
      position: this.#rooms.reader.position,
      silenceMs: this.#rooms.membership.silenceMs,
      roundTripMs: this.#speaker.roundTripMs,
      links: this.#rooms.peers.links(),
      state: this.#rooms.state,
      handovers: this.#rooms.shards.handovers,
    });
  }

  /** What is kept for the log and for the others, in bytes. */
  get heldBytes(): number {
    let bytes = this.#speaker.heldBytes + this.#rooms.wills.heldBytes;
    for (const link of this.#rooms.peers.links()) bytes += link.heldBytes;
    return bytes;
  }

  /**
   * Reads the log, begins a life, and resolves when all others are linked and have told what they are subscribed to, or have
   * been given time enough.
   *
   * @throws {LogError} if the log cannot be read
   */
  async join(): Promise<void> {
    const { log, clock, logger, machine, failureTimeoutMs, name, node } = this.#parts;
    this.#reading = this.#rooms.reader.read(await log.end());
    await this.#until(() => this.#rooms.reader.hasRead);
    this.#stopTimer = clock.every(this.#rooms.membership.periodMs, () => this.#tick());
    await this.#until(() => this.#joined);
    let isLate = false;
    const cancel = machine.after(PATIENCE_TIMEOUTS * failureTimeoutMs, () => {
      isLate = true;
      this.#notify();
    });
    await this.#until(() => this.#rooms.peers.areKnown || isLate);
    cancel();
    if (isLate) logger.warn(`cluster ${quote(name)}: node ${quote(node)} begins without a link to every other node`);
    else logger.info(`cluster ${quote(name)}: node ${quote(node)} is there, ${this.nodes.length} in all`);
  }

  /** Says goodbye, and ends. */
  async close(): Promise<void> {
    this.#isLeaving = true;
    if (this.#joined && !this.isCutOff) {
      this.#speaker.say({ type: "down", ...this.#life });
      const { promise, resolve } = Promise.withResolvers<void>();
      const cancel = this.#parts.machine.after(this.#parts.failureTimeoutMs, resolve);
      await Promise.race([promise, this.#untilGone()]);
      cancel();
    }
    await this.cut();
  }

  /** Ends without a word. */
  async cut(): Promise<void> {
    this.#closed = this.#isLeaving = true;
    this.#joined = false;
    this.#rooms.reader.close();
    this.#stopTimer();
    this.#speaker.end();
    this.#rooms.peers.clear();
    this.#parts.subscriptions.watcher = undefined;
    this.#wakeAll();
    await this.#rooms.connections.close();
    await this.#parts.log.close();
    await this.#reading;
  }

  async #untilGone(): Promise<void> {
    while (this.#rooms.state.isLive(this.#life) && !this.#closed) await this.#changed.promise;
  }

  /** As {@linkcode Claims.claim}; what is resolved with is why that cannot be. */
  async claim(clientIdentifier: string): Promise<string | undefined> {
    const { incarnation } = this.#life;
    const problem = await this.#rooms.claims.claim(clientIdentifier);
    if (problem !== undefined) return problem;
    const isSame = this.#joined && incarnation === this.#life.incarnation;
    return isSame ? undefined : "this node was cut off from the cluster";
  }

  /** A session has ended. */
  sessionEnded(clientIdentifier: string): void {
    this.#rooms.claims.sessionEnded(clientIdentifier);
  }

  /**
   * A client has signed in: what it left with a dead node is void, unless it is due.
   *
   * @returns resolves when its will has come by in the log, or nobody can tell; `undefined`: that is so, or it has none
   */
  signedIn(clientIdentifier: string): Promise<void> | undefined {
    this.#rooms.claims.signedIn(clientIdentifier);
    const epochMs = this.#parts.clock.epoch();
    for (const key of this.#rooms.wills.ofClient(clientIdentifier, epochMs)) this.#speaker.tell(encodeWillEnd(key));
    return this.#rooms.logged.willKnown(clientIdentifier);
  }

  /** Resolves when all others know what clients here are subscribed to; `undefined`: they do. */
  routesTaken(): Promise<void> | undefined {
    return this.#rooms.peers.routesTaken();
  }

  /** Resolves when all that was in the log at the time of the call is taken in, or nobody can tell. */
  caughtUp(): Promise<void> {
    return this.#rooms.reader.caughtUp();
  }

  /** Resolves when all that this node has said is in the log, or never will be. */
  settled(): Promise<void> {
    return this.#joined ? this.#speaker.settled() : Promise.resolve();
  }

  #asHost(): NodeHost {
    // deno-lint-ignore no-this-alias
    const node = this;
    return {
      get life() {
        return node.#life;
      },
      get joined() {
        return node.#joined;
      },
      get isCutOff() {
        return node.isCutOff;
      },
      speaker: () => this.#speaker,
      onCutOff: (isCutOff) => this.#cutOff(isCutOff),
      onRead: () => this.#beginAnew(),
      onFault: () => {
        this.#evict();
        this.#notify();
      },
      onMoved: () => this.#notify(),
      begun: (life, former, address, timeMs) => this.#begun(life, former, address, timeMs),
      ended: (life, timeMs) => this.#ended(life, timeMs),
    };
  }

  #tick(): void {
    this.#rooms.membership.tick();
    this.#speaker.tick();
    this.#rooms.peers.tick();
    this.#rooms.claims.tick();
    if (this.isCutOff || lowest(this.nodes)?.node !== this.#life.node) return;
    this.#publishOrphans();
    this.#rooms.shortener.tick();
  }

  #publishOrphans(): void {
    // Who leaves has no way by the log any longer, and the others will say it.
    if (this.#isLeaving) return;
    for (const [key, stored] of this.#rooms.wills.takeDue(this.#parts.clock.epoch())) {
      this.#parts.publishWill(stored, key);
    }
  }

  /** A life has begun; one of the same node is over by that. */
  #begun(life: Life, former: Writer | undefined, address: string, timeMs: number): void {
    if (former?.live) this.#forget({ node: former.node, incarnation: former.incarnation }, timeMs);
    const isOwn = life.node === this.#life.node;
    // An earlier run, or another process that has this one's name: the later one is the node.
    if (isOwn && life.incarnation !== this.#life.incarnation) {
      return life.incarnation > this.#life.incarnation && this.#life.incarnation > 0 ? this.#giveWay() : undefined;
    }
    if (!isOwn) {
      if (this.#joined) this.#rooms.peers.add(life, address, false);
      return;
    }
    this.#joined = true;
    for (const writer of this.#rooms.state.writers()) {
      if (writer.live && writer.node !== life.node) this.#rooms.peers.add(plain(writer), writer.address, true);
    }
  }

  #ended(life: Life, timeMs: number): void {
    const isOwn = life.node === this.#life.node && life.incarnation === this.#life.incarnation;
    this.#forget(plain(life), timeMs);
    if (isOwn && !this.#isLeaving) return this.#evict();
    this.#rooms.wills.sayAgain();
    this.#parts.logger.info(`cluster: node ${quote(life.node)} is gone`);
    this.#publishDue();
  }

  #publishDue(): void {
    if (this.#joined && !this.isCutOff && lowest(this.nodes)?.node === this.#life.node) this.#publishOrphans();
  }

  #forget(life: Life, timeMs: number): void {
    this.#rooms.wills.died(life, timeMs);
    this.#rooms.snapshots.forget(life.node, life.incarnation);
    if (life.node !== this.#life.node) this.#rooms.peers.remove(life.node);
  }

  /** All that was said in this life is void; the next begins. */
  #evict(): void {
    if (!this.#joined) return;
    this.#joined = false;
    this.#parts.logger.warn(`cluster: node ${quote(this.#life.node)} was declared dead; its clients are closed`);
    const place = { life: this.#life, nowMs: this.#parts.clock.now() };
    this.#unheard = unheardWills(this.#speaker.unseen(), this.#rooms.names, place, (key) => this.#rooms.wills.get(key));
    // First its clients: what ends now is not to be acknowledged to them.
    this.#parts.onEvicted();
    this.#speaker.end();
    this.#rooms.peers.clear();
    this.#rooms.detours.clear();
    this.#rooms.claims.clear();
    this.#wakeAll();
    if (!this.#isLeaving && !this.#isReplaced && this.#rooms.reader.hasRead) this.#beginAnew();
  }

  /** The next life begins, with what the last one could not say. */
  #beginAnew(): void {
    this.#begin();
    const unheard = this.#unheard;
    this.#unheard = [];
    for (const stored of unheard) {
      this.#rooms.logged.will(stored);
      this.#parts.publishWill(stored, this.#rooms.logged.willKey(stored.clientIdentifier));
    }
  }

  /** Another process has this node's name, and is the later one: two that took turns would serve nobody. */
  #giveWay(): void {
    const { logger, name, node } = this.#parts;
    this.#isReplaced = true;
    logger.error(`cluster ${quote(name)}: another process is node ${quote(node)} now; this one stays outside`);
    this.#speaker.end();
    this.#evict();
  }

  #begin(): void {
    const { node } = this.#life;
    const known = Math.max(this.#rooms.state.writer(node)?.incarnation ?? 0, this.#life.incarnation);
    this.#life = { node, incarnation: Math.max(known + 1, this.#parts.clock.epoch()) };
    this.#speaker = this.#makeSpeaker();
    const { address } = this.#parts.carrier;
    this.#speaker.say({ type: "up", oldest: OLDEST_RECORD_VERSION, newest: RECORD_VERSION, address });
  }

  #makeSpeaker(): LogSpeaker {
    const { log, clock } = this.#parts;
    return new LogSpeaker({ life: this.#life, log, now: () => clock.now(), soon: (run) => this.#soon(run) });
  }

  #cutOff(isCutOff: boolean): void {
    const { logger, node } = this.#parts;
    if (isCutOff) logger.error(`cluster: node ${quote(node)} is cut off from the log`);
    else logger.info(`cluster: node ${quote(node)} reaches the log again`);
    if (isCutOff) this.#wakeImpatient();
    this.#parts.onCutOff(isCutOff);
  }

  #soon(run: () => void): void {
    void this.#parts.machine.letRun().then(run);
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#isReplaced) throw new Error(`another process is node ${quote(this.#parts.node)} of this cluster`);
      if (this.#rooms.reader.failure !== undefined) throw this.#rooms.reader.failure;
      if (this.#closed) throw new Error("the broker was shut down while it joined the cluster");
      await this.#changed.promise;
    }
  }

  #notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }

  #wakeAll(): void {
    this.#rooms.reader.wakeAll();
    this.#wakeImpatient();
  }

  #wakeImpatient(): void {
    this.#rooms.reader.wakeImpatient();
    this.#rooms.logged.wakeAll();
    this.#notify();
  }
}

function plain({ node, incarnation }: Life): Life {
  return { node, incarnation };
}
