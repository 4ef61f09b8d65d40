import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { Message } from "../../src/message.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { ShareGroup } from "../../src/topics/share_group.ts";
import type { Availability, Subscriber, Subscription } from "../../src/topics/subscriber.ts";

const topicFilter = parseTopicFilter("x/+");
const ANY = Message.of({ topicName: parseTopicName("x/1"), payload: new Uint8Array() });

class Client implements Subscriber {
  readonly clientIdentifier: string;
  #availability: Availability;
  /** How often it was asked. */
  asked = 0;
  /** It cannot take anything. */
  refusing = false;
  onAsked = () => {};

  constructor(clientIdentifier: string, availability: Availability = "ready") {
    this.clientIdentifier = clientIdentifier;
    this.#availability = availability;
  }

  get availability(): Availability {
    this.asked++;
    return this.#availability;
  }

  set availability(availability: Availability) {
    this.#availability = availability;
  }

  refuses(): boolean {
    this.onAsked();
    return this.refusing;
  }

  offer(): boolean {
    return true;
  }
}

function subscription(changes: Partial<Subscription> = {}): Subscription {
  return { topicFilter, shareName: "s", qos: 1, noLocal: false, retainAsPublished: false, ...changes };
}

function groupOf(...members: readonly Subscriber[]): ShareGroup {
  const group = new ShareGroup("s", topicFilter);
  for (const member of members) group.add(member, subscription());
  return group;
}

/** Who gets the next messages. */
function chosen(group: ShareGroup, messages: number, except?: Subscriber): string {
  return Array.from({ length: messages }, () => group.choose(ANY, except)?.subscriber.clientIdentifier ?? "-").join("");
}

function members(group: ShareGroup): string {
  return group.members.map(({ subscriber }) => subscriber.clientIdentifier).join("");
}

function seeded(numRuns: number): { seed: number; numRuns: number } {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  return { seed, numRuns };
}

Deno.test("The members of a group take turns", () => {
  const group = groupOf(new Client("a"), new Client("b"), new Client("c"));
  assertEquals([group.shareName, group.topicFilter, group.size], ["s", topicFilter, 3]);
  assertEquals([members(group), chosen(group, 7), members(group)], ["abc", "abcabca", "bca"]);
});

Deno.test("A group without members chooses nobody, before the first and after the last", () => {
  const a = new Client("a");
  const group = groupOf();
  assertEquals([group.choose(ANY), group.members, group.size], [undefined, [], 0]);
  assertEquals([group.add(a, subscription()), chosen(group, 2)], [true, "aa"]);
  assertEquals([group.remove(a), group.choose(ANY), members(group), group.size], [true, undefined, "", 0]);
  assertEquals([group.add(a, subscription()), chosen(group, 2), members(group)], [true, "aa", "a"]);
});

Deno.test("A route is the member's own subscription, the same object for each message", () => {
  const a = new Client("a");
  const group = new ShareGroup("s", topicFilter);
  group.add(a, subscription({ qos: 2, retainAsPublished: true, identifier: 7 }));
  const route = group.choose(ANY);
  assert(route);
  const { qos, retainAsPublished, subscriptionIdentifiers, ownMessages } = route;
  assertEquals([qos, retainAsPublished, subscriptionIdentifiers, ownMessages], [2, true, [7], "same"]);
  assertStrictEquals(route.subscriber, a);
  assertStrictEquals(route.share, group);
  assertStrictEquals(group.choose(ANY), route);
});

Deno.test("A member's new subscription takes the place of the old one and keeps its turn", () => {
  const [a, b, c] = [new Client("a"), new Client("b"), new Client("c")];
  const group = groupOf(a, b, c);
  assertEquals([chosen(group, 1), group.add(b, subscription({ qos: 0 })), group.size], ["a", false, 3]);
  const route = group.choose(ANY);
  assertStrictEquals(route?.subscriber, b);
  assertEquals([route?.qos, route?.subscriptionIdentifiers, chosen(group, 3)], [0, undefined, "cab"]);
});

Deno.test("A busy member gets a message only while none is ready", () => {
  const [a, b, c] = [new Client("a"), new Client("b", "busy"), new Client("c")];
  const group = groupOf(a, b, c);
  assertEquals(chosen(group, 4), "acac");
  a.availability = c.availability = "busy";
  assertEquals(chosen(group, 4), "abca");
  b.availability = "ready";
  assertEquals(chosen(group, 3), "bbb");
});

