import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { buildHookChain, type HookChain } from "../../src/hooks/chain.ts";
import { allowed } from "../../src/hooks/decide.ts";
import type { Decision, Plugin } from "../../src/hooks/plugin.ts";
import type { ApplicationMessage } from "../../src/message.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import { clientSnapshot, pluginContext, signIn } from "../support/plugin_context.ts";

/** A chain of these plugins, called "p0", "p1" …, and what it logs. */
function chainOf(...plugins: Plugin[]): { readonly chain: HookChain; readonly log: string[] } {
  const { logger, log } = pluginContext();
  return { chain: buildHookChain(plugins.map((plugin, index) => ({ specifier: `p${index}`, plugin })), logger), log };
}

/** As a plugin in JavaScript would return it. */
function wrongly<Result>(value: unknown): Result {
  return value as Result;
}

function failing(text: string): () => never {
  return () => {
    throw new Error(text);
  };
}

const client = clientSnapshot();
const message: ApplicationMessage = {
  topicName: parseTopicName("a/b"),
  payload: new Uint8Array([1]),
  qos: 1,
  retain: false,
};
const subscription = { topicFilter: parseTopicFilter("a/#"), qos: 0 } as const;
const bad = { allowed: false, reasonCode: ReasonCode.BadUserNameOrPassword } as const;
const notAuthorized = { allowed: false, reasonCode: ReasonCode.NotAuthorized } as const;

const optionalHooks = [
  "authenticate",
  "beginAuthentication",
  "authorizePublish",
  "authorizeSubscribe",
  "authorizeReceive",
  "transformMessage",
  "clientConnected",
  "clientDisconnected",
  "clientSubscribed",
  "clientUnsubscribed",
  "messageReceived",
  "messageRouted",
  "messageRetained",
  "messageQueued",
  "messageDropped",
  "packetReceived",
  "packetSent",
] as const;

Deno.test("a hook that no plugin has is undefined", () => {
  for (const { chain } of [chainOf(), chainOf({}, { reload() {} })]) {
    for (const hook of optionalHooks) assertEquals(chain[hook], undefined, hook);
  }
});

Deno.test("each hook of a plugin is called on the plugin and with the arguments given", () => {
  for (const hook of optionalHooks) {
    const given = [{ one: 1 }, { two: 2 }, { three: 3 }];
    const calls: unknown[][] = [];
    class Recorder {
      [hook](...seen: unknown[]) {
        calls.push([this, ...seen]);
        return "allow";
      }
    }
    const recorder = new Recorder();
    const { chain } = chainOf({}, wrongly<Plugin>(recorder));
    const call = chain[hook] as unknown as (...given: unknown[]) => unknown;
    const count = call.length === 0 ? given.length : call.length;
    call(...given.slice(0, count));
    assertEquals(calls.length, 1, hook);
    assert(calls[0]?.[0] === recorder, hook);
    assertEquals(calls[0]?.slice(1), given.slice(0, count), hook);
    for (const other of optionalHooks) assertEquals(chain[other] !== undefined, other === hook, other);
  }
});

Deno.test("one allow is needed, one deny wins, whether answered at once or later", async () => {
  const cases: [Decision[], boolean][] = [
    [["allow"], true],
    [["abstain"], false],
    [["deny"], false],
    [["abstain", "allow", "abstain"], true],
    [["allow", "deny"], false],
    [["deny", "allow"], false],
    [["allow", "abstain", "deny"], false],
    [["abstain", "abstain"], false],
  ];
  for (const [decisions, isAllowed] of cases) {
    // Each bit says whether that plugin answers by a promise.
    for (let mask = 0; mask < 1 << decisions.length; mask++) {
      const plugins = decisions.map((decision, index) => {
        const answer = () => (mask >> index & 1) === 1 ? Promise.resolve(decision) : decision;
        return { authenticate: answer, authorizePublish: answer, authorizeSubscribe: answer };
      });
      const { chain, log } = chainOf(...plugins);
      const title = `${decisions} ${mask}`;
      const denies = decisions.indexOf("deny");
      const expected = isAllowed ? allowed : { ...notAuthorized, ...denies >= 0 && { plugin: `p${denies}` } };
      assertEquals(await chain.authorizePublish?.(client, message), expected, title);
      assertEquals(await chain.authorizeSubscribe?.(client, subscription), expected, title);
      assertEquals((await chain.authenticate?.(signIn()))?.allowed, isAllowed, title);
      assertEquals(log, []);
    }
    const { chain } = chainOf(...decisions.map((decision) => ({ authorizeReceive: () => decision })));
    assertEquals(chain.authorizeReceive?.(client, message), isAllowed, `receive ${decisions}`);
  }
});

Deno.test("decisions that are taken at once cost no promise and no object", () => {
  const allow = () => "allow" as const;
  const { chain } = chainOf(
    { authenticate: allow, authorizePublish: allow, authorizeSubscribe: allow, transformMessage: (given) => given },
  );
  assertEquals(allowed, { allowed: true });
  assert(Object.isFrozen(allowed));
  assert(chain.authenticate?.(signIn()) === allowed);
  assert(chain.authorizePublish?.(client, message) === allowed);
  assert(chain.authorizeSubscribe?.(client, subscription) === allowed);
  assert(chain.transformMessage?.(message, client) === message);
});

