/** Streams of events: who may read them for how long, and what a slow reader costs. */
import { assert, assertEquals } from "@std/assert";
import { addToken, revokeToken } from "../../src/admin/access/tokens.ts";
import { EventStream } from "../../src/admin/event_stream.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { startBroker } from "../support/test_broker.ts";
import { AdminUser, EventReader, startAdmin } from "./support.ts";

const never = () => () => {};

Deno.test("a slow reader is dropped from, told how many it has missed, and its stream stays bounded", async () => {
  const stream = new EventStream(never);
  for (let at = 0; at < 100_000; at++) stream.push("event", { at });
  await using reader = new EventReader(stream.response);
  const seen: number[] = [];
  let dropped = 0;
  stream.onEnd(() => {});
  while (dropped === 0) {
    const { event, data } = (await reader.next())!;
    if (event === "dropped") dropped = data.count;
    else seen.push(data.at);
  }
  assert(seen.length < 1000, String(seen.length));
  assertEquals(seen.length + dropped, 100_000);
  assertEquals(seen, Array.from(seen, (_, at) => at));
  stream.push("event", { at: "after" });
  assertEquals((await reader.next())!.data.at, "after");
});

Deno.test("large events for a slow reader are bounded in bytes", async () => {
  const stream = new EventStream(never);
  for (let at = 0; at < 100; at++) stream.push("message", "x".repeat(100_000));
  stream.close();
  assert((await stream.response.text()).length < 2 ** 20 + 1000);
});

Deno.test("a stream ends when its token is revoked, and when its reader signs out", async () => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const tokensFile = `${folder}/tokens`;
  const token = await addToken(tokensFile, "grafana", "viewer", new Date());
  await using broker = await startBroker({ admin: { bind: "127.0.0.1:0", tokensFile } });
  const link = new URL(broker.broker.adminUrl!);
  const json = { "content-type": "application/json", "x-csrf-token": "none yet" };
  const signIn = await fetch(`${link.origin}/api/v1/sign-in/link`, {
    method: "POST",
    headers: json,
    body: JSON.stringify({ token: link.hash.slice("#token=".length) }),
  });
  const { csrf } = await signIn.json();
  const cookie = signIn.headers.get("set-cookie")!.split(";")[0]!;
  const open = (headers: HeadersInit) => fetch(`${link.origin}/api/v1/streams/events`, { headers });
  await using byToken = new EventReader(await open({ authorization: `Bearer ${token}` }));
  await using byCookie = new EventReader(await open({ cookie }));
  broker.clock.advance(1000);
  await broker.connect({ clientIdentifier: "c" });
  assertEquals((await byToken.next())?.data.clientIdentifier, "c");
  assertEquals((await byCookie.next())?.data.clientIdentifier, "c");
  await revokeToken(tokensFile, "grafana");
  const out = await fetch(`${link.origin}/api/v1/sign-out`, {
    method: "POST",
    headers: { ...json, cookie, "x-csrf-token": csrf },
    body: "{}",
  });
  assertEquals(out.status, 204);
  broker.clock.advance(1000);
  assertEquals([await byToken.next(), await byCookie.next()], [undefined, undefined]);
});

Deno.test("one user has so many streams and no more, and HEAD opens none", async () => {
  const { broker, user } = await startAdmin();
  await using _ = broker;
  const streams: Response[] = [];
  let refused = 0;
  for (let at = 0; at < 300; at++) {
    const head = await user.ask("/streams/events", { method: "HEAD" });
    assertEquals([head.status, head.headers.get("content-type")], [200, "text/event-stream"]);
    const answer = await user.ask("/streams/events");
    if (answer.status === 200) streams.push(answer);
    else refused++;
    if (answer.status !== 200) await answer.body?.cancel();
  }
  assertEquals(streams.length, 16);
  assert(refused > 100);
  for (const stream of streams) await stream.body!.cancel();
  const again = await user.ask("/streams/events");
  assertEquals(again.status, 200);
  await again.body!.cancel();
});

Deno.test("what is denied stands in the timeline and with the topic: publishing, subscribing and receiving", async () => {
  await using broker = await startBroker({
    topicCheck: {
      enabled: true,
      acl: { "": ["t/#"], anonymous: ["t/#"] },
      publishAcl: { anonymous: ["t/#"] },
      subscribeAcl: { anonymous: ["t/#"] },
      receiveAcl: { anonymous: ["t/open"] },
    },
  });
  void broker.broker.topics;
  const user = new AdminUser(broker, "admin");
  const client = await broker.connect5({ clientIdentifier: "c" });
  await client.subscribe("secret/a");
  await client.subscribe("t/#");
  await client.publish("secret/b", "x", { qos: 1 });
  for (let at = 0; at < 3; at++) await broker.broker.publish("t/closed", "x");
  const denied = async (name: string) => {
    const topic = await user.get(`/topic?name=${name}`);
    return topic.denied.map(({ what, clientIdentifier }: Record<string, string>) => `${what} ${clientIdentifier}`);
  };
  assertEquals(await denied("secret/a"), ["subscribe c"]);
  assertEquals(await denied("secret/b"), ["publish c"]);
  assertEquals(await denied("t/closed"), ["receive c"]);
  const { items } = await user.get("/client/timeline?id=c");
  const texts: string[] = items.map(({ text }: { text: string }) => text);
  for (const text of ['may not subscribe to "secret/a"', 'may not publish to "secret/b"', "receive-denied"]) {
    assert(texts.some((one) => one.includes(text)), `${text} in ${texts}`);
  }
});

Deno.test("a method that a path does not take is answered 405, and the policy names the broker's own WebSockets", async () => {
  const { broker, user } = await startAdmin({
    config: { listeners: { web: { type: "ws", bind: "127.0.0.1:0" }, memory: { type: "external" } } },
  });
  await using _ = broker;
  for (const method of ["OPTIONS", "PUT", "DELETE"]) {
    const answer = await user.ask("/overview", { method });
    await answer.body?.cancel();
    assertEquals([answer.status, answer.headers.get("allow")], [405, "GET"]);
    assertEquals(answer.headers.get("access-control-allow-origin"), null);
  }
  const answer = await user.ask("/session");
  await answer.body?.cancel();
  const { port } = broker.broker.addresses.web!;
  const policy = answer.headers.get("content-security-policy")!;
  assert(policy.includes(`connect-src 'self' ws://localhost:${port};`), policy);
});
