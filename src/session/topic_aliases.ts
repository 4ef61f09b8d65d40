import type { TopicName } from "../packet/topic.ts";

/** The topic names that a client's aliases stand for, on one connection (MQTT 5.0 §3.3.2.3.4). */
export class InboundTopicAliases {
  /** Made with the first one: few clients use any. */
  #names: Map<number, TopicName> | undefined;
  /** Highest alias that may be used; 0: none. */
  readonly maximum: number;
  #heldBytes = 0;

  constructor(maximum: number) {
    this.maximum = maximum;
  }

  /** What the names take in memory, roughly. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  get(alias: number): TopicName | undefined {
    return this.#names?.get(alias);
  }

  set(alias: number, topicName: TopicName): void {
    const names = this.#names ??= new Map();
    const former = names.get(alias);
    this.#heldBytes += costBytes(topicName) - (former === undefined ? 0 : costBytes(former));
    names.set(alias, topicName);
  }
}

/** What a name takes beside its text. */
const NAME_BYTES = 64;

function costBytes(topicName: TopicName): number {
  return NAME_BYTES + 2 * topicName.length;
}

/** Names that are counted for each alias there is, so that those that come in turn are met again. */
const CANDIDATES_PER_ALIAS = 4;

/** What a PUBLISH is sent with: the alias, and whether the name has to stand beside it so that the client learns it. */
export interface ChosenAlias {
  readonly alias: number;
  readonly isNew: boolean;
}

interface Entry {
  readonly alias: number;
  readonly topicName: TopicName;
  uses: number;
  known: ChosenAlias;
}

/**
 * Chooses aliases for what is sent on one connection, by use: a name gets one when it comes the second time, and when
 * all are given away it has to be in more use than the one that it displaces.
 */
export class OutboundTopicAliases {
  readonly #maximum: number;
  readonly #entries: Entry[] = [];
  readonly #byName = new Map<TopicName, Entry>();
  /** How often names without an alias have come. */
  readonly #candidates = new Map<TopicName, number>();
  #heldBytes = 0;
  /** The entry that is looked at next when one has to go. */
  #hand = 0;

  /** @param maximum highest alias that the client takes; 0: none */
  constructor(maximum: number) {
    this.#maximum = maximum;
  }

  /** What the names take in memory, roughly, with those that are candidates. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** `undefined`: the name is sent without an alias. */
  choose(topicName: TopicName): ChosenAlias | undefined {
    if (this.#maximum === 0) return undefined;
    const entry = this.#byName.get(topicName);
    if (entry) {
      entry.uses++;
      return entry.known;
    }
    return this.#consider(topicName);
  }

  #consider(topicName: TopicName): ChosenAlias | undefined {
    const uses = (this.#candidates.get(topicName) ?? 0) + 1;
    const alias = uses < 2 ? undefined : this.#free(uses);
    if (alias !== undefined) return this.#give(alias, topicName, uses);
    this.#remember(topicName, uses);
    return undefined;
  }

  #free(uses: number): number | undefined {
    return this.#entries.length < this.#maximum ? this.#entries.length + 1 : this.#displace(uses);
  }

  #give(alias: number, topicName: TopicName, uses: number): ChosenAlias {
    // It was a candidate, and as such it is counted already.
    this.#candidates.delete(topicName);
    const entry: Entry = { alias, topicName, uses, known: { alias, isNew: false } };
    this.#entries[alias - 1] = entry;
    this.#byName.set(topicName, entry);
    return { alias, isNew: true };
  }

  /** Beyond so many candidates the counting starts anew, which also lets old uses fade. */
  #remember(topicName: TopicName, uses: number): void {
    if (this.#candidates.size > CANDIDATES_PER_ALIAS * this.#maximum) this.#forgetCandidates();
    if (!this.#candidates.has(topicName)) this.#heldBytes += costBytes(topicName);
    this.#candidates.set(topicName, uses);
  }

  #forgetCandidates(): void {
    for (const topicName of this.#candidates.keys()) this.#heldBytes -= costBytes(topicName);
    this.#candidates.clear();
  }

  /** Looks at one entry, whose uses fade by that: frees its alias if the candidate is in more use. */
  #displace(uses: number): number | undefined {
    const entry = this.#entries[this.#hand]!;
    this.#hand = (this.#hand + 1) % this.#entries.length;
    if (entry.uses >= uses) {
      entry.uses >>= 1;
      return undefined;
    }
    this.#byName.delete(entry.topicName);
    this.#heldBytes -= costBytes(entry.topicName);
    return entry.alias;
  }
}