Deno.test("An offline member gets a message only while none is connected, the offline ones in turn", () => {
  const [a, b, c] = [new Client("a", "offline"), new Client("b", "offline"), new Client("c", "busy")];
  const group = groupOf(a, b, c);
  assertEquals(chosen(group, 2), "cc");
  c.availability = "offline";
  assertEquals(chosen(group, 4), "abca");
});

Deno.test("The excepted member is passed over, whatever the others are", () => {
  const [a, b, c] = [new Client("a"), new Client("b", "offline"), new Client("c", "busy")];
  const group = groupOf(a, b, c);
  assertEquals(chosen(group, 2, a), "cc");
  c.availability = "offline";
  assertEquals(chosen(group, 2, a), "bc");
  assertEquals(chosen(groupOf(a), 1, a), "-");
  assertEquals(chosen(group, 1, new Client("stranger")), "a");
});

Deno.test("Another member counts as connected when it is ready or busy", () => {
  const [a, b] = [new Client("a"), new Client("b")];
  const group = groupOf(a, b);
  const states: readonly Availability[] = ["ready", "busy", "offline"];
  const told = states.map((availability) => {
    b.availability = availability;
    return group.hasConnectedOther(a);
  });
  assertEquals(told, [true, true, false]);
  assertEquals([groupOf(a).hasConnectedOther(a), groupOf(a).hasConnectedOther(b)], [false, true]);
});

Deno.test("Who leaves takes nobody else's turn away, and who joins comes last", () => {
  const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => new Client(name));
  const group = groupOf(a, b, c);
  assertEquals([chosen(group, 1), group.remove(a), group.remove(a)], ["a", true, false]);
  group.add(d, subscription());
  assertEquals([members(group), chosen(group, 3)], ["bcd", "bcd"]);
  group.remove(b);
  assertEquals(chosen(group, 3), "cdc");
  group.add(a, subscription());
  assertEquals([members(group), chosen(group, 4)], ["dca", "dcad"]);
});

Deno.test("While the next is ready nobody else is asked, and while none is each is asked once", () => {
  const clients = Array.from({ length: 50 }, (_, at) => new Client(`${at}`));
  const group = groupOf(...clients);
  const asked = () => clients.reduce((sum, { asked }) => sum + asked, 0);
  for (let messages = 0; messages < 100; messages++) group.choose(ANY);
  assertEquals(asked(), 100);
  for (const client of clients) client.availability = "busy";
  group.choose(ANY);
  assertEquals(asked(), 150);
});

Deno.test("Of members that are all ready, none gets two messages more than another", () => {
  const sizes = fc.tuple(fc.integer({ min: 1, max: 20 }), fc.nat(200));
  fc.assert(
    fc.property(sizes, ([size, messages]) => {
      const group = groupOf(...Array.from({ length: size }, (_, at) => new Client(`${at}`)));
      const got = new Array<number>(size).fill(0);
      for (let at = 0; at < messages; at++) got[Number(group.choose(ANY)!.subscriber.clientIdentifier)]++;
      assert(Math.max(...got) - Math.min(...got) <= 1, `${got}`);
      assertEquals(got.reduce((sum, one) => sum + one), messages);
    }),
    seeded(300),
  );
});

Deno.test("Whoever joins and leaves in between, a member waits no longer than for those that were there before it", () => {
  const who = fc.nat(6);
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.constant<"publish">("publish") },
    fc.record({ join: who }),
    fc.record({ leave: who }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const group = new ShareGroup("s", topicFilter);
      const clients = Array.from({ length: 7 }, (_, at) => new Client(`${at}`));
      /** How many messages may go elsewhere before this member has to get one. */
      const patience = new Map<Subscriber, number>();
      for (const one of steps) {
        if (one === "publish") {
          const route = group.choose(ANY);
          assertEquals(route !== undefined, patience.size > 0);
          if (!route) continue;
          assert(patience.delete(route.subscriber), "a message for one that is no member");
          for (const [other, left] of patience) {
            assert(left > 0, `${other.clientIdentifier} starves`);
            patience.set(other, left - 1);
          }
          patience.set(route.subscriber, patience.size);
        } else if ("join" in one) {
          const client = clients[one.join];
          assertEquals(group.add(client, subscription()), !patience.has(client));
          if (!patience.has(client)) patience.set(client, patience.size);
        } else assertEquals(group.remove(clients[one.leave]), patience.delete(clients[one.leave]));
        assertEquals(new Set(group.members.map(({ subscriber }) => subscriber)), new Set(patience.keys()));
      }
    }),
    seeded(500),
  );
});

