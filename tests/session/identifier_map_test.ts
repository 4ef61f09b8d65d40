import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { IdentifierMap } from "../../src/session/identifier_map.ts";

const HIGHEST = 65_535;

Deno.test("A map that nothing was entered in knows nothing and takes nothing out", () => {
  const map = new IdentifierMap<string>();
  for (const packetIdentifier of [1, 2, HIGHEST]) {
    assertEquals([map.has(packetIdentifier), map.get(packetIdentifier)], [false, undefined]);
    assertEquals(map.delete(packetIdentifier), false);
  }
  assertEquals([map.size, map.identifiers()], [0, []]);
});

Deno.test("Two maps have nothing in common", () => {
  const [one, other] = [new IdentifierMap<string>(), new IdentifierMap<string>()];
  one.set(1, "a");
  assertEquals([other.has(1), other.size], [false, 0]);
  one.clear();
  other.set(1, "b");
  assertEquals([one.get(1), one.identifiers(), other.get(1)], [undefined, [], "b"]);
});

Deno.test("A value that takes the place of another keeps its turn, and one that comes again is the newest", () => {
  const map = new IdentifierMap<string>();
  for (const packetIdentifier of [3, 1, 2]) map.set(packetIdentifier, "a");
  map.set(3, "b");
  assertEquals([map.identifiers(), map.get(3)], [[3, 1, 2], "b"]);
  map.delete(1);
  map.set(1, "c");
  assertEquals(map.identifiers(), [3, 2, 1]);
});

Deno.test("There is room for every packet identifier, and all are found again", () => {
  const map = new IdentifierMap<number>();
  const all = Array.from({ length: HIGHEST }, (_, index) => HIGHEST - index);
  for (const packetIdentifier of all) map.set(packetIdentifier, -packetIdentifier);
  assertEquals([map.size, map.identifiers()], [HIGHEST, all]);
  for (const packetIdentifier of all) assertEquals(map.get(packetIdentifier), -packetIdentifier);
  for (const packetIdentifier of all) assertEquals(map.delete(packetIdentifier), true);
  assertEquals([map.size, map.has(1)], [0, false]);
});

/** Identifiers that want the same few slots of any small table: they are scattered by the golden ratio. */
const crowded = Array.from({ length: HIGHEST }, (_, index) => index + 1)
  .filter((one) => Math.imul(one, 0x9e3779b1) >>> 24 === 7);
const identifier = fc.oneof(
  fc.integer({ min: 1, max: 12 }),
  fc.integer({ min: 1, max: HIGHEST }),
  fc.nat(30).map((index) => crowded[index]!),
);
const step = fc.record({
  act: fc.constantFrom("set", "set", "set", "delete", "delete oldest", "clear many"),
  identifier,
});

Deno.test("A map agrees with a Map after any entering, replacing and taking out", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log(`seed ${seed}`);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const map = new IdentifierMap<number>();
      const model = new Map<number, number>();
      const take = (one: number) => assertEquals(map.delete(one), model.delete(one));
      for (const [value, { act, identifier }] of steps.entries()) {
        if (act === "set") {
          map.set(identifier, value);
          model.set(identifier, value);
        } else if (act === "delete") take(identifier);
        else if (act === "delete oldest") take(model.keys().next().value ?? 1);
        else if (value % 50 === 0) { for (const one of [...model.keys()]) take(one); }
        assertEquals([map.size, map.has(identifier), map.get(identifier)], [
          model.size,
          model.has(identifier),
          model.get(identifier),
        ]);
      }
      assertEquals(map.identifiers(), [...model.keys()]);
      for (const [one, value] of model) assertEquals(map.get(one), value);
    }),
    { seed, numRuns: 300 },
  );
});

Deno.test("A map that was cleared knows nothing of what was there", () => {
  for (const count of [1, 5, 400]) {
    const map = new IdentifierMap<string>();
    for (let packetIdentifier = 1; packetIdentifier <= count; packetIdentifier++) map.set(packetIdentifier, "old");
    map.clear();
    for (let packetIdentifier = 1; packetIdentifier <= count; packetIdentifier++) {
      assertEquals([map.has(packetIdentifier), map.get(packetIdentifier)], [false, undefined]);
    }
    map.set(3, "new");
    assertEquals([map.size, map.identifiers(), map.get(3)], [1, [3], "new"]);
  }
});
