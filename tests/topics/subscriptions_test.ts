import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { matches, parseTopicFilter, parseTopicName, type TopicName } from "../../src/packet/topic.ts";
import { Message } from "../../src/message.ts";
import type { QoS } from "../../src/packet/packets.ts";
import { Subscriptions } from "../../src/topics/subscriptions.ts";
import type { Matched, Route, Subscriber, Subscription } from "../../src/topics/subscriber.ts";

const ANY = Message.of({ topicName: parseTopicName("x"), payload: new Uint8Array() });

function subscriber(clientIdentifier: string): Subscriber {
  return { clientIdentifier, availability: "ready", offer: () => true };
}

function subscription(filter: string, changes: Partial<Subscription> = {}): Subscription {
  return { topicFilter: parseTopicFilter(filter), qos: 0, noLocal: false, retainAsPublished: false, ...changes };
}

/** The one route to the one subscriber. */
function route(subscriptions: Subscriptions, name: string): Route {
  const { routes, shares } = subscriptions.match(parseTopicName(name));
  assertEquals([routes.length, shares.length], [1, 0]);
  return routes[0];
}

function routeCount(subscriptions: Subscriptions, name: string): number {
  return subscriptions.match(parseTopicName(name)).routes.length;
}

/** The groups that a message of this name goes to, with their members in the order of their turns. */
function shares(subscriptions: Subscriptions, name: string): string[] {
  const groups = subscriptions.match(parseTopicName(name)).shares;
  return groups.map(({ shareName, topicFilter, members }) =>
    `${shareName} ${topicFilter}: ${members.map(({ subscriber }) => subscriber.clientIdentifier).join("")}`
  ).sort();
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
  assertEquals([subscriptions.count, subscriptions.match(parseTopicName("x")).routes], [0, []]);
});

Deno.test("Routes of more names than are remembered are right too", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  subscriptions.add(a, subscription("n/+"));
  for (let at = 0; at < 10_050; at++) assertEquals(routeCount(subscriptions, `n/${at}`), 1);
  subscriptions.remove(a, parseTopicFilter("n/+"));
  for (const at of [0, 9_999, 10_000, 10_049]) assertEquals(routeCount(subscriptions, `n/${at}`), 0);
});

Deno.test("Each share name and each filter has a group of its own, beside subscriptions not shared", () => {
  const subscriptions = new Subscriptions();
  const [a, b] = [subscriber("a"), subscriber("b")];
  const added = [
    subscriptions.add(a, subscription("x/+", { shareName: "s" })),
    subscriptions.add(b, subscription("x/+", { shareName: "s" })),
    subscriptions.add(a, subscription("x/+", { shareName: "t" })),
    subscriptions.add(a, subscription("x/y", { shareName: "s" })),
    subscriptions.add(a, subscription("x/+", { qos: 2 })),
  ];
  assertEquals([added, subscriptions.count], [[true, true, true, true, true], 5]);
  assertEquals(shares(subscriptions, "x/y"), ["s x/+: ab", "s x/y: a", "t x/+: a"]);
  assertEquals(shares(subscriptions, "x/z"), ["s x/+: ab", "t x/+: a"]);
  const { routes } = subscriptions.match(parseTopicName("x/y"));
  assertEquals(routes.map(({ subscriber, qos, share }) => [subscriber, qos, share]), [[a, 2, undefined]]);
});

Deno.test("A subscription is replaced and removed by its filter and share name together", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  const topicFilter = parseTopicFilter("x");
  subscriptions.add(a, subscription("x", { shareName: "s" }));
  assertEquals(subscriptions.add(a, subscription("x", { shareName: "s", qos: 2 })), false);
  assertEquals(subscriptions.match(parseTopicName("x")).shares[0].choose(ANY)?.qos, 2);
  assertEquals([subscriptions.add(a, subscription("x")), subscriptions.add(a, subscription("x"))], [true, false]);
  assertEquals([subscriptions.remove(a, topicFilter, "t"), subscriptions.count], [false, 2]);
  assertEquals([subscriptions.remove(a, topicFilter), subscriptions.remove(a, topicFilter)], [true, false]);
  assertEquals([routeCount(subscriptions, "x"), shares(subscriptions, "x")], [0, ["s x: a"]]);
  assertEquals([subscriptions.remove(subscriber("b"), topicFilter, "s"), subscriptions.count], [false, 1]);
  assertEquals([subscriptions.remove(a, topicFilter, "s"), subscriptions.remove(a, topicFilter, "s")], [true, false]);
  assertEquals([subscriptions.count, shares(subscriptions, "x")], [0, []]);
});

