/** What one life of this node says to one life of another, and hears from it, over whatever connection there is. */
import type { Message } from "../message.ts";
import type { TopicNames } from "../packet/topic_names.ts";
import { Receipt } from "../receipt.ts";
import { Fifo } from "../session/fifo.ts";
import type { Subscriber } from "../topics/subscriber.ts";
import type { Transport } from "../transport/transport.ts";
import { WorkParty } from "../work_budget.ts";
import type { WorkBudget } from "../work_budget.ts";
import { BATCH_HEAD_BYTES, type BatchReader } from "./batch.ts";
import { BytesError, ByteSource } from "./bytes.ts";
import type { Life } from "./cluster_state.ts";
import {
  type CarriedMessage,
  FrameType,
  type GroupName,
  isNumbered,
  type MessagePlace,
  readMessage,
  readRoutes,
  type RouteChange,
  writeBytes,
  writeMessage,
  writeNumber,
  writeRoutes,
} from "./frames.ts";
import { LinkSender } from "./link_sender.ts";

/** So many changes of routes are in one frame at most. */
const ROUTES_AT_ONCE = 500;

/** What a link tells and asks. */
export interface LinkObserver {
  /** A message has come. False: it is for a group of which nobody here can take it. */
  onMessage(link: Link, carried: CarriedMessage): boolean | Promise<boolean>;
  /** The peer's clients subscribe to more, or less. */
  onRoutes(link: Link, changes: readonly RouteChange[], isWhole: boolean): void;
  /** What the peer believes to have been told: how many routes, and their hash. */
  onDigest(link: Link, count: number, hash: number): void;
  /** The peer wants all routes. */
  onRoutesWanted(link: Link): void;
  /** The peer asks something; what is resolved with is the answer. */
  onRequest(link: Link, question: Uint8Array): Promise<Uint8Array>;
  /** A message for a group has not been taken, or its node is dead: it is for another member. */
  onReturn(message: Message, seat: Seat): void;
  /** A message at QoS 0 was given up. */
  onDrop(message: Message): void;
  /** Resolves when the log was read up to a position here, or cannot be; `undefined`: it was. */
  readUpTo(position: number): Promise<void> | undefined;
}

/** Who a message for a group was given to. */
export interface Seat extends Subscriber {
  /** The same for all members at a node. */
  readonly group: GroupName;
}

/** What a {@linkcode Link} works with. */
export interface LinkParts {
  readonly peer: Life;
  readonly maximumBytes: number;
  readonly names: TopicNames;
  readonly work: WorkBudget;
  readonly observer: LinkObserver;
  readonly now: () => number;
  /** Calls `run` at the end of the turn. */
  soon(run: () => void): void;
  /** Where in the log the last message of this node is: what goes over links must not overtake it. */
  spokenAt(): number;
}

interface Awaited {
  readonly n: number;
  readonly receipt: Receipt;
  readonly message: Message | undefined;
  readonly seat: Seat | undefined;
  isReturned: boolean;
}

/** The link to one life of a node. It outlives its connections. */
export class Link {
  readonly peer: Life;
  readonly #parts: LinkParts;
  readonly #sender: LinkSender;
  readonly #party = new WorkParty();
  /** What messages that come are marked with. */
  readonly #place: MessagePlace;
  readonly #awaited = new Fifo<Awaited>();
  readonly #questions = new Map<number, (answer: Uint8Array | undefined) => void>();
  /** A frame whose acknowledgement is waited for to know how long that takes. */
  #probe: { readonly n: number; readonly atMs: number } | undefined;
  #lastQuestion = 0;
  #routesWaiting: { readonly n: number; readonly resolve: () => void }[] = [];
  #routesAt = 0;
  #transport: Transport | undefined;
  #isDetour = false;
  /** What {@linkcode Link.succeed} was told last: what the peer was told to have come is true of that one alone. */
  #successor: Transport | undefined;
  #received = 0;
  /** Numbers of messages of which is not known yet whether anybody takes them. */
  readonly #undecided = new Set<number>();
  #workedOffBytes = 0;
  /** Up to which number the peer has said what became of what it was sent, beside that it came. */
  #settled = 0;
  /** What the peer was told of {@linkcode LinkParts.spokenAt}, and what it has told and was not waited for. */
  #toldAt = 0;
  #waitsFor = 0;
  #ended = false;
  /** Bytes over all connections. */
  bytesSent = 0;
  bytesReceived = 0;
  /** Messages at QoS 0 that were given up. */
  dropped = 0;
  /** What the peer took last to work something off, in milliseconds; `undefined`: nothing was measured. */
  roundTripMs: number | undefined;
  /** The peer has told all that its clients are subscribed to. */
  hasRoutes = false;

