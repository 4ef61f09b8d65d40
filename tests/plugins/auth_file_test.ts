import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { join } from "@std/path";
import type { Plugin, SignIn } from "../../src/hooks/plugin.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import create from "../../src/plugins/auth_file.ts";
import { hashWithArgon2id } from "../../src/plugins/password/argon2id.ts";
import { createAuthFile } from "../../src/plugins/password/auth_file.ts";
import type { Delay } from "../../src/plugins/password/waiting_room.ts";
import { setPassword } from "../../src/plugins/password_file.ts";
import { pluginContext, signIn, type TestContext } from "../support/plugin_context.ts";

/** The password of all users here is "secret". */
const fast =
  "$6$L7LD2geyyGqwzSNT$uVA/+sF92snoJMxi7u/ulSJSi/Ir4XzL82qAy7BDEQmP0xGoHw753U3YNlf6h2GxCNjv6NBrk1XSI/Qec0smow==";

const BUSY = { decision: "deny", reasonCode: ReasonCode.ServerBusy } as const;

interface Setting {
  readonly plugin: Plugin;
  readonly file: string;
  readonly context: TestContext;
  /** Delays that were asked for, in milliseconds. */
  readonly delays: number[];
  /** Moves the clock on and ends all delays that are due. */
  pass(ms: number): void;
}

/** Runs a test with the plugin on a file of its own, and a clock that stands still. */
async function withPlugin(
  body: (setting: Setting) => Promise<void>,
  { users = `alice:${fast}\n`, authConcurrency = 2 } = {},
): Promise<void> {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(join(folder, "users"), users);
  const context = pluginContext(folder);
  const delays: number[] = [];
  const waiting = new Set<{ dueMs: number; end: () => void }>();
  const delay: Delay = (ms, signal) => {
    delays.push(ms);
    return new Promise((end) => {
      waiting.add({ dueMs: context.clock.now() + ms, end });
      signal.addEventListener("abort", () => end(), { once: true });
    });
  };
  const pass = (ms: number) => {
    context.clock.advance(ms);
    for (const waiter of waiting) if (waiter.dueMs <= context.clock.now()) waiter.end();
  };
  const clock = { now: () => context.clock.now(), delay };
  const plugin = await createAuthFile({ passwordFile: "users", authConcurrency }, context, clock);
  try {
    await body({ plugin, file: join(folder, "users"), context, delays, pass });
  } finally {
    await plugin.afterShutdown?.();
    await Deno.remove(folder, { recursive: true });
  }
}

const attempt = (plugin: Plugin, parts: Parameters<typeof signIn>[0]) =>
  Promise.resolve(plugin.authenticate?.(signIn(parts)));

/** What a refusal says without its words for people. */
function bare(decision: Awaited<ReturnType<NonNullable<Plugin["authenticate"]>>> | undefined) {
  if (typeof decision !== "object" || decision.decision === "allow") return decision;
  return { decision: decision.decision, reasonCode: decision.reasonCode };
}

const turn = () => new Promise<void>((resolve) => setTimeout(resolve, 0));

/** Lets everything run that waits for nothing but the event loop. */
async function settle(condition: () => boolean): Promise<void> {
  while (!condition()) await turn();
}

Deno.test("auth.file allows the right password only", () =>
  withPlugin(async ({ plugin }) => {
    const cases = [
      ["alice", "secret", "allow"],
      ["alice", "Secret", "deny"],
      ["Alice", "secret", "deny"],
      ["", "secret", "deny"],
      ["__proto__", "secret", "deny"],
    ] as const;
    for (const [username, password, decision] of cases) {
      assertEquals(await attempt(plugin, { username, password, remote: { hostname: username } }), decision, username);
    }
  }));

Deno.test("auth.file computes no hash any more when the broker has shut down", async () => {
  const users = `alice:${await hashWithArgon2id(new TextEncoder().encode("secret"))}\n`;
  await withPlugin(async ({ plugin }) => {
    const answers: unknown[] = [];
    const attempts = ["10.0.0.1", "10.0.0.2"].map(async (hostname) => {
      answers.push(await attempt(plugin, { username: "alice", password: "secret", remote: { hostname } }));
    });
    await plugin.afterShutdown?.();
    await turn();
    assertEquals(answers, ["allow", "allow"]);
    await Promise.all(attempts);
  }, { users });
});

Deno.test("auth.file denies an absent, an empty and an endless password at once, without computing a hash", () =>
  withPlugin(({ plugin }) => {
    for (const password of ["", "x".repeat(1025)]) {
      assertEquals(plugin.authenticate?.(signIn({ username: "alice", password })), "deny");
    }
    assertEquals(plugin.authenticate?.(signIn({ username: "alice" })), "deny");
    return Promise.resolve();
  }));

