import { assert, assertEquals, assertMatch } from "@std/assert";
import { main } from "../../src/cli/main.ts";
import { FakeIo, FakeServices, withFiles } from "./support.ts";

async function run(...args: readonly string[]) {
  const io = new FakeIo();
  return { exitCode: await main(["token", ...args], io, new FakeServices()), out: io.outLines, errors: io.errorLines };
}

Deno.test("tokens are added, listed and revoked, and stand nowhere but in what was printed", async () => {
  await withFiles({}, async (folder) => {
    const file = `${folder}/tokens`;
    const added = await run("add", file, "grafana");
    assertEquals([added.exitCode, added.errors], [0, []]);
    assertMatch(added.out.join("\n"), /^amqtt_[\w-]{43}$/);
    const operator = await run("add", file, "script", "--role", "operator");
    assertEquals(operator.exitCode, 0);
    const { out } = await run("list", file);
    assertEquals(out.map((line) => line.split(" ").slice(0, 2)), [["grafana", "viewer"], ["script", "operator"]]);
    const text = await Deno.readTextFile(file);
    assert(!text.includes(added.out[0]!) && !out.join().includes(added.out[0]!));
    if (Deno.build.os !== "windows") assertEquals((await Deno.stat(file)).mode! & 0o777, 0o600);
    assertEquals(await run("revoke", file, "grafana"), { exitCode: 0, out: [`${file}: revoked grafana`], errors: [] });
    assertEquals((await run("list", file)).out.length, 1);
  });
});

Deno.test("what cannot be done with tokens is said, with the file", async () => {
  await withFiles({ tokens: "a:viewer:short:now\n" }, async (folder) => {
    const file = `${folder}/tokens`;
    const faulty = await run("list", file);
    assertEquals([faulty.exitCode, faulty.out], [1, []]);
    assertEquals(faulty.errors, [`${file}: ${file}:1: expected "name:role:hash:made"`]);
    const none = `${folder}/none`;
    assertEquals((await run("list", none)).out, []);
    assertEquals((await run("revoke", none, "a")).errors, [`${none}: there is no token a`]);
    assertEquals((await run("add", none, "a b")).exitCode, 1);
    await run("add", none, "a");
    assertEquals((await run("add", none, "a")).errors, [`${none}: there is a token a already: revoke it first`]);
    assertEquals((await run("add", none, "b", "--role", "king")).exitCode, 2);
    assertEquals((await run("add", `${folder}/no/folder`, "a")).exitCode, 1);
  });
});
