import { assertEquals } from "@std/assert";
import { PacketIdentifiers } from "../../src/session/packet_identifiers.ts";

Deno.test("Packet identifiers go from 1 to 65,535 and begin anew at 1, never 0", () => {
  const identifiers = new PacketIdentifiers();
  const none = new Set<number>();
  for (let expected = 1; expected <= 65535; expected++) assertEquals(identifiers.next(none), expected);
  assertEquals(identifiers.next(none), 1);
});

Deno.test("Packet identifiers in use are passed over, across the end too", () => {
  const identifiers = new PacketIdentifiers();
  assertEquals(identifiers.next(new Set([1, 2, 4])), 3);
  assertEquals(identifiers.next(new Set([1, 2, 3, 4])), 5);
  assertEquals(identifiers.next({ has: (identifier) => identifier > 5 || identifier < 3 }), 3);
});

Deno.test("A freed packet identifier is not given again at once", () => {
  const identifiers = new PacketIdentifiers();
  const inUse = new Set<number>();
  const first = identifiers.next(inUse);
  inUse.add(first);
  inUse.delete(first);
  assertEquals([first, identifiers.next(inUse)], [1, 2]);
});

Deno.test("The last free packet identifier is found", () => {
  const identifiers = new PacketIdentifiers();
  assertEquals(identifiers.next({ has: (identifier) => identifier !== 40_000 }), 40_000);
  assertEquals(identifiers.next({ has: (identifier) => identifier !== 40_000 }), 40_000);
});
