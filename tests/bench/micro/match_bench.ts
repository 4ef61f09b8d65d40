/** From a topic name to those who get its messages. */
import { parseTopicFilter, parseTopicName, type TopicName } from "../../../src/packet/topic.ts";
import { Subscriptions } from "../../../src/topics/subscriptions.ts";
import type { Subscriber, Subscription } from "../../../src/topics/subscriber.ts";
import { layoutOf } from "../load/layout.ts";
import { parseLoadOptions } from "../load/options.ts";

const TOPICS = 1000;

function subscriber(index: number): Subscriber {
  return { clientIdentifier: `client-${index}`, availability: "ready", offer: () => true };
}

function subscription(filter: string): Subscription {
  return { topicFilter: parseTopicFilter(filter), qos: 0, noLocal: false, retainAsPublished: false };
}

/** Clients with as many filters each, of mixed kinds, and names that match one of them each. */
function room(clients: number, filters: number): { subscriptions: Subscriptions; names: TopicName[] } {
  const layout = layoutOf(
    parseLoadOptions(["subscribe", "--clients", `${clients}`, "--filters", `${filters}`, "--filter", "mixed"]),
  );
  const subscriptions = new Subscriptions();
  for (let client = 0; client < clients; client++) {
    const one = subscriber(client);
    for (const filter of layout.filters(client)) subscriptions.add(one, subscription(filter));
  }
  const names = Array.from({ length: TOPICS }, (_, i) => {
    const [client = 0, filter = 0] = layout.numbers(i * 7919 % layout.streams);
    const digits = (value: number) => `${value}`.padStart(7, "0");
    return parseTopicName(`load/${digits(client)}/x/${digits(filter)}/t`);
  });
  return { subscriptions, names };
}

function bench(
  title: string,
  clients: number,
  filters: number,
  beforeEach: (subscriptions: Subscriptions) => void,
): void {
  const { subscriptions, names } = room(clients, filters);
  let routes = 0;
  Deno.bench({
    name: title,
    fn: () => {
      beforeEach(subscriptions);
      for (const name of names) routes += subscriptions.match(name).routes.length;
    },
  });
}

const nobody = subscriber(-1);
/** A wildcard that comes and goes makes all that is remembered void. */
const forget = (subscriptions: Subscriptions) => {
  subscriptions.add(nobody, subscription("elsewhere/+"));
  subscriptions.remove(nobody, parseTopicFilter("elsewhere/+"));
};

bench("match 1000 remembered names, 1,000 filters", 10, 100, () => {});
bench("match 1000 remembered names, 100,000 filters", 100, 1000, () => {});
bench("match 1000 names anew, 1,000 filters", 10, 100, forget);
bench("match 1000 names anew, 100,000 filters", 100, 1000, forget);
