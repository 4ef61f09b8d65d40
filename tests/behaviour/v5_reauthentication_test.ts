/** A client that is signed in proves anew who it is (MQTT 5.0 §4.12.1). */
import { assert, assertEquals } from "@std/assert";
import type { BrokerConfig } from "../../src/config/config.ts";
import type { AuthenticationStep, EnhancedSignIn, Plugin } from "../../src/hooks/plugin.ts";
import { PacketType } from "../../src/packet/packets.ts";
import { patiently } from "../support/patience.ts";
import type { RawClient } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const METHOD = "steps";
const bytes = (text: string) => new TextEncoder().encode(text);
const saying = (text: string) => ({ authenticationMethod: METHOD, authenticationData: bytes(text) });
const CONTINUE = 0x18;
const ANEW = 0x19;

/** Says what it is told: `more`, `user:NAME`, `deny:CODE`. */
function next(data: Uint8Array | undefined): AuthenticationStep {
  const [word, value = ""] = new TextDecoder().decode(data).split(":");
  if (word === "user") return { decision: "allow", username: value, authenticationData: bytes("done") };
  if (word === "keep") return { decision: "allow" };
  if (word === "more") return { decision: "continue", authenticationData: bytes("go on") };
  const userProperties = [["left", "0"]] as const;
  return { decision: "deny", reasonCode: Number(value) as 0x87, reasonString: "no", userProperties };
}

const PLUGIN: Plugin = { authenticate: () => "allow", beginAuthentication: () => ({ next }) };

const start = (plugin: Plugin = PLUGIN, config: BrokerConfig = {}) =>
  startBroker({ auth: { plugins: [hooks(plugin)] }, connectTimeout: 10, ...config });

/** A client that has signed in as alice. */
const connectAlice = (broker: TestBroker) => broker.connect5({ clientIdentifier: "c", ...saying("user:alice") });

/** The next packet is AUTH with this code, the method, and these data. */
async function expectAuth(client: RawClient, expected: number, data?: string): Promise<void> {
  const { reasonCode, properties } = await client.expect("Auth");
  assertEquals<number>(reasonCode, expected);
  const authenticationData = data === undefined ? undefined : bytes(data);
  assertEquals(properties, {
    authenticationMethod: METHOD,
    ...authenticationData && { authenticationData },
  });
}

Deno.test("[MQTT-4.12.0-2] 5.0, [MQTT-4.12.0-5] 5.0, [MQTT-3.15.2-1] 5.0: a re-authentication asks with 0x18 and ends with 0x00, both with the method", async () => {
  const begun: EnhancedSignIn[] = [];
  const beginAuthentication = (signIn: EnhancedSignIn) => {
    begun.push(signIn);
    return { next };
  };
  await using broker = await start({ beginAuthentication });
  const client = await connectAlice(broker);
  await client.sendAuth(ANEW, saying("more"));
  await expectAuth(client, CONTINUE, "go on");
  await client.sendAuth(CONTINUE, saying("more"));
  await expectAuth(client, CONTINUE, "go on");
  await client.sendAuth(CONTINUE, saying("user:alice"));
  await expectAuth(client, 0, "done");
  // Once more, in one step; a mechanism that names nobody means the user that is there.
  await client.sendAuth(ANEW, saying("keep"));
  await expectAuth(client, 0);
  await client.expectNothing();
  assertEquals(begun.map(({ reAuthenticating }) => reAuthenticating), [false, true, true]);
  assertEquals(begun.map(({ clientIdentifier, username }) => [clientIdentifier, username]), [
    ["c", undefined],
    ["c", "alice"],
    ["c", "alice"],
  ]);
});

Deno.test("[MQTT-4.12.1-2] 5.0: a re-authentication that fails ends with DISCONNECT in the plugin's words, and the will is published", async () => {
  await using broker = await start();
  const witness = await broker.connect5();
  await witness.subscribe("will");
  const client = await broker.connect5({ will: { topicName: "will", payload: "w" }, ...saying("user:alice") });
  await client.sendAuth(ANEW, saying("more"));
  await expectAuth(client, CONTINUE, "go on");
  await client.sendAuth(CONTINUE, saying(`deny:${0x87}`));
  const { properties } = await client.expectDisconnect(0x87);
  assertEquals(properties, { reasonString: "no", userProperties: [["left", "0"]] });
  await witness.expectMessage({ payload: "w" });
});

Deno.test("[MQTT-3.14.2-1] 5.0: a refusal with a code of CONNACK alone becomes 0x87 in DISCONNECT, others stay", async () => {
  await using broker = await start();
  const told = { 0x84: 0x87, 0x85: 0x87, 0x86: 0x87, 0x88: 0x87, 0x8a: 0x87, 0x8c: 0x87, 0x89: 0x89, 0x97: 0x97 };
  for (const [refusal, expected] of Object.entries(told)) {
    const client = await connectAlice(broker);
    await client.sendAuth(ANEW, saying(`deny:${refusal}`));
    await client.expectDisconnect(expected);
  }
});

Deno.test("[MQTT-4.12.1-2] 5.0: a re-authentication that another user passes ends with DISCONNECT 0x87", async () => {
  await using broker = await start();
  const client = await connectAlice(broker);
  await client.sendAuth(ANEW, saying("user:bob"));
  await client.expectDisconnect(0x87);
  assertEquals(broker.broker.clients, []);
});

