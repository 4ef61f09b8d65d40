/** When a node says anew what the log comes to. */
import { assertEquals } from "@std/assert";
import { LogShortener } from "../../src/cluster/log_shortener.ts";
import type { Snapshot } from "../../src/cluster/record.ts";
import { FakeClock } from "../support/fake_clock.ts";

const MEBIBYTE = 2 ** 20;

Deno.test("the log is cut off after many records, or after fewer that are large, and then not at once again", () => {
  const said: number[] = [];
  let position = 1;
  const trimmed: number[] = [];
  const shortener = new LogShortener({
    log: { trim: (upTo) => Promise.resolve(void trimmed.push(upTo)) },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    chores: {
      add: (work) => {
        while (work.next().done !== true);
      },
    },
    clock: new FakeClock(),
    retained: [],
    state: {
      writers: () => [],
      shards: 0,
      shard: () => undefined,
      live: [{ node: "a", incarnation: 1, live: true, next: 1, address: "" }],
    },
    wills: { all: function* () {} },
    position: () => position,
    say: (part: Snapshot) => void said.push(part.position),
  });
  shortener.grew(63 * MEBIBYTE);
  shortener.tick();
  assertEquals(said, []);
  position = 100;
  shortener.grew(2 * MEBIBYTE);
  shortener.tick();
  shortener.tick();
  assertEquals(said, [100]);
  shortener.took(100, true);
  shortener.hasRead("a", 100);
  shortener.tick();
  assertEquals(trimmed, []);
  position = 20_000;
  shortener.tick();
  assertEquals(said, [100]);
  position = 20_100;
  shortener.tick();
  assertEquals(said, [100, 20_100]);
  // What came after the snapshot before is kept, for those who read just now.
  shortener.took(20_100, true);
  shortener.hasRead("a", 20_100);
  shortener.tick();
  assertEquals(trimmed, [101]);
});