Deno.test("auth.file leaves clients without a user name to other plugins", () =>
  withPlugin(async ({ plugin }) => {
    assertEquals(await attempt(plugin, { password: "secret" }), "abstain");
  }));

Deno.test("auth.file denies everybody if the file has no users", () =>
  withPlugin(async ({ plugin }) => {
    assertEquals(await attempt(plugin, { username: "alice", password: "secret" }), "deny");
  }, { users: "# nobody\n" }));

Deno.test("the password of another user, which an unknown name is checked against, does not let it in", () =>
  withPlugin(async ({ plugin }) => {
    for (const username of ["mallory", "trudy", "eve"]) {
      assertEquals(await attempt(plugin, { username, password: "secret", remote: { hostname: username } }), "deny");
    }
  }));

Deno.test("auth.file checks hashes of every kind", () =>
  withPlugin(async ({ plugin, file }) => {
    await setPassword(file, "argon", "secret");
    await plugin.reload?.({ passwordFile: "users" });
    for (const username of ["crypt5", "pbkdf2", "argon"]) {
      const password = username === "crypt5" ? "Hello world!" : "secret";
      assertEquals(await attempt(plugin, { username, password }), "allow", username);
      assertEquals(await attempt(plugin, { username, password: "wrong" }), "deny", username);
    }
  }, {
    users: [
      "crypt5:$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5",
      "pbkdf2:$7$101$mJ15jgIoYehwQBWk$VoqT6LOlpvtzY1o8xmEY5n48ql/2yRVRSN2pdTMAAo9CY0B3HghdkfzhUhN1tlTzDdpSE+oy7wpcOWErUFb1Fg==",
      "",
    ].join("\n"),
  }));

Deno.test("1,000 right sign-ins at once wait for their turn, and are all let in", () =>
  withPlugin(async ({ plugin }) => {
    const attempts = Array.from(
      { length: 1000 },
      (_, i) => attempt(plugin, { username: "alice", password: "secret", remote: { hostname: `host ${i}` } }),
    );
    assertEquals(new Set(await Promise.all(attempts)), new Set(["allow" as const]));
  }));

Deno.test("sign-ins that could not be checked within the time for a CONNECT are refused as busy, at once", () =>
  withPlugin(async ({ plugin }) => {
    const attempts = Array.from({ length: 200 }, (_, i) => {
      const remote = { hostname: `host ${i}` };
      return attempt(plugin, { username: "alice", password: "secret", remote, timeoutSeconds: 0.001 });
    });
    const results = (await Promise.all(attempts)).map(bare);
    const allowed = results.filter((result) => result === "allow").length;
    // Expected to take 0.2 ms each: two at once, and seven more have their result after 1 ms.
    assertEquals(allowed, 2 + 7);
    assertEquals(results.filter((result) => result !== "allow"), new Array(200 - allowed).fill(BUSY));
    assertEquals(await attempt(plugin, { username: "alice", password: "secret" }), "allow");
  }));

Deno.test("devices that come at once from one address with the same right password cost one hash together", () =>
  withPlugin(async ({ plugin }) => {
    const shared = { username: "alice", password: "secret", timeoutSeconds: 0.001 };
    const attempts = Array.from({ length: 200 }, () => attempt(plugin, shared));
    assertEquals(new Set(await Promise.all(attempts)), new Set(["allow" as const]));
  }, { authConcurrency: 1 }));

Deno.test("a user name and password that were right before wait for no hash", () =>
  withPlugin(async ({ plugin }) => {
    assertEquals(await attempt(plugin, { username: "alice", password: "secret" }), "allow");
    const order: string[] = [];
    const note = (name: string, parts: Parameters<typeof signIn>[0]) =>
      attempt(plugin, parts).then((decision) => order.push(`${name} ${decision}`));
    await Promise.all([
      note("first", { username: "bob", password: "secret" }),
      note("second", { username: "bob", password: "wrong", remote: { hostname: "elsewhere" } }),
      note("known", { username: "alice", password: "secret", remote: { hostname: "new" } }),
    ]);
    assertEquals(order, ["known allow", "first allow", "second deny"]);
  }, { users: `alice:${fast}\nbob:${fast}\n`, authConcurrency: 1 }));

Deno.test("a password that was right before is wrong as soon as the file says so", () =>
  withPlugin(async (setting) => {
    const { plugin, file } = setting;
    const known = { username: "alice", password: "secret" };
    assertEquals(await attempt(plugin, known), "allow");
    await setPassword(file, "alice", "new secret");
    await check(setting);
    assertEquals(await attempt(plugin, known), "deny");
    assertEquals(await attempt(plugin, { ...known, password: "new secret" }), "allow");
    await replace(file, `bob:${fast}\n`);
    await check(setting);
    assertEquals(await attempt(plugin, { ...known, password: "new secret" }), "deny");
  }));

