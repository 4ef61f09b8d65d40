import { assertEquals } from "@std/assert";
import { noRefusals, Refusals } from "../../src/routing/refusals.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { CollectingLogger } from "../support/test_broker.ts";

function refusals() {
  const [clock, logger, refused] = [new FakeClock(), new CollectingLogger(), noRefusals()];
  const told = new Refusals({ logger, clock, statistics: { refused } });
  clock.every(250, () => told.tick(clock.now()));
  const tell = (hostname: string, times = 1, kind: "sign-in" | "publish" = "sign-in") => {
    for (let index = 0; index < times; index++) told.tell(kind, { hostname }, () => `${hostname} no. ${index}`);
  };
  return { told, clock, logger, refused, tell, lines: () => logger.lines.splice(0) };
}

Deno.test("Refusals are logged as warnings as they come, each kind with its words", () => {
  const { tell, lines, refused } = refusals();
  tell("192.0.2.1");
  tell("192.0.2.1", 1, "publish");
  assertEquals(lines(), ["warn: connection refused: 192.0.2.1 no. 0", "warn: publish denied: 192.0.2.1 no. 0"]);
  assertEquals(refused, { ...noRefusals(), "sign-in": 1, "publish": 1 });
});

Deno.test("Many refusals of one address and kind are five lines and a number, all of them counted", () => {
  const { tell, lines, refused, clock } = refusals();
  tell("192.0.2.1", 1208);
  assertEquals(lines().length, 5);
  clock.advance(9_000);
  assertEquals(lines(), []);
  clock.advance(1_000);
  assertEquals(lines(), ["warn: connection refused: 192.0.2.1: … and 1,203 more (sign-in)"]);
  assertEquals(refused["sign-in"], 1208);
});

Deno.test("What clients bring about without a refusal is limited in the log as refusals are, and counted as none", () => {
  const { told, lines, refused, clock } = refusals();
  for (let index = 0; index < 105; index++) {
    told.mention("will-dropped", { hostname: "192.0.2.1" }, () => `no. ${index}`);
  }
  assertEquals(lines(), [0, 1, 2, 3, 4].map((index) => `info: will dropped: no. ${index}`));
  clock.advance(10_000);
  assertEquals(lines(), ["info: will dropped: 192.0.2.1: … and 100 more (will-dropped)"]);
  assertEquals(refused, noRefusals());
});

Deno.test("Another address and another kind are told beside an address that floods", () => {
  const { tell, lines } = refusals();
  tell("192.0.2.1", 1000);
  lines();
  tell("192.0.2.2");
  tell("192.0.2.1", 1, "publish");
  assertEquals(lines(), ["warn: connection refused: 192.0.2.2 no. 0", "warn: publish denied: 192.0.2.1 no. 0"]);
});

Deno.test("A flood that lasts is told ever less often, and from the beginning when it is over", () => {
  const { tell, lines, clock } = refusals();
  let told = 0;
  for (let second = 0; second < 3600; second++) {
    tell("192.0.2.1", 10);
    clock.advance(1000);
    told += lines().length;
  }
  assertEquals(told < 20, true, `${told} lines in an hour`);
  clock.advance(3_600_000);
  lines();
  tell("192.0.2.1");
  assertEquals(lines(), ["warn: connection refused: 192.0.2.1 no. 0"]);
});

Deno.test("More addresses than are told apart share one count, so that neither memory nor log is filled", () => {
  const { tell, lines, told, refused } = refusals();
  for (let index = 0; index < 10_000; index++) tell(`2001:db8::${index.toString(16)}`);
  assertEquals(lines().length, 4096 + 5);
  told.close();
  assertEquals(lines(), ["warn: connection refused: other addresses: … and 5,899 more (sign-in)"]);
  assertEquals(refused["sign-in"], 10_000);
});