Deno.test("A remembered answer holds while members come and go, until the group is empty", () => {
  const subscriptions = new Subscriptions();
  const [a, b] = [subscriber("a"), subscriber("b")];
  const [name, filter] = [parseTopicName("x/y"), parseTopicFilter("x/+")];
  subscriptions.add(a, subscription("x/+", { shareName: "s" }));
  const first = subscriptions.match(name);
  subscriptions.add(b, subscription("x/+", { shareName: "s" }));
  subscriptions.remove(a, filter, "s");
  assertStrictEquals(subscriptions.match(name), first);
  assertEquals(shares(subscriptions, "x/y"), ["s x/+: b"]);
  subscriptions.remove(b, filter, "s");
  assertEquals(subscriptions.match(name).shares, []);
  subscriptions.add(a, subscription("x/+", { shareName: "s" }));
  assertEquals(shares(subscriptions, "x/y"), ["s x/+: a"]);
});

Deno.test("A group without wildcards changes what is remembered for its own name only", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  const [x, y] = [parseTopicName("x"), parseTopicName("y")];
  const before = [subscriptions.match(x), subscriptions.match(y)];
  subscriptions.add(a, subscription("x", { shareName: "s" }));
  assertStrictEquals(subscriptions.match(y), before[1]);
  assertEquals([shares(subscriptions, "x"), before[0].shares], [["s x: a"], []]);
  subscriptions.remove(a, parseTopicFilter("x"), "s");
  assertEquals(shares(subscriptions, "x"), []);
  assertStrictEquals(subscriptions.match(y), before[1]);
});

Deno.test("All topics without groups share one empty list of them", () => {
  const subscriptions = new Subscriptions();
  const { shares } = subscriptions.match(parseTopicName("x"));
  subscriptions.add(subscriber("a"), subscription("y", { shareName: "s" }));
  assertEquals(shares, []);
  assertStrictEquals(subscriptions.match(parseTopicName("z")).shares, shares);
});

Deno.test("A filter may have more groups than a call has arguments", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  const many = 150_000;
  for (let at = 0; at < many; at++) subscriptions.add(a, subscription("x", { shareName: `${at}` }));
  assertEquals(subscriptions.match(parseTopicName("x")).shares.length, many);
});

Deno.test("[MQTT-4.7.2-1] 5.0 A shared filter that begins with a wildcard matches no name that begins with $", () => {
  const subscriptions = new Subscriptions();
  subscriptions.add(subscriber("a"), subscription("#", { shareName: "s" }));
  assertEquals([shares(subscriptions, "$s/b"), shares(subscriptions, "b")], [[], ["s #: a"]]);
});

const FILTERS = ["#", "+", "a", "a/#", "a/+", "a/b", "+/b", "/", "+/+", "$s", "$s/#"];
const NAMES = ["a", "b", "a/b", "a/c", "/", "$s", "$s/b"].map(parseTopicName);

const SHARE_NAMES = [undefined, undefined, "s", "t"];

/** A member of the model of {@linkcode Subscriptions}. */
interface Entry {
  readonly who: string;
  readonly subscription: Subscription;
}

/** The routes and the groups that the entries make for a name, in the form of {@linkcode answerOf}. */
function expectedFor(entries: Iterable<Entry>, name: TopicName): string[] {
  const routes = new Map<string, QoS>();
  const groups = new Map<string, string[]>();
  for (const { who, subscription: { topicFilter, shareName, qos } } of entries) {
    if (!matches(topicFilter, name)) continue;
    if (shareName === undefined) routes.set(who, Math.max(qos, routes.get(who) ?? 0) as QoS);
    else {
      const key = `${shareName} ${topicFilter}`;
      groups.set(key, [...groups.get(key) ?? [], `${who} ${qos}`]);
    }
  }
  const own = Array.from(routes, ([who, qos]) => `${who} ${qos}`);
  return [...own, ...Array.from(groups, ([key, members]) => `${key}: ${members.sort().join()}`)].sort();
}

function answerOf({ routes, shares }: Matched): string[] {
  const text = ({ subscriber, qos }: Route) => `${subscriber.clientIdentifier} ${qos}`;
  const groups = shares.map(({ shareName, topicFilter, members }) =>
    `${shareName} ${topicFilter}: ${members.map(text).sort().join()}`
  );
  return [...routes.map(text), ...groups].sort();
}

function answerInPieces(subscriptions: Subscriptions, name: TopicName): string[] {
  const match = subscriptions.matchInPieces(name);
  const routes = [...match.routes()].filter((route) => route !== undefined);
  const shares = [...match.shares()].filter((share) => share !== undefined);
  return answerOf({ routes, shares });
}

