import { assert, assertEquals } from "@std/assert";
import { LoadAverages, type LoadCounters } from "../../src/broker/load_averages.ts";

const NONE: LoadCounters = {
  "messages/received": 0,
  "messages/sent": 0,
  "publish/received": 0,
  "publish/sent": 0,
  "publish/dropped": 0,
  "bytes/received": 0,
  "bytes/sent": 0,
  "sockets": 0,
  "connections": 0,
};

function assertNear(actual: number, expected: number, within: number): void {
  assert(Math.abs(actual - expected) <= within, `${actual} is not near ${expected}`);
}

/** Averages after so many minutes in which a counter grew by 10 a second. */
function after(minutes: number, averages = new LoadAverages()): LoadAverages {
  for (let ms = 0; ms <= minutes * 60_000; ms += 250) {
    averages.tick(ms, () => ({ ...NONE, "messages/received": ms / 100 }));
  }
  return averages;
}

Deno.test("a load average comes near what there is in a minute, the sooner the shorter its span", () => {
  const { oneMinute, fiveMinutes, fifteenMinutes } = after(5).of("messages/received");
  assertNear(oneMinute, 600 * (1 - Math.exp(-5)), 1e-6);
  assertNear(fiveMinutes, 600 * (1 - Math.exp(-1)), 1e-6);
  assertNear(fifteenMinutes, 600 * (1 - Math.exp(-1 / 3)), 1e-6);
});

Deno.test("a load average sinks when nothing comes any more", () => {
  const averages = after(60);
  for (let ms = 3_600_250; ms <= 3_660_000; ms += 250) {
    averages.tick(ms, () => ({ ...NONE, "messages/received": 36_000 }));
  }
  assertNear(averages.of("messages/received").oneMinute, 600 * Math.exp(-1), 1);
});

Deno.test("load averages are 0 at the beginning, and the counters are looked at every 5 seconds only", () => {
  const averages = new LoadAverages();
  let looks = 0;
  for (let ms = 0; ms < 15_000; ms += 250) {
    averages.tick(ms, () => {
      looks++;
      return NONE;
    });
  }
  assertEquals(looks, 3);
  assertEquals(averages.of("sockets"), { oneMinute: 0, fiveMinutes: 0, fifteenMinutes: 0 });
});
