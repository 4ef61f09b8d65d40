/** Enhanced authentication at sign-in (MQTT 5.0 §3.15, §4.12), with plugins of the test's own. */
import { assert, assertEquals } from "@std/assert";
import type { BrokerConfig } from "../../src/config/config.ts";
import type { AuthenticationStep, EnhancedSignIn, Plugin, SignInRefusal } from "../../src/hooks/plugin.ts";
import { type InboundPacket, PacketType } from "../../src/packet/packets.ts";
import { packetOf } from "../support/client_codec.ts";
import { patiently } from "../support/patience.ts";
import type { RawClient } from "../support/raw_client.ts";
import { anybody, hooks, startBroker } from "../support/test_broker.ts";

const METHOD = "riddle";
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (data: Uint8Array | undefined) => new TextDecoder().decode(data);
const more = (authenticationData?: string): AuthenticationStep => ({
  decision: "continue",
  ...authenticationData !== undefined && { authenticationData: bytes(authenticationData) },
});

/** Asks once, and lets in whoever answers "yes". */
const riddle: Plugin = {
  beginAuthentication: ({ authenticationMethod }) => authenticationMethod === METHOD ? new Riddle() : undefined,
};

class Riddle {
  #asked = false;

  next(data: Uint8Array | undefined): AuthenticationStep {
    if (!this.#asked) {
      this.#asked = true;
      return more(`${text(data)}?`);
    }
    if (text(data) === "yes") return { decision: "allow", username: "sphinx", authenticationData: bytes("welcome") };
    return { decision: "deny", reasonCode: 0x86, reasonString: "wrong answer", userProperties: [["tries", "0"]] };
  }
}

/** A broker whose sign-in is this plugin's. */
const startWith = (plugin: Plugin, config: BrokerConfig = {}) =>
  startBroker({ auth: { plugins: [hooks(plugin)] }, ...config });

const FIVE = { protocolVersion: 5, authenticationMethod: METHOD } as const;

/** Sends CONNECT and takes the question. */
async function ask(client: RawClient, options: { readonly clientIdentifier?: string } = {}): Promise<void> {
  await client.sendConnect({ ...FIVE, ...options, authenticationData: bytes("name") });
  const { reasonCode, properties } = await client.expect("Auth");
  assertEquals<number>(reasonCode, 0x18);
  assertEquals(properties, { authenticationMethod: METHOD, authenticationData: bytes("name?") });
}

const answer = (data: string) => ({ authenticationMethod: METHOD, authenticationData: bytes(data) });

Deno.test(
  "[MQTT-4.12.0-2] 5.0, [MQTT-4.12.0-5] 5.0, [MQTT-3.15.2-1] 5.0: AUTH with 0x18 asks for more, and it and CONNACK name the method of CONNECT",
  async () => {
    await using broker = await startWith(riddle);
    const client = broker.open();
    await ask(client);
    await client.sendAuth(0x18, answer("yes"));
    const { reasonCode, properties } = await client.expect("Connack");
    assertEquals<number>(reasonCode, 0);
    assertEquals(properties?.authenticationMethod, METHOD);
    assertEquals(text(properties?.authenticationData), "welcome");
    assertEquals(broker.broker.clients.map(({ username }) => username), ["sphinx"]);
    await client.expectNothing();
  },
);

Deno.test("An authentication of one step needs no AUTH, and of twenty takes twenty", async () => {
  for (const steps of [0, 20]) {
    let left = steps;
    const next = (): AuthenticationStep => left-- > 0 ? more(`${left}`) : { decision: "allow" };
    await using broker = await startWith({ beginAuthentication: () => ({ next }) });
    const client = broker.open();
    await client.sendConnect({ ...FIVE, username: "alice" });
    for (let step = steps; step > 0; step--) {
      assertEquals(text((await client.expect("Auth")).properties?.authenticationData), `${step - 1}`);
      await client.sendAuth(0x18, { authenticationMethod: METHOD });
    }
    assertEquals<number>((await client.expect("Connack")).reasonCode, 0);
    assertEquals(broker.broker.clients[0]?.username, "alice");
  }
});

