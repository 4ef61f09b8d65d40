import { assert, assertEquals } from "@std/assert";
import { RetainedWalk, type RetainedWalkOptions } from "../../../src/broker/handlers/retained_walk.ts";
import { Message } from "../../../src/message.ts";
import { parseTopicFilter, parseTopicName, type TopicFilter } from "../../../src/packet/topic.ts";
import { RetainedMessages } from "../../../src/topics/retained.ts";
import type { Subscription } from "../../../src/topics/subscriptions.ts";

const MANY = 50_000;
const payload = new Uint8Array(1);

function message(name: string, expiresAtMs?: number): Message {
  return new Message({ topicName: parseTopicName(name), payload, retain: true, expiresAtMs });
}

function storeOf(names: Iterable<string>): RetainedMessages {
  const retained = new RetainedMessages({ maximumMessages: 1_000_000, maximumBytes: 1_000_000_000 });
  for (const name of names) retained.set(message(name));
  return retained;
}

function* numbered(prefix: string, count = MANY): Generator<string> {
  for (let index = 0; index < count; index++) yield `${prefix}/${index}`;
}

/** A client that subscribes, with turns of the event loop that are taken by hand. */
class Room {
  readonly subscriptions = new Map<TopicFilter, Subscription>();
  readonly got: string[] = [];
  /** The longest list that was handed over at once. */
  most = 0;
  waiting = 0;
  /** Fewer are to wait before it goes on; `undefined`: it does not wait for that. */
  until: number | undefined;
  #turn: (() => void) | undefined;
  readonly walk: RetainedWalk;

  constructor(retained: RetainedMessages, changes: Partial<RetainedWalkOptions> = {}) {
    this.walk = new RetainedWalk({
      retained,
      now: () => 0,
      isCurrent: (key, subscription) => this.subscriptions.get(key) === subscription,
      waiting: () => this.waiting,
      offer: (messages) => {
        this.most = Math.max(this.most, messages.length);
        for (const { topicName } of messages) this.got.push(topicName);
      },
      later: (resume) => this.#ask(resume, undefined),
      whenTaken: (messages, resume) => this.#ask(resume, messages),
      ...changes,
    });
  }

  subscribe(...filters: string[]): void {
    for (const text of filters) {
      const topicFilter = parseTopicFilter(text);
      const subscription = { topicFilter, qos: 0, noLocal: false, retainAsPublished: false } as const;
      this.subscriptions.set(topicFilter, subscription);
      this.walk.add(topicFilter, subscription);
    }
    this.walk.run();
  }

  #ask(resume: () => void, until: number | undefined): void {
    assertEquals(this.#turn, undefined, "one turn is asked for at a time");
    this.#turn = resume;
    this.until = until;
  }

  /** Takes a turn; false if none was asked for. */
  turn(): boolean {
    if (this.until !== undefined && this.waiting >= this.until) return false;
    const resume = this.#turn;
    this.#turn = undefined;
    resume?.();
    return resume !== undefined;
  }
}

Deno.test("Others are served between the slices of what is retained, and what they retain meanwhile is found", () => {
  const retained = storeOf(numbered("a"));
  const room = new Room(retained);
  room.subscribe("#");
  let turns = 0;
  for (; room.turn(); turns++) {
    retained.set(message(`a/new ${turns}`));
    retained.set(message("a/0"));
  }
  assert(turns >= 4 && turns < 20, `${turns}`);
  assertEquals([room.most <= 10_000, new Set(room.got).size, room.got.length], [
    true,
    MANY + turns - 1,
    MANY + turns - 1,
  ]);
  assertEquals(room.walk.pause, undefined);
});

Deno.test("A walk that finds nothing gives way to others, too", () => {
  const room = new Room(storeOf(numbered("a")));
  room.subscribe("+/+/x", "a/7");
  assertEquals(room.got, []);
  let turns = 0;
  while (room.turn()) turns++;
  assert(turns >= 2, `${turns}`);
  assertEquals(room.got, ["a/7"]);
});

Deno.test("What is retained for few topics is found at once, without what has expired", () => {
  const retained = storeOf(["a", "a/b", "c"]);
  retained.set(message("a/late", -1));
  const room = new Room(retained);
  room.subscribe("a/#", "c", "x");
  assertEquals([room.got.sort(), room.turn(), room.walk.pause], [["a", "a/b", "c"], false, undefined]);
});

Deno.test("A walk ends with its subscription and goes on with the next", () => {
  const room = new Room(storeOf([...numbered("a"), "b"]));
  room.subscribe("a/+", "b");
  room.turn();
  const before = room.got.length;
  room.subscriptions.delete(parseTopicFilter("a/+"));
  room.turn();
  assertEquals([room.got.slice(before), room.turn(), before < MANY], [["b"], false, true]);
});

Deno.test("A subscription that takes the place of another begins anew", () => {
  const room = new Room(storeOf(numbered("a")));
  room.subscribe("#");
  const before = room.got.length;
  room.subscribe("#");
  while (room.turn());
  assertEquals([room.got.length, new Set(room.got.slice(before)).size], [before + MANY, MANY]);
});

Deno.test("A client that takes nothing is waited for, with its packets served, and little is found for it", async () => {
  const room = new Room(storeOf(numbered("a")), {
    offer: (messages) => {
      room.waiting += messages.length;
      for (const { topicName } of messages) room.got.push(topicName);
    },
  });
  room.subscribe("#");
  const { pause } = room.walk;
  assert(pause);
  while (room.turn());
  await pause;
  assertEquals([room.got.length, room.walk.pause, room.walk.suspended], [20_000, undefined, true]);
  assertEquals([room.waiting, room.until], [20_000, 5000]);
  do {
    room.waiting = 0;
  } while (room.turn());
  assertEquals([new Set(room.got).size, room.got.length, room.walk.suspended], [MANY, MANY, false]);
});

/** What is subscribed to with this filter is changed. */
function changed(room: Room, filter: string): [TopicFilter, Subscription] {
  const topicFilter = parseTopicFilter(filter);
  const subscription = { topicFilter, qos: 1, noLocal: false, retainAsPublished: true } as const;
  room.subscriptions.set(topicFilter, subscription);
  return [topicFilter, subscription];
}

Deno.test("A subscription that is changed in the middle goes on where it is, if nothing is wanted for the change", () => {
  const room = new Room(storeOf(numbered("a")));
  room.subscribe("#");
  room.turn();
  room.walk.replace(...changed(room, "#"));
  room.walk.replace(...changed(room, "b"));
  while (room.turn());
  assertEquals([room.got.length, new Set(room.got).size], [MANY, MANY]);
});

Deno.test("A subscription that is made again in the middle begins anew, and stands for one however often", () => {
  const room = new Room(storeOf(numbered("a")));
  room.subscribe("#");
  room.turn();
  const before = room.got.length;
  for (let time = 0; time < 100; time++) room.walk.add(...changed(room, "#"));
  while (room.turn());
  assertEquals([room.got.length, new Set(room.got.slice(before)).size], [before + MANY, MANY]);
});
