/** The wills of dead nodes, and of lives that nobody has heard to the end. */
import { assertEquals } from "@std/assert";
import { encodeMessage, encodeWill, encodeWillEnd, willKey } from "../../src/cluster/entries.ts";
import { unheardWills } from "../../src/cluster/unheard_wills.ts";
import { WillBook } from "../../src/cluster/will_book.ts";
import { parseTopicName } from "../../src/packet/topic.ts";
import { TopicNames } from "../../src/packet/topic_names.ts";
import { willMessage } from "../../src/routing/wills.ts";
import type { StoredWill } from "../../src/store/store.ts";

const life = { node: "a", incarnation: 1 };

function stored(clientIdentifier: string, text: string, delayIntervalSeconds = 0): StoredWill {
  const payload = new TextEncoder().encode(text);
  const will = { topicName: parseTopicName("w"), payload, qos: 1 as const, retain: false, delayIntervalSeconds };
  return { clientIdentifier, username: undefined, will };
}

Deno.test("a client that is back voids what it left with a dead node, unless that is due", () => {
  const book = new WillBook();
  const wills = [stored("x", "now"), stored("y", "soon", 5), stored("z", "later", 30)];
  for (const will of wills) book.set(life, willKey(life, will.clientIdentifier), will);
  book.died(life, 1000);
  const nowMs = 7000;
  assertEquals([...book.ofClient("x", nowMs)], []);
  assertEquals([...book.ofClient("y", nowMs)], []);
  assertEquals([...book.ofClient("z", nowMs)], [willKey(life, "z")]);
  // A clock that is behind makes no difference to what had no delay.
  assertEquals([...book.ofClient("x", 0)], []);
});

Deno.test("of a life that is over those wills are left to say that the others have not heard of", () => {
  const said = (will: StoredWill) => {
    const message = willMessage(will.will, will.clientIdentifier, 0);
    message.trail = { will: willKey(life, will.clientIdentifier) };
    return encodeMessage(message, 0);
  };
  const [known, connected, lost, polite] = ["known", "connected", "lost", "polite"].map((name) =>
    stored(name, name, 9)
  );
  const newer = stored("known", "newer");
  const unseen = [
    // Its delay has begun; the others count on by themselves.
    encodeWill({ ...known!, dueAt: 5000 }),
    encodeWill(connected!),
    encodeWill(lost!),
    said(lost!),
    encodeWillEnd(willKey(life, "lost")),
    encodeWill(polite!),
    encodeWillEnd(willKey(life, "polite")),
  ];
  const heard = (key: string) => key === willKey(life, "known") ? known : undefined;
  const left = (entries: Uint8Array[]) => unheardWills(entries, new TopicNames(), { life, nowMs: 0 }, heard);
  const texts = (wills: readonly StoredWill[]) => wills.map(({ will }) => new TextDecoder().decode(will.payload));
  const first = left(unseen);
  assertEquals(texts(first), ["lost", "connected"]);
  // The next life says them, and is over before they have come by.
  assertEquals(texts(left(first.flatMap((will) => [encodeWill(will), said(will)]))), ["lost", "connected"]);
  assertEquals(texts(left([said(known!), encodeWill(newer)])), ["newer"]);
});
