import { assertEquals, assertThrows } from "@std/assert";
import create from "../../src/plugins/auth_anonymous.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import type { Plugin } from "../../src/hooks/plugin.ts";
import { pluginContext, signIn } from "../support/plugin_context.ts";

/** "Not authorized" rather than "bad user name or password": there was none. */
const REFUSAL = { decision: "deny", reasonCode: ReasonCode.NotAuthorized } as const;

const make = (options: unknown) => create(options, pluginContext()) as Plugin;

Deno.test("auth.anonymous lets clients without a user name in, or keeps them out", () => {
  assertEquals(make(undefined).authenticate?.(signIn()), "allow");
  assertEquals(make({}).authenticate?.(signIn()), "allow");
  assertEquals(make({ allowAnonymous: true }).authenticate?.(signIn()), "allow");
  assertEquals(make({ allowAnonymous: false }).authenticate?.(signIn()), REFUSAL);
});

Deno.test("auth.anonymous leaves clients with a user name to other plugins", () => {
  for (const username of ["alice", "anonymous", ""]) {
    for (const allowAnonymous of [true, false]) {
      assertEquals(make({ allowAnonymous }).authenticate?.(signIn({ username, password: "x" })), "abstain");
    }
  }
});

Deno.test("auth.anonymous takes every user name unverified if told to, and clients without one", () => {
  const plugin = make({ allowAnonymous: "any-username" });
  for (const username of [undefined, "alice", ""]) {
    assertEquals(plugin.authenticate?.(signIn({ username, password: "x" })), "allow");
  }
});

Deno.test("auth.anonymous takes new options and keeps the old ones if they are wrong", () => {
  const plugin = make({ allowAnonymous: true });
  plugin.reload?.({ allowAnonymous: false });
  assertEquals(plugin.authenticate?.(signIn()), REFUSAL);
  assertThrows(() => plugin.reload?.({ allowAnonymous: 1 }));
  assertEquals(plugin.authenticate?.(signIn()), REFUSAL);
});

Deno.test("auth.anonymous refuses options it does not know", () => {
  assertThrows(
    () => make({ allowAnonymous: "yes" }),
    Error,
    'allowAnonymous must be true, false or any-username: got "yes"',
  );
  assertThrows(() => make({ allow: true }), Error, "unknown option allow: known are allowAnonymous");
  assertThrows(() => make([]), Error, "options must be a mapping of names to values: got []");
});