Deno.test("[MQTT-4.12.0-1] 5.0: a method that no plugin knows is refused with 0x8C and the connection is closed", async () => {
  for (const config of [{}, { auth: anybody }, { auth: { plugins: [hooks(riddle)] } }]) {
    await using broker = await startBroker(config);
    const client = broker.open();
    const { reasonCode, properties } = await client.connect({ ...FIVE, authenticationMethod: "enigma" });
    assertEquals<number>(reasonCode, 0x8c);
    assertEquals(properties, { reasonString: 'no plugin knows the authentication method "enigma"' });
    await client.expectClosed();
  }
});

Deno.test("[MQTT-4.12.0-4] 5.0: a wrong answer is refused in CONNACK with the plugin's words, and the connection is closed", async () => {
  await using broker = await startWith(riddle);
  const client = broker.open();
  await ask(client);
  await client.sendAuth(0x18, answer("no"));
  const { reasonCode, properties, sessionPresent } = await client.expect("Connack");
  assertEquals([reasonCode, sessionPresent], [0x86, false]);
  assertEquals(properties, { reasonString: "wrong answer", userProperties: [["tries", "0"]] });
  await client.expectClosed();
  assertEquals(broker.broker.clients, []);
});

Deno.test("[MQTT-4.12.0-6] 5.0: without a method in CONNECT there is no AUTH and no method in CONNACK", async () => {
  const begun: EnhancedSignIn[] = [];
  const plugin: Plugin = {
    authenticate: () => "allow",
    beginAuthentication: (signIn) => {
      begun.push(signIn);
      return new Riddle();
    },
  };
  await using broker = await startWith(plugin);
  for (const options of [{}, { username: "alice", password: "secret" }]) {
    const client = broker.open();
    const { reasonCode, properties } = await client.connect({ protocolVersion: 5, ...options });
    assertEquals<number>(reasonCode, 0);
    assertEquals([properties?.authenticationMethod, properties?.authenticationData], [undefined, undefined]);
    await client.expectNothing();
    await client.disconnect();
  }
  assertEquals(begun, []);
});

Deno.test("AUTH without a method in CONNECT ends with DISCONNECT 0x82", async () => {
  await using broker = await startWith({ ...riddle, authenticate: () => "allow" });
  for (const reasonCode of [0x18, 0x19]) {
    const client = await broker.connect5();
    await client.sendAuth(reasonCode, answer("yes"));
    await client.expectDisconnect(0x82);
  }
});

Deno.test("AUTH before CONNECT closes the connection without a word", async () => {
  await using broker = await startWith(riddle);
  const client = broker.open();
  await client.send(packetOf(0xf0, 0x18, 0));
  await client.expectClosed();
});

Deno.test("[MQTT-3.15.1-1] 5.0: AUTH with flags ends the sign-in", async () => {
  await using broker = await startWith(riddle);
  for (const flag of [1, 2, 4, 8]) {
    const client = broker.open();
    await ask(client, { clientIdentifier: `c${flag}` });
    const auth = client.encode({ type: PacketType.Auth, reasonCode: 0x18, properties: answer("yes") });
    await client.send(auth.with(0, 0xf0 | flag));
    await client.expectClosed();
  }
  assertEquals(broker.broker.clients, []);
});

const WRONG: readonly (readonly [what: string, packet: InboundPacket])[] = [
  ["another method", { type: PacketType.Auth, reasonCode: 0x18, properties: { authenticationMethod: "enigma" } }],
  ["no method", { type: PacketType.Auth, reasonCode: 0x18 }],
  ["the wish to authenticate anew", { type: PacketType.Auth, reasonCode: 0x19, properties: answer("yes") }],
  ["success, which the broker says,", { type: PacketType.Auth, reasonCode: 0, properties: answer("yes") }],
];

