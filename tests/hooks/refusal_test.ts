import { assertEquals, assertStringIncludes } from "@std/assert";
import { buildHookChain } from "../../src/hooks/chain.ts";
import type { Decision, Plugin } from "../../src/hooks/plugin.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { pluginContext } from "../support/plugin_context.ts";
import { asking, client, type DetailedHook, hooks, message, notAuthorized } from "./support.ts";

/** What becomes of this answer of a plugin to one hook, and what is logged. */
function ask(
  hook: DetailedHook,
  answer: unknown,
): { authorization: ReturnType<typeof asking[DetailedHook]>; log: string[] } {
  const { logger, log } = pluginContext();
  const plugin: Plugin = { [hook]: () => answer as Decision };
  const never: Plugin = {
    [hook]: () => {
      throw new Error("nobody is asked after a refusal");
    },
  };
  const chain = buildHookChain([{ specifier: "p0", plugin }, { specifier: "p1", plugin: never }], logger);
  return { authorization: asking[hook](chain), log };
}

/** What the plugin that is asked first denies with no more words. */
const byFirst = { ...notAuthorized, plugin: "p0" };

const codes: Readonly<Record<DetailedHook, readonly number[]>> = {
  authenticate: [
    ...[0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97, 0x99],
    ...[0x9a, 0x9b, 0x9c, 0x9d, 0x9f],
  ],
  authorizePublish: [0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  authorizeSubscribe: [0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
};

const answering: readonly [clause: string, hook: DetailedHook, packet: string][] = [
  ["[MQTT-3.2.2-8] 5.0", "authenticate", "CONNACK"],
  ["[MQTT-3.4.2-1] 5.0", "authorizePublish", "PUBACK"],
  ["[MQTT-3.9.3-2] 5.0", "authorizeSubscribe", "SUBACK"],
];

for (const [clause, hook, packet] of answering) {
  Deno.test(`${clause} 5.0 a refusal of ${hook} has a reason code that ${packet} may carry`, () => {
    for (let reasonCode = 0; reasonCode <= 0x100; reasonCode++) {
      const { authorization, log } = ask(hook, { decision: "deny", reasonCode, reasonString: "no" });
      if (codes[hook].includes(reasonCode)) {
        assertEquals<unknown>([authorization, log], [
          { allowed: false, reasonCode, reasonString: "no", plugin: "p0" },
          [],
        ]);
        continue;
      }
      assertEquals(authorization, byFirst);
      assertEquals(log, [
        `error: plugin "p0": ${hook} must return "allow", "deny" or "abstain", a permission or a refusal (reasonCode ` +
        `must be one that ${packet} may carry): got { decision: "deny", reasonCode: ${reasonCode}, reasonString: "no" }`,
      ]);
    }
  });
}

Deno.test("a refusal without a reason code is not authorized", () => {
  for (const hook of hooks) {
    assertEquals(ask(hook, { decision: "deny" }), { authorization: byFirst, log: [] });
    assertEquals(ask(hook, { decision: "deny", reasonString: "" }).authorization, {
      ...byFirst,
      reasonString: "",
    });
  }
});

Deno.test("a refusal carries the plugin's reason, at once or later", async () => {
  const reason = { reasonCode: ReasonCode.QuotaExceeded, reasonString: "no more", userProperties: [["a", "b"]] };
  for (const hook of hooks) {
    const refusal = { decision: "deny", ...reason };
    assertEquals<unknown>(ask(hook, refusal).authorization, { allowed: false, ...reason, plugin: "p0" });
    assertEquals<unknown>(await ask(hook, Promise.resolve(refusal)).authorization, {
      allowed: false,
      ...reason,
      plugin: "p0",
    });
  }
});

Deno.test("what a plugin does with its refusal afterwards changes nothing", () => {
  const pair = ["a", "b"];
  const userProperties = [pair];
  const { authorization } = ask("authorizePublish", { decision: "deny", userProperties });
  pair[0] = "c";
  userProperties.push(["d", "e"]);
  assertEquals<unknown>(authorization, { ...byFirst, userProperties: [["a", "b"]] });
});

Deno.test("a sign-in may be refused with a server reference, if the client is to go there", () => {
  const serverReference = "b.example";
  for (const reasonCode of [ReasonCode.UseAnotherServer, ReasonCode.ServerMoved]) {
    const { authorization, log } = ask("authenticate", { decision: "deny", reasonCode, serverReference });
    assertEquals<unknown>([authorization, log], [{ allowed: false, reasonCode, serverReference, plugin: "p0" }, []]);
  }
  for (const hook of hooks) {
    const { authorization, log } = ask(hook, {
      decision: "deny",
      reasonCode: ReasonCode.QuotaExceeded,
      serverReference,
    });
    assertEquals(authorization, byFirst);
    assertStringIncludes(log[0] ?? "", "(serverReference must come with reasonCode 0x9c or 0x9d only)");
  }
});

Deno.test("a refusal with a wrong part is logged and not passed on", () => {
  const wrong: readonly [part: object, fault: string][] = [
    [{ reasonCode: "135" }, "reasonCode must be one"],
    [{ reasonCode: null }, "reasonCode must be one"],
    [{ reasonString: 5 }, "reasonString must be text: got 5"],
    [{ reasonString: "\ud800" }, "reasonString must be well-formed Unicode"],
    [{ reasonString: "x".repeat(65_536) }, "reasonString must have at most 65535 bytes: got 65536"],
    [{ userProperties: { a: "b" } }, "userProperties must be an array of [name, value]"],
    [{ userProperties: [["a", "b"], ["c"]] }, "userProperties[1] must be [name, value]"],
    [{ userProperties: [["a", 1]] }, "userProperties[0][1] must be text: got 1"],
  ];
  for (const hook of hooks) {
    for (const [part, fault] of wrong) {
      const { authorization, log } = ask(hook, { decision: "deny", ...part });
      assertEquals(authorization, byFirst);
      assertEquals(log.length, 1);
      assertStringIncludes(log[0] ?? "", `"p0": ${hook} must return`);
      assertStringIncludes(log[0] ?? "", fault);
    }
  }
  const { log } = ask("authenticate", { decision: "deny", reasonCode: ReasonCode.ServerMoved, serverReference: 1 });
  assertStringIncludes(log[0] ?? "", "serverReference must be text: got 1");
});

Deno.test("a refusal in detail is no answer to authorizeReceive", () => {
  const { logger, log } = pluginContext();
  const plugin: Plugin = { authorizeReceive: () => ({ decision: "deny" }) as unknown as Decision };
  const chain = buildHookChain([{ specifier: "p0", plugin }], logger);
  assertEquals(chain.authorizeReceive?.(client, message), false);
  assertEquals(log, [
    'error: plugin "p0": authorizeReceive must return "allow", "deny" or "abstain" and no promise: ' +
    'got { decision: "deny" }',
  ]);
});
