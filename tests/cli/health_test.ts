import { assertEquals, assertMatch } from "@std/assert";
import { ask } from "../../src/cli/ask.ts";
import { main } from "../../src/cli/main.ts";
import { services } from "../../src/cli/services.ts";
import { FakeIo, FakeServices } from "./support.ts";

/** Serves one answer at whatever path for the time of `body`. */
async function withServer(answer: (path: string) => Response, body: (url: string) => Promise<void>): Promise<void> {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    (request) => answer(new URL(request.url).pathname),
  );
  await body(`http://127.0.0.1:${server.addr.port}`);
}

/** Runs `health` against a real server. */
async function health(...args: readonly string[]) {
  const io = new FakeIo();
  const fake = Object.assign(new FakeServices(), { ask: services.ask });
  return { exitCode: await main(["health", ...args], io, fake), out: io.outLines, errors: io.errorLines };
}

Deno.test("health exits with 0 if the broker is ready, and asks /readyz unless it is told another path", async () => {
  const asked: string[] = [];
  const answer = (path: string) => {
    asked.push(path);
    return new Response("ok\n");
  };
  await withServer(answer, async (url) => {
    assertEquals(await health(url), { exitCode: 0, out: ["ok"], errors: [] });
    assertEquals((await health(`${url}/livez`)).exitCode, 0);
  });
  assertEquals(asked, ["/readyz", "/livez"]);
});

Deno.test("health exits with 1 and says why if the broker is not ready, or sends it elsewhere", async () => {
  await withServer(() => new Response("unavailable\n", { status: 503 }), async (url) => {
    assertEquals(await health(url), { exitCode: 1, out: [`${url}/readyz: 503 unavailable`], errors: [] });
  });
  await withServer(() => Response.redirect("http://127.0.0.1:1/"), async (url) => {
    assertEquals((await health(url)).exitCode, 1);
  });
});

Deno.test("health exits with 1 if nobody answers", async () => {
  let gone = "";
  await withServer(() => new Response(), (url) => Promise.resolve(void (gone = url)));
  const { exitCode, errors } = await health(gone);
  assertEquals(exitCode, 1);
  assertMatch(errors.join("\n"), /\/readyz: .*connection refused/i);
  assertEquals(errors.join("\n").split(gone).length, 2, "the address is said once");
});

Deno.test("who is asked and says nothing is not waited for", async () => {
  const silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const accepted = silent.accept();
  const error = await ask(`http://127.0.0.1:${silent.addr.port}/`, 50).catch((error) => error);
  assertMatch(error.message, /no answer in 0.05 seconds/);
  (await accepted).close();
  silent.close();
});

Deno.test("of an endless answer only the beginning is read", async () => {
  const endless = () =>
    new Response(new ReadableStream({ pull: (to) => to.enqueue(new TextEncoder().encode("x".repeat(1000))) }));
  await withServer(endless, async (url) => assertEquals((await ask(url, 60_000)).text.length, 200));
});

for (const address of ["localhost:9883", "ftp://localhost", "nonsense"]) {
  Deno.test(`health refuses the address ${address} with exit code 2`, async () => {
    const { exitCode, errors } = await health(address);
    assertEquals(exitCode, 2);
    const expected = `error: the address must be a URL that begins with http:// or https://: got ${address}`;
    assertEquals(errors, [expected]);
  });
}

Deno.test("health without an address asks the broker that the command line runs", async () => {
  const fake = new FakeServices();
  assertEquals(await main(["health"], new FakeIo(), fake), 0);
  assertEquals(fake.asked, ["http://127.0.0.1:9883/readyz"]);
});
