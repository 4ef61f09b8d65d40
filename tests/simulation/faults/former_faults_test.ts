/** Faults that are put back are found by the simulation. */
import { assertEquals, assertExists, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { root } from "../../mutate/checkout.ts";
import { formerFaults } from "./former_faults.ts";
import { FaultyCopy, withFault } from "./faulty_copy.ts";

Deno.test("each former fault has its place in the code as it is", async () => {
  for (const fault of formerFaults) {
    const source = await Deno.readTextFile(join(root, fault.file));
    assertNotEquals(withFault(source, fault), source, fault.name);
  }
});

Deno.test("a fault whose place is not there, or there twice, is told of", () => {
  const fault = { name: "all is lost", file: "a.ts", now: "keep();", then: "" };
  assertEquals(withFault("a; keep(); b;", fault), "a;  b;");
  for (const [source, count] of [["a;", 0], ["keep(); keep();", 2]] as const) {
    assertThrows(
      () => withFault(source, fault),
      Error,
      `a.ts: "all is lost" cannot be put back: expected its place once: found ${count} times`,
    );
  }
});

Deno.test("the simulation finds a SUBACK that comes after what the subscription brings", async () => {
  const fault = formerFaults.find(({ name }) => name.startsWith("SUBACK comes after"))!;
  await using copy = await FaultyCopy.make();
  const found = await copy.find(fault, 50);
  assertExists(found, "no seed has found it");
  assertMatch(found.faults[0]!, / before SUBACK$/);
});