for (const [what, packet] of WRONG) {
  Deno.test(`AUTH with ${what} ends the sign-in`, async () => {
    await using broker = await startWith(riddle);
    const client = broker.open();
    await ask(client);
    await client.sendPacket(packet);
    await client.expectClosed();
    assertEquals(broker.broker.clients, []);
  });
}

Deno.test("Whoever sends something other than AUTH or DISCONNECT during the sign-in is cut off, and nothing is done", async () => {
  await using broker = await startWith({ ...riddle, authenticate: () => "allow" });
  const witness = await broker.connect5();
  await witness.subscribe("#");
  const packets: ((client: RawClient) => InboundPacket)[] = [
    (client) => client.publishPacket("a", "m"),
    (client) => client.publishPacket("a", "m", { qos: 1 }),
    () => ({ type: PacketType.Pingreq }),
    () => ({ type: PacketType.Puback, packetIdentifier: 1, reasonCode: 0 }),
    () => ({ type: PacketType.Unsubscribe, packetIdentifier: 1, topicFilters: [] }),
  ];
  for (const packet of packets) {
    const client = broker.open();
    await ask(client);
    await client.sendPacket(packet(client));
    await client.expectClosed();
  }
  await witness.expectNothing();
});

Deno.test("A second CONNECT during the sign-in closes the connection", async () => {
  await using broker = await startWith(riddle);
  const client = broker.open();
  await ask(client);
  await client.sendConnect(FIVE);
  await client.expectClosed();
});

Deno.test("A client may say goodbye during the sign-in; its will is not published and its plugin is told", async () => {
  const signals: AbortSignal[] = [];
  const beginAuthentication = ({ signal }: EnhancedSignIn) => {
    signals.push(signal);
    return new Riddle();
  };
  await using broker = await startWith({ authenticate: () => "allow", beginAuthentication });
  const witness = await broker.connect5();
  await witness.subscribe("#");
  const client = broker.open();
  await client.sendConnect({ ...FIVE, will: { topicName: "will" } });
  await client.expect("Auth");
  await client.disconnect(0x04);
  assertEquals(signals.map(({ aborted }) => aborted), [true]);
  await witness.expectNothing();
});

Deno.test("The whole exchange has connect-timeout, however often the client is heard of; then it gets 0x87", async () => {
  await using broker = await startWith({ beginAuthentication: () => ({ next: () => more() }) }, { connectTimeout: 10 });
  const client = broker.open();
  await client.sendConnect(FIVE);
  for (let second = 0; second < 9; second += 3) {
    await client.expect("Auth");
    broker.clock.advance(3_000);
    await client.sendAuth(0x18, { authenticationMethod: METHOD });
  }
  await client.expect("Auth");
  broker.clock.advance(2_000);
  const { reasonCode, properties } = await client.expect("Connack");
  assertEquals<number>(reasonCode, 0x87);
  assertEquals(properties?.reasonString, "sign-in was not decided in time (connect-timeout)");
  await client.expectClosed();
});

Deno.test("A plugin that never answers costs its client 0x89 after connect-timeout, at each step", async () => {
  for (const step of [0, 1]) {
    const asked = Promise.withResolvers<void>();
    const signals: AbortSignal[] = [];
    let steps = 0;
    const next = () => {
      if (steps++ < step) return more();
      asked.resolve();
      return new Promise<never>(() => {});
    };
    const beginAuthentication = ({ signal }: EnhancedSignIn) => {
      signals.push(signal);
      return { next };
    };
    await using broker = await startWith({ beginAuthentication }, { connectTimeout: 10 });
    const client = broker.open();
    await client.sendConnect(FIVE);
    if (step > 0) {
      await client.expect("Auth");
      await client.sendAuth(0x18, { authenticationMethod: METHOD });
    }
    await patiently("the question", asked.promise);
    broker.clock.advance(10_500);
    assertEquals<number>((await client.expect("Connack")).reasonCode, 0x89);
    await client.expectClosed();
    assert(signals[0]?.aborted);
  }
});

