/** What is counted of each plugin's word on sign-ins. */
import { assertEquals } from "@std/assert";
import { buildHookChain } from "../../src/hooks/chain.ts";
import type { AuthenticationStep, Plugin } from "../../src/hooks/plugin.ts";
import { SignInTally } from "../../src/hooks/sign_in_tally.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { pluginContext, signIn } from "../support/plugin_context.ts";

/** Plugins called "p0", "p1" …, and what is counted of them: allowed and denied. */
function chainOf(...plugins: Plugin[]) {
  const tally = new SignInTally();
  const loaded = plugins.map((plugin, index) => ({ specifier: `p${index}`, plugin }));
  const chain = buildHookChain(loaded, pluginContext().logger, tally);
  return { chain, counts: () => tally.all.map(({ plugin, allowed, denied }) => [plugin, allowed, denied]) };
}

Deno.test("of each plugin is counted what it has said, at once or later, and who abstains is there with nothing", async () => {
  const { chain, counts } = chainOf(
    { authenticate: () => "abstain" },
    { authenticate: () => Promise.resolve("allow" as const) },
    { authenticate: ({ clientIdentifier }) => clientIdentifier === "a" ? "deny" : "allow" },
    { authorizePublish: () => "deny" },
  );
  assertEquals(counts(), [["p0", 0, 0], ["p1", 0, 0], ["p2", 0, 0]]);
  for (const clientIdentifier of ["a", "b", "c"]) await chain.authenticate?.({ ...signIn(), clientIdentifier });
  assertEquals(counts(), [["p0", 0, 0], ["p1", 3, 0], ["p2", 2, 1]]);
});

Deno.test("a plugin that fails has denied once, and permissions on topics are not counted", async () => {
  const failing: Plugin = {
    authenticate: ({ clientIdentifier }) => {
      if (clientIdentifier === "throws") throw new Error("no");
      return (clientIdentifier === "rejects" ? Promise.reject(new Error("no")) : 5) as unknown as "deny";
    },
    authorizePublish: () => "deny",
  };
  const { chain, counts } = chainOf(failing);
  for (const clientIdentifier of ["throws", "rejects", "wrong"]) {
    await chain.authenticate?.({ ...signIn(), clientIdentifier });
  }
  assertEquals(counts(), [["p0", 0, 3]]);
});

Deno.test("an enhanced authentication is counted when it is decided, and not its steps", async () => {
  const steps: (AuthenticationStep | Error)[] = [
    { decision: "continue" },
    { decision: "allow" },
    { decision: "deny", reasonCode: ReasonCode.NotAuthorized },
    new Error("no"),
  ];
  const step = () => {
    const step = steps.shift()!;
    if (step instanceof Error) throw step;
    return step;
  };
  const { chain, counts } = chainOf({ beginAuthentication: () => ({ next: step }) });
  const exchange = chain.beginAuthentication?.({ ...signIn(), authenticationMethod: "X", reAuthenticating: false });
  while (steps.length > 0) await exchange?.next(undefined);
  assertEquals(counts(), [["p0", 1, 2]]);
});