Deno.test("a right guess among 200 at once gets nothing from having been right before", () =>
  withPlugin(async ({ plugin, delays }) => {
    assertEquals(await attempt(plugin, { username: "alice", password: "secret" }), "allow");
    const client = new AbortController();
    const { signal } = client;
    const results: unknown[] = [];
    const attempts = Array.from({ length: 200 }, async (_, i) => {
      const password = i === 100 ? "secret" : `guess ${i}`;
      results.push(bare(await attempt(plugin, { username: "alice", password, signal })));
    });
    await settle(() => results.length + 8 === 200);
    assertEquals(results.includes("allow"), false);
    assertEquals(delays.length, 8);
    client.abort();
    await Promise.all(attempts);
  }));

Deno.test("a device with an old password delays no other user at its address, and their success does not help it", () =>
  withPlugin(async ({ plugin, delays, pass }) => {
    const old = { username: "alice", password: "old" };
    for (let i = 0; i < 3; i++) assertEquals(await attempt(plugin, old), "deny");
    const waiting = attempt(plugin, old);
    await settle(() => delays.length === 1);
    for (let i = 0; i < 5; i++) assertEquals(await attempt(plugin, { username: "bob", password: "secret" }), "allow");
    const more = attempt(plugin, old);
    await settle(() => delays.length === 2);
    pass(250);
    assertEquals(await waiting, "deny");
    pass(500);
    assertEquals(await more, "deny");
  }, { users: `alice:${fast}\nbob:${fast}\n` }));

Deno.test("of 200 wrong passwords from one address at once few are checked, few wait, and the rest is refused", () =>
  withPlugin(async ({ plugin, delays, pass }) => {
    const results: unknown[] = [];
    const attempts = Array.from({ length: 200 }, async () => {
      results.push(bare(await attempt(plugin, { username: "alice", password: "wrong" })));
    });
    await settle(() => results.length + 8 === 200);
    const denied = results.filter((result) => result === "deny").length;
    // The third failure starts the delay; one more may have been under way.
    assert(denied === 3 || denied === 4, `${denied} were checked`);
    assertEquals(results.filter((result) => result !== "deny"), new Array(200 - 8 - denied).fill(BUSY));
    assertEquals(delays.length, 8);
    while (results.length < 200) {
      pass(8000);
      await settle(() => results.length === 200 || delays.length > 8);
      delays.length = Math.min(delays.length, 8);
    }
    await Promise.all(attempts);
  }));

Deno.test("an address waits the longer the more of its sign-ins have failed, and a success ends that", () =>
  withPlugin(async ({ plugin, delays, pass }) => {
    const failing = { username: "alice", password: "wrong" };
    for (let i = 0; i < 3; i++) assertEquals(await attempt(plugin, failing), "deny");
    assertEquals(delays, []);
    for (const [index, ms] of [250, 500, 1000].entries()) {
      const waiting = attempt(plugin, failing);
      await settle(() => delays.length === index + 1);
      assertEquals(delays.at(-1), ms);
      pass(ms);
      assertEquals(await waiting, "deny");
    }
    assertEquals(await attempt(plugin, { ...failing, remote: { hostname: "elsewhere" } }), "deny");
    const waiting = attempt(plugin, { username: "alice", password: "secret" });
    pass(2000);
    assertEquals(await waiting, "allow");
    assertEquals(await attempt(plugin, failing), "deny");
    assertEquals(delays.length, 4);
  }));

Deno.test("who waits after failures holds no place: others sign in meanwhile", () =>
  withPlugin(async ({ plugin, delays, pass }) => {
    for (let i = 0; i < 3; i++) await attempt(plugin, { username: "alice", password: "wrong" });
    const waiting = attempt(plugin, { username: "alice", password: "secret" });
    await settle(() => delays.length === 1);
    const remote = { hostname: "elsewhere" };
    assertEquals(await attempt(plugin, { username: "alice", password: "secret", remote }), "allow");
    pass(250);
    assertEquals(await waiting, "allow");
  }, { authConcurrency: 1 }));

Deno.test("who has gone neither waits for the delay nor for a place", () =>
  withPlugin(async ({ plugin, delays }) => {
    for (let i = 0; i < 3; i++) await attempt(plugin, { username: "alice", password: "wrong" });
    const client = new AbortController();
    const delayed = attempt(plugin, { username: "alice", password: "secret", signal: client.signal });
    await settle(() => delays.length === 1);
    client.abort();
    assertEquals(await delayed, "deny");

    const elsewhere = { username: "alice", password: "secret", remote: { hostname: "elsewhere" } };
    const first = attempt(plugin, elsewhere);
    const other = new AbortController();
    const queued = attempt(plugin, { ...elsewhere, signal: other.signal });
    other.abort();
    assertEquals(await queued, "deny");
    assertEquals(await first, "allow");
  }, { authConcurrency: 1 }));