const FAILING: Readonly<Record<string, Plugin>> = {
  "beginAuthentication that throws": {
    beginAuthentication: () => {
      throw new Error("out of order");
    },
  },
  "next that throws": {
    beginAuthentication: () => ({
      next: () => {
        throw new Error("out of order");
      },
    }),
  },
  "next that rejects": { beginAuthentication: () => ({ next: () => Promise.reject(new Error("out of order")) }) },
  "a step that is none": { beginAuthentication: () => ({ next: () => ({ decision: "perhaps" } as never) }) },
};

for (const [what, plugin] of Object.entries(FAILING)) {
  Deno.test(`${what} refuses with 0x87, tells the client nothing, and is logged`, async () => {
    await using broker = await startWith(plugin);
    const client = broker.open();
    const { reasonCode, properties } = await client.connect(FIVE);
    assertEquals([reasonCode, properties], [0x87, undefined]);
    await client.expectClosed();
    assert(broker.log.complains("hooks_plugin.ts"), broker.log.lines.join("\n"));
  });
}

Deno.test("A plugin's refusal may send the client to another server", async () => {
  const refusal: SignInRefusal = { decision: "deny", reasonCode: 0x9c, serverReference: "b.example:1883" };
  await using broker = await startWith({ beginAuthentication: () => ({ next: () => refusal }) });
  const { reasonCode, properties } = await broker.open().connect(FIVE);
  assertEquals([reasonCode, properties], [0x9c, { serverReference: "b.example:1883" }]);
});

Deno.test("The first plugin that knows the method conducts it, and authenticate is not asked", async () => {
  const asked: string[] = [];
  const named = (name: string, knows: boolean): Plugin => ({
    authenticate: () => {
      asked.push(`authenticate of ${name}`);
      return "deny";
    },
    beginAuthentication: () => {
      asked.push(name);
      return knows ? { next: () => ({ decision: "allow", username: name }) } : undefined;
    },
  });
  const plugins = [hooks(named("a", false)), hooks(named("b", true)), hooks(named("c", true))];
  await using broker = await startBroker({ auth: { plugins } });
  const { reasonCode } = await broker.open().connect(FIVE);
  assertEquals<number>(reasonCode, 0);
  assertEquals(asked, ["a", "b"]);
  assertEquals(broker.broker.clients.map(({ username }) => username), ["b"]);
});

Deno.test("The user of the exchange is the user of the session: a connected session of another is refused with 0x85", async () => {
  const beginAuthentication = () => ({
    next: (data?: Uint8Array): AuthenticationStep => ({ decision: "allow", username: text(data) }),
  });
  await using broker = await startWith({ authenticate: () => "allow", beginAuthentication });
  const signIn = (username: string, clientIdentifier = "c") =>
    broker.open().connect({
      ...FIVE,
      clientIdentifier,
      clean: false,
      sessionExpiryIntervalSeconds: 100,
      authenticationData: bytes(username),
    });
  assertEquals<number>((await signIn("alice")).reasonCode, 0);
  const refused = await signIn("bob");
  assertEquals<number>(refused.reasonCode, 0x85);
  assertEquals(refused.properties?.reasonString, 'client identifier "c" belongs to another user\'s session');
  const again = await signIn("alice");
  assertEquals([again.reasonCode, again.sessionPresent], [0, true]);
  // With user name and password it is the same user.
  const plain = broker.open();
  const { reasonCode, sessionPresent } = await plain.connect({
    ...{ protocolVersion: 5, clientIdentifier: "c", clean: false, username: "alice", password: "x" },
  });
  assertEquals([reasonCode, sessionPresent], [0, true]);
});
