import { assertEquals } from "@std/assert";
import { certificateProblem } from "../../src/broker/certificate_problem.ts";

const NOW = Date.parse("2030-06-15T12:00:00Z");
const DAY_MS = 86_400_000;

function problem(fromDays: number, toDays: number): string | undefined {
  return certificateProblem({ from: new Date(NOW + fromDays * DAY_MS), to: new Date(NOW + toDays * DAY_MS) }, NOW);
}

Deno.test("a server certificate is warned of once it has expired, and 14 days before that", () => {
  assertEquals(problem(-90, -1), "expired at 2030-06-14T12:00:00.000Z: clients refuse it until it is renewed");
  assertEquals(problem(-90, 0), "expired at 2030-06-15T12:00:00.000Z: clients refuse it until it is renewed");
  assertEquals(problem(-90, 0.5), "expires at 2030-06-16T00:00:00.000Z, in less than a day: renew it");
  assertEquals(problem(-90, 1), "expires at 2030-06-16T12:00:00.000Z, in 1 day: renew it");
  assertEquals(problem(-90, 14), "expires at 2030-06-29T12:00:00.000Z, in 14 days: renew it");
  assertEquals(problem(-90, 14.01), undefined);
});

Deno.test("a server certificate that is not valid yet is warned of", () => {
  assertEquals(problem(1, 90), "is not valid before 2030-06-16T12:00:00.000Z: look at the system's clock");
});
