import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import fc from "fast-check";
import { main } from "../../src/cli/main.ts";
import { services } from "../../src/cli/services.ts";
import type { AuthenticationExchange, AuthenticationStep, EnhancedSignIn, Plugin } from "../../src/hooks/plugin.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { createAuthFile } from "../../src/plugins/password/auth_file.ts";
import { setPassword } from "../../src/plugins/password_file.ts";
import { FakeIo } from "../cli/support.ts";
import { patiently } from "../support/patience.ts";
import { pluginContext, signIn } from "../support/plugin_context.ts";
import { ScramClient, type ScramClientOptions } from "../support/scram_client.ts";

/** RFC 7677's user "user", whose password is "pencil". */
const scramLine = "user:SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$" +
  "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=";
/** The password is "secret". */
const mosquittoLine =
  "mosquitto:$6$L7LD2geyyGqwzSNT$uVA/+sF92snoJMxi7u/ulSJSi/Ir4XzL82qAy7BDEQmP0xGoHw753U3YNlf6h2GxCNjv6NBrk1XSI/Qec0smow==";

const DENIED = { decision: "deny", reasonCode: ReasonCode.NotAuthorized } as const;

interface Setting {
  readonly plugin: Plugin;
  readonly file: string;
  /** Delays after failures that were asked for, in milliseconds; each ends only when the client goes. */
  readonly delays: number[];
  /** Resolves once so many were asked for. */
  delayed(count: number): Promise<void>;
}