Deno.test("The remembered routes and groups, and those found in pieces, are right after every change", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  const step = fc.record({
    add: fc.boolean(),
    who: fc.nat(2),
    filter: fc.constantFrom(...FILTERS),
    shareName: fc.constantFrom(...SHARE_NAMES),
    qos: fc.nat(2),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const subscriptions = new Subscriptions();
      const subscribers = ["0", "1", "2"].map(subscriber);
      const model = new Map<string, Entry>();
      for (const { add, who, filter, shareName, qos } of steps) {
        const one = subscription(filter, { qos: qos as QoS, shareName });
        const key = `${who} ${shareName} ${filter}`;
        if (add) {
          assertEquals(subscriptions.add(subscribers[who], one), !model.has(key));
          model.set(key, { who: `${who}`, subscription: one });
        } else assertEquals(subscriptions.remove(subscribers[who], one.topicFilter, shareName), model.delete(key));
        assertEquals(subscriptions.count, model.size);
        for (const name of NAMES) {
          const expected = expectedFor(model.values(), name);
          assertEquals(answerInPieces(subscriptions, name), expected, `${name} in pieces after ${key}`);
          assertEquals(answerOf(subscriptions.match(name)), expected, `${name} after ${key}`);
        }
      }
    }),
    { seed, numRuns: 200 },
  );
});

Deno.test("Members of a filter that matches alone come and go without a new answer", () => {
  const subscriptions = new Subscriptions();
  const [a, b, c] = ["a", "b", "c"].map(subscriber);
  const clients = () =>
    subscriptions.match(parseTopicName("x/y")).routes.map(({ subscriber }) => subscriber.clientIdentifier);
  subscriptions.add(a, subscription("x/+"));
  const [first, routes] = [
    subscriptions.match(parseTopicName("x/y")),
    subscriptions.match(parseTopicName("x/y")).routes,
  ];
  subscriptions.add(b, subscription("x/+"));
  subscriptions.add(c, subscription("x/+"));
  assertStrictEquals(subscriptions.match(parseTopicName("x/z")), first);
  assertEquals([clients(), routes.length], [["a", "b", "c"], 1]);
  for (const [one, left] of [[b, ["a", "c"]], [a, ["c"]], [c, []]] as const) {
    subscriptions.remove(one, parseTopicFilter("x/+"));
    assertEquals(clients(), [...left]);
  }
  subscriptions.add(b, subscription("x/+"));
  assertEquals(clients(), ["b"]);
});

Deno.test("The last member of a filter's last group takes all of it along", () => {
  const subscriptions = new Subscriptions();
  const [a, b] = ["a", "b"].map(subscriber);
  const topicFilter = parseTopicFilter("x/+");
  for (const one of [a, b]) subscriptions.add(one, subscription("x/+", { shareName: "s" }));
  subscriptions.add(a, subscription("x/+", { shareName: "t" }));
  assertEquals([subscriptions.shareGroups(topicFilter), subscriptions.shareGroup(topicFilter, "s")?.size], [2, 2]);
  for (const [one, shareName, groups] of [[a, "s", 2], [b, "s", 1], [a, "t", 0]] as const) {
    assertEquals(subscriptions.remove(one, topicFilter, shareName), true);
    assertEquals(subscriptions.shareGroups(topicFilter), groups);
  }
  assertEquals([subscriptions.shareGroup(topicFilter, "s"), subscriptions.count], [undefined, 0]);
  const none = new Subscriptions().match(parseTopicName("x/1")).shares;
  assertStrictEquals(subscriptions.match(parseTopicName("x/1")).shares, none);
});

Deno.test("Whether somebody's messages outlive the process is known of shared subscriptions, too", () => {
  const subscriptions = new Subscriptions();
  const durable = { ...subscriber("durable"), durable: true };
  subscriptions.add(subscriber("a"), subscription("+"));
  subscriptions.add(subscriber("a"), subscription("+", { shareName: "s" }));
  const has = (name: string) => subscriptions.hasDurable(parseTopicName(name));
  assertEquals([has("x"), has("y/z")], [false, false]);
  subscriptions.add(durable, subscription("x", { shareName: "s" }));
  subscriptions.add(durable, subscription("y/#"));
  assertEquals([has("x"), has("y/z"), has("z")], [true, true, false]);
});

Deno.test("What there was to look at is told once for each answer that is not remembered", () => {
  const work = { steps: 0 };
  const subscriptions = new Subscriptions(work);
  subscriptions.add(subscriber("a"), subscription("x/+/z"));
  subscriptions.add(subscriber("a"), subscription("x/#", { shareName: "s" }));
  subscriptions.match(parseTopicName("x/y/z"));
  const { steps } = work;
  assert(steps > 0);
  subscriptions.match(parseTopicName("x/y/z"));
  assertEquals(work.steps, steps);
  subscriptions.match(parseTopicName("x/y/z/1"));
  assert(work.steps > steps);
});

Deno.test("Of several subscriptions without No Local all bring the subscriber's own messages", () => {
  const subscriptions = new Subscriptions();
  const a = subscriber("a");
  subscriptions.add(a, subscription("x", { qos: 2, noLocal: true, identifier: 1 }));
  subscriptions.add(a, subscription("+", { qos: 0, identifier: 2 }));
  subscriptions.add(a, subscription("#", { qos: 1, identifier: 3 }));
  const { ownMessages } = route(subscriptions, "x");
  assert(typeof ownMessages === "object");
  assertEquals([ownMessages.qos, ownMessages.subscriptionIdentifiers?.toSorted()], [1, [2, 3]]);
});
