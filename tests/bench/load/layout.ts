import type { FilterKind, LoadOptions } from "./options.ts";
import { DIGITS } from "./packets.ts";

/** Who publishes what and who must get it. A stream is what one publisher sends to one topic; stream k is of publisher k % publishers. */
export interface Layout {
  readonly publishers: number;
  readonly subscribers: number;
  readonly streams: number;
  /** Topic name with `@` for numbers. */
  readonly shape: string;
  /** How many subscribers must get each message. */
  readonly deliveries: number;
  /** Any one subscriber gets a message. */
  readonly isShared: boolean;
  /** What a stream's publisher writes in place of each `@`. */
  numbers(stream: number): readonly number[];
  filters(subscriber: number): string[];
  /** Which stream of which subscriber this is, as one number from 0 to `states`; -1: it must not get it. */
  stateOf(subscriber: number, stream: number): number;
  readonly states: number;
}

/** The layout of a run of `pubsub` or `subscribe`. */
export function layoutOf(options: LoadOptions): Layout {
  return options.scenario === "subscribe" ? manyFilters(options) : plainTopics(options);
}

function padded(value: number): string {
  return `${value}`.padStart(DIGITS, "0");
}

function plainTopics({ mode, publishers, subscribers }: LoadOptions): Layout {
  const common = { publishers, subscribers, streams: publishers, shape: "load/@", isShared: mode === "shared" };
  const topics = Array.from({ length: publishers }, (_, topic) => `load/${padded(topic)}`);
  const numbers = (stream: number) => [stream];
  if (mode === "one-to-one") {
    return {
      ...common,
      numbers,
      deliveries: 1,
      filters: (subscriber) => topics.filter((_, topic) => topic % subscribers === subscriber),
      stateOf: (subscriber, stream) => stream % subscribers === subscriber ? stream : -1,
      states: publishers,
    };
  }
  const filters = mode === "fan-out" ? topics : mode === "fan-in" ? ["load/#"] : ["$share/g/load/#"];
  return {
    ...common,
    numbers,
    deliveries: mode === "shared" ? 1 : subscribers,
    filters: () => filters,
    stateOf: (subscriber, stream) => subscriber * publishers + stream,
    states: subscribers * publishers,
  };
}

const wildcards: Readonly<Record<Exclude<FilterKind, "mixed">, string>> = {
  exact: "load/@/x/@/t",
  plus: "load/@/+/@/t",
  hash: "load/@/x/@/#",
  lead: "+/@/x/@/t",
};
const mixed = [wildcards.exact, wildcards.plus, wildcards.hash, wildcards.lead];

/** Each subscriber has many filters; one publisher goes through all topics. */
function manyFilters({ clients, filters, filterKind, publishers }: LoadOptions): Layout {
  return {
    publishers,
    subscribers: clients,
    streams: clients * filters,
    shape: "load/@/x/@/t",
    deliveries: 1,
    isShared: false,
    numbers: (stream) => [stream / filters | 0, stream % filters],
    filters: (subscriber) =>
      Array.from({ length: filters }, (_, i) => {
        const kind = filterKind === "mixed" ? mixed[(subscriber + i) & 3]! : wildcards[filterKind];
        return kind.replace("@", padded(subscriber)).replace("@", padded(i));
      }),
    stateOf: (subscriber, stream) => (stream / filters | 0) === subscriber ? stream : -1,
    states: clients * filters,
  };
}
