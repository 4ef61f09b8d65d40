import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { buildHookChain, type HookChain } from "../../src/hooks/chain.ts";
import type { AuthenticationExchange, AuthenticationStep, EnhancedSignIn, Plugin } from "../../src/hooks/plugin.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { pluginContext, signIn } from "../support/plugin_context.ts";

type Begin = NonNullable<Plugin["beginAuthentication"]>;

/** A chain of plugins with these hooks, called "p0", "p1" …, and what it logs. */
function chainOf(...hooks: Begin[]): { readonly chain: HookChain; readonly log: string[] } {
  const { logger, log } = pluginContext();
  const plugins = hooks.map((beginAuthentication, index) => ({
    specifier: `p${index}`,
    plugin: { beginAuthentication },
  }));
  return { chain: buildHookChain(plugins, logger), log };
}

/** As a plugin in JavaScript would return it. */
function wrongly<Result>(value: unknown): Result {
  return value as Result;
}

const request: EnhancedSignIn = { ...signIn(), authenticationMethod: "SCRAM-SHA-256", reAuthenticating: false };
const refused = { decision: "deny", reasonCode: ReasonCode.NotAuthorized } as const;
const bytes = new Uint8Array([1, 2]);

/** What the broker is told if a plugin's exchange answers so. */
function next(answer: () => unknown): { step: AuthenticationStep | Promise<AuthenticationStep>; log: string[] } {
  const { chain, log } = chainOf(() => ({ next: () => wrongly<AuthenticationStep>(answer()) }));
  const exchange = chain.beginAuthentication?.(request);
  assert(exchange !== undefined);
  return { step: exchange.next(undefined), log };
}

Deno.test("the first plugin that knows the mechanism conducts the authentication", () => {
  const asked: string[] = [];
  const { chain, log } = chainOf(
    (given) => (asked.push(`p0 ${given.authenticationMethod}`), undefined),
    () => (asked.push("p1"), { next: () => ({ decision: "allow", username: "one" }) }),
    () => (asked.push("p2"), { next: () => ({ decision: "allow", username: "two" }) }),
  );
  assertEquals(chain.beginAuthentication?.(request)?.next(undefined), { decision: "allow", username: "one" });
  assertEquals(asked, ["p0 SCRAM-SHA-256", "p1"]);
  assertEquals(log, []);
});

Deno.test("a mechanism that no plugin knows has no exchange", () => {
  const { chain, log } = chainOf(() => undefined, () => undefined);
  assert(chain.beginAuthentication !== undefined);
  assertEquals(chain.beginAuthentication(request), undefined);
  assertEquals(log, []);
});

Deno.test("an exchange is called on the plugin's object with what the client says", () => {
  const seen: unknown[] = [];
  class Exchange implements AuthenticationExchange {
    next(authenticationData: Uint8Array | undefined): AuthenticationStep {
      seen.push(this, authenticationData);
      return { decision: "continue" };
    }
  }
  const own = new Exchange();
  const exchange = chainOf(() => own).chain.beginAuthentication?.(request);
  exchange?.next(undefined);
  exchange?.next(bytes);
  assertEquals(seen.length, 4);
  assert(seen[0] === own && seen[1] === undefined && seen[2] === own && seen[3] === bytes);
});

Deno.test("steps that are right go through, at once or later", async () => {
  const reason = { reasonCode: ReasonCode.BadAuthenticationMethod, reasonString: "no", userProperties: [["a", "b"]] };
  const steps = [
    { decision: "continue" },
    { decision: "continue", authenticationData: bytes },
    { decision: "continue", authenticationData: new Uint8Array(65_535) },
    { decision: "allow" },
    { decision: "allow", username: "" },
    { decision: "allow", username: "u", authenticationData: new Uint8Array() },
    { decision: "continue", reasonString: "more", userProperties: [["a", "1"], ["a", "2"]] },
    { decision: "allow", authenticationData: bytes, reasonString: "", userProperties: [] },
    { decision: "deny", ...reason },
    { decision: "deny", reasonCode: ReasonCode.ServerMoved, serverReference: "b.example" },
  ];
  for (const step of steps) {
    const now = next(() => step);
    assert(!(now.step instanceof Promise));
    assertEquals<unknown>([now.step, now.log], [step, []]);
    const later = next(() => Promise.resolve(step));
    assertEquals<unknown>([await later.step, later.log], [step, []]);
  }
  assertEquals(next(() => ({ decision: "deny" })).step, refused);
});

