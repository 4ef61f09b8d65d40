import { assert, assertEquals, assertRejects } from "@std/assert";
import type { AdminRole } from "../../src/config/config.ts";
import { Attempts } from "../../src/admin/access/attempts.ts";
import { addToken, readTokens, revokeToken } from "../../src/admin/access/tokens.ts";
import { setPassword } from "../../src/plugins/password_file.ts";
import { temporaryFolder } from "../support/temporary_folder.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

function urlOf(broker: TestBroker): string {
  return broker.broker.adminUrl!.replace(/#.*$/, "");
}

const json = { "content-type": "application/json", "x-csrf-token": "none yet" };

function post(url: string, body: unknown, headers: HeadersInit = {}): Promise<Response> {
  return fetch(url, { method: "POST", headers: { ...json, ...headers }, body: JSON.stringify(body) });
}

Deno.test("without users a one-time link signs in, once, and never stands in the log", async () => {
  await using broker = await startBroker({ admin: { bind: "127.0.0.1:0" } });
  const url = urlOf(broker);
  const token = new URL(broker.broker.adminUrl!).hash.slice("#token=".length);
  assert(token.length > 40);
  const answer = await post(`${url}api/v1/sign-in/link`, { token });
  const { role, csrf } = await answer.json();
  assertEquals(role, "admin");
  const cookie = answer.headers.get("set-cookie")!;
  assert(/HttpOnly; SameSite=Strict/.test(cookie), cookie);
  const headers = { cookie: cookie.split(";")[0]!, "x-csrf-token": csrf };
  const overview = await fetch(`${url}api/v1/overview`, { headers });
  assertEquals((await overview.json()).health.level, "ok");
  const again = await post(`${url}api/v1/sign-in/link`, { token });
  assertEquals([again.status, (await again.json()).signIn], [401, "link"]);
  assertEquals(broker.broker.adminUrl, url);
  assert(!broker.log.lines.some((line) => line.includes(token)));
  assertEquals((await post(`${url}api/v1/sign-out`, {}, headers)).status, 204);
  const after = await fetch(`${url}api/v1/overview`, { headers });
  await after.body?.cancel();
  assertEquals(after.status, 401);
  broker.clock.advance(1);
});

Deno.test("listed users of the password file sign in with their role, others do not, and failures cost time", async () => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const passwordFile = `${folder}/users`;
  await setPassword(passwordFile, "ada", "right");
  await setPassword(passwordFile, "bob", "right");
  await using broker = await startBroker({
    auth: { passwordFile },
    admin: { bind: "127.0.0.1:0", users: { ada: "viewer" } },
  });
  const signIn = async (username: string, password: string) => {
    const answer = await post(`${urlOf(broker)}api/v1/sign-in`, { username, password });
    return [answer.status, (await answer.json()).role ?? answer.headers.get("retry-after") ?? ""];
  };
  assertEquals(await signIn("ada", "right"), [200, "viewer"]);
  assertEquals(await signIn("bob", "right"), [401, ""]);
  assertEquals(await signIn("ada", "wrong"), [401, ""]);
  assertEquals(await signIn("toString", "x"), [401, ""]);
  assertEquals(await signIn("ada", "wrong"), [401, ""]);
  assertEquals(await signIn("ada", "right"), [429, "1"]);
  broker.clock.advance(1000);
  assertEquals(await signIn("ada", "right"), [200, "viewer"]);
});

