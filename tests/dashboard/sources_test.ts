/** What must hold of the dashboard's sources, and of the module that is made from them. */
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl, relative } from "@std/path";
import { sourceFiles, sourceHash } from "../../dashboard/source_hash.ts";
import { bytesOf, diffLines, hexLines, imageType, prettyJson } from "../../dashboard/src/parts/bytes.ts";
import * as codec from "../../dashboard/src/mqtt/codec.ts";
import { visible } from "../../dashboard/src/format.ts";
import { dashboardFiles, sourceHash as builtFrom } from "../../src/admin/dashboard_files.ts";
import { PAGE_POLICY } from "../../src/admin/page.ts";
import { startAdmin } from "../admin/support.ts";

const folder = fromFileUrl(new URL("../../dashboard/", import.meta.url));

Deno.test("the dashboard that is served was built from its sources", async () => {
  assertEquals(builtFrom, await sourceHash(), "run `deno task build:dashboard`");
});

/** Ways from text to markup or code. */
const FORBIDDEN =
  /innerHTML|outerHTML|insertAdjacentHTML|dangerouslySetInnerHTML|document\.write|srcdoc|\beval\(|new Function|DOMParser|createContextualFragment|style="/;

function forbiddenIn(texts: ReadonlyMap<string, string>): string[] {
  return [...texts].flatMap(([name, text]) =>
    text.split("\n").flatMap((line, at) => FORBIDDEN.test(line) ? [`${name}:${at + 1}: ${line.trim()}`] : [])
  );
}

Deno.test("no source of the dashboard makes markup or code of text", async () => {
  const texts = new Map<string, string>();
  for (const file of await sourceFiles()) texts.set(relative(folder, file), await Deno.readTextFile(file));
  assert(texts.size > 20, `only ${texts.size} sources were found`);
  assertEquals(forbiddenIn(texts), []);
  assertEquals(forbiddenIn(new Map([["a.tsx", "x\n<p dangerouslySetInnerHTML={y} />"]])).length, 1);
});

Deno.test("the page has nothing inline, and its policy would not let it", () => {
  const { body } = dashboardFiles[""]!;
  const scripts = [...body.matchAll(/<script([^>]*)>([^<]*)/g)];
  assertEquals(scripts.map(([, attributes, inline]) => [attributes?.includes("src="), inline]), [[true, ""]]);
  assert(!/<style|style=|\son\w+=/.test(body), body);
  assert(!/unsafe|\*|https?:/.test(PAGE_POLICY), PAGE_POLICY);
});

Deno.test("the page and its files are served below any path, and are found from there", async () => {
  const { broker } = await startAdmin();
  await using _ = broker;
  const ask = (path: string) =>
    broker.broker.admin(new Request(`http://localhost/broker${path}`), { prefix: "/broker" });
  const bare = await ask("");
  assertEquals([bare.status, bare.headers.get("location")], [308, "/broker/"]);
  for (const [path, type] of [["/", "text/html"], ["/app.js", "text/javascript"], ["/app.css", "text/css"]] as const) {
    const answer = await ask(path);
    assertEquals([answer.status, answer.headers.get("content-type")], [200, `${type}; charset=utf-8`]);
    // The broker has no WebSocket listener to try it with.
    assertEquals(answer.headers.get("content-security-policy"), PAGE_POLICY.replace(" ws: wss:", ""));
    assert((await answer.text()).length > 300);
  }
  assertEquals((await ask("/toString")).status, 404);
});

Deno.test("payloads are shown as bytes, as pictures, as JSON, and by what changed", () => {
  const png = bytesOf({ size: 4, encoding: "base64", text: btoa("\x89PNG"), truncated: false });
  assertEquals([imageType(png), imageType(new TextEncoder().encode("<svg/>"))], ["image/png", undefined]);
  assertEquals(hexLines(png), `000000  ${"89 50 4e 47".padEnd(47)}  .PNG`);
  assertEquals([prettyJson('{"a":1}'), prettyJson("21.5"), prettyJson("{")], ['{\n  "a": 1\n}', undefined, undefined]);
  assertEquals(
    diffLines("a\nb\nc", "a\nx\nc").map(({ change, text }) => `${change} ${text}`),
    ["same a", "removed b", "added x", "same c"],
  );
  assertEquals(visible("a\u202eb\u0000\n"), "a\\u202eb\\u0000\\u000a");
});

Deno.test("packets from the broker are read however they are cut", () => {
  const payload = new TextEncoder().encode("x".repeat(200));
  const bytes = codec.publish({ topicName: "a/b", payload, qos: 1, retain: true }, 7);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const receiver = new codec.Receiver();
    const packets = [...receiver.push(bytes.slice(0, cut)), ...receiver.push(bytes.slice(cut))];
    assertEquals(packets.length, 1);
    const { identifier, publish } = packets[0]!;
    assertEquals([identifier, publish!.topicName, publish!.payload.length, publish!.qos, publish!.retain], [
      7,
      "a/b",
      200,
      1,
      true,
    ]);
  }
});
