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
  readonly #out: readonly ResolvedBridgeTopic[];
  readonly #in: readonly ResolvedBridgeTopic[];
  readonly #known = { out: new Map<TopicName, Crossing | undefined>(), in: new Map<TopicName, Crossing | undefined>() };
  /** What is to be subscribed to here … */
  readonly localFilters: readonly BridgeFilter[];
  /** … and at the remote. */
  readonly remoteFilters: readonly BridgeFilter[];

  constructor(topics: readonly ResolvedBridgeTopic[]) {
    this.#out = topics.filter(({ direction }) => direction !== "in");
    this.#in = topics.filter(({ direction }) => direction !== "out");
    this.localFilters = filtersOf(this.#out, "local");
    this.remoteFilters = filtersOf(this.#in, "remote");
  }

  /** How a message that was published here crosses; `undefined`: it does not. */
  out(topicName: TopicName): Crossing | undefined {
    return this.#known.out.get(topicName) ?? remembered(this.#known.out, topicName, () =>
      find(this.#out, (topic) => {
        if (isExcluded(topic, topicName)) return undefined;
        return translate(topicName, topic.local, topic.remote);
      }));
  }

  /** How a message of the remote's crosses; `undefined`: it does not. */
  in(topicName: TopicName): Crossing | undefined {
    return this.#known.in.get(topicName) ?? remembered(this.#known.in, topicName, () =>
      find(this.#in, (topic) => {
        const name = translate(topicName, topic.remote, topic.local);
        return name === undefined || isExcluded(topic, name) || isReserved(name) ? undefined : name;
      }));
  }
}

function remembered(
  known: Map<TopicName, Crossing | undefined>,
  topicName: TopicName,
  find: () => Crossing | undefined,
): Crossing | undefined {
  if (topicName.length > REMEMBERED_LENGTH) return find();
  if (known.has(topicName)) return known.get(topicName);
  if (known.size >= REMEMBERED) known.clear();
  const crossing = find();
  known.set(topicName, crossing);
  return crossing;
}

function find(
  topics: readonly ResolvedBridgeTopic[],
  nameBy: (topic: ResolvedBridgeTopic) => TopicName | undefined,
): Crossing | undefined {
  for (const topic of topics) {
    const topicName = nameBy(topic);
    if (topicName !== undefined) return { topicName, topic };
  }
  return undefined;
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
