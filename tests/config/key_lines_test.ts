import { assertEquals } from "@std/assert";
import { KeyLocator } from "../../src/config/key_lines.ts";
import type { KeyPath } from "../../src/config/key_path.ts";

/** `line:column` of a value, or of its key. */
function locate(text: string, path: KeyPath, at: "key" | "value" = "value"): string {
  const position = new KeyLocator(text).locate(path, at);
  return position === undefined ? "nowhere" : `${position.line}:${position.column}`;
}

const listeners = `# bind: a comment
listeners:
  one: # bind: another
    note: "bind: in a text"
    bind: 1.2.3.4:1  # bind: here
  two:
    bind:   :2
  'three':
    "bind" : 3
bind: 4
`;

Deno.test("a key is found where it stands and not where its text does", () => {
  assertEquals(locate(listeners, ["listeners", "one", "bind"]), "5:11");
  assertEquals(locate(listeners, ["listeners", "one", "bind"], "key"), "5:5");
  assertEquals(locate(listeners, ["listeners", "two", "bind"]), "7:13");
  assertEquals(locate(listeners, ["bind"]), "10:7");
});

Deno.test("quoted keys are found with their quotes", () => {
  assertEquals(locate(listeners, ["listeners", "three"], "key"), "8:3");
  assertEquals(locate(listeners, ["listeners", "three", "bind"], "key"), "9:5");
  assertEquals(locate(listeners, ["listeners", "three", "bind"]), "9:14");
});

Deno.test("what is not there stands where the nearest key above it does", () => {
  assertEquals(locate(listeners, ["listeners", "two", "ssl"]), "6:3");
  assertEquals(locate(listeners, ["listeners", "four", "ssl"]), "2:1");
  assertEquals(locate(listeners, ["auth"]), "nowhere");
  assertEquals(locate(listeners, []), "nowhere");
});

Deno.test("keys are found in flow style", () => {
  const text = `a: {b: 1, "c": {b: 2},\n  d: [1, {b: 3}]}`;
  assertEquals(locate(text, ["a", "b"]), "1:8");
  assertEquals(locate(text, ["a", "c", "b"]), "1:20");
  assertEquals(locate(text, ["a", "d", 1, "b"]), "2:14");
  assertEquals(locate(text, ["a", "d", 1]), "2:11");
  assertEquals(locate(text, ["a", "d", 0]), "2:7");
});

Deno.test("items of lists are found by their value", () => {
  const text = `acl: ["a/#", 'b/#',\n  c,\n  c]\nlist:\n  - a/# # a/#\n  - x: 1\n    y: 2\n  - true\n  - [z]\n`;
  assertEquals(locate(text, ["acl", 0]), "1:7");
  assertEquals(locate(text, ["acl", 1]), "1:14");
  assertEquals(locate(text, ["acl", 2]), "2:3");
  assertEquals(locate(text, ["acl", 3]), "3:3");
  assertEquals(locate(text, ["list", 0]), "5:5");
  assertEquals(locate(text, ["list", 1]), "6:5");
  assertEquals(locate(text, ["list", 1, "y"]), "7:8");
  assertEquals(locate(text, ["list", 2]), "8:5");
  assertEquals(locate(text, ["list", 3]), "4:1", "an item without a text of its own");
  assertEquals(locate(text, ["list", 9]), "4:1");
});

Deno.test("the last of very many like values is found where it stands", () => {
  const text = `list:\n${"  - a\n".repeat(1000)}map:\n${
    Array.from({ length: 1000 }, (_, i) => `  k${i}: \${A}\n`).join("")
  }`;
  assertEquals(locate(text, ["list", 999]), "1001:5");
  assertEquals(locate(text, ["map", "k999"]), "2002:9");
  assertEquals(new KeyLocator(text).isPlain(["map", "k999"]), true);
});

Deno.test("a text is plain without quotes and without a tag, also behind an alias", () => {
  const text = "a: b c\nb: 'b'\nc: \"b\"\nd: |\n  b\ne: !!str b\nf: [b, &x b]\ng: *x\n<<: {h: b}\n";
  const plain = ["a", "b", "c", "d", "e", "g", "h", "none"].filter((key) => new KeyLocator(text).isPlain([key]));
  assertEquals(plain, ["a", "g", "h"]);
  assertEquals([0, 1, 2].map((index) => new KeyLocator(text).isPlain(["f", index])), [true, true, false]);
});

Deno.test("a mapping that is merged into itself has no more keys for it", () => {
  assertEquals(locate("a: &a\n  <<: *a\n  b: 1\n", ["a", "b"]), "3:6");
  assertEquals(locate("a: &a\n  <<: [*a, *a]\n  b: 1\n", ["a", "c"]), "1:1");
});

Deno.test("texts over several lines hide no key and are none", () => {
  const text = `a: |\n  b: 1\n  c: 2\nd: "x\n  c: 3"\nc: 4\n`;
  assertEquals(locate(text, ["c"]), "6:4");
  assertEquals(locate(text, ["a"]), "1:4");
});

Deno.test("keys behind an alias are found at the anchor", () => {
  const text = `base: &base\n  bind: 1\none:\n  <<: *base\n  path: /x\ntwo: *base\n`;
  assertEquals(locate(text, ["one", "bind"]), "2:9");
  assertEquals(locate(text, ["two", "bind"]), "2:9");
  assertEquals(locate(text, ["one", "path"]), "5:9");
});

Deno.test("an anchor and an alias with the name of a key are no obstacle", () => {
  assertEquals(locate("x: &bind {y: 1}\nz: *bind\nbind: 2\n", ["bind"]), "3:7");
});

Deno.test("a value on a line of its own is told by its key", () => {
  assertEquals(locate("a:\n  b:\n    c: 1\n", ["a", "b"]), "2:3");
  assertEquals(locate("a: # why\n  b: 1\n", ["a"]), "1:1");
});

Deno.test("lines are counted with every line end and behind a byte order mark", () => {
  assertEquals(locate("a: 1\r\nb:\r\n  c: 2\r\n", ["b", "c"]), "3:6");
  assertEquals(locate("\uFEFFa: 1\nb: 2\n", ["a"], "key"), "1:1");
  assertEquals(locate("\uFEFFa: 1\nb: 2\n", ["b"], "key"), "2:1");
});

Deno.test("keys that the text writes in another way fall back to what is above them", () => {
  assertEquals(locate('a:\n  "b\\x63": 1\n', ["a", "bc"]), "1:1");
});

Deno.test("names with letters that mean something to YAML are found", () => {
  const text = "plugins:\n  ./x.ts:\n    a: 1\n  npm:y@1:\n    b: 2\n  'it''s': 3\n";
  assertEquals(locate(text, ["plugins", "./x.ts"], "key"), "2:3");
  assertEquals(locate(text, ["plugins", "npm:y@1", "b"]), "5:8");
  assertEquals(locate(text, ["plugins", "it's"], "key"), "1:1");
});
