import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { buildHookChain } from "../../src/hooks/chain.ts";
import { allowed } from "../../src/hooks/decide.ts";
import type { Decision, Plugin } from "../../src/hooks/plugin.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { pluginContext } from "../support/plugin_context.ts";
import { asking, client, type DetailedHook, hooks, message, notAuthorized } from "./support.ts";

/** What becomes of plugins' answers to one hook, and what is logged. */
function ask(
  hook: DetailedHook,
  ...answers: unknown[]
): { authorization: ReturnType<typeof asking[DetailedHook]>; log: string[] } {
  const { logger, log } = pluginContext();
  const plugins = answers.map((answer, index) => {
    const plugin: Plugin = { [hook]: () => answer as Decision };
    return { specifier: `p${index}`, plugin };
  });
  return { authorization: asking[hook](buildHookChain(plugins, logger)), log };
}

const allow = (more: object = {}) => ({ decision: "allow", ...more });

Deno.test("a permission carries the plugin's words, at once or later", async () => {
  const words = { reasonString: "welcome", userProperties: [["b", "1"], ["a", "2"], ["b", "3"]] };
  for (const hook of hooks) {
    for (const answer of [allow(words), Promise.resolve(allow(words))]) {
      const { authorization, log } = ask(hook, answer);
      assertEquals<unknown>([await authorization, log], [{ allowed: true, ...words }, []]);
    }
    assertEquals(ask(hook, allow({ reasonString: "" })).authorization, { allowed: true, reasonString: "" });
  }
});

Deno.test("a permission that says nothing is the same as allow", () => {
  for (const hook of hooks) {
    for (const answer of [allow(), allow({ reasonString: undefined, userProperties: undefined })]) {
      assert(ask(hook, answer).authorization === allowed);
    }
  }
});

Deno.test("of several permissions the first that gives a part is heard, and the lowest QoS counts", async () => {
  const first = allow({ reasonString: "one", maximumQoS: 1 });
  const second = allow({ reasonString: "two", userProperties: [["k", "2"]], maximumQoS: 2 });
  const third = allow({ userProperties: [["k", "3"]], maximumQoS: 0 });
  const joined = { allowed: true, reasonString: "one", userProperties: [["k", "2"]], maximumQoS: 0 } as const;
  const given = ["abstain", "allow", first, "allow", second, "abstain", third, "allow"];
  // Each bit says whether that plugin answers by a promise.
  for (let mask = 0; mask < 1 << given.length; mask++) {
    const answers = given.map((answer, index) => (mask >> index & 1) === 1 ? Promise.resolve(answer) : answer);
    const { authorization, log } = ask("authorizeSubscribe", ...answers);
    assertEquals<unknown>([await authorization, log], [joined, []], `mask ${mask}`);
  }
  const reversed = ask("authorizeSubscribe", third, second, first).authorization;
  assertEquals<unknown>(reversed, { ...joined, reasonString: "two", userProperties: [["k", "3"]] });
  assertEquals<unknown>(ask("authorizeSubscribe", "allow", allow({ maximumQoS: 1 })).authorization, {
    allowed: true,
    maximumQoS: 1,
  });
});

Deno.test("a refusal wins over permissions, and says nothing of theirs", async () => {
  const permission = allow({ reasonString: "welcome" });
  for (const hook of hooks) {
    const refusal = { decision: "deny", reasonCode: ReasonCode.QuotaExceeded };
    for (const answers of [[permission, refusal], [Promise.resolve(permission), refusal], [refusal, permission]]) {
      assertEquals<unknown>(await ask(hook, ...answers).authorization, {
        allowed: false,
        reasonCode: ReasonCode.QuotaExceeded,
        plugin: `p${answers.indexOf(refusal)}`,
      });
    }
  }
});

Deno.test("what a plugin does with its permission afterwards changes nothing", () => {
  const pair = ["a", "b"];
  const userProperties = [pair];
  const { authorization } = ask("authorizePublish", allow({ userProperties }));
  pair[0] = "c";
  userProperties.push(["d", "e"]);
  assertEquals<unknown>(authorization, { allowed: true, userProperties: [["a", "b"]] });
});

Deno.test("a permission with a wrong part is logged and denies", async () => {
  const wrong: readonly [part: object, fault: string][] = [
    [{ reasonCode: ReasonCode.Success }, "(reasonCode must come with a refusal only)"],
    [{ reasonCode: ReasonCode.Banned }, "(reasonCode must come with a refusal only)"],
    [{ reasonString: 5 }, "(reasonString must be text: got 5)"],
    [{ reasonString: "\ud800" }, "(reasonString must be well-formed Unicode"],
    [{ reasonString: "x".repeat(65_536) }, "(reasonString must have at most 65535 bytes: got 65536)"],
    [{ userProperties: { a: "b" } }, "(userProperties must be an array of [name, value]"],
    [{ userProperties: [["a", "b"], ["c"]] }, "(userProperties[1] must be [name, value]"],
  ];
  const wrongOf = (hook: DetailedHook): typeof wrong =>
    hook === "authorizeSubscribe"
      ? [3, -1, 1.5, "1", null].map((maximumQoS) => [{ maximumQoS }, "(maximumQoS must be 0, 1 or 2)"])
      : [[{ maximumQoS: 1 }, "(maximumQoS must come from authorizeSubscribe only)"]];
  for (const hook of hooks) {
    for (const [part, fault] of [...wrong, ...wrongOf(hook)]) {
      for (const answer of [allow(part), Promise.resolve(allow(part))]) {
        const { authorization, log } = ask(hook, answer, "allow");
        assertEquals(await authorization, { ...notAuthorized, plugin: "p0" });
        assertEquals(log.length, 1);
        assertStringIncludes(log[0] ?? "", `"p0": ${hook} must return "allow", "deny" or "abstain", a permission or a`);
        assertStringIncludes(log[0] ?? "", fault);
      }
    }
  }
});

Deno.test("a permission in detail is no answer to authorizeReceive", () => {
  const { logger, log } = pluginContext();
  const plugin: Plugin = { authorizeReceive: () => allow() as unknown as Decision };
  const chain = buildHookChain([{ specifier: "p0", plugin }], logger);
  assertEquals(chain.authorizeReceive?.(client, message), false);
  assertEquals(log, [
    'error: plugin "p0": authorizeReceive must return "allow", "deny" or "abstain" and no promise: ' +
    'got { decision: "allow" }',
  ]);
});
