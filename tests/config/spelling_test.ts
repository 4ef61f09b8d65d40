import { assertEquals } from "@std/assert";
import { formatKeyPath, type KeyPath, parseKeyPath } from "../../src/config/key_path.ts";
import { nearestName, toCamelCase, toHyphens } from "../../src/config/spelling.ts";

Deno.test("a key is the same in every spelling", () => {
  for (const key of ["max-connections", "max_connections", "maxConnections"]) {
    assertEquals(toCamelCase(key), "maxConnections");
  }
  assertEquals(toCamelCase("queue-qos0"), "queueQos0");
  assertEquals(toHyphens("queueQos0"), "queue-qos0");
  assertEquals(toHyphens("maxConnections"), "max-connections");
});

Deno.test("the nearest known name is given in the unknown one's spelling", () => {
  const known = ["maxConnections", "maxInflight", "bind"];
  assertEquals(nearestName("max-conections", known), "max-connections");
  assertEquals(nearestName("max_conections", known), "max_connections");
  assertEquals(nearestName("maxConections", known), "maxConnections");
  assertEquals(nearestName("MAX-CONNECTIONS", known), "max-connections");
  assertEquals(nearestName("bnid", known), "bind");
  assertEquals(nearestName("colour", known), undefined);
  assertEquals(nearestName("", known), undefined);
});

const paths: [KeyPath, string][] = [
  [["listeners", "my-tcp-1", "bind"], "listeners.my-tcp-1.bind"],
  [["auth", "plugins", 0], "auth.plugins[0]"],
  [["plugins", 1, "./a.ts"], 'plugins[1]["./a.ts"]'],
  [["listeners", "a b", "bind"], 'listeners["a b"].bind'],
  [["listeners", "1"], "listeners.1"],
  [["a", 'q"', ""], 'a["q\\""][""]'],
];

for (const [path, text] of paths) {
  Deno.test(`the key path ${text} is written and read`, () => {
    assertEquals(formatKeyPath(path), text);
    assertEquals(parseKeyPath(text), path);
    assertEquals(parseKeyPath(`${text}: what.is [0] wrong`), path);
  });
}