Deno.test("nobody is asked after the first deny", async () => {
  for (const denied of ["deny" as const, Promise.resolve("deny" as const)]) {
    let asked = 0;
    const second = () => (asked++, "allow" as const);
    const { chain } = chainOf(
      { authenticate: () => denied, authorizePublish: () => denied },
      { authenticate: second, authorizePublish: second },
    );
    await chain.authenticate?.(signIn());
    await chain.authorizePublish?.(client, message);
    assertEquals(asked, 0);
  }
});

Deno.test("a sign-in that all abstain from is not authorized if anonymous, else a bad user name or password", () => {
  const { chain } = chainOf({ authenticate: () => "abstain" });
  assertEquals(chain.authenticate?.(signIn()), notAuthorized);
  assertEquals(chain.authenticate?.(signIn({ username: "u" })), bad);
  assertEquals(chain.authenticate?.(signIn({ password: "p" })), bad);
  assertEquals(chain.authenticate?.(signIn({ username: "" })), bad);
});

Deno.test("a sign-in that a plugin denies with no more words has a bad user name or password", () => {
  assertEquals(chainOf({ authenticate: () => "deny" }).chain.authenticate?.(signIn()), { ...bad, plugin: "p0" });
});

Deno.test("a deciding hook that throws or rejects denies and is logged", async () => {
  const allow = () => "allow" as const;
  const fail = failing("no database");
  for (const hook of [fail, () => Promise.reject(new Error("no database"))]) {
    const { chain, log } = chainOf(
      { authenticate: allow, authorizePublish: allow, authorizeSubscribe: allow },
      { authenticate: hook, authorizePublish: hook, authorizeSubscribe: hook },
    );
    assertEquals(await chain.authenticate?.(signIn({ username: "u" })), { ...notAuthorized, plugin: "p1" });
    assertEquals(await chain.authorizePublish?.(client, message), { ...notAuthorized, plugin: "p1" });
    assertEquals(await chain.authorizeSubscribe?.(client, subscription), { ...notAuthorized, plugin: "p1" });
    assertEquals(log, [
      'error: plugin "p1": authenticate threw: no database',
      'error: plugin "p1": authorizePublish threw: no database',
      'error: plugin "p1": authorizeSubscribe threw: no database',
    ]);
  }
  const { chain, log } = chainOf({ authorizeReceive: allow }, { authorizeReceive: fail });
  assertEquals(chain.authorizeReceive?.(client, message), false);
  assertEquals(log, ['error: plugin "p1": authorizeReceive threw: no database']);
});

Deno.test("an answer that is no decision denies and is logged", async () => {
  const refusal = { decision: "deny", reasonCode: ReasonCode.Banned };
  const answers = [true, undefined, null, "Allow", 1, {}, [], { ...refusal, decision: "abstain" }];
  for (const answer of [...answers, ...answers.map((value) => Promise.resolve(value))]) {
    const hook = () => wrongly<Decision>(answer);
    const { chain, log } = chainOf({ authenticate: hook, authorizePublish: hook }, { authorizePublish: () => "allow" });
    assertEquals(await chain.authenticate?.(signIn({ username: "u" })), { ...notAuthorized, plugin: "p0" });
    assertEquals(await chain.authorizePublish?.(client, message), { ...notAuthorized, plugin: "p0" });
    assertEquals(log.length, 2);
    const expected = 'must return "allow", "deny" or "abstain", a permission or a refusal: got ';
    assertStringIncludes(log[0] ?? "", `error: plugin "p0": authenticate ${expected}`);
    assertStringIncludes(log[1] ?? "", `error: plugin "p0": authorizePublish ${expected}`);
  }
});

Deno.test("authorizeReceive that returns a promise denies, and its rejection ends nothing", async () => {
  for (const answer of [() => Promise.resolve("allow"), () => Promise.reject(new Error("late"))]) {
    const { chain, log } = chainOf({ authorizeReceive: () => wrongly<Decision>(answer()) });
    assertEquals(chain.authorizeReceive?.(client, message), false);
    await Promise.resolve();
    assertEquals(log.length, 1);
    assertStringIncludes(log[0] ?? "", 'error: plugin "p0": authorizeReceive must return "allow", "deny" or "abstain"');
    assertStringIncludes(log[0] ?? "", "and no promise: got Promise");
  }
});

Deno.test("a message goes through the transforming plugins in order, at once or later", async () => {
  const append = (suffix: string) => (given: ApplicationMessage) => ({
    ...given,
    topicName: parseTopicName(given.topicName + suffix),
  });
  const later = (given: ApplicationMessage) => Promise.resolve(append("/2")(given));
  for (const second of [append("/2"), later]) {
    const plugins = [append("/1"), second, append("/3")].map((transformMessage) => ({ transformMessage }));
    const { chain } = chainOf(...plugins);
    const result = await chain.transformMessage?.(message, undefined);
    assertEquals(result, { ...message, topicName: parseTopicName("a/b/1/2/3") });
  }
});

