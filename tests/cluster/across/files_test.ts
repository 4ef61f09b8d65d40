/** Every file of the behaviour suite is run with two nodes, or is left out with a reason. */
import { assertEquals } from "@std/assert";
import { filesLeftOut } from "./exceptions.ts";

const ENDING = "_test.ts";

Deno.test("every file of the behaviour suite is run with two nodes, or left out with a reason", async () => {
  const there = Array.from(Deno.readDirSync(new URL("../../behaviour/", import.meta.url)), ({ name }) => name)
    .filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));
  const run: string[] = [];
  for (const { name } of Deno.readDirSync(new URL(".", import.meta.url))) {
    const text = await Deno.readTextFile(new URL(name, import.meta.url));
    const list = /runAcross\(([^)]*)\);/.exec(text)?.[1] ?? "";
    if (name.endsWith(ENDING)) run.push(...Array.from(list.matchAll(/"(\w+)"/g), ([, file]) => file!));
  }
  assertEquals([...run, ...filesLeftOut.flatMap(([files]) => files)].sort(), there.sort());
});

for (const [files, reason] of filesLeftOut) {
  const name = `two nodes: ${files.join(", ")} (left out: ${reason})`;
  Deno.test({ name, ignore: true, fn() {} });
}
