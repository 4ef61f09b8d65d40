/** One node of a cluster: reads the log, says what this node has to say in it, and keeps the links to the others. */
import { errorText } from "../error_text.ts";
import type { ClusterSnapshot } from "../hooks/figures.ts";
import { type Log, LogError, type LogRecord } from "../log/log.ts";
import type { Logger } from "../logger.ts";
import { type DropReason, Message } from "../message.ts";
import { TopicNames } from "../packet/topic_names.ts";
import { quote } from "../quote.ts";
import { Receipt } from "../receipt.ts";
import type { LoggedWay, Router } from "../routing/router.ts";
import type { Clock } from "../runtime/environment.ts";
import type { Machine } from "../runtime/machine.ts";
import type { StoredWill } from "../store/store.ts";
import type { Subscriptions } from "../topics/subscriptions.ts";
import type { Chores, WorkBudget } from "../work_budget.ts";
import { WorkParty } from "../work_budget.ts";
import { ClusterState, type Life } from "./cluster_state.ts";
import { Claims } from "./claims.ts";
import { Connections, type LinkCarrier } from "./connections.ts";
import { Detours } from "./detour.ts";
import { decodeEntry, encodeMessage, encodeWill, encodeWillEnd, type LogEntry, willKey } from "./entries.ts";
import { LogShortener } from "./log_shortener.ts";
import { LogSpeaker } from "./log_speaker.ts";
import { lowest, Membership } from "./membership.ts";
import { Peers } from "./peers.ts";
import { type ClusterRecord, decodeRecord, RECORD_VERSION, type Snapshot } from "./record.ts";
import { SnapshotReader } from "./snapshots.ts";
import { type Unheard, unheardWills } from "./unheard_wills.ts";
import { WillBook } from "./will_book.ts";

/** A message that all nodes must have in one order is at most this large with its properties. */
const LARGEST_LOGGED_BYTES = 512 * 1024;
const NOTHING = new Uint8Array(0);
/** A log that is not reached is asked again after this. */
const READ_AGAIN_MS = 1000;
/** A node waits for the others for so many failure timeouts before it lets clients in. */
const PATIENCE_TIMEOUTS = 3;

/** What a {@linkcode Cluster} works with. */
export interface ClusterParts {
  /** The cluster's name. */
  readonly name: string;
  /** This node's name. */
  readonly node: string;
  readonly failureTimeoutMs: number;
  readonly maxLinkBytes: number;
  readonly log: Log;
  readonly carrier: LinkCarrier;
  readonly clock: Clock;
  readonly machine: Pick<Machine, "letRun" | "after" | "now">;
  readonly work: WorkBudget;
  readonly chores: Pick<Chores, "add">;
  readonly logger: Logger;
  readonly subscriptions: Subscriptions;
  readonly router: Router;
  /** What is retained; `$` topics are each node's own. */
  readonly retained: Iterable<Message>;
  /** Publishes the will of a client of a dead node, as the will of this key. */
  publishWill(stored: StoredWill, key: string): void;
  /** This node was declared dead: all that its clients have is void. */
  onEvicted(): void;
  /** This node is cut off from the log, or no longer. */
  onCutOff(isCutOff: boolean): void;
  onDrop(message: Message, reason: DropReason): void;
  /** Whether this node has a session of that client. */
  hasSession(clientIdentifier: string): boolean;
  /** Closes this node's connection of that client, and ends its session. */
  kick(clientIdentifier: string): void;
}

/** One node of a cluster. */
export class Cluster implements LoggedWay {
  readonly #parts: ClusterParts;
  readonly #state = new ClusterState(0);
  readonly #names = new TopicNames();
  readonly #party = new WorkParty();
  readonly #wills = new WillBook();
  readonly #connections: Connections;
  readonly #detours: Detours;
  readonly #peers: Peers;
  readonly #membership: Membership;
  readonly #claims: Claims;
  #life: Life;
  #speaker: LogSpeaker;
  #joined = false;
  #position = 0;
  /** Where in the log this node has said something to all. */
  #spokenAt = 0;
  /** What lies up to here happened before this run: it is taken in, but given to nobody. */
  #oldUpTo = 0;
  /** That is read, so that a life may begin; and why nothing more is. */
  #hasRead = false;
  #failure: unknown;
  /** What a life that is over has left to the next. */
  #unheard: Unheard | undefined;
  #reading: Promise<void> | undefined;
  #stopTimer = () => {};
  /** Resolves when this node's own life, or its peers, are known. */
  #changed = Promise.withResolvers<void>();
  #positionWaiting: { readonly position: number; readonly resolve: () => void; readonly isPatient: boolean }[] = [];
  #endAsked: Promise<number> | undefined;
  /** By client identifier: wills that have not come by in the log, and who waits for them. */
  readonly #unseenWills = new Map<string, Receipt>();
  readonly #willWaiting = new Set<() => void>();
  #closed = false;
  #isReplaced = false;
  /** It says goodbye: nothing begins anew. */
  #isLeaving = false;
  readonly #snapshots = new SnapshotReader();
  readonly #shortener: LogShortener;
  /** The log begins in the middle: what came before a snapshot has come; `undefined`: there is nothing to wait for. */
  #waiting: LogRecord[] | undefined;

