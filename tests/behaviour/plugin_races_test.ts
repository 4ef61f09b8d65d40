/** Plugins that take their time, fail or act in the middle of things. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Broker } from "../../src/broker/broker.ts";
import type { PluginContext } from "../../src/hooks/plugin.ts";
import { PacketType } from "../../src/packet/packets.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { patiently } from "../support/patience.ts";
import type { Hooks } from "../support/hooks_plugin.ts";
import { hooks, startBroker } from "../support/test_broker.ts";

const races: Readonly<Record<string, (decide: () => Promise<void>) => Hooks>> = {
  decides: (decide) => ({
    authorizePublish: (client) => client.clientIdentifier === "p" ? decide().then(() => "allow") : "allow",
  }),
  transforms: (decide) => ({
    transformMessage: (message, client) => client?.clientIdentifier === "p" ? decide().then(() => message) : message,
  }),
};

for (const [what, plugin] of Object.entries(races)) {
  Deno.test(`A QoS 2 message whose sender reconnects while a plugin ${what} comes once`, async () => {
    const decisions: (() => void)[] = [];
    const asked: (() => void)[] = [];
    const nextAsked = () => new Promise<void>((resolve) => asked.push(resolve));
    const decide = () =>
      new Promise<void>((resolve) => {
        decisions.push(resolve);
        asked.shift()?.();
      });
    await using broker = await startBroker({ plugins: [hooks(plugin(decide))] });
    const messages = broker.broker.subscribe("a");
    const publish = { packetIdentifier: 7, qos: 2, dup: false } as const;
    const first = await broker.connect({ clientIdentifier: "p", clean: false });
    const [askedFirst, askedAgain] = [nextAsked(), nextAsked()];
    await first.send(new Uint8Array([0x34, 6, 0, 1, 0x61, 0, publish.packetIdentifier, 0x78]));
    await patiently("the first question", askedFirst);
    const second = await broker.connect({ clientIdentifier: "p", clean: false });
    await second.send(new Uint8Array([0x3c, 6, 0, 1, 0x61, 0, publish.packetIdentifier, 0x78]));
    await patiently("the second question", askedAgain);
    for (const decide of decisions) decide();
    await second.expectAck("Pubrec", publish.packetIdentifier);
    assertEquals((await messages.next()).value?.topicName as string, "a");
    await broker.broker.publish("a", "the next one");
    assertEquals(new TextDecoder().decode((await messages.next()).value?.payload), "the next one");
  });
}

Deno.test("A plugin that never answers does not keep a connection from ending", async () => {
  const asked = Promise.withResolvers<void>();
  const authorizePublish = () => {
    asked.resolve();
    return new Promise<"allow">(() => {});
  };
  await using broker = await startBroker({ plugins: [hooks({ authorizePublish })] });
  const client = await broker.connect({ clientIdentifier: "p" });
  await client.send(new Uint8Array([0x30, 4, 0, 1, 0x61, 0x78]));
  await patiently("the question", asked.promise);
  assertEquals(broker.broker.disconnect("p"), true);
  await client.expectClosed();
});

Deno.test("A sign-in that is never decided is answered with return code 3 after connect-timeout", async () => {
  const asked = Promise.withResolvers<AbortSignal>();
  const authenticate = ({ signal }: { readonly signal: AbortSignal }) => {
    asked.resolve(signal);
    return new Promise<"allow">(() => {});
  };
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate })] }, connectTimeout: 10 });
  const client = broker.open();
  const connack = client.connect({ clientIdentifier: "c" });
  const signal = await asked.promise;
  broker.clock.advance(10_500);
  assertEquals((await connack).reasonCode as number, 3);
  assert(signal.aborted);
});

Deno.test("shutdown() during start() leaves nothing open", async () => {
  const broker = new Broker({ listeners: { tcp: { bind: "127.0.0.1:0" } } });
  const starting = assertRejects(() => broker.start(), Error, "shut down meanwhile");
  await broker.shutdown();
  await starting;
  assertEquals(broker.addresses, {});
});

Deno.test("A plugin's timer that fails is logged and harms nobody", async () => {
  const boom = (context: PluginContext) => {
    context.every(1, () => {
      throw new Error("boom");
    });
    return {};
  };
  await using broker = await startBroker({ plugins: [hooks(boom)] });
  broker.clock.advance(1500);
  await (await broker.connect()).expectNothing();
  assert(broker.log.complains("timer: boom"));
});

Deno.test("A client that clientConnected disconnects leaves no session behind that seems connected", async () => {
  let context: PluginContext | undefined;
  const kick = (given: PluginContext) => {
    context = given;
    return {
      clientConnected: ({ clientIdentifier }: { readonly clientIdentifier: string }) =>
        void given.disconnect(clientIdentifier),
    };
  };
  await using broker = await startBroker({ plugins: [hooks(kick)] });
  const client = broker.open();
  await client.connect({ clientIdentifier: "kicked", clean: false });
  await client.expectClosed();
  assertEquals([context!.statistics.clientsConnected, context!.statistics.clientsDisconnected], [0, 1]);
});

Deno.test("Retained messages beyond max-outbound-bytes all arrive as the client takes them [MQTT-3.3.1-6] 3.1.1", async () => {
  await using broker = await startBroker({ maxOutboundBytes: 100_000 });
  const payload = new Uint8Array(50_000);
  for (let index = 0; index < 20; index++) await broker.broker.publish(`r/${index}`, payload, { retain: true });
  const client = await broker.connect();
  await client.subscribe("r/#");
  for (let index = 0; index < 20; index++) await client.takeMessage();
});

Deno.test("A client whose queue overflows while it is welcomed is told to plugins as connected before it has gone", async () => {
  const seen: string[] = [];
  const plugin = hooks((context) => ({
    packetSent: (_, { type }) => {
      if (type !== PacketType.Connack) return;
      for (const payload of ["1", "2", "3"]) context.publish("a", payload, { qos: 1 });
    },
    clientConnected: () => void seen.push("connected"),
    clientDisconnected: (_, { reasonCode }) => void seen.push(`disconnected ${reasonCode}`),
  }));
  await using broker = await startBroker({ queueLimit: 1, queuePolicy: "disconnect", plugins: [plugin] });
  const lasting = { clientIdentifier: "c", clean: false, sessionExpiryIntervalSeconds: 100 };
  const client = await broker.connect5(lasting);
  await client.subscribe("a", 1);
  await client.disconnect();
  await client.expectClosed();
  const back = await broker.connect5(lasting);
  await back.expectMessage();
  await back.expectDisconnect(ReasonCode.QuotaExceeded);
  assertEquals(seen, ["connected", "disconnected 0", "connected", "disconnected 151"]);
});
