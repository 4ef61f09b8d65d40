import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { COOKBOOK_FOLDER, COOKBOOK_PAGE, shownIn, withPrograms } from "./cookbook.ts";
import { root } from "./manual.ts";

const page = await Deno.readTextFile(join(root, COOKBOOK_PAGE));

Deno.test("the cookbook shows its programs as they are run", async () => {
  assertEquals(page, await withPrograms(page), "renew it by deno task docs:cookbook");
});

Deno.test("the cookbook shows every program of its folder, once", async () => {
  const there: string[] = [];
  for await (const { name } of Deno.readDir(join(root, COOKBOOK_FOLDER))) there.push(`${COOKBOOK_FOLDER}/${name}`);
  assertEquals([...shownIn(page)].sort(), there.sort());
});

Deno.test("the check of the cookbook finds a program that was changed", async () => {
  const changed = page.replace("startTestBroker", "startBroker");
  assertEquals(await withPrograms(changed), page);
});
