import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { matches, parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import type { QoS } from "../../src/packet/packets.ts";
import { type Route, type Subscriber, type Subscription, Subscriptions } from "../../src/topics/subscriptions.ts";

function subscriber(clientIdentifier: string): Subscriber {
  return { clientIdentifier, offer() {} };
}

function subscription(filter: string, changes: Partial<Subscription> = {}): Subscription {
  return { topicFilter: parseTopicFilter(filter), qos: 0, noLocal: false, retainAsPublished: false, ...changes };
}

/** The one route to the one subscriber. */
function route(subscriptions: Subscriptions, name: string): Route {
  const routes = subscriptions.match(parseTopicName(name));
  assertEquals(routes.length, 1);
  return routes[0];
}

Deno.test("Overlapping subscriptions become one route with the highest QoS and every identifier", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  subscriptions.add(a, subscription("x/#", { qos: 1, identifier: 7 }));
  subscriptions.add(a, subscription("x/+", { qos: 2 }));
  subscriptions.add(a, subscription("x/y", { qos: 0, identifier: 9, retainAsPublished: true }));
  const { qos, retainAsPublished, subscriptionIdentifiers, ownMessages } = route(subscriptions, "x/y");
  assertEquals([qos, retainAsPublished, ownMessages], [2, true, "same"]);
  assertEquals([...subscriptionIdentifiers!].sort(), [7, 9]);
  assertEquals(route(subscriptions, "x").subscriptionIdentifiers, [7]);
});

Deno.test("A route without subscription identifiers has none at all", () => {
  const subscriptions = new Subscriptions();
  subscriptions.add(subscriber("a"), subscription("x"));
  assertEquals(route(subscriptions, "x").subscriptionIdentifiers, undefined);
});

Deno.test("No Local on every subscription keeps the subscriber's own messages from it", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  subscriptions.add(a, subscription("x", { noLocal: true }));
  subscriptions.add(a, subscription("+", { noLocal: true }));
  assertEquals(route(subscriptions, "x").ownMessages, "none");
});

Deno.test("No Local on some subscriptions leaves the others for the subscriber's own messages", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  subscriptions.add(a, subscription("x", { qos: 2, noLocal: true, retainAsPublished: true, identifier: 1 }));
  subscriptions.add(a, subscription("+", { qos: 1, identifier: 2 }));
  const whole = route(subscriptions, "x");
  assertEquals([whole.qos, whole.retainAsPublished], [2, true]);
  assert(typeof whole.ownMessages === "object");
  const { qos, retainAsPublished, subscriptionIdentifiers, ownMessages } = whole.ownMessages;
  assertEquals([qos, retainAsPublished, subscriptionIdentifiers, ownMessages], [1, false, [2], "same"]);
  assertStrictEquals(whole.ownMessages.subscriber, a);
});

Deno.test("A subscription with the same filter takes the place of the old one", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  subscriptions.add(a, subscription("x", { qos: 2, identifier: 1 }));
  assertEquals(route(subscriptions, "x").qos, 2);
  subscriptions.add(a, subscription("x", { qos: 1 }));
  const { qos, subscriptionIdentifiers } = route(subscriptions, "x");
  assertEquals([qos, subscriptionIdentifiers, subscriptions.count], [1, undefined, 1]);
});

Deno.test("The removal of a subscription that is not there is told and changes nothing", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  subscriptions.add(a, subscription("x"));
  assertEquals(subscriptions.remove(subscriber("b"), parseTopicFilter("x")), false);
  assertEquals(subscriptions.remove(a, parseTopicFilter("+")), false);
  assertEquals([subscriptions.count, route(subscriptions, "x").subscriber === a], [1, true]);
  assertEquals(subscriptions.remove(a, parseTopicFilter("x")), true);
  assertEquals([subscriptions.count, subscriptions.match(parseTopicName("x"))], [0, []]);
});

Deno.test("Routes of more names than are remembered are right too", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  subscriptions.add(a, subscription("n/+"));
  for (let at = 0; at < 10_050; at++) assertEquals(subscriptions.match(parseTopicName(`n/${at}`)).length, 1);
  subscriptions.remove(a, parseTopicFilter("n/+"));
  for (const at of [0, 9_999, 10_000, 10_049]) assertEquals(subscriptions.match(parseTopicName(`n/${at}`)), []);
});

const FILTERS = ["#", "+", "a", "a/#", "a/+", "a/b", "+/b", "/", "+/+", "$s", "$s/#"];
const NAMES = ["a", "b", "a/b", "a/c", "/", "$s", "$s/b"].map(parseTopicName);

Deno.test("The remembered routes are right after every change", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const step = fc.record({ add: fc.boolean(), who: fc.nat(2), filter: fc.constantFrom(...FILTERS), qos: fc.nat(2) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const subscriptions = new Subscriptions();
      const subscribers = ["0", "1", "2"].map(subscriber);
      const model = new Map<string, { who: string; subscription: Subscription }>();
      for (const { add, who, filter, qos } of steps) {
        const one = subscription(filter, { qos: qos as QoS });
        const key = `${who} ${filter}`;
        if (add) subscriptions.add(subscribers[who], one), model.set(key, { who: `${who}`, subscription: one });
        else assertEquals(subscriptions.remove(subscribers[who], one.topicFilter), model.delete(key));
        assertEquals(subscriptions.count, model.size);
        for (const name of NAMES) {
          const expected = new Map<string, QoS>();
          for (const { who, subscription: { topicFilter, qos } } of model.values()) {
            if (matches(topicFilter, name)) expected.set(who, Math.max(qos, expected.get(who) ?? 0) as QoS);
          }
          const found = subscriptions.match(name).map(({ subscriber, qos }) => [subscriber.clientIdentifier!, qos]);
          assertEquals(found.sort(), [...expected].sort(), `${name} after ${key}`);
        }
      }
    }),
    { seed, numRuns: 100 },
  );
});