  constructor(parts: LinkParts) {
    this.#parts = parts;
    this.peer = parts.peer;
    this.#place = { now: parts.now, trail: { fromNode: parts.peer.node } };
    this.#sender = new LinkSender({
      maximumBytes: parts.maximumBytes,
      soon: parts.soon,
      onBroken: () => this.#transport?.close(),
      onSent: (bytes) => this.bytesSent += bytes,
    });
  }

  /** There is a connection. */
  get connected(): boolean {
    return this.#transport !== undefined;
  }

  /** The connection goes through the log: what may be lost has no place there. */
  get detours(): boolean {
    return this.#transport !== undefined && this.#isDetour;
  }

  /** The peer is dead. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Up to which number frames have come. */
  get received(): number {
    return this.#received;
  }

  get heldBytes(): number {
    return this.#sender.heldBytes;
  }

  get creditBytes(): number {
    return this.#sender.creditBytes;
  }

  get isFull(): boolean {
    return this.#sender.isFull;
  }

  /** Something was sent that the peer has not worked off. */
  get waits(): boolean {
    return this.#sender.acknowledged < this.#sender.last;
  }

  /** The connection is of no use. */
  breakOff(): void {
    this.#transport?.close();
  }

  /** Sends a message, to a member of a group if a seat is given. False: it was given up. */
  send(message: Message, seat?: Seat): boolean {
    const isLoose = message.qos === 0;
    if (this.#ended || (isLoose && (!this.connected || this.#isDetour || this.#sender.isFull))) {
      this.dropped++;
      this.#parts.observer.onDrop(message);
      return false;
    }
    const spokenAt = this.#parts.spokenAt();
    if (spokenAt > this.#toldAt) this.#tellAfter(spokenAt);
    const out = this.#sender.frame(isLoose ? "loose" : "numbered");
    writeMessage(out, message, seat?.group, this.#parts.now);
    if (!isLoose) this.#await(message, seat);
    this.#sender.flush();
    return true;
  }

  /** The peer may not have read in the log yet what clients here have published before by that way. */
  #tellAfter(position: number): void {
    this.#toldAt = position;
    const out = this.#sender.frame("numbered");
    out.u8(FrameType.After);
    writeNumber(out, position);
  }

  #await(message: Message, seat: Seat | undefined): void {
    const receipt = message.trail?.receipt ?? new Receipt();
    if (message.trail?.receipt === undefined) message.trail = { ...message.trail, receipt };
    receipt.expect();
    if (this.#sender.isFull) receipt.full = this;
    this.#awaited.push({ n: this.#sender.last, receipt, message: seat && message.keep(), seat, isReturned: false });
  }

  /** Resolves when there is room for more; `undefined`: there is. */
  relieved(): Promise<void> | undefined {
    return this.#ended ? undefined : this.#sender.relieved();
  }

  /** Tells changes of routes. @param isWhole they are all there are */
  tellRoutes(changes: readonly RouteChange[], isWhole: boolean): void {
    if (this.#ended) return;
    for (let at = 0; at === 0 || at < changes.length; at += ROUTES_AT_ONCE) {
      const some = changes.slice(at, at + ROUTES_AT_ONCE);
      writeRoutes(this.#sender.frame("numbered"), some, isWhole && at === 0);
    }
    this.#routesAt = this.#sender.last;
    this.#sender.flush();
  }

  /** Tells what the peer should have been told by now. */
  tellDigest(count: number, hash: number): void {
    const out = this.#sender.frame("numbered");
    this.#probe ??= { n: this.#sender.last, atMs: this.#parts.now() };
    out.u8(FrameType.Digest);
    writeNumber(out, count);
    writeNumber(out, hash);
    this.#sender.flush();
  }

  /** Asks for all routes. */
  wantRoutes(): void {
    this.#sender.frame("numbered").u8(FrameType.RoutesWanted);
    this.#sender.flush();
  }

  /** Resolves when the peer has taken in the routes that it was told, or is dead; `undefined`: that is so. */
  routesTaken(): Promise<void> | undefined {
    if (this.#ended || this.#sender.acknowledged >= this.#routesAt) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#routesWaiting.push({ n: this.#routesAt, resolve });
    return promise;
  }

  /** Asks the peer; `undefined`: it is dead. */
  ask(question: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    const id = ++this.#lastQuestion;
    const { promise, resolve } = Promise.withResolvers<Uint8Array | undefined>();
    this.#questions.set(id, resolve);
    this.#say(FrameType.Request, id, question);
    return promise;
  }

  #say(type: number, id: number, bytes: Uint8Array): void {
    const out = this.#sender.frame("numbered");
    out.u8(type);
    writeNumber(out, id);
    writeBytes(out, bytes);
    this.#sender.flush();
  }

  /**
   * A connection is about to take the former's place: nothing more comes by that one, so that what the peer is told to have
   * come stays true.
   *
   * @returns up to which number frames have come
   */
  succeed(transport: Transport): number {
    this.#successor = transport;
    this.#transport?.close();
    this.#transport = undefined;
    this.#sender.detach();
    return this.#received;
  }

  /**
   * Goes on over a connection, to its end; over none that another one has come after.
   *
   * @param received up to which number the peer has what was sent before
   * @param isDetour it goes through the log
   * @throws {BatchError | BytesError | ProtocolError} if the peer says what no node says
   * @throws {Error} if the connection breaks
   */
  async serve(transport: Transport, reader: BatchReader, received: number, isDetour = false): Promise<void> {
    if (this.#ended || (this.#successor !== undefined && this.#successor !== transport)) return transport.close();
    // The newer connection holds: the peer knows better whether the older one is broken.
    this.#transport?.close();
    this.#transport = transport;
    this.#isDetour = isDetour;
    this.#workedOffBytes = 0;
    try {
      this.#sender.attach(transport, received);
      // That it came says nothing of whether it was taken; this follows what was said of that before.
      this.#acknowledge();
      for (let frames = await reader.next(); frames !== undefined; frames = await reader.next()) {
        if (this.#transport !== transport) return;
        this.bytesReceived += frames.length;
        await this.#take(frames, transport);
      }
    } finally {
      if (this.#transport === transport) {
        this.#transport = undefined;
        this.#sender.detach();
      }
      transport.close();
    }
  }

  /** The peer is dead: nobody waits for it any longer. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#sender.end();
    this.#transport?.close();
    for (let one = this.#awaited.shift(); one; one = this.#awaited.shift()) this.#resolve({ ...one, isReturned: true });
    for (const answer of this.#questions.values()) answer(undefined);
    this.#questions.clear();
    for (const { resolve } of this.#routesWaiting.splice(0)) resolve();
  }

  async #take(frames: Uint8Array, transport: Transport): Promise<void> {
    const { work } = this.#parts;
    work.begin();
    const source = new ByteSource(frames);
    let counts = false;
    if (this.#waitsFor > 0 && !await this.#readOn(transport)) return;
    while (source.remaining > 0) {
      const at = frames.length - source.remaining;
      // What cannot be read would come again and again.
      if (isNumbered(frames, at)) this.#received++;
      if (frames[at] !== FrameType.Acknowledge) counts = true;
      const waits = this.#takeFrame(frames, source);
      if (waits) await waits;
      if (waits && this.#transport !== transport) return this.#acknowledge();
      if (this.#waitsFor > 0 && !await this.#readOn(transport)) return;
      work.steps++;
      if (work.isDue && work.look(this.#party)) await work.turn(this.#party);
      if (this.#ended || this.#transport !== transport) return;
    }
    if (!counts) return;
    this.#workedOffBytes += frames.length + BATCH_HEAD_BYTES;
    this.#acknowledge();
  }

  /** Tells what was worked off, behind what was not taken of that. */
  #acknowledge(): void {
    if (this.#ended) return;
    let workedOff = this.#received;
    for (const n of this.#undecided) workedOff = Math.min(workedOff, n - 1);
    const out = this.#sender.frame("acknowledgement");
    out.u8(FrameType.Acknowledge);
    writeNumber(out, workedOff);
    writeNumber(out, this.#workedOffBytes);
    this.#sender.flush();
  }

  /** Waits for what has to come by in the log first. False: the connection is over. */
  async #readOn(transport: Transport): Promise<boolean> {
    const waits = this.#parts.observer.readUpTo(this.#waitsFor);
    if (waits) await waits;
    if (this.#ended || this.#transport !== transport) return false;
    this.#waitsFor = 0;
    return true;
  }

  #takeFrame(frames: Uint8Array, source: ByteSource): Promise<void> | undefined {
    const { observer } = this.#parts;
    const type = source.u8();
    switch (type) {
      case FrameType.Message:
        return this.#takeMessage(frames, source);
      case FrameType.Acknowledge: {
        const [workedOff, bytes] = [source.number(), source.number()];
        this.#sender.acknowledge(workedOff, bytes);
        this.#settled = Math.max(this.#settled, workedOff);
        return void this.#settle();
      }
      case FrameType.Routes: {
        const { isWhole, changes } = readRoutes(source);
        return void observer.onRoutes(this, changes, isWhole);
      }
      case FrameType.Digest:
        return void observer.onDigest(this, source.number(), source.number());
      case FrameType.RoutesWanted:
        return void observer.onRoutesWanted(this);
      case FrameType.NotTaken:
        return void this.#returned(source.number());
      case FrameType.After:
        return void (this.#waitsFor = source.number());
      case FrameType.Request:
        return void this.#answer(source.number(), source.bytes().slice());
      case FrameType.Answer: {
        const id = source.number();
        const answer = source.bytes().slice();
        this.#questions.get(id)?.(answer);
        return void this.#questions.delete(id);
      }
      default:
        throw new BytesError(`a frame of type ${type} is nothing that is known`);
    }
  }

  #takeMessage(frames: Uint8Array, source: ByteSource): Promise<void> | undefined {
    const { names, observer } = this.#parts;
    const n = this.#received;
    const carried = readMessage(frames, source, names, this.#place);
    const taken = observer.onMessage(this, carried);
    const finish = (taken: boolean) => {
      if (taken || carried.message.qos === 0) return;
      const out = this.#sender.frame("numbered");
      out.u8(FrameType.NotTaken);
      writeNumber(out, n);
    };
    if (typeof taken === "boolean") return void finish(taken);
    this.#undecided.add(n);
    return taken.then((taken) => {
      this.#undecided.delete(n);
      finish(taken);
    });
  }

  async #answer(id: number, question: Uint8Array): Promise<void> {
    // Who asks what is not known here is a newer node: it is answered with nothing.
    const answer = await this.#parts.observer.onRequest(this, question).catch(() => new Uint8Array(0));
    if (!this.#ended) this.#say(FrameType.Answer, id, answer);
  }

  #returned(n: number): void {
    this.#awaited.forEach((one) => {
      if (one.n === n) one.isReturned = true;
    });
  }

  /** Tells those who wait for what the peer has worked off. */
  #settle(): void {
    const { acknowledged } = this.#sender;
    if (this.#probe !== undefined && this.#probe.n <= acknowledged) {
      this.roundTripMs = this.#parts.now() - this.#probe.atMs;
      this.#probe = undefined;
    }
    for (let one = this.#awaited.peek(); one && one.n <= this.#settled; one = this.#awaited.peek()) {
      this.#awaited.shift();
      this.#resolve(one);
    }
    if (this.#routesWaiting.length === 0) return;
    const waiting = this.#routesWaiting;
    this.#routesWaiting = waiting.filter(({ n }) => n > acknowledged);
    for (const { n, resolve } of waiting) if (n <= acknowledged) resolve();
  }

  #resolve({ receipt, message, seat, isReturned }: Awaited): void {
    // Whoever gets it now is expected before this one is not.
    if (isReturned && message !== undefined && seat !== undefined) this.#parts.observer.onReturn(message, seat);
    receipt.arrived();
  }
}