async function withPlugin(
  body: (setting: Setting) => Promise<void>,
  users = `${scramLine}\n${mosquittoLine}\n`,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "users");
  await Deno.writeTextFile(file, users);
  const context = pluginContext(folder);
  const delays: number[] = [];
  let onDelay = () => {};
  const delayed = (count: number) =>
    patiently(
      `delay ${count}`,
      new Promise<void>((resolve) => {
        onDelay = () => delays.length >= count && resolve();
        onDelay();
      }),
    );
  const delay = (ms: number, signal: AbortSignal) => {
    delays.push(ms);
    onDelay();
    return new Promise<void>((end) => signal.addEventListener("abort", () => end(), { once: true }));
  };
  const clock = { now: () => context.clock.now(), delay };
  const plugin = await createAuthFile({ passwordFile: "users" }, context, clock);
  try {
    await body({ plugin, file, delays, delayed });
  } finally {
    await plugin.afterShutdown?.();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Begins an exchange; each from an address of its own, unless said otherwise, so that failures do not add up. */
function begin(plugin: Plugin, parts: Partial<EnhancedSignIn> = {}): AuthenticationExchange {
  const exchange = plugin.beginAuthentication?.(enhancedSignIn(parts));
  assert(exchange !== undefined);
  return exchange;
}

let addresses = 0;

function enhancedSignIn(parts: Partial<EnhancedSignIn>): EnhancedSignIn {
  const { authenticationMethod = "SCRAM-SHA-256", reAuthenticating = false } = parts;
  const remote = { hostname: `host ${addresses++}` };
  return { ...signIn({ remote }), protocolVersion: 5, ...parts, authenticationMethod, reAuthenticating };
}

/** What the mechanism says in a step. */
function dataOf(step: AuthenticationStep): Uint8Array | undefined {
  return step.decision === "deny" ? undefined : step.authenticationData;
}

/** Goes through an exchange; the first step has to ask for more. */
async function run(exchange: AuthenticationExchange, options: ScramClientOptions, extensions = "") {
  const client = new ScramClient(options);
  const challenge = await exchange.next(client.first());
  assertEquals(challenge.decision, "continue");
  const last = await exchange.next(await client.final(dataOf(challenge), extensions));
  return { client, challenge: new TextDecoder().decode(dataOf(challenge)), last };
}

/** Goes through an exchange that has to let the client in as `username`. */
async function assertSignsIn(exchange: AuthenticationExchange, username: string, password: string): Promise<void> {
  const { client, last } = await run(exchange, { username, password });
  assertEquals([last.decision, last.decision === "allow" ? last.username : undefined], ["allow", username]);
  assert(client.trusts(dataOf(last)));
}

Deno.test("a client signs in by SCRAM-SHA-256, and the broker proves itself to it", () =>
  withPlugin(async ({ plugin }) => {
    await assertSignsIn(begin(plugin), "user", "pencil");
  }));

Deno.test("re-authentication by SCRAM-SHA-256 is the same exchange", () =>
  withPlugin(async ({ plugin }) => {
    await assertSignsIn(begin(plugin, { reAuthenticating: true, username: "user" }), "user", "pencil");
  }));

Deno.test("a CONNECT without authentication data is asked for the first message, once", () =>
  withPlugin(async ({ plugin }) => {
    for (const nothing of [undefined, new Uint8Array(0)]) {
      const exchange = begin(plugin);
      assertEquals(await exchange.next(nothing), { decision: "continue" });
      await assertSignsIn(exchange, "user", "pencil");
    }
    const exchange = begin(plugin);
    await exchange.next(undefined);
    assertMatch(reasonOf(await exchange.next(undefined)), /^client-first-message: expected "n,"/);
  }));

Deno.test("auth.file knows no other method than SCRAM-SHA-256", () =>
  withPlugin(({ plugin }) => {
    for (const authenticationMethod of ["SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "scram-sha-256", "PLAIN", ""]) {
      assertEquals(plugin.beginAuthentication?.(enhancedSignIn({ authenticationMethod })), undefined);
    }
    return Promise.resolve();
  }));

Deno.test("headers that ask for no more than is served and unknown extensions are accepted", () =>
  withPlugin(async ({ plugin }) => {
    for (const gs2Header of ["n,,", "y,,", "n,a=user,"]) {
      const { last } = await run(begin(plugin), { username: "user", password: "pencil", gs2Header }, ",x=y,z=a=b");
      assertEquals(last.decision, "allow", gs2Header);
    }
  }));

Deno.test("a wrong password, an unknown user and one without SCRAM credentials are refused in the same form", () =>
  withPlugin(async ({ plugin }) => {
    const challenges: string[] = [];
    for (const username of ["user", "mosquitto", "nobody", "User", "__proto__", "x".repeat(3000)]) {
      const exchange = begin(plugin);
      const { challenge, last } = await run(exchange, { username, password: "secret" });
      assertEquals(last, DENIED, username);
      assertEquals((await exchange.next(undefined)).decision, "deny");
      challenges.push(challenge);
    }
    const form = /^r=[!-+\--~]{60},s=[0-9A-Za-z+/]{22}==,i=4096$/;
    for (const challenge of challenges) assertMatch(challenge, form);
    assertEquals(new Set(challenges.map(saltOf)).size, challenges.length);
  }));

Deno.test("the salt of a user who does not exist stays the same, across a reload, too", () =>
  withPlugin(async ({ plugin }) => {
    const salt = async () => saltOf((await run(begin(plugin), { username: "nobody", password: "x" })).challenge);
    const before = await salt();
    assertEquals(await salt(), before);
    await plugin.reload?.({ passwordFile: "users" });
    assertEquals(await salt(), before);
  }));

/** Salts of some users who do not exist, as the plugin tells them that is started on the folder's `users` anew. */
async function saltsAfterStart(folder: string, options: object = {}): Promise<{ salts: string; log: string[] }> {
  const context = pluginContext(folder);
  const clock = { now: () => context.clock.now(), delay: () => Promise.resolve() };
  const plugin = await createAuthFile({ passwordFile: "users", ...options }, context, clock);
  await plugin.beforeStart?.();
  const salts = [];
  for (let i = 0; i < 20; i++) {
    const { challenge } = await run(begin(plugin), { username: `nobody ${i}`, password: "x" });
    salts.push(challenge.slice(challenge.indexOf(",s=")));
  }
  await plugin.afterShutdown?.();
  return { salts: salts.join(), log: context.log };
}

async function inFolder(users: string, body: (folder: string, file: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const file = join(folder, "users");
  await Deno.writeTextFile(file, users);
  try {
    await body(folder, file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("the salt of a user who does not exist outlives restarts and changes of the file", () =>
  inFolder(`${scramLine}\n`, async (folder, file) => {
    const { salts, log } = await saltsAfterStart(folder);
    assertEquals((await saltsAfterStart(folder)).salts, salts);
    await Deno.writeTextFile(file, `${scramLine.replace("user:", "another:")}\n${scramLine}\n${mosquittoLine}\n`);
    assertEquals((await saltsAfterStart(folder)).salts, salts);
    await Deno.writeTextFile(file, `${scramLine.replace("user:", "other:")}\n`);
    assertEquals((await saltsAfterStart(folder)).salts, salts);
    assertEquals(log, []);
    const key = await Deno.stat(`${file}.scram-key`);
    assertEquals(key.size, 32);
    if (Deno.build.os !== "windows") assertEquals((key.mode ?? 0) & 0o777, 0o600);
  }));

Deno.test("the key of these salts is made only when somebody has SCRAM credentials, then also while running", () =>
  withPlugin(async ({ plugin, file }) => {
    await plugin.beforeStart?.();
    await run(begin(plugin), { username: "nobody", password: "x" });
    assertEquals(await Deno.stat(`${file}.scram-key`).catch(() => "none"), "none");
    await Deno.writeTextFile(file, `${scramLine}\n`);
    await plugin.reload?.({ passwordFile: "users" });
    assertEquals((await Deno.stat(`${file}.scram-key`)).size, 32);
  }, `${mosquittoLine}\n`));

Deno.test("where the key cannot be kept the log says so once, and the salts last as long as the file", () =>
  inFolder(`${scramLine}\n`, async (folder) => {
    const options = { scramKeyFile: "missing/key" };
    const { salts, log } = await saltsAfterStart(folder, options);
    assertEquals((await saltsAfterStart(folder, options)).salts, salts);
    assertEquals(log.length, 1);
    assertMatch(log[0] ?? "", /^warn: the key that hides .*\(auth\.scram-key-file: .*missing\/key: /);
    await Deno.writeTextFile(join(folder, "short"), "x");
    const short = await saltsAfterStart(folder, { scramKeyFile: "short" });
    assertMatch(short.log[0] ?? "", /short: it must have 32 bytes: got 1\)$/);
    assertEquals(short.salts, salts);
  }));

Deno.test("the exchange has the same form if nobody in the file has SCRAM credentials", () =>
  withPlugin(async ({ plugin }) => {
    const { challenge, last } = await run(begin(plugin), { username: "mosquitto", password: "secret" });
    assertMatch(challenge, /,s=[0-9A-Za-z+/]{22}==,i=15000$/);
    assertEquals(last, DENIED);
  }, `${mosquittoLine}\n`));

Deno.test("who proves the password of one user does not become another by the CONNECT's user name", () =>
  withPlugin(async ({ plugin }) => {
    await assertSignsIn(begin(plugin, { username: "admin" }), "user", "pencil");
  }));

Deno.test("a malformed message is refused with words that help, and ends the exchange", () =>
  withPlugin(async ({ plugin }) => {
    const exchange = begin(plugin);
    const step = await exchange.next(new TextEncoder().encode("n,,user,pencil"));
    assertMatch(reasonOf(step), /^client-first-message: expected "n=" and a user name/);
    const client = new ScramClient({ username: "user", password: "pencil" });
    assertEquals(reasonOf(await exchange.next(client.first())), "the exchange is over: expected a new one");
    const other = begin(plugin);
    await other.next(client.first());
    assertMatch(reasonOf(await other.next(undefined)), /^client-final-message: expected ",p="/);
  }));

Deno.test("the last message of another exchange does not sign in", () =>
  withPlugin(async ({ plugin }) => {
    const client = new ScramClient({ username: "user", password: "pencil" });
    const exchange = begin(plugin);
    const final = await client.final(dataOf(await exchange.next(client.first())));
    const other = begin(plugin);
    await other.next(client.first());
    assertMatch(reasonOf(await other.next(final)), /^client-final-message: expected "r=" to repeat the nonce/);
    assertEquals((await exchange.next(final)).decision, "allow");
    assertEquals((await exchange.next(final)).decision, "deny");
  }));

Deno.test("messages that were cut off or changed are refused or asked for more, and never throw", () =>
  withPlugin(async ({ plugin }) => {
    const place = fc.record({ at: fc.nat(), difference: fc.integer({ min: 0, max: 255 }), length: fc.nat(400) });
    await fc.assert(fc.asyncProperty(place, place, async (inFirst, inFinal) => {
      const client = new ScramClient({ username: "user", password: "pencil" });
      const exchange = begin(plugin);
      const first = client.first();
      const changedFirst = change(first, inFirst);
      const challenge = await exchange.next(changedFirst);
      if (challenge.decision !== "continue" || challenge.authenticationData === undefined) return;
      const text = new TextDecoder().decode(challenge.authenticationData);
      const final = new TextEncoder().encode(`c=biws,${text.split(",")[0]},p=${"A".repeat(43)}=`);
      assertEquals((await exchange.next(change(final, inFinal))).decision, "deny");
    }));
  }));

Deno.test("failed exchanges make an address wait, and sign-ins by password with it", () =>
  withPlugin(async ({ plugin, delays, delayed }) => {
    const remote = { hostname: "192.0.2.7" };
    for (let i = 0; i < 3; i++) {
      assertEquals((await run(begin(plugin, { remote }), { username: "user", password: "x" })).last, DENIED);
    }
    assertEquals(delays, []);
    const client = new AbortController();
    const waiting = run(begin(plugin, { remote, signal: client.signal }), { username: "user", password: "pencil" });
    await delayed(1);
    const other = plugin.authenticate?.(
      signIn({ remote, username: "user", password: "pencil", signal: client.signal }),
    );
    assertEquals(delays, [250, 250]);
    client.abort();
    assertEquals((await waiting).last, DENIED);
    assertEquals(await other, "deny");
    await assertSignsIn(begin(plugin), "user", "pencil");
  }));

Deno.test("of 100 wrong proofs from one address at once three are looked at, eight wait, the rest is refused", () =>
  withPlugin(async ({ plugin, delayed }) => {
    const remote = { hostname: "192.0.2.7" };
    const client = new AbortController();
    const ready = await Promise.all(Array.from({ length: 100 }, async () => {
      const exchange = begin(plugin, { remote, signal: client.signal });
      const scram = new ScramClient({ username: "user", password: "x" });
      return { exchange, final: await scram.final(dataOf(await exchange.next(scram.first()))) };
    }));
    const steps = ready.map(async ({ exchange, final }) => await exchange.next(final));
    await delayed(8);
    client.abort();
    const results = (await Promise.all(steps)).map((step) => step.decision === "deny" ? step.reasonCode : undefined);
    assertEquals(results.filter((result) => result === ReasonCode.NotAuthorized).length, 3 + 8);
    assertEquals(results.filter((result) => result === ReasonCode.ServerBusy).length, 100 - 3 - 8);
  }));

Deno.test("a user with SCRAM credentials signs in with user name and password, too", () =>
  withPlugin(async ({ plugin }) => {
    const attempt = (password: string) =>
      plugin.authenticate?.(signIn({ username: "user", password, remote: { hostname: password } }));
    assertEquals(await attempt("pencil"), "allow");
    assertEquals(await attempt("\uFF50encil"), "allow");
    for (const password of ["Pencil", "pencil ", "pencil\0", "\u0007"]) {
      assertEquals(await attempt(password), "deny", JSON.stringify(password));
    }
  }));

Deno.test("passwd --scram writes a line with which a client signs in", () =>
  withPlugin(async ({ plugin, file }) => {
    for (const [username, password] of [["älice, =3D", "pä🔑 ß"], ["bob", "ﬁsh \u2460"]] as const) {
      const io = new FakeIo([`${password}\n`]);
      assertEquals(await main(["passwd", "--scram", file, username], io, services), 0, io.errorLines.join("\n"));
      await plugin.reload?.({ passwordFile: "users" });
      await assertSignsIn(begin(plugin), username, password);
      const remote = { hostname: "elsewhere" };
      assertEquals(await plugin.authenticate?.(signIn({ username, password, remote })), "allow");
    }
    await assertSignsIn(begin(plugin), "user", "pencil");
  }));

Deno.test("a new password counts from the next exchange on", () =>
  withPlugin(async ({ plugin, file }) => {
    assertEquals(await setPassword(file, "user", "brush", { scram: true }), "changed");
    await plugin.reload?.({ passwordFile: "users" });
    assertEquals((await run(begin(plugin), { username: "user", password: "pencil" })).last, DENIED);
    await assertSignsIn(begin(plugin), "user", "brush");
    await setPassword(file, "user", "brush");
    await plugin.reload?.({ passwordFile: "users" });
    assertEquals((await run(begin(plugin), { username: "user", password: "brush" })).last, DENIED);
  }));

function reasonOf(step: AuthenticationStep): string {
  assert(step.decision === "deny");
  assertEquals(step.reasonCode, ReasonCode.NotAuthorized);
  return step.reasonString ?? "";
}

function saltOf(challenge: string): string | undefined {
  return /,s=([^,]+)/.exec(challenge)?.[1];
}

/** One byte is another one (or, by a difference of 0, the same), and what comes after `length` bytes is gone. */
function change(
  message: Uint8Array,
  { at, difference, length }: { readonly at: number; readonly difference: number; readonly length: number },
): Uint8Array {
  return message.map((byte, index) => index === at % message.length ? byte ^ difference : byte).subarray(0, length);
}