/** Lets the plugin look at its file until it has logged something. */
async function check({ context, pass }: Setting): Promise<string | undefined> {
  const before = context.log.length;
  while (context.log.length === before) {
    pass(2000);
    await turn();
  }
  return context.log.at(-1);
}

/** Replaces the file in one step, so that no half of it is seen. */
async function replace(file: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${file}.new`, text);
  await Deno.rename(`${file}.new`, file);
}

Deno.test("auth.file reads the file again when it changes", () =>
  withPlugin(async (setting) => {
    const { plugin, file } = setting;
    await setPassword(file, "bob", "secret");
    assertMatch(await check(setting) ?? "", /^info: password file .*users read again: 2 users$/);
    assertEquals(await attempt(plugin, { username: "bob", password: "secret" }), "allow");
  }));

Deno.test("auth.file keeps the old users if the file has a fault, says so once, and takes the mended file", () =>
  withPlugin(async (setting) => {
    const { plugin, file, context, pass } = setting;
    await replace(file, "bob:plain-text\n");
    const message = await check(setting) ?? "";
    assertMatch(message, /^error: password file .* cannot be used, the old one stays:\n.*users:1: expected a hash/);
    assert(!message.includes("plain-text"));
    assertEquals(await attempt(plugin, { username: "alice", password: "secret" }), "allow");
    for (let i = 0; i < 20; i++) {
      pass(2000);
      await turn();
    }
    assertEquals(context.log.length, 1);
    await replace(file, `carl:${fast}\n`);
    assertMatch(await check(setting) ?? "", /^info: .*: 1 users$/);
    assertEquals(context.log.length, 2);
    assertEquals(await attempt(plugin, { username: "carl", password: "secret" }), "allow");
    assertEquals(await attempt(plugin, { username: "alice", password: "secret" }), "deny");
  }));

Deno.test("auth.file keeps the old users if the file goes away", () =>
  withPlugin(async (setting) => {
    await Deno.remove(setting.file);
    assertMatch(await check(setting) ?? "", /^error: .*cannot read password file/s);
    assertEquals(await attempt(setting.plugin, { username: "alice", password: "secret" }), "allow");
  }));

Deno.test("reload reads the file that the new options name, and a fault in it keeps the old one", () =>
  withPlugin(async ({ plugin, file }) => {
    await Deno.writeTextFile(`${file}-2`, `bob:${fast}\n`);
    await plugin.reload?.({ passwordFile: `${file}-2`, authConcurrency: 1 });
    assertEquals(await attempt(plugin, { username: "bob", password: "secret" }), "allow");
    assertEquals(await attempt(plugin, { username: "alice", password: "secret" }), "deny");
    await Deno.writeTextFile(file, "alice\n");
    await assertRejects(async () => await plugin.reload?.({ passwordFile: "users" }), Error, `${file}:1: expected`);
    assertEquals(await attempt(plugin, { username: "bob", password: "secret" }), "allow");
  }));

const refusedOptions: readonly (readonly [options: unknown, message: string])[] = [
  [undefined, "passwordFile must be the path of a file: got undefined"],
  [{ passwordFile: 7 }, "passwordFile must be the path of a file: got 7"],
  [{ passwordFile: "x", scramKeyFile: "" }, 'scramKeyFile must be the path of a file: got ""'],
  [{ passwordFile: "x", authConcurrency: 0 }, "authConcurrency must be a whole number from 1 to 64: got 0"],
  [{ passwordFile: "x", authConcurrency: 65 }, "authConcurrency must be a whole number from 1 to 64: got 65"],
  [{ passwordFile: "x", authConcurrency: 1.5 }, "authConcurrency must be a whole number from 1 to 64: got 1.5"],
  [{ file: "x" }, "unknown option file: known are passwordFile, scramKeyFile, authConcurrency"],
  [{ passwordFile: "missing" }, "cannot read password file "],
];

for (const [options, message] of refusedOptions) {
  Deno.test(`auth.file refuses its options: ${message}`, async () => {
    await assertRejects(async () => await create(options, pluginContext()), Error, message);
  });
}

Deno.test("auth.file with the system's clock leaves nothing behind", async () => {
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(join(folder, "users"), `alice:${fast}\n`);
  const context = pluginContext(folder);
  const plugin = await create({ passwordFile: "users" }, context);
  for (let i = 0; i < 3; i++) await attempt(plugin, { username: "alice", password: "wrong" });
  const client = new AbortController();
  const waiting = plugin.authenticate?.(
    { ...signIn({ username: "alice", password: "secret" }), signal: client.signal } as SignIn,
  );
  context.clock.advance(2000);
  client.abort();
  assertEquals(await waiting, "deny");
  await plugin.afterShutdown?.();
  await Deno.remove(folder, { recursive: true });
});