  constructor(parts: ClusterParts) {
    this.#parts = parts;
    const { router, subscriptions, work, chores, clock, machine, node } = parts;
    this.#life = { node, incarnation: 0 };
    this.#speaker = this.#makeSpeaker();
    this.#membership = new Membership({
      node,
      failureTimeoutMs: parts.failureTimeoutMs,
      state: this.#state,
      now: () => clock.now(),
      say: (body) => {
        if (this.#joined && (body.type !== "heartbeat" || !this.#speaker.isBehind)) this.#speaker.say(body);
      },
      position: () => this.#position,
      onCutOff: (isCutOff) => this.#cutOff(isCutOff),
    });
    this.#peers = new Peers({
      router,
      subscriptions,
      work,
      chores,
      maximumBytes: parts.maxLinkBytes,
      failureTimeoutMs: parts.failureTimeoutMs,
      now: () => clock.now(),
      soon: (run) => this.#soon(run),
      connections: () => this.#connections,
      names: this.#names,
      onDrop: (message, reason) => parts.onDrop(message, reason),
      onKnown: () => this.#notify(),
      spokenAt: () => this.#spokenAt,
      readUpTo: (position) => this.#readUpTo(position, true),
      onRequest: (peer, question) => this.#claims.answer(peer, question),
    });
    this.#claims = new Claims({
      node,
      nodes: () => this.#state.live,
      link: (name) => this.#peers.link(name),
      epoch: () => clock.epoch(),
      hasSession: (clientIdentifier) => parts.hasSession(clientIdentifier),
      kick: (clientIdentifier) => parts.kick(clientIdentifier),
      soon: (run) => this.#soon(run),
      after: (ms, run) => machine.after(ms, run),
      patienceMs: parts.failureTimeoutMs,
    });
    this.#shortener = new LogShortener({
      log: parts.log,
      logger: parts.logger,
      chores,
      clock,
      retained: parts.retained,
      state: this.#state,
      wills: this.#wills,
      position: () => this.#position,
      say: (part) => this.#speaker.say(part),
    });
    this.#detours = new Detours({
      life: () => this.#life,
      tell: (content, receipt) => this.#speaker.tell(content, receipt),
      now: () => machine.now(0),
    });
    this.#connections = new Connections({
      cluster: parts.name,
      carrier: parts.carrier,
      detours: this.#detours,
      logger: parts.logger,
      life: () => this.#life,
      after: (ms, run) => machine.after(ms, run),
    });
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
    return this.#membership.isCutOff || !this.#joined;
  }

  /** Up to which position the log was read. */
  get position(): number {
    return this.#position;
  }

  /** The nodes that live, in the order of their names. */
  get nodes(): readonly Life[] {
    return [...this.#state.live].sort((a, b) => a.node < b.node ? -1 : 1);
  }

  /** The links to the others. */
  get peers(): Pick<Peers, "links" | "link"> {
    return this.#peers;
  }

  /** As this node sees it. */
  snapshot(): ClusterSnapshot {
    const { roundTripMs } = this.#speaker;
    return {
      name: this.#parts.name,
      node: this.#life.node,
      nodes: this.nodes.map(({ node }) => node),
      cutOff: this.isCutOff,
      logPosition: this.#position,
      logSilenceSeconds: this.#membership.silenceMs / 1000,
      logRoundTripSeconds: roundTripMs === undefined ? undefined : roundTripMs / 1000,
      links: Array.from(this.#peers.links(), (link) => ({
        node: link.peer.node,
        connected: link.connected && !link.detours,
        throughLog: link.detours,
        waitingBytes: link.heldBytes,
        creditBytes: link.creditBytes,
        sentBytes: link.bytesSent,
        receivedBytes: link.bytesReceived,
        roundTripSeconds: link.roundTripMs === undefined ? undefined : link.roundTripMs / 1000,
        messagesDropped: link.dropped,
      })),
    };
  }

  /** What is kept for the log and for the others, in bytes. */
  get heldBytes(): number {
    let bytes = this.#speaker.heldBytes + this.#wills.heldBytes;
    for (const link of this.#peers.links()) bytes += link.heldBytes;
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
    this.#oldUpTo = await log.end();
    this.#reading = this.#read();
    await this.#until(() => this.#hasRead);
    this.#stopTimer = clock.every(this.#membership.periodMs, () => this.#tick());
    await this.#until(() => this.#joined);
    let isLate = false;
    const cancel = machine.after(PATIENCE_TIMEOUTS * failureTimeoutMs, () => {
      isLate = true;
      this.#notify();
    });
    await this.#until(() => this.#peers.areKnown || isLate);
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
    this.#stopTimer();
    this.#speaker.end();
    this.#peers.clear();
    this.#parts.subscriptions.watcher = undefined;
    this.#wakeAll();
    await this.#connections.close();
    await this.#parts.log.close();
    await this.#reading;
  }

  async #untilGone(): Promise<void> {
    while (this.#state.isLive(this.#life) && !this.#closed) await this.#changed.promise;
  }

  goesByLog({ retain, trail, topicName }: Message): boolean {
    const isFromElsewhere = trail?.fromNode !== undefined;
    return (retain || trail?.will !== undefined) && !isFromElsewhere && !topicName.startsWith("$");
  }

  /** Why a message cannot go by the log; `undefined`: it can, or goes another way. */
  refusalOf(message: Message): string | undefined {
    if (!this.goesByLog(message)) return undefined;
    const isWill = message.trail?.will !== undefined;
    // A will waits for the log: it was promised.
    if (this.isCutOff && !isWill) return "the log of the cluster is out of reach";
    const { sizeBytes } = message;
    if (sizeBytes <= LARGEST_LOGGED_BYTES) return undefined;
    const what = isWill ? "will" : "retained message";
    return `a ${what} may have ${LARGEST_LOGGED_BYTES} bytes at most in a cluster: got ${sizeBytes}`;
  }

  /** Why a client cannot leave a will, which is never too large: a CONNECT is not. `undefined`: it can. */
  get refusalOfWills(): string | undefined {
    return this.#speaker.isFull ? "the log of the cluster takes no more wills for now" : undefined;
  }

  append(message: Message): void {
    const receipt = new Receipt();
    message.trail = { ...message.trail, receipt };
    this.#speaker.tell(encodeMessage(message, this.#parts.clock.now()), receipt);
    if (this.#speaker.isFull) receipt.full = this.#speaker;
  }

  /** A client leaves a will, in place of its last. */
  will(stored: StoredWill): void {
    const receipt = new Receipt();
    this.#speaker.tell(encodeWill(stored), receipt);
    const { clientIdentifier } = stored;
    this.#unseenWills.set(clientIdentifier, receipt);
    receipt.whenSettled(() => {
      if (this.#unseenWills.get(clientIdentifier) === receipt) this.#unseenWills.delete(clientIdentifier);
    });
  }

  /** A client's will is spent. */
  willEnd(clientIdentifier: string): void {
    this.#speaker.tell(encodeWillEnd(this.willKey(clientIdentifier)));
  }

  /** Names the will of a client of this node. */
  willKey(clientIdentifier: string): string {
    return willKey(this.#life, clientIdentifier);
  }

  /** As {@linkcode Claims.claim}; what is resolved with is why that cannot be. */
  async claim(clientIdentifier: string): Promise<string | undefined> {
    const { incarnation } = this.#life;
    const problem = await this.#claims.claim(clientIdentifier);
    if (problem !== undefined) return problem;
    const isSame = this.#joined && incarnation === this.#life.incarnation;
    return isSame ? undefined : "this node was cut off from the cluster";
  }

  /** A session has ended. */
  sessionEnded(clientIdentifier: string): void {
    this.#claims.sessionEnded(clientIdentifier);
  }

  /**
   * A client has signed in: what it left with a dead node is void, unless it is due.
   *
   * @returns resolves when its will has come by in the log, or nobody can tell; `undefined`: that is so, or it has none
   */
  signedIn(clientIdentifier: string): Promise<void> | undefined {
    this.#claims.signedIn(clientIdentifier);
    const epochMs = this.#parts.clock.epoch();
    for (const key of this.#wills.ofClient(clientIdentifier, epochMs)) this.#speaker.tell(encodeWillEnd(key));
    const receipt = this.#unseenWills.get(clientIdentifier);
    if (receipt === undefined || this.isCutOff) return undefined;
    return new Promise((resolve) => {
      receipt.whenSettled(() => {
        this.#willWaiting.delete(resolve);
        resolve();
      });
      if (receipt.pending) this.#willWaiting.add(resolve);
    });
  }

  /** Resolves when all others know what clients here are subscribed to; `undefined`: they do. */
  routesTaken(): Promise<void> | undefined {
    return this.#peers.routesTaken();
  }

  /** Resolves when all that was in the log at the time of the call is taken in, or nobody can tell. */
  async caughtUp(): Promise<void> {
    if (this.isCutOff) return;
    // Those who ask in one turn ask once.
    this.#endAsked ??= new Promise<void>((resolve) => this.#soon(resolve)).then(() => {
      this.#endAsked = undefined;
      return this.#parts.log.end();
    });
    const position = await this.#endAsked.catch(() => 0);
    await this.#readUpTo(position);
  }

  /** Resolves when the log was read so far, or cannot be; `undefined`: it was. @param isPatient also while it is cut off */
  #readUpTo(position: number, isPatient = false): Promise<void> | undefined {
    if (position <= this.#position || (this.isCutOff && !isPatient)) return undefined;
    return new Promise((resolve) => this.#positionWaiting.push({ position, resolve, isPatient }));
  }

  /** Resolves when all that this node has said is in the log, or never will be. */
  settled(): Promise<void> {
    return this.#joined ? this.#speaker.settled() : Promise.resolve();
  }

  #tick(): void {
    this.#membership.tick();
    this.#speaker.tick();
    this.#peers.tick();
    this.#claims.tick();
    if (this.isCutOff || lowest(this.nodes)?.node !== this.#life.node) return;
    this.#publishOrphans();
    this.#shortener.tick();
  }

  #publishOrphans(): void {
    for (const [key, stored] of this.#wills.takeDue(this.#parts.clock.epoch())) this.#parts.publishWill(stored, key);
  }

  async #read(): Promise<void> {
    for (let isAgain = false;; isAgain = true) {
      try {
        if (isAgain) await this.#forgetAll();
        return await this.#readOn();
      } catch (error) {
        if (this.#closed || (error instanceof LogError && error.fault === "closed")) return;
        this.#cannotRead(error);
        if (this.#failure !== undefined) return;
      }
    }
  }

  async #readOn(): Promise<void> {
    const { log, work } = this.#parts;
    this.#waiting = log.first > 1 ? [] : undefined;
    this.#position = log.first - 1;
    this.#beginIfRead();
    for await (const record of log.open(log.first)) {
      work.begin();
      this.#take(record);
      this.#beginIfRead();
      if (work.look(this.#party)) await work.turn(this.#party);
    }
  }

  #beginIfRead(): void {
    if (this.#hasRead || this.#position < this.#oldUpTo) return;
    if (this.#waiting !== undefined) throw new LogError("gap", "log: its beginning is gone, and no snapshot is in it");
    this.#hasRead = true;
    this.#beginAnew();
  }

  #cannotRead(error: unknown): void {
    this.#hasRead = false;
    // What this node wanted next is given up: what came of it is in a snapshot.
    if (!(error instanceof LogError && error.fault === "trimmed")) this.#failure = error;
    const what = this.#failure === undefined ? "reads it anew" : "leaves";
    this.#parts.logger.error(`cluster: the log cannot be read on, this node ${what}: ${errorText(error)}`);
    this.#evict();
    this.#notify();
  }

  /** Reads all of the log anew: what this node knows of it is too old to go on from. */
  async #forgetAll(): Promise<void> {
    const { log, machine, retained, router } = this.#parts;
    const end = () =>
      log.end().catch((error) => {
        if (error instanceof LogError && error.fault === "unreachable") return undefined;
        throw error;
      });
    let upTo = await end();
    for (; upTo === undefined; upTo = await end()) {
      await new Promise<void>((resolve) => machine.after(READ_AGAIN_MS, resolve));
    }
    this.#oldUpTo = upTo;
    this.#wills.clear();
    for (const { topicName } of [...retained]) {
      if (!topicName.startsWith("$")) router.retain(Message.of({ topicName, payload: NOTHING, retain: true }));
    }
  }

  #take({ position, timeMs, bytes }: LogRecord): void {
    const record = decodeRecord(bytes);
    this.#position = position;
    if ("unreadable" in record) this.#parts.logger.warn(`cluster: position ${position} of the log: ${record.text}`);
    else if (this.#waiting !== undefined) this.#waitForSnapshot({ position, timeMs, bytes }, record);
    else this.#takeRecord(record, timeMs, bytes.length);
    if (this.#positionWaiting.length > 0) this.#wakeReaders();
    this.#notify();
  }

  #takeRecord(record: ClusterRecord, timeMs: number, size: number): void {
    const { writer: node, incarnation, n, body } = record;
    const former = body.type === "up" ? this.#state.writer(node) : undefined;
    const verdict = this.#state.apply(record);
    if (verdict.is === "dead" || verdict.is === "out-of-turn") return;
    const life = { node, incarnation };
    const isOwn = node === this.#life.node && incarnation === this.#life.incarnation;
    const receipts = isOwn ? this.#speaker.seen(n) : [];
    if (verdict.is !== "counts") return;
    this.#membership.heard(node);
    if (body.type !== "snapshot") this.#shortener.grew(size);
    if (body.type === "up") this.#begun(life, former, body.address, timeMs);
    else if (body.type === "down") this.#ended(body, timeMs);
    else if (body.type === "heartbeat") this.#shortener.hasRead(node, body.safe);
    else if (body.type === "snapshot") this.#tookSnapshot(life, body);
    else if (body.type === "batch") {
      if (isOwn) this.#spokenAt = this.#position;
      body.entries.forEach((entry, at) => {
        if (entry.type === "message" && verdict.entries[at] === "counts") this.#takeEntry(entry.content, life, timeMs);
      });
    }
    for (const receipt of receipts) receipt.arrived();
  }

  /** Where the log begins in the middle nothing means anything before a snapshot is there. */
  #waitForSnapshot(raw: LogRecord, { writer, incarnation, body }: ClusterRecord): void {
    this.#waiting!.push(raw);
    if (body.type !== "snapshot") return;
    const parts = this.#snapshots.take(writer, incarnation, body);
    if (parts === undefined || body.position < this.#waiting![0]!.position - 1) return;
    const waiting = this.#waiting!;
    this.#waiting = undefined;
    this.#state.restore(parts[0]!.writers);
    for (const { node, incarnation, timeMs, isOrphan, content } of parts.flatMap(({ items }) => items)) {
      this.#takeEntry(content, { node, incarnation }, timeMs, isOrphan);
    }
    this.#shortener.begin(body.position);
    for (const { position, timeMs, bytes } of waiting) {
      const record = decodeRecord(bytes);
      if (position > body.position && !("unreadable" in record)) this.#takeRecord(record, timeMs, bytes.length);
    }
  }

  #tookSnapshot({ node, incarnation }: Life, snapshot: Snapshot): void {
    const isWhole = this.#snapshots.take(node, incarnation, snapshot) !== undefined;
    if (isWhole) this.#shortener.took(snapshot.position, node === this.#life.node);
  }

  /** @param isOrphan it is the will of a dead node, due at that time */
  #takeEntry(content: Uint8Array, life: Life, timeMs: number, isOrphan = false): void {
    const { clock, logger, work } = this.#parts;
    work.steps += 4;
    const nowMs = clock.now() - (clock.epoch() - timeMs);
    try {
      const entry = decodeEntry(content, this.#names, { life, nowMs });
      if (isOrphan && entry.type === "will") this.#wills.setOrphan(entry.key, entry.stored, timeMs);
      else this.#act(entry, life);
    } catch (error) {
      logger.warn(`cluster: what node ${quote(life.node)} says in the log cannot be read: ${errorText(error)}`);
    }
  }

  #act(entry: LogEntry, life: Life): void {
    if (entry.type === "will") return this.#wills.set(life, entry.key, entry.stored);
    if (entry.type === "will-end") return void this.#wills.end(entry.key);
    if (entry.type === "parcel") return this.#detours.take(life, entry.parcel);
    // It is published already, or void.
    if (entry.will !== undefined && !this.#wills.end(entry.will)) return;
    const { router, clock } = this.#parts;
    const { message } = entry;
    if (life.node === this.#life.node) message.trail = { ...message.trail, isOwn: true };
    if (this.#position > this.#oldUpTo) void router.publish(message);
    else if (message.retain && !message.isExpired(clock.now())) router.retain(message);
  }

  /** A life has begun; one of the same node is over by that. */
  #begun(life: Life, former: (Life & { live: boolean }) | undefined, address: string, timeMs: number): void {
    if (former?.live) this.#forget({ node: former.node, incarnation: former.incarnation }, timeMs);
    const isOwn = life.node === this.#life.node;
    // An earlier run, or another process that has this one's name: the later one is the node.
    if (isOwn && life.incarnation !== this.#life.incarnation) {
      return life.incarnation > this.#life.incarnation && this.#life.incarnation > 0 ? this.#giveWay() : undefined;
    }
    if (!isOwn) {
      if (!this.#joined) return;
      this.#peers.add(life, address, false);
      return this.#claims.nodesChanged();
    }
    this.#joined = true;
    for (const writer of this.#state.writers()) {
      if (writer.live && writer.node !== life.node) this.#peers.add(plain(writer), writer.address, true);
    }
  }

  #ended(life: Life, timeMs: number): void {
    const isOwn = life.node === this.#life.node && life.incarnation === this.#life.incarnation;
    this.#forget(plain(life), timeMs);
    if (isOwn && !this.#isLeaving) return this.#evict();
    if (this.#joined) this.#claims.nodesChanged();
    this.#wills.sayAgain();
    this.#parts.logger.info(`cluster: node ${quote(life.node)} is gone`);
    this.#publishDue();
  }

  #publishDue(): void {
    if (this.#joined && !this.isCutOff && lowest(this.nodes)?.node === this.#life.node) this.#publishOrphans();
  }

  #forget(life: Life, timeMs: number): void {
    this.#wills.died(life, timeMs);
    this.#snapshots.forget(life.node, life.incarnation);
    if (life.node !== this.#life.node) this.#peers.remove(life.node);
  }

  /** All that was said in this life is void; the next begins. */
  #evict(): void {
    if (!this.#joined) return;
    this.#joined = false;
    this.#parts.logger.warn(`cluster: node ${quote(this.#life.node)} was declared dead; its clients are closed`);
    const place = { life: this.#life, nowMs: this.#parts.clock.now() };
    this.#unheard = unheardWills(this.#speaker.unseen(), this.#names, place, (key) => this.#wills.get(key));
    // First its clients: what ends now is not to be acknowledged to them.
    this.#parts.onEvicted();
    this.#speaker.end();
    this.#peers.clear();
    this.#detours.clear();
    this.#claims.clear();
    this.#wakeAll();
    if (!this.#isLeaving && !this.#isReplaced && this.#hasRead) this.#beginAnew();
  }

  /** The next life begins, with what the last one could not say. */
  #beginAnew(): void {
    this.#begin();
    const unheard = this.#unheard;
    this.#unheard = undefined;
    for (const message of unheard?.messages ?? []) {
      this.#speaker.tell(encodeMessage(message, this.#parts.clock.now()));
    }
    for (const stored of unheard?.wills ?? []) {
      this.will(stored);
      this.#parts.publishWill(stored, this.willKey(stored.clientIdentifier));
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
    const known = Math.max(this.#state.writer(node)?.incarnation ?? 0, this.#life.incarnation);
    this.#life = { node, incarnation: Math.max(known + 1, this.#parts.clock.epoch()) };
    this.#speaker = this.#makeSpeaker();
    const { address } = this.#parts.carrier;
    this.#speaker.say({ type: "up", oldest: RECORD_VERSION, newest: RECORD_VERSION, address });
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
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#closed) throw new Error("the broker was shut down while it joined the cluster");
      await this.#changed.promise;
    }
  }

  #notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }

  #wakeReaders(): void {
    const waiting = this.#positionWaiting;
    this.#positionWaiting = waiting.filter(({ position }) => position > this.#position);
    for (const { position, resolve } of waiting) if (position <= this.#position) resolve();
  }

  #wakeAll(): void {
    for (const { resolve } of this.#positionWaiting.splice(0)) resolve();
    this.#wakeImpatient();
  }

  #wakeImpatient(): void {
    const waiting = this.#positionWaiting;
    this.#positionWaiting = waiting.filter(({ isPatient }) => isPatient);
    for (const { resolve, isPatient } of waiting) if (!isPatient) resolve();
    for (const resolve of this.#willWaiting) resolve();
    this.#willWaiting.clear();
    this.#notify();
  }
}

function plain({ node, incarnation }: Life): Life {
  return { node, incarnation };
}