Deno.test("With any mix of states, a message goes to one of the best, and the ready ones share evenly", () => {
  const states = fc.array(fc.constantFrom<Availability>("ready", "busy", "offline"), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(states, (all) => {
      const group = groupOf(...all.map((availability, at) => new Client(`${at}`, availability)));
      const best = (["ready", "busy", "offline"] as const).find((availability) => all.includes(availability))!;
      const got = new Map(all.flatMap((availability, at) => availability === best ? [[`${at}`, 0]] : []));
      for (let messages = 0; messages < 3 * got.size; messages++) {
        const name = group.choose(ANY)!.subscriber.clientIdentifier!;
        assert(got.has(name), `${name} is not ${best}`);
        got.set(name, got.get(name)! + 1);
      }
      assertEquals(new Set(got.values()), new Set([3]));
    }),
    seeded(300),
  );
});

Deno.test("Who cannot take a message is passed over, for who is busy or offline too, and is next only in name", () => {
  for (const availability of ["ready", "busy", "offline"] as const) {
    const group = groupOf(new Client("a"), new Client("b", "busy"), new Client("c", availability));
    for (const { subscriber } of group.members.slice(0, 2)) (subscriber as Client).refusing = true;
    assertEquals(chosen(group, 4), "cccc");
    const [, , c] = group.members;
    assertEquals(group.choose(ANY, c!.subscriber), undefined);
    assertEquals(group.next()?.subscriber.clientIdentifier, "a");
  }
});

Deno.test("A member that leaves while others are asked is not chosen, and the turns go on", () => {
  const [a, b, c] = [new Client("a"), new Client("b"), new Client("c")];
  const group = groupOf(a, b, c);
  a.onAsked = () => {
    group.remove(a);
    group.remove(b);
  };
  assertEquals(chosen(group, 2), "cc");
  c.onAsked = () => group.remove(c);
  assertEquals(chosen(group, 2), "--");
});

Deno.test("Who has ended is not even next in name", () => {
  const group = groupOf(new Client("a", "ended"), new Client("b"), new Client("c", "ended"));
  (group.members[1]!.subscriber as Client).refusing = true;
  assertEquals(group.choose(ANY), undefined);
  assertEquals([group.next(), group.next()].map((route) => route?.subscriber.clientIdentifier), ["b", "b"]);
  assertEquals(groupOf(new Client("a", "ended")).next(), undefined);
});

Deno.test("A group is named as its members name it", () => {
  assertEquals(groupOf().key as string, "$share/s/x/+");
});

Deno.test("Who is back is in the ring of those that are connected and in no other", () => {
  const [a, b, c] = [new Client("a"), new Client("b"), new Client("c")];
  const group = groupOf(a, b, c);
  a.availability = "offline";
  assertEquals([chosen(group, 2), members(group)], ["bc", "bca"]);
  a.availability = "ready";
  group.returned(a);
  // It said so before.
  group.returned(a);
  group.returned(new Client("stranger"));
  assertEquals([members(group), chosen(group, 4)], ["abc", "abca"]);
  assertEquals([group.remove(a), members(group), chosen(group, 3)], [true, "bc", "bcb"]);
});

Deno.test("Who asks for another member that is connected stays where it is; others that are found offline do not", () => {
  const [a, b, c] = [new Client("a", "offline"), new Client("b", "offline"), new Client("c", "busy")];
  const group = groupOf(a, b, c);
  assertEquals([group.hasConnectedOther(a), members(group)], [true, "acb"]);
  assertEquals([group.hasConnectedOther(c), members(group)], [false, "cba"]);
  a.availability = "ready";
  group.returned(a);
  assertEquals([group.hasConnectedOther(c), group.hasConnectedOther(a)], [true, true]);
});

Deno.test("How many members were looked at is told", () => {
  const group = groupOf(new Client("a", "busy"), new Client("b", "busy"), new Client("c"));
  const work = { steps: 5 };
  group.choose(ANY, undefined, work);
  assertEquals(work.steps, 8);
});

Deno.test("A member hears once that it has joined, and once that it has left", () => {
  const heard: string[] = [];
  const a = Object.assign(new Client("a"), {
    joined: () => void heard.push("joined"),
    left: () => void heard.push("left"),
  });
  const group = groupOf(a);
  group.add(a, subscription({ qos: 0 }));
  for (let times = 0; times < 2; times++) group.remove(a);
  assertEquals(heard, ["joined", "left"]);
});
