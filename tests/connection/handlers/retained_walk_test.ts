import { assert, assertEquals } from "@std/assert";
import { RetainedWalk } from "../../../src/connection/handlers/retained_walk.ts";
import { Message } from "../../../src/message.ts";
import type { QoS } from "../../../src/packet/packets.ts";
import { parseTopicFilter, parseTopicName } from "../../../src/packet/topic.ts";
import { Session } from "../../../src/session/session.ts";
import type { RetainedMessages } from "../../../src/topics/retained.ts";
import { type WorkBudget, WorkParty } from "../../../src/work_budget.ts";
import { FakeLink, senderOptions } from "../../session/support.ts";

const MANY = 50_000;
const payload = new Uint8Array(1);

function message(name: string, expiresAtMs?: number): Message {
  return Message.of({ topicName: parseTopicName(name), payload, qos: 1, retain: true, expiresAtMs });
}

function* numbered(prefix: string, count = MANY): Generator<string> {
  for (let index = 0; index < count; index++) yield `${prefix}/${index}`;
}

/** A turn is so many steps, whatever time they take. */
class StepBudget implements Pick<WorkBudget, "steps" | "isDue" | "look"> {
  readonly isDue = true;
  steps = 0;

  look(): boolean {
    const isOver = this.steps >= 3000;
    if (isOver) this.steps = 0;
    return isOver;
  }
}

/** A client that subscribes, with turns of the event loop that are taken by hand. */
class Room {
  readonly session: Session;
  readonly retained: RetainedMessages;
  readonly got: string[] = [];
  /** The most that was sent in one turn. */
  most = 0;
  #turn: (() => void) | undefined;
  link = this.#newLink();
  walk!: RetainedWalk;

  constructor(names: Iterable<string>, receiveMaximum = 65_535) {
    const sender = senderOptions({ maximumInflight: receiveMaximum }).options;
    this.retained = sender.retained;
    for (const name of names) this.retained.set(message(name));
    const known = { clientIdentifier: "c", username: undefined, expiryIntervalSeconds: 10 };
    this.session = new Session({ ...known, sender, onReturn: () => false });
    this.connect();
  }

  /** The client comes, or comes back. */
  connect(): void {
    this.link = this.#newLink();
    this.#turn = undefined;
    this.session.attach(this.link);
    this.walk = new RetainedWalk({
      sender: this.session.sender,
      work: new StepBudget(),
      party: new WorkParty(),
      later: (resume) => {
        assertEquals(this.#turn, undefined, "one turn is asked for at a time");
        this.#turn = resume;
      },
    });
    this.#measure(() => this.walk.run());
  }

  subscribe(filters: readonly string[], { qos = 0, withRetained = true }: { qos?: QoS; withRetained?: boolean } = {}) {
    for (const text of filters) {
      const topicFilter = parseTopicFilter(text);
      const subscription = { topicFilter, qos, noLocal: false, retainAsPublished: false } as const;
      this.session.subscribe(topicFilter, subscription, { withRetained });
    }
    this.#measure(() => this.walk.run());
  }

  /** Takes a turn; false if none was asked for. */
  turn(): boolean {
    const resume = this.#turn;
    this.#turn = undefined;
    this.#measure(() => resume?.());
    return resume !== undefined;
  }

  /** Acknowledges so many messages, in their order. */
  acknowledge(count: number): void {
    for (let time = 0; time < count; time++) this.session.sender.puback(this.#unacknowledged.shift()!);
  }

  readonly #unacknowledged: number[] = [];

  #measure(work: () => void): void {
    const before = this.got.length;
    work();
    this.most = Math.max(this.most, this.got.length - before);
  }

  #newLink(): FakeLink {
    const link = new FakeLink();
    link.sendPublish = ({ message }, packetIdentifier, dup) => {
      if (!dup) this.got.push(message.topicName);
      if (!dup && packetIdentifier > 0) this.#unacknowledged.push(packetIdentifier);
    };
    return link;
  }
}