Deno.test("a bearer token works until it is revoked, and its file does not hold it", async () => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const tokensFile = `${folder}/tokens`;
  const token = await addToken(tokensFile, "grafana", "operator", new Date());
  assert(!(await Deno.readTextFile(tokensFile)).includes(token));
  await assertRejects(
    () => addToken(tokensFile, "grafana", "viewer", new Date()),
    Error,
    "there is a token grafana already",
  );
  await assertRejects(() => addToken(tokensFile, "a b", "viewer", new Date()), Error, "token name must be");
  await using broker = await startBroker({ admin: { bind: "127.0.0.1:0", tokensFile } });
  const publish = async (headers: HeadersInit) => {
    const answer = await post(`${urlOf(broker)}api/v1/publish`, { topicName: "t", payload: "" }, headers);
    await answer.body?.cancel();
    return answer.status;
  };
  // A program needs no CSRF header.
  assertEquals(await publish({ authorization: `Bearer ${token}`, "x-csrf-token": "" }), 200);
  assertEquals(await publish({ authorization: `Bearer ${token}x` }), 401);
  assertEquals(await revokeToken(tokensFile, "grafana"), true);
  assertEquals(await revokeToken(tokensFile, "grafana"), false);
  assertEquals(await readTokens(tokensFile), []);
  assertEquals(await publish({ authorization: `Bearer ${token}` }), 401);
});

