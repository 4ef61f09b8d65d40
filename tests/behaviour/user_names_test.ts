/** User names that nobody gave, and user names that nobody verifies. */
import { assertEquals } from "@std/assert";
import type { SignIn } from "../../src/hooks/plugin.ts";
import { hooks, startBroker } from "../support/test_broker.ts";

for (const protocolVersion of [4, 5] as const) {
  Deno.test(`An empty user name without a password, or with an empty one, counts as none in ${protocolVersion}`, async () => {
    const seen: (string | undefined)[] = [];
    const authenticate = ({ username }: SignIn) => {
      seen.push(username);
      return "allow" as const;
    };
    await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] } });
    await using open = await startBroker();
    for (const password of [undefined, "", "token"]) {
      await broker.connect({ protocolVersion, username: "", password });
    }
    assertEquals(seen, [undefined, undefined, ""]);
    for (const password of [undefined, ""]) await open.connect({ protocolVersion, username: "", password });
  });

  Deno.test(`allow-anonymous: any-username lets unverified names in, in ${protocolVersion}`, async () => {
    await using broker = await startBroker({ auth: { allowAnonymous: "any-username" } });
    for (const username of [undefined, "alice"]) {
      await broker.connect({ protocolVersion, username, password: username && "x" });
    }
  });
}

const BAD_USER_NAME_OR_PASSWORD = 4;

Deno.test("The log says which key lets names in that nobody verifies", async () => {
  const advice = "(auth.allow-anonymous: any-username takes every name unverified)";
  for (const auth of [undefined, {}, { allowAnonymous: true }] as const) {
    await using broker = await startBroker({ auth });
    const client = broker.open();
    assertEquals((await client.connect({ username: "alice", password: "x" })).reasonCode, BAD_USER_NAME_OR_PASSWORD);
    const line = broker.log.lines.find((text) => text.includes("connection refused")) ?? "";
    assertEquals(
      line.slice(line.indexOf("user ")),
      `user "alice" was not let in: no plugin in auth.plugins verifies it ${advice}`,
    );
  }
});

Deno.test("Plugins learn how long a client may wait for their decision", async () => {
  const seen: (number | undefined)[] = [];
  const authenticate = ({ timeoutSeconds }: SignIn) => {
    seen.push(timeoutSeconds);
    return "allow" as const;
  };
  await using broker = await startBroker({ connectTimeout: 7, auth: { plugins: [hooks({ authenticate })] } });
  await broker.connect();
  assertEquals(seen, [7]);
});
