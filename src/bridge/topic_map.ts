import type { ResolvedBridgeTopic } from "../config/config.ts";
import { matches, type TopicFilter, type TopicName } from "../packet/topic.ts";
import { filterOf, translate } from "../packet/topic_pattern.ts";
import type { QoS } from "../packet/packets.ts";

/** How one message crosses the bridge. */
export interface Crossing {
  /** What it is called on the other side. */
  readonly topicName: TopicName;
  readonly topic: ResolvedBridgeTopic;
}

/** What is subscribed to on one side. */
export interface BridgeFilter {
  readonly topicFilter: TopicFilter;
  /** The highest of all topics of this filter. */
  readonly qos: QoS;
  /** Whether what is retained crosses. */
  readonly retained: boolean;
}

/** Names whose way is remembered, in each direction, and how long they may be: who publishes chooses both. */
const REMEMBERED = 2000;
const REMEMBERED_LENGTH = 256;

/** What crosses a bridge, and what it is called on the other side. Of topics that overlap the first holds. */
export class TopicMap {
  readonly #out: Way;
  readonly #in: Way;
  /** What is to be subscribed to here … */
  readonly localFilters: readonly BridgeFilter[];
  /** … and at the remote. */
  readonly remoteFilters: readonly BridgeFilter[];
  /** Whatever matches the local filters crosses as it is, unless its properties are against it. */
  readonly takesAllPlain: boolean;

  constructor(topics: readonly ResolvedBridgeTopic[]) {
    const out = topics.filter(({ direction }) => direction !== "in");
    const inward = topics.filter(({ direction }) => direction !== "out");
    this.localFilters = filtersOf(out, "local");
    this.remoteFilters = filtersOf(inward, "remote");
    this.takesAllPlain = out.every(takesAll);
    this.#out = new Way(out, (topicName, topic) => {
      return isExcluded(topic, topicName) ? undefined : translate(topicName, topic.local, topic.remote);
    });
    this.#in = new Way(inward, (topicName, topic) => {
      const name = translate(topicName, topic.remote, topic.local);
      return name === undefined || isExcluded(topic, name) || isReserved(name) ? undefined : name;
    });
  }

  /** How a message that was published here crosses; `undefined`: it does not. */
  out(topicName: TopicName): Crossing | undefined {
    return this.#out.of(topicName);
  }

  /** How a message of the remote's crosses; `undefined`: it does not. */
  in(topicName: TopicName): Crossing | undefined {
    return this.#in.of(topicName);
  }
}

/** Finds what a message of a topic is called on the other side; `undefined`: the topic is not for it. */
type NameBy = (topicName: TopicName, topic: ResolvedBridgeTopic) => TopicName | undefined;

/** One direction. */
class Way {
  readonly #topics: readonly ResolvedBridgeTopic[];
  readonly #nameBy: NameBy;
  readonly #known = new Map<TopicName, Crossing | undefined>();
  /** The name that was asked for last: each message is asked for several times in a row. */
  #lastName: TopicName | undefined;
  #last: Crossing | undefined;

  constructor(topics: readonly ResolvedBridgeTopic[], nameBy: NameBy) {
    this.#topics = topics;
    this.#nameBy = nameBy;
  }

  of(topicName: TopicName): Crossing | undefined {
    return topicName === this.#lastName ? this.#last : this.#look(topicName);
  }

  #look(topicName: TopicName): Crossing | undefined {
    if (topicName.length > REMEMBERED_LENGTH) return this.#find(topicName);
    let crossing = this.#known.get(topicName);
    if (crossing === undefined && !this.#known.has(topicName)) {
      if (this.#known.size >= REMEMBERED) this.#known.clear();
      crossing = this.#find(topicName);
      this.#known.set(topicName, crossing);
    }
    this.#lastName = topicName;
    this.#last = crossing;
    return crossing;
  }

  #find(topicName: TopicName): Crossing | undefined {
    for (const topic of this.#topics) {
      const name = this.#nameBy(topicName, topic);
      // The same string, if it is, is compared at once.
      if (name !== undefined) return { topicName: name === topicName ? topicName : name, topic };
    }
    return undefined;
  }
}

/** Whether all that matches a topic crosses, and has a name on the other side: one without a level of its own may be empty. */
function takesAll({ local, remote, exclude, maximumAge }: ResolvedBridgeTopic): boolean {
  const isRenamed = remote.levels.length !== local.levels.length ||
    remote.levels.some((level, i) => level !== local.levels[i]);
  const hasLevel = remote.levels.some((level) => typeof level === "string" && level !== "");
  return exclude.length === 0 && maximumAge === 0 && (!isRenamed || hasLevel);
}

function isExcluded({ exclude }: ResolvedBridgeTopic, topicName: TopicName): boolean {
  return exclude.some((filter) => matches(filter, topicName));
}

/** The broker alone speaks on $SYS. */
function isReserved(topicName: TopicName): boolean {
  return topicName === "$SYS" || topicName.startsWith("$SYS/");
}

function filtersOf(topics: readonly ResolvedBridgeTopic[], side: "local" | "remote"): BridgeFilter[] {
  const filters = new Map<TopicFilter, BridgeFilter>();
  for (const topic of topics) {
    const topicFilter = filterOf(topic[side]);
    const before = filters.get(topicFilter);
    const qos = Math.max(topic.qos, before?.qos ?? 0) as QoS;
    filters.set(topicFilter, { topicFilter, qos, retained: topic.retain === "keep" || (before?.retained ?? false) });
  }
  return [...filters.values()];
}
