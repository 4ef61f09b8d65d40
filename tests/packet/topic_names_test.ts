import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ProtocolError } from "../../src/packet/protocol_error.ts";
import { TopicNames } from "../../src/packet/topic_names.ts";

const encoder = new TextEncoder();

/** Reads a name that stands somewhere within other bytes. */
function read(names: TopicNames, name: string): string {
  const bytes = encoder.encode(`##${name}+`);
  return names.read(bytes, 2, bytes.length - 1);
}

Deno.test("Topic names are read right, however many share their places", () => {
  const seed = Date.now() & 0x7fffffff;
  console.log("seed", seed);
  const names = new TopicNames();
  const property = fc.property(fc.stringMatching(/^[a-c/é]{1,140}$/), (name) => {
    assertEquals([read(names, name), read(names, name)], [name, name]);
  });
  fc.assert(property, { seed, numRuns: 500 });
  for (let pass = 0; pass < 2; pass++) {
    for (let i = 0; i < 10_000; i++) assertEquals(read(names, `device/${i}/state`), `device/${i}/state`);
  }
});

Deno.test("A name that must not be is refused each time", () => {
  const names = new TopicNames();
  for (const name of ["a/+", "#", "a\0", ""]) {
    for (let time = 0; time < 2; time++) assertThrows(() => read(names, name), ProtocolError);
  }
  const bytes = Uint8Array.of(0x61, 0xff);
  for (let time = 0; time < 2; time++) assertThrows(() => names.read(bytes, 0, 2), ProtocolError);
});
