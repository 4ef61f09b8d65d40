import type { Message } from "../message.ts";
import { TopicBranch } from "./topic_branch.ts";
import { type TopicDenial, TopicEntry, type TopicPublisher } from "./topic_entry.ts";

/** What a topic takes beside its texts and payload, and each of its levels; measured roughly. */
const TOPIC_BYTES = 500;
const LEVEL_BYTES = 220;

const turn = Promise.resolve();

/** How much is remembered. */
export interface TopicLimits {
  readonly maximumTopics: number;
  readonly maximumBytes: number;
}

/**
 * The last message that came in this turn for one topic, and how many came in a row. Its payload is borrowed until then. An
 * object as young as they are: what lasts and refers to something young costs the engine a note each time.
 */
class Pending {
  message: Message;
  messages = 1;

  constructor(message: Message) {
    this.message = message;
  }
}

/** What a look-up of clients gives; see {@linkcode TopicHistory}. */
export type FindPublisher = (clientIdentifier: string) => TopicPublisher | undefined;

/**
 * What was published last to each topic, and by whom. Bounded in topics and bytes; the least recently published goes
 * first. Made for {@linkcode TopicHistory.routed}, which is called for every message: of those that come for one topic one
 * after the other in one turn only the last is looked at, and no clock is.
 */
export class TopicHistory {
  readonly #limits: TopicLimits;
  readonly #findPublisher: FindPublisher;
  readonly #entries = new Map<string, TopicEntry>();
  readonly #root = new TopicBranch("", undefined);
  #pending: Pending | undefined;
  readonly #takePending = () => this.#take();
  #oldest: TopicEntry | undefined;
  #newest: TopicEntry | undefined;
  #bytes = 0;
  #forgotten = 0;
  /** Milliseconds since the Unix epoch, which a timer keeps. */
  nowMs: number;
  /** Counts who has come: a client may have come again from elsewhere. */
  clientEpoch = 0;

  constructor(limits: TopicLimits, findPublisher: FindPublisher, nowMs: number) {
    this.#limits = limits;
    this.#findPublisher = findPublisher;
    this.nowMs = nowMs;
  }

  /** The level above all others. */
  get root(): TopicBranch {
    this.#take();
    return this.#root;
  }

  /** Topics that are remembered. */
  get count(): number {
    this.#take();
    return this.#entries.size;
  }

  /** What they take, roughly. */
  get bytes(): number {
    this.#take();
    return this.#bytes;
  }

  /** Topics that were forgotten for want of room. */
  get forgotten(): number {
    this.#take();
    return this.#forgotten;
  }

  /** A message has been given to its subscribers. */
  routed(message: Message): void {
    const pending = this.#pending;
    if (pending !== undefined && pending.message.topicName === message.topicName) {
      pending.message = message;
      pending.messages++;
      return;
    }
    this.#pending = new Pending(message);
    if (pending) this.#enter(pending);
    else this.#atEndOfTurn();
  }

  #atEndOfTurn(): void {
    // Whoever reads into the buffer that the payload lies in waits for a promise before.
    void turn.then(this.#takePending);
  }

  #take(): void {
    const pending = this.#pending;
    if (!pending) return;
    this.#pending = undefined;
    this.#enter(pending);
  }

  #enter({ message, messages }: Pending): void {
    const { topicName, publisher } = message;
    const entry = this.#entries.get(topicName) ?? this.#add(topicName);
    const before = entry.growingBytes;
    entry.take(message.payload, messages, this.nowMs);
    entry.qos = message.qos;
    entry.retain = message.retain;
    if (entry.publisherIdentifier !== publisher || entry.publisherEpoch !== this.clientEpoch) {
      entry.publisherIdentifier = publisher;
      entry.publisherEpoch = this.clientEpoch;
      entry.publisher = publisher === undefined ? undefined : this.#findPublisher(publisher);
    }
    if (this.#newest !== entry) this.#makeNewest(entry);
    const grown = entry.growingBytes - before;
    if (grown !== 0) this.#bytes += grown;
    if (this.#bytes > this.#limits.maximumBytes || this.#entries.size > this.#limits.maximumTopics) this.#makeRoom();
  }

  /** Somebody was not allowed to use a topic. What nobody has published to is the first to be forgotten. */
  denied(topicName: string, denial: TopicDenial): void {
    this.#take();
    let entry = this.#entries.get(topicName);
    if (!entry) {
      // Nobody who is denied may push out what others have published.
      if (this.#entries.size >= this.#limits.maximumTopics && this.#oldest?.messages !== 0) return;
      entry = this.#add(topicName);
      this.#makeOldest(entry);
    }
    const before = entry.growingBytes;
    entry.deny(denial);
    this.#bytes += entry.growingBytes - before;
    this.#makeRoom();
  }

  /** What is remembered of a topic; `undefined`: nothing. */
  get(topicName: string): TopicEntry | undefined {
    this.#take();
    return this.#entries.get(topicName);
  }

  /** All topics, in no particular order. */
  entries(): IterableIterator<TopicEntry> {
    this.#take();
    return this.#entries.values();
  }

  #add(topicName: string): TopicEntry {
    const entry = new TopicEntry(topicName);
    this.#entries.set(topicName, entry);
    this.#root.add(entry);
    this.#bytes += fixedBytes(topicName);
    return entry;
  }

  #makeNewest(entry: TopicEntry): void {
    this.#unlink(entry);
    entry.older = this.#newest;
    if (this.#newest) this.#newest.newer = entry;
    this.#newest = entry;
    this.#oldest ??= entry;
  }

  #makeOldest(entry: TopicEntry): void {
    entry.newer = this.#oldest;
    if (this.#oldest) this.#oldest.older = entry;
    this.#oldest = entry;
    this.#newest ??= entry;
  }

  #unlink(entry: TopicEntry): void {
    const { older, newer } = entry;
    if (older) older.newer = newer;
    else if (this.#oldest === entry) this.#oldest = newer;
    if (newer) newer.older = older;
    else if (this.#newest === entry) this.#newest = older;
    entry.older = entry.newer = undefined;
  }

  #makeRoom(): void {
    const { maximumTopics, maximumBytes } = this.#limits;
    while (this.#oldest && (this.#entries.size > maximumTopics || this.#bytes > maximumBytes)) {
      const entry = this.#oldest;
      this.#unlink(entry);
      this.#entries.delete(entry.topicName);
      this.#root.remove(entry);
      this.#bytes -= fixedBytes(entry.topicName) + entry.growingBytes;
      this.#forgotten++;
    }
  }
}

function fixedBytes(topicName: string): number {
  let levels = 1;
  for (let at = topicName.indexOf("/"); at >= 0; at = topicName.indexOf("/", at + 1)) levels++;
  return TOPIC_BYTES + 4 * topicName.length + levels * LEVEL_BYTES;
}