Deno.test("a message may get properties from a plugin", () => {
  const properties = { contentType: "text/plain", userProperties: [["a", "b"]] } as const;
  for (const given of [properties, {}, undefined]) {
    const { chain, log } = chainOf({ transformMessage: (before) => ({ ...before, properties: given }) });
    assertEquals(chain.transformMessage?.(message, client), { ...message, properties: given });
    assertEquals(log, []);
  }
});

Deno.test("a message that a plugin drops is dropped, one that it fails on or spoils has failed, and the next plugin is not asked", async () => {
  const results: [() => unknown, string | undefined][] = [
    [() => undefined, undefined],
    [() => Promise.resolve(undefined), undefined],
    [failing("bad JSON"), "transformMessage threw: bad JSON"],
    [() => Promise.reject("bad JSON"), 'transformMessage threw: "bad JSON"'],
    [() => null, "or undefined: got null"],
    [() => Promise.resolve(true), "or undefined: got true"],
    [() => ({ ...message, topicName: "a/#" }), '(topic name must not contain a wildcard: got "a/#"): got { topicName'],
    [() => ({ ...message, topicName: 5 }), "(topic name must be text: got number)"],
    [() => ({ ...message, payload: "text" }), '(payload must be a Uint8Array: got "text")'],
    [() => ({ ...message, qos: 3 }), "(qos must be 0, 1 or 2: got 3)"],
    [() => ({ ...message, retain: 1 }), "(retain must be true or false: got 1)"],
    [() => ({ ...message, properties: null }), "or undefined (properties must be an object: got null)"],
    [
      () => Promise.resolve({ ...message, properties: { contentType: 5 } }),
      "or undefined (properties.contentType must be text: got 5)",
    ],
  ];
  for (const [result, logged] of results) {
    let asked = 0;
    const { chain, log } = chainOf(
      { transformMessage: () => wrongly<ApplicationMessage | undefined>(result()) },
      { transformMessage: (given) => (asked++, given) },
    );
    assertEquals(await chain.transformMessage?.(message, client), logged === undefined ? undefined : "failed");
    assertEquals([asked, log.length], [0, logged === undefined ? 0 : 1]);
    if (logged === undefined) continue;
    assertStringIncludes(log[0] ?? "", 'error: plugin "p0": transformMessage ');
    assertStringIncludes(log[0] ?? "", logged);
  }
});

Deno.test("an observer that throws or rejects is logged, and the others are told", async () => {
  const told: string[] = [];
  const { chain, log } = chainOf(
    { clientConnected: failing("full disk") },
    { clientConnected: () => Promise.reject(new Error("too late")) },
    { clientConnected: ({ clientIdentifier }) => void told.push(clientIdentifier) },
  );
  assertEquals(chain.clientConnected?.(client), undefined);
  await Promise.resolve();
  assertEquals(told, ["client-1"]);
  assertEquals(log, [
    'error: plugin "p0": clientConnected threw: full disk',
    'error: plugin "p1": clientConnected threw: too late',
  ]);
});

Deno.test("a start is stopped by the first plugin whose beforeStart throws", async () => {
  const calls: string[] = [];
  const { chain } = chainOf(
    { beforeStart: () => Promise.resolve().then(() => void calls.push("first")) },
    {},
    { beforeStart: failing("no key") },
    { beforeStart: () => void calls.push("last") },
  );
  await assertRejects(() => chain.beforeStart(), Error, 'plugin "p2": beforeStart threw: no key');
  assertEquals(calls, ["first"]);
});

Deno.test("the other lifecycle hooks wait for each plugin in turn and log what is thrown", async () => {
  for (const hook of ["afterStart", "beforeShutdown", "afterShutdown"] as const) {
    const calls: string[] = [];
    const { chain, log } = chainOf(
      { [hook]: () => Promise.resolve().then(() => void calls.push("slow")) },
      { [hook]: failing("one") },
      { [hook]: () => Promise.reject(new Error("two")) },
      { [hook]: () => void calls.push("quick") },
    );
    await chain[hook]();
    assertEquals(calls, ["slow", "quick"]);
    assertEquals(log, [`error: plugin "p1": ${hook} threw: one`, `error: plugin "p2": ${hook} threw: two`]);
  }
  await chainOf().chain.beforeStart();
});

Deno.test("a reload hands each plugin its own options, and a plugin that throws keeps the old ones", async () => {
  const seen: unknown[] = [];
  const { chain, log } = chainOf(
    { reload: failing("unknown key") },
    {},
    { reload: (options) => void seen.push(options) },
  );
  await chain.reload([{ level: 0 }, { level: 1 }, { level: 2 }]);
  assertEquals(seen, [{ level: 2 }]);
  assertEquals(log, ['warn: plugin "p0": reload threw: unknown key (its old options stay)']);
  await assertRejects(() => chain.reload([{}]), RangeError, "expected options for 3: got 1");
  assertEquals(seen.length, 1);
});