Deno.test("Others are served between the slices, and what they retain meanwhile is left to come by itself", () => {
  const room = new Room(numbered("a"));
  room.subscribe(["#"]);
  let turns = 0;
  for (; room.turn(); turns++) {
    // The last one was sent before.
    room.retained.set(message(`a/new ${turns}`));
    room.retained.set(message(`a/${MANY - 1 - turns}`));
  }
  assert(turns >= 4 && turns < 100, `${turns}`);
  assertEquals([room.most <= 10_001, new Set(room.got).size, room.got.length], [
    true,
    MANY - turns + 1,
    MANY - turns + 1,
  ]);
  assertEquals(room.walk.pause, undefined);
});

Deno.test("A walk that finds nothing gives way to others, too", () => {
  const room = new Room(numbered("a"));
  room.subscribe(["+/+/x", "a/7"]);
  assertEquals(room.got, []);
  let turns = 0;
  while (room.turn()) turns++;
  assert(turns >= 2, `${turns}`);
  assertEquals(room.got, ["a/7"]);
});

Deno.test("What is retained for few topics is sent at once in the order it was retained in, without what has expired", () => {
  const room = new Room(["c", "a/b", "a"]);
  room.retained.set(message("a/late", -1));
  room.subscribe(["a/#", "c", "x"]);
  assertEquals([room.got, room.turn(), room.walk.pause], [["a/b", "a", "c"], false, undefined]);
});

Deno.test("A walk ends with its subscription and goes on with the next", () => {
  const room = new Room([...numbered("a"), "b"]);
  room.subscribe(["a/+", "b"]);
  room.turn();
  const before = room.got.length;
  room.session.unsubscribe(parseTopicFilter("a/+"));
  room.turn();
  assertEquals([room.got.slice(before), room.turn(), before < MANY], [["b"], false, true]);
});

Deno.test("A subscription that is made again in the middle begins anew, and stands for one however often", () => {
  const room = new Room(numbered("a"));
  room.subscribe(["#"]);
  room.turn();
  const before = room.got.length;
  for (let time = 0; time < 100; time++) room.subscribe(["#"]);
  while (room.turn());
  assertEquals([room.got.length, new Set(room.got.slice(before)).size], [before + MANY, MANY]);
});

Deno.test("A subscription that is changed in the middle goes on where it is, if nothing is wanted for the change", () => {
  const room = new Room(numbered("a"));
  room.subscribe(["#"]);
  room.turn();
  room.subscribe(["#", "b"], { qos: 0, withRetained: false });
  while (room.turn());
  assertEquals([room.got.length, new Set(room.got).size], [MANY, MANY]);
});

Deno.test("A client that takes nothing is waited for, with its packets served, and little is found for it", async () => {
  const room = new Room(numbered("a"), 10);
  room.subscribe(["#"], { qos: 1 });
  const { pause } = room.walk;
  assert(pause);
  while (room.turn());
  await pause;
  assertEquals([room.got.length, room.walk.pause, room.walk.suspended], [10, undefined, true]);
  const most = room.session.sender.queued;
  assert(most <= 10_010, `${most}`);
  while (room.got.length < MANY) {
    room.acknowledge(10);
    room.turn();
  }
  assertEquals([new Set(room.got).size, room.walk.suspended], [MANY, false]);
});

Deno.test("A client that is lost in the middle gets the rest when it is back, each once and in order", () => {
  const room = new Room(numbered("a"), 10);
  room.subscribe(["b", "a/#", "+/7"], { qos: 1 });
  for (let times = 0; room.got.length < MANY + 1; times++) {
    if (times % 500 === 0) {
      room.session.detach(0);
      assertEquals(room.session.sender.queued, 0, "nothing is kept in memory for who is away");
      room.connect();
    }
    room.acknowledge(5);
    room.turn();
  }
  assertEquals(room.got, [...numbered("a"), "a/7"]);
  assertEquals([room.session.sender.promises?.isPending ?? false, room.turn()], [false, false]);
});