Deno.test("an exchange that throws or rejects refuses and is logged", async () => {
  const error = new Error("no database");
  const throwing = () => {
    throw error;
  };
  for (const answer of [throwing, () => Promise.reject(error)]) {
    const { step, log } = next(answer);
    assertEquals(await step, refused);
    assertEquals(log, ['error: plugin "p0": next of beginAuthentication threw: no database']);
  }
  assert(!(next(throwing).step instanceof Promise));
});

Deno.test("an answer that is no step refuses and is logged", async () => {
  const wrong: readonly [answer: unknown, fault: string][] = [
    [undefined, "(it must be an object): got undefined"],
    [null, "(it must be an object): got null"],
    ["allow", '(it must be an object): got "allow"'],
    [{}, "(its decision is none of these): got {}"],
    [{ decision: "abstain" }, '(its decision is none of these): got { decision: "abstain" }'],
    [{ decision: "allow", username: 5 }, "(username must be text: got 5)"],
    [{ decision: "allow", username: null }, "(username must be text: got null)"],
    [{ decision: "allow", attributes: 5 }, "(attributes must be an object)"],
    [{ decision: "continue", authenticationData: "x" }, '(authenticationData must be a Uint8Array: got "x")'],
    [{ decision: "allow", authenticationData: null }, "(authenticationData must be a Uint8Array: got null)"],
    [
      { decision: "continue", authenticationData: new Uint8Array(65_536) },
      "(authenticationData must have at most 65535 bytes: got 65536)",
    ],
    [
      { decision: "deny", reasonCode: ReasonCode.SharedSubscriptionsNotSupported },
      "(reasonCode must be one that CONNACK may carry)",
    ],
    [{ decision: "deny", reasonString: 5 }, "(reasonString must be text: got 5)"],
    [{ decision: "continue", reasonString: 5 }, "(reasonString must be text: got 5)"],
    [{ decision: "allow", userProperties: [["a"]] }, "(userProperties[0] must be [name, value]"],
  ];
  for (const [answer, fault] of wrong) {
    for (const { step, log } of [next(() => answer), next(() => Promise.resolve(answer))]) {
      assertEquals(await step, refused);
      assertEquals(log.length, 1);
      assertStringIncludes(log[0] ?? "", 'error: plugin "p0": next of beginAuthentication must return a step whose');
      assertStringIncludes(log[0] ?? "", fault);
    }
  }
});

Deno.test("a plugin that fails at the beginning refuses, and the next one is not asked", async () => {
  const throwing = () => {
    throw new Error("no key");
  };
  const expected = "beginAuthentication must return an object with a function next, or undefined, and no promise: got ";
  const exchange = { next: () => ({ decision: "allow" }) };
  const failures: readonly [begin: () => unknown, logged: string][] = [
    [throwing, "beginAuthentication threw: no key"],
    [() => null, `${expected}null`],
    [() => "allow", `${expected}"allow"`],
    [() => ({ next: "allow" }), `${expected}{ next: "allow" }`],
    [() => Promise.resolve(exchange), `${expected}Promise`],
    [() => Promise.reject(new Error("late")), `${expected}Promise`],
  ];
  for (const [begin, logged] of failures) {
    let asked = 0;
    const { chain, log } = chainOf(() => wrongly(begin()), () => (asked++, undefined));
    const guarded = chain.beginAuthentication?.(request);
    assertEquals(await guarded?.next(bytes), refused);
    assertEquals([asked, log.length], [0, 1]);
    assertStringIncludes(log[0] ?? "", `error: plugin "p0": ${logged}`);
  }
});