Deno.test("a request for a host that is not ours is refused, and what machines ask needs no sign-in", async () => {
  await using broker = await startBroker({ admin: { bind: "127.0.0.1:0" } });
  const { port } = new URL(urlOf(broker));
  const ask = async (path: string, host: string) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    const request = `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(request));
    return (await new Response(connection.readable).text()).split("\r\n")[0];
  };
  assertEquals(await ask("/", "evil.example"), "HTTP/1.1 421 Misdirected Request");
  assertEquals(await ask("/api/v1/overview", `evil.example:${port}`), "HTTP/1.1 421 Misdirected Request");
  assertEquals(await ask("/api/v1/overview", `localhost:${port}`), "HTTP/1.1 401 Unauthorized");
  assertEquals(await ask("/livez", "anything"), "HTTP/1.1 200 OK");
  assertEquals(await ask("/readyz", "anything"), "HTTP/1.1 200 OK");
  assertEquals(await ask("/metrics", "localhost"), "HTTP/1.1 401 Unauthorized");
});

Deno.test("the delay after failures doubles up to a minute, and a success takes back its own attempt alone", () => {
  let nowMs = 0;
  const attempts = new Attempts(() => nowMs);
  const waits: number[] = [];
  for (let failure = 0; failure < 12; failure++) {
    attempts.fail("192.0.2.1");
    waits.push(attempts.waitSeconds("192.0.2.1"));
  }
  assertEquals(waits, [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
  assertEquals(attempts.waitSeconds("192.0.2.2"), 0);
  nowMs += 60_000;
  assertEquals(attempts.waitSeconds("192.0.2.1"), 0);
  attempts.fail("192.0.2.1")();
  assertEquals(attempts.waitSeconds("192.0.2.1"), 0);
  attempts.fail("192.0.2.1");
  assertEquals(attempts.waitSeconds("192.0.2.1"), 60);
  nowMs += 700_000;
  attempts.fail("192.0.2.1");
  assertEquals(attempts.waitSeconds("192.0.2.1"), 0);
});

Deno.test("failures of so many networks are remembered, and no more", () => {
  const attempts = new Attempts(() => 0);
  for (let at = 0; at < 30_000; at++) attempts.fail(`10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`);
  assertEquals(attempts.networks, 10_000);
});

Deno.test("many wrong passwords at once are no more guesses than one after the other", async () => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const passwordFile = `${folder}/users`;
  await setPassword(passwordFile, "ada", "right");
  await using broker = await startBroker({
    auth: { passwordFile },
    admin: { bind: "127.0.0.1:0", users: { ada: "admin" } },
  });
  const answers = await Promise.all(Array.from({ length: 20 }, async (_, at) => {
    const answer = await post(`${urlOf(broker)}api/v1/sign-in`, { username: "ada", password: `guess ${at}` });
    await answer.body?.cancel();
    return answer.status;
  }));
  assertEquals(answers.filter((status) => status === 401).length, 4);
  assertEquals(answers.filter((status) => status === 429).length, 16);
});

Deno.test("wrong bearer tokens cost time, and hold up neither a right one nor a sign-in", async () => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const tokensFile = `${folder}/tokens`;
  const token = await addToken(tokensFile, "grafana", "viewer", new Date());
  await using broker = await startBroker({ admin: { bind: "127.0.0.1:0", tokensFile } });
  const ask = async (bearer: string) => {
    const answer = await fetch(`${urlOf(broker)}api/v1/session`, { headers: { authorization: `Bearer ${bearer}` } });
    await answer.body?.cancel();
    return answer.status;
  };
  const wrong: number[] = [];
  for (let at = 0; at < 6; at++) wrong.push(await ask(`amqtt_${at}`));
  assertEquals(wrong, [401, 401, 401, 401, 429, 429]);
  assertEquals(await ask(token), 200);
  const link = new URL(broker.broker.adminUrl!).hash.slice("#token=".length);
  const answer = await post(`${urlOf(broker)}api/v1/sign-in/link`, { token: link });
  await answer.body?.cancel();
  assertEquals(answer.status, 200);
});

Deno.test("a session that somebody else has chosen is none, and a new sign-in ends the one before", async () => {
  await using temporary = await temporaryFolder();
  const folder = temporary.path;
  const passwordFile = `${folder}/users`;
  await setPassword(passwordFile, "ada", "right");
  await using broker = await startBroker({
    auth: { passwordFile },
    admin: { bind: "127.0.0.1:0", users: { ada: "admin" } },
  });
  const { port } = new URL(urlOf(broker));
  const chosen = `amqtt_admin_${port}=chosen`;
  const signIn = async (cookie: string) => {
    const headers = { cookie };
    const answer = await post(`${urlOf(broker)}api/v1/sign-in`, { username: "ada", password: "right" }, headers);
    await answer.body?.cancel();
    return answer.headers.get("set-cookie")!.split(";")[0]!;
  };
  const isIn = async (cookie: string) => {
    const answer = await fetch(`${urlOf(broker)}api/v1/session`, { headers: { cookie } });
    await answer.body?.cancel();
    return answer.status === 200;
  };
  const first = await signIn(chosen);
  const second = await signIn(first);
  assertEquals([await isIn(chosen), await isIn(first), await isIn(second)], [false, false, true]);
});

/** A broker whose admin API has users with passwords, what signs them in, and what reloads the broker. */
async function startWithUsers(folder: string, users: Readonly<Record<string, AdminRole>>) {
  const passwordFile = `${folder}/users`;
  for (const name of ["ada", "bob", "cy"]) await setPassword(passwordFile, name, "right");
  const config = (users: Readonly<Record<string, AdminRole>>) => ({
    listeners: { tcp: { bind: "127.0.0.1:0" } },
    auth: { passwordFile },
    admin: { bind: "127.0.0.1:0", users },
    sysInterval: 0,
  });
  const broker = await startBroker(config(users));
  const ask = async (path: string, init: RequestInit) => {
    const answer = await fetch(`${urlOf(broker)}api/v1/${path}`, init);
    return { status: answer.status, cookie: answer.headers.get("set-cookie")?.split(";")[0], ...await answer.json() };
  };
  return {
    broker,
    passwordFile,
    reload: (users: Readonly<Record<string, AdminRole>>) => broker.broker.reload(config(users)),
    /** The cookie of a new session. */
    signIn: async (username: string) => {
      const { cookie } = await ask("sign-in", requestOf({ username, password: "right" }));
      return cookie as string;
    },
    /** The role that the holder of a cookie has now, or the status of the refusal. */
    roleOf: async (cookie: string) => {
      const { status, role } = await ask("session", { headers: { cookie } });
      return role ?? status;
    },
  };
}

const requestOf = (body: unknown) => ({ method: "POST", headers: json, body: JSON.stringify(body) });

Deno.test("a reload ends the sessions of users who are not listed any longer, and a new role holds at once", async () => {
  await using temporary = await temporaryFolder();
  const { broker, reload, signIn, roleOf } = await startWithUsers(temporary.path, { ada: "admin", bob: "viewer" });
  await using _ = broker;
  const [ada, bob] = [await signIn("ada"), await signIn("bob")];
  assertEquals([await roleOf(ada), await roleOf(bob)], ["admin", "viewer"]);
  const stream = await fetch(`${urlOf(broker)}api/v1/streams/events`, { headers: { cookie: bob } });
  const { needsRestart } = await reload({ bob: "operator", cy: "viewer" });
  assertEquals(needsRestart.filter((key) => key.startsWith("admin")), []);
  assertEquals([await roleOf(ada), await roleOf(bob)], [401, "operator"]);
  // Streams show what the role at their beginning may see.
  broker.clock.advance(1000);
  await stream.text();
  assertEquals(await roleOf(await signIn("cy")), "viewer");
  // Who is listed again signs in again.
  await reload({ ada: "admin", bob: "operator" });
  assertEquals(await roleOf(ada), 401);
  // What the program or the API reloads without a config leaves the users as they are.
  await broker.broker.reload();
  assertEquals(await roleOf(bob), "operator");
});

Deno.test("a session ends with its user's line in the password file", async () => {
  await using temporary = await temporaryFolder();
  const { broker, passwordFile, signIn, roleOf } = await startWithUsers(temporary.path, {
    ada: "admin",
    bob: "viewer",
  });
  await using _ = broker;
  const [ada, bob] = [await signIn("ada"), await signIn("bob")];
  const text = await Deno.readTextFile(passwordFile);
  await Deno.writeTextFile(passwordFile, text.replace(/^bob:.*\n/m, ""));
  await broker.broker.reload();
  assertEquals([await roleOf(ada), await roleOf(bob)], ["admin", 401]);
});

Deno.test("a session ends when its user gets another password, and the sessions of others go on", async () => {
  await using temporary = await temporaryFolder();
  const { broker, passwordFile, signIn, roleOf } = await startWithUsers(temporary.path, {
    ada: "admin",
    bob: "viewer",
  });
  await using _ = broker;
  const [ada, bob] = [await signIn("ada"), await signIn("bob")];
  const stream = await fetch(`${urlOf(broker)}api/v1/streams/events`, { headers: { cookie: bob } });
  await setPassword(passwordFile, "bob", "another");
  await broker.broker.reload();
  assertEquals([await roleOf(ada), await roleOf(bob)], ["admin", 401]);
  broker.clock.advance(1000);
  await stream.text();
  // The same password is a new entry, too, and who has signed in with it stays.
  await setPassword(passwordFile, "bob", "right");
  await broker.broker.reload();
  assertEquals(await roleOf(bob), 401);
  const again = await signIn("bob");
  await broker.broker.reload();
  assertEquals(await roleOf(again), "viewer");
});

Deno.test("users who are listed first by a reload end the sessions by link, if their passwords are known", async () => {
  await using temporary = await temporaryFolder();
  const { broker, reload, roleOf } = await startWithUsers(temporary.path, {});
  await using _ = broker;
  const linkOf = () => new URL(broker.broker.adminUrl!).hash.slice("#token=".length);
  const byLink = async () => {
    const answer = await post(`${urlOf(broker)}api/v1/sign-in/link`, { token: linkOf() });
    await answer.body?.cancel();
    return answer.headers.get("set-cookie")!.split(";")[0]!;
  };
  const holder = await byLink();
  assertEquals(await roleOf(holder), "admin");
  await reload({ ada: "admin" });
  assertEquals([await roleOf(holder), linkOf()], [401, ""]);
  // Without users there is a new link.
  await reload({});
  assertEquals(await roleOf(await byLink()), "admin");
});

Deno.test("users wait for a restart if nobody knows their passwords before", async () => {
  await using temporary = await temporaryFolder();
  const passwordFile = `${temporary.path}/users`;
  await setPassword(passwordFile, "ada", "right");
  const listeners = { tcp: { bind: "127.0.0.1:0" } };
  await using broker = await startBroker({ listeners, admin: { bind: "127.0.0.1:0" } });
  const admin = { bind: "127.0.0.1:0", users: { ada: "admin" } } as const;
  const { needsRestart } = await broker.broker.reload({ listeners, auth: { passwordFile }, admin });
  assert(needsRestart.includes("admin.users"), needsRestart.join());
  assert(broker.broker.adminUrl!.includes("#token="));
});