Deno.test("[MQTT-4.12.1-2] 5.0: a re-authentication is not finished in connect-timeout: DISCONNECT 0x87, whatever else the client says", async () => {
  await using broker = await start();
  const client = await connectAlice(broker);
  // What comes later than connect-timeout after CONNECT is not too late for one that begins later.
  broker.clock.advance(60_000);
  await client.sendAuth(ANEW, saying("more"));
  await expectAuth(client, CONTINUE, "go on");
  broker.clock.advance(6_000);
  await client.sendAuth(CONTINUE, saying("more"));
  await expectAuth(client, CONTINUE, "go on");
  broker.clock.advance(3_000);
  await client.expectNothing();
  broker.clock.advance(2_000);
  await client.expectDisconnect(0x87);
});

Deno.test("A re-authentication that was finished in time has no timeout left", async () => {
  await using broker = await start();
  const client = await connectAlice(broker);
  await client.sendAuth(ANEW, saying("user:alice"));
  await expectAuth(client, 0, "done");
  broker.clock.advance(60_000);
  await client.expectNothing();
});

Deno.test("Two re-authentications at once end with DISCONNECT 0x82", async () => {
  await using broker = await start();
  const client = await connectAlice(broker);
  await client.sendAuth(ANEW, saying("more"));
  await expectAuth(client, CONTINUE, "go on");
  await client.sendAuth(ANEW, saying("user:alice"));
  await client.expectDisconnect(0x82);
});

Deno.test("AUTH that goes on with what has not begun, or by another method, ends with DISCONNECT 0x82", async () => {
  await using broker = await start();
  const wrong = [
    [CONTINUE, saying("user:alice")],
    [ANEW, { ...saying("user:alice"), authenticationMethod: "other" }],
    [ANEW, undefined],
  ] as const;
  for (const [reasonCode, properties] of wrong) {
    const client = await connectAlice(broker);
    await client.sendAuth(reasonCode, properties);
    await client.expectDisconnect(0x82);
  }
});

Deno.test("Messages of every QoS go both ways between the steps of a re-authentication", async () => {
  await using broker = await start();
  const other = await broker.connect5();
  await other.subscribe("to/other", 2);
  const client = await connectAlice(broker);
  await client.subscribe("to/alice", 2);
  await client.sendAuth(ANEW, saying("more"));
  await expectAuth(client, CONTINUE, "go on");
  for (const qos of [0, 1, 2] as const) {
    await client.publish("to/other", `m${qos}`, { qos });
    await other.takeMessage({ payload: `m${qos}`, qos });
    await other.publish("to/alice", `m${qos}`, { qos });
    await client.takeMessage({ payload: `m${qos}`, qos });
  }
  assertEquals(await client.subscribe("more"), [0]);
  await client.sendAuth(CONTINUE, saying("user:alice"));
  await expectAuth(client, 0, "done");
});

Deno.test("Messages come while a plugin thinks about a re-authentication, and the client can leave", async () => {
  const asked = Promise.withResolvers<void>();
  const beginAuthentication = ({ reAuthenticating }: EnhancedSignIn) => ({
    next: (data?: Uint8Array) => {
      if (!reAuthenticating) return next(data);
      asked.resolve();
      return new Promise<never>(() => {});
    },
  });
  await using broker = await start({ authenticate: () => "allow", beginAuthentication });
  const client = await connectAlice(broker);
  await client.subscribe("a");
  await client.sendAuth(ANEW, saying("user:alice"));
  await patiently("the question", asked.promise);
  await broker.broker.publish("a", "m");
  await client.expectMessage({ payload: "m" });
  const successor = await connectAlice(broker);
  await client.expectDisconnect(0x8e);
  await successor.expectNothing();
});

Deno.test("[MQTT-4.12.1-2] 5.0: a plugin that fails or never answers a re-authentication costs the client DISCONNECT 0x87", async () => {
  const asked: (() => void)[] = [];
  const failures: Record<string, () => Promise<never>> = {
    throws: () => {
      throw new Error("out of order");
    },
    rejects: () => Promise.reject(new Error("out of order")),
    silent: () => {
      asked.shift()?.();
      return new Promise(() => {});
    },
  };
  for (const [name, failing] of Object.entries(failures)) {
    const beginAuthentication = ({ reAuthenticating }: EnhancedSignIn) => ({ next: reAuthenticating ? failing : next });
    await using broker = await start({ beginAuthentication });
    const client = await connectAlice(broker);
    const question = new Promise<void>((resolve) => asked.push(resolve));
    await client.sendAuth(ANEW, saying("user:alice"));
    if (name === "silent") {
      await patiently("the question", question);
      broker.clock.advance(10_500);
    }
    await client.expectDisconnect(0x87);
    asked.length = 0;
  }
});

Deno.test("What a client was denied before stays denied, and its session goes on, after a re-authentication", async () => {
  const authorizePublish: Plugin["authorizePublish"] = ({ username }, { topicName }) =>
    topicName === `of/${username}` ? "allow" : "deny";
  await using broker = await start({ ...PLUGIN, authorizePublish });
  const client = await connectAlice(broker);
  await client.subscribe("a", 1);
  await client.sendAuth(ANEW, saying("user:alice"));
  await expectAuth(client, 0, "done");
  assertEquals(await client.publish("of/bob", "", { qos: 1 }), 0x87);
  assertEquals(await client.publish("of/alice", "", { qos: 1 }), 0x10);
  await broker.broker.publish("a", "m", { qos: 1 });
  await client.takeMessage({ payload: "m", qos: 1 });
});

Deno.test("A client that signed in with a password cannot begin an enhanced authentication later", async () => {
  await using broker = await start();
  const client = await broker.connect5({ username: "alice", password: "x" });
  await client.sendPacket({ type: PacketType.Auth, reasonCode: ANEW, properties: saying("user:alice") });
  const { properties } = await client.expectDisconnect(0x82);
  assert(properties?.reasonString?.includes("authentication method"));
});
