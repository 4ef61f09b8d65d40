/** Names, filters, pages and bodies that somebody made up to do harm. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startAdmin } from "./support.ts";
import { main } from "../../src/cli/main.ts";
import { makeAuthority } from "../support/certificates.ts";
import { FakeIo, FakeServices, withFiles } from "../cli/support.ts";

const names: readonly string[] = [
  "<img src=x onerror=alert(1)>",
  "__proto__",
  "constructor",
  "../../etc/passwd",
  "a\u202Eb",
  "a&b=c?d#e%00",
  '"},{"x":"',
  "</script><script>",
];

Deno.test("hostile names are told as they are, as JSON that no browser takes for a page", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  for (const name of names) {
    const client = await broker.connect({ clientIdentifier: name });
    await client.publish(name.replaceAll(/[#+]/g, "-"), name, { qos: 1 });
  }
  const { items } = await user.get("/clients");
  assertEquals(
    items.map(({ clientIdentifier }: { clientIdentifier: string }) => clientIdentifier).sort(),
    [...names].sort(),
  );
  for (const name of names) {
    const { client } = await user.get(`/client?id=${encodeURIComponent(name)}`);
    assertEquals(client.clientIdentifier, name);
    const topic = await user.get(`/topic?name=${encodeURIComponent(name.replaceAll(/[#+]/g, "-"))}`);
    assertEquals([topic.publisher.clientIdentifier, topic.brief.payload.text], [name, name]);
  }
  const answer = await user.ask("/clients");
  await answer.body?.cancel();
  const { headers } = answer;
  assertEquals([headers.get("content-type"), headers.get("x-content-type-options")], ["application/json", "nosniff"]);
  for (const level of ["", "/", "//a", "__proto__/x"]) {
    await broker.broker.publish(`${level}/t`, "x");
    const { items } = await user.get(`/topics?parent=${encodeURIComponent(level)}`);
    assert(items.some(({ topicName }: { topicName: string }) => topicName === `${level}/t`), level);
  }
});

Deno.test("whatever is asked for, the answer is one of the client's fault, and never the server's", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  const values = ["-1", "1e9", "NaN", "", "%00", "%ff", "999999999999999999999", "x".repeat(70_000), "[1]"];
  const cursors = ['["a"]', '[1,"a","b"]', "[[[[", '{"0":1}', '["a",1]', "null", "%25E0%25A4%25A"];
  const paths = ["clients", "sessions", "subscriptions", "topics", "timelines", "retained", "log", "events", "audit"];
  for (const path of paths) {
    for (const value of values) {
      assertEquals((await user.ask(`/${path}?limit=${value}`)).status, 400, `${path} ${value}`);
    }
    for (const cursor of cursors) {
      assertEquals((await user.ask(`/${path}?cursor=${encodeURIComponent(cursor)}`)).status, 400, `${path} ${cursor}`);
    }
    assertEquals((await user.ask(`/${path}?__proto__=1`)).status, 400, path);
  }
});

Deno.test("wildcards in odd places are refused by name", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  for (const filter of ["a+", "a/#/b", "#a", "a/b#", "$share//x", "$share/a+/x", "$share/g", "a\0b"]) {
    const query = encodeURIComponent(filter);
    for (
      const path of [`/retained?filter=${query}`, `/streams/messages?filter=${query}`, `/streams/trace?topic=${query}`]
    ) {
      const answer = await user.ask(path);
      assertEquals(answer.status, 400, path);
      assertEquals((await answer.json()).errors.length, 1);
    }
    for (const path of ["/retained/delete"]) {
      const answer = await user.post(path, { filter, dryRun: true });
      assertEquals(answer.status, 400, `${path} ${filter}`);
      await answer.body?.cancel();
    }
  }
  for (const topic of ["a/+", "#", "", "a\0", "\ud800"]) {
    const answer = await user.post("/publish", { topicName: topic, payload: "" });
    assertEquals(answer.status, 400, JSON.stringify(topic));
    await answer.body?.cancel();
  }
});

Deno.test("bodies that are no object, deep, or poisoned are refused", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  const { csrf } = await user.get("/session");
  const headers = { "content-type": "application/json", "x-csrf-token": csrf };
  const bodies = ["[]", "null", '"x"', "1", "{", "[".repeat(400_000), '{"__proto__":{"role":"admin"}}', "\u0000"];
  for (const body of bodies) {
    const answer = await user.ask("/session/end", { method: "POST", headers, body });
    await answer.body?.cancel();
    assertEquals(answer.status, 400, body.slice(0, 40));
  }
  for (const path of ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//", "/overview/", "/Overview"]) {
    const answer = await user.ask(path);
    await answer.body?.cancel();
    assertEquals(answer.status, 404, path);
  }
});

Deno.test("--check looks at the addresses, certificates and tokens of the admin section", async () => {
  const { certificate } = makeAuthority().issue({ commonName: "broker" });
  const { key: other } = makeAuthority().issue({ commonName: "broker" });
  const check = async (admin: string) =>
    await withFiles(
      { "b.yaml": `admin: ${admin}\n`, "c.pem": certificate, "o.pem": other, tokens: "x\n" },
      async (folder) => {
        const io = new FakeIo();
        const exitCode = await main(["--check", `${folder}/b.yaml`], io, new FakeServices());
        return { exitCode, text: [...io.outLines, ...io.errorLines].join("\n").replaceAll(`${folder}/`, "") };
      },
    );
  assertStringIncludes((await check("{bind: 127.0.0.1:9884}")).text, "admin:\n  http://127.0.0.1:9884/\n");
  assertStringIncludes(
    (await check("{bind: 127.0.0.1:1883}")).text,
    "b.yaml:1:15: admin.bind: 127.0.0.1:1883 is taken",
  );
  const wrong = await check("{bind: [{bind: 0.0.0.0:9884, certfile: c.pem, keyfile: o.pem}]}");
  assertEquals(wrong.exitCode, 2);
  assertStringIncludes(wrong.text, "admin.bind");
  const missing = await check("{certfile: none.pem}");
  assertStringIncludes(missing.text, 'admin.certfile: Cannot read certfile "none.pem": no such file');
  assertStringIncludes((await check("{tokens-file: tokens}")).text, 'admin.tokens-file: tokens:1: expected "name');
  assertStringIncludes((await check("{bind: 0.0.0.0}")).text, "must be loopback without TLS");
});
