/** A real client of MQTT 5.0, MQTT.js, with every feature that it knows, over TCP and WebSocket. */
import { Buffer } from "node:buffer";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path";
import type { IClientOptions, MqttClient } from "mqtt";
import type { BrokerConfig } from "../../src/config/config.ts";
import type { Plugin } from "../../src/hooks/plugin.ts";
import { type InboundPacket, type OutboundPacket, PacketType, type PublishPacket } from "../../src/packet/packets.ts";
import { setPassword } from "../../src/plugins/password_file.ts";
import { answered, end, lose, MqttJsClients } from "../support/mqtt_js.ts";
import { patiently } from "../support/patience.ts";
import { ScramClient } from "../support/scram_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

type Carrier = "tcp" | "ws";

/** A broker that can be reached by both carriers, and its MQTT.js clients. */
class Fixture implements AsyncDisposable {
  readonly clients = new MqttJsClients();

  private constructor(
    readonly carrier: Carrier,
    readonly broker: TestBroker,
    readonly inbound: readonly InboundPacket[],
    readonly outbound: readonly OutboundPacket[],
    readonly lost: Map<string, () => void>,
  ) {}

  static async start(carrier: Carrier, config: BrokerConfig = {}, plugin: Plugin = {}): Promise<Fixture> {
    const inbound: InboundPacket[] = [];
    const outbound: OutboundPacket[] = [];
    const lost = new Map<string, () => void>();
    const observer: Plugin = {
      packetReceived: (_, packet) => void inbound.push(packet),
      packetSent: (_, packet) => void outbound.push(packet),
      clientDisconnected: ({ clientIdentifier }) => lost.get(clientIdentifier)?.(),
    };
    const listeners = { listener: { bind: "127.0.0.1:0", type: carrier } };
    const broker = await startBroker({ listeners, plugins: [hooks(plugin), hooks(observer)], ...config });
    return new Fixture(carrier, broker, inbound, outbound, lost);
  }

  connect(options: IClientOptions = {}, prepare?: (client: MqttClient) => void) {
    const { port } = this.broker.broker.addresses.listener!;
    const url = `${this.carrier === "ws" ? "ws" : "mqtt"}://localhost:${port}/mqtt`;
    return this.clients.connect(url, { protocolVersion: 5, ...options }, prepare);
  }

  /** Waits until the broker has noticed that the client has gone by what `leave` does. */
  async gone(clientIdentifier: string, leave: () => Promise<void>): Promise<void> {
    const noticed = new Promise<void>((resolve) => this.lost.set(clientIdentifier, resolve));
    await leave();
    await patiently(`the broker to notice that ${clientIdentifier} has gone`, noticed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.clients[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}

const isPublish = (packet: InboundPacket | OutboundPacket): packet is PublishPacket =>
  packet.type === PacketType.Publish;

/** What the broker says last; MQTT.js closes then. */
function farewell(client: MqttClient): Promise<readonly [number | undefined, string | undefined]> {
  const come = new Promise<readonly [number | undefined, string | undefined]>((resolve) =>
    client.once("disconnect", ({ reasonCode, properties }) => resolve([reasonCode, properties?.reasonString]))
  );
  return patiently("DISCONNECT", come);
}

/** What MQTT.js tells of a refusal. */
async function refusalOf(promise: Promise<unknown>): Promise<{ readonly code?: number; readonly packet?: unknown }> {
  return await assertRejects(() => answered(promise), Error) as Error & { code?: number };
}

for (const carrier of ["tcp", "ws"] as const) {
  const title = `MQTT.js at 5.0 over ${carrier}`;

  Deno.test(`${title} publishes and receives every property at every QoS`, async () => {
    await using fixture = await Fixture.start(carrier);
    const { client: subscriber, inbox } = await fixture.connect();
    await answered(subscriber.subscribeAsync("a/#", { qos: 2 }));
    const { client: publisher } = await fixture.connect();
    const properties = {
      payloadFormatIndicator: true,
      messageExpiryInterval: 300,
      contentType: "text/plain",
      responseTopic: "answers/here",
      correlationData: Buffer.from([0, 1, 2, 255]),
      userProperties: { a: ["1", "2"], b: "ä" },
    };
    for (const qos of [0, 1, 2] as const) {
      await answered(publisher.publishAsync("a/b", `m${qos}`, { qos, properties }));
      const { userProperties, ...rest } = (await inbox.takeProperties(`a/b m${qos} ${qos} 0`))!;
      const { userProperties: sent, ...others } = properties;
      assertEquals<unknown>({ ...userProperties }, sent);
      assertEquals(rest, others);
    }
    await answered(publisher.publishAsync("a/b", "plain"));
    assertEquals({ ...await inbox.takeProperties("a/b plain 0 0") }, {});
  });

  Deno.test(`${title} uses topic aliases both ways`, async () => {
    await using fixture = await Fixture.start(carrier, { topicAliasMaximum: 5, outboundTopicAliasMaximum: 5 });
    const { client: subscriber, inbox } = await fixture.connect({ properties: { topicAliasMaximum: 5 } });
    await answered(subscriber.subscribeAsync("#", { qos: 1 }));
    const { client: publisher, connack } = await fixture.connect({
      autoUseTopicAlias: true,
      autoAssignTopicAlias: true,
    });
    assertEquals(connack.properties?.topicAliasMaximum, 5);
    for (const payload of ["1", "2", "3"]) {
      for (const topic of ["long/topic/a", "long/topic/b"]) {
        await answered(publisher.publishAsync(topic, payload, { qos: 1 }));
        await inbox.expect(`${topic} ${payload} 1 0`);
      }
    }
    const said = (packets: readonly (InboundPacket | OutboundPacket)[]): unknown[] =>
      packets.filter(isPublish).map(({ topicName, topicAlias }) => [topicName, topicAlias]);
    const aliases = [["", 1], ["", 2]];
    assertEquals(said(fixture.inbound), [["long/topic/a", 1], ["long/topic/b", 2], ...aliases, ...aliases]);
    assertEquals(said(fixture.outbound).slice(-2), aliases);
  });

  Deno.test(`${title} subscribes with options and identifiers`, async () => {
    await using fixture = await Fixture.start(carrier);
    const { client: publisher } = await fixture.connect();
    await answered(publisher.publishAsync("kept", "old", { qos: 1, retain: true }));
    const { client, inbox } = await fixture.connect();
    await answered(client.subscribeAsync("own", { qos: 1, nl: true }));
    await answered(
      client.subscribeAsync("kept", { qos: 1, rh: 2, rap: true, properties: { subscriptionIdentifier: 7 } }),
    );
    await answered(client.subscribeAsync("#", { qos: 0, rh: 1, properties: { subscriptionIdentifier: 268_435_455 } }));
    assertEquals((await inbox.takeProperties("kept old 0 1"))?.subscriptionIdentifier, 268_435_455);
    // The subscription is not new any longer.
    await answered(client.subscribeAsync("#", { qos: 0, rh: 1, properties: { subscriptionIdentifier: 8 } }));
    await answered(client.unsubscribeAsync("#"));
    await answered(client.publishAsync("own", "mine", { qos: 1 }));
    await answered(publisher.publishAsync("own", "theirs", { qos: 1 }));
    await answered(publisher.publishAsync("kept", "new", { qos: 1, retain: true }));
    await inbox.expect("own theirs 1 0", "kept new 1 1");
    await answered(client.subscribeAsync("k/#", { qos: 1, properties: { subscriptionIdentifier: 1 } }));
    await answered(client.subscribeAsync("k/+", { qos: 1, properties: { subscriptionIdentifier: 2 } }));
    await answered(publisher.publishAsync("k/a", "both", { qos: 1 }));
    const found = [(await inbox.takeProperties("k/a both 1 0"))?.subscriptionIdentifier].flat();
    if (found.length === 1) {
      found.push(...[(await inbox.takeProperties("k/a both 1 0"))?.subscriptionIdentifier].flat());
    }
    assertEquals(found.sort(), [1, 2]);
  });

  Deno.test(`${title} shares a subscription`, async () => {
    await using fixture = await Fixture.start(carrier);
    const { client: one, inbox: ones } = await fixture.connect();
    const { client: two, inbox: twos } = await fixture.connect();
    const { client: publisher } = await fixture.connect();
    for (const member of [one, two]) await answered(member.subscribeAsync("$share/group/jobs/+", { qos: 1 }));
    for (const payload of ["1", "2", "3", "4"]) await answered(publisher.publishAsync("jobs/x", payload, { qos: 1 }));
    const share = (of: readonly string[]) => of.map((payload) => `jobs/x ${payload} 1 0`);
    await ones.expect(...share(["1", "3"]));
    await twos.expect(...share(["2", "4"]));
    await answered(one.unsubscribeAsync("$share/group/jobs/+"));
    for (const payload of ["5", "6"]) await answered(publisher.publishAsync("jobs/x", payload, { qos: 1 }));
    await twos.expect(...share(["5", "6"]));
  });

  Deno.test(`${title} leaves a will with properties and delay`, async () => {
    await using fixture = await Fixture.start(carrier);
    const { client: subscriber, inbox } = await fixture.connect();
    await answered(subscriber.subscribeAsync("will", { qos: 1 }));
    const { client } = await fixture.connect({
      clientId: "mortal",
      properties: { sessionExpiryInterval: 100 },
      will: {
        topic: "will",
        payload: Buffer.from("gone"),
        qos: 1,
        retain: false,
        properties: { willDelayInterval: 30, contentType: "text/plain", userProperties: { a: "b" } },
      },
    });
    await fixture.gone("mortal", () => lose(client));
    fixture.broker.clock.advance(29_000);
    await fixture.broker.broker.publish("will", "not yet", { qos: 1 });
    fixture.broker.clock.advance(2_000);
    await inbox.takeProperties("will not yet 1 0");
    const properties = await inbox.takeProperties("will gone 1 0");
    assertEquals([properties?.contentType, { ...properties?.userProperties }], ["text/plain", { a: "b" }]);
  });

  Deno.test(`${title} comes back to its session until that expires`, async () => {
    await using fixture = await Fixture.start(carrier);
    const persistent = { clientId: "session", clean: false, properties: { sessionExpiryInterval: 60 } };
    const { client: first, connack } = await fixture.connect(persistent);
    assertEquals(connack.sessionPresent, false);
    await answered(first.subscribeAsync("a", { qos: 2 }));
    await fixture.gone("session", () => end(first));
    await fixture.broker.broker.publish("a", "m", { qos: 2, properties: { messageExpiryIntervalSeconds: 50 } });
    fixture.broker.clock.advance(40_000);
    const { client: second, inbox, connack: resumed } = await fixture.connect(persistent);
    assertEquals(resumed.sessionPresent, true);
    assertEquals((await inbox.takeProperties("a m 2 0"))?.messageExpiryInterval, 10);
    await fixture.gone("session", () => end(second));
    fixture.broker.clock.advance(61_000);
    assertEquals((await fixture.connect(persistent)).connack.sessionPresent, false);
  });

  Deno.test(`${title} changes the session expiry interval in DISCONNECT`, async () => {
    await using fixture = await Fixture.start(carrier);
    const persistent = { clientId: "session", clean: false, properties: { sessionExpiryInterval: 60 } };
    const { client } = await fixture.connect(persistent);
    const goodbye = { reasonCode: 0, properties: { sessionExpiryInterval: 0 } };
    await fixture.gone("session", () => answered(client.endAsync(false, goodbye)));
    assertEquals((await fixture.connect(persistent)).connack.sessionPresent, false);
  });

  Deno.test(`${title} gets no more than its receive maximum at once`, async () => {
    await using fixture = await Fixture.start(carrier);
    const held: (() => void)[] = [];
    let wake = () => {};
    const { client, inbox } = await fixture.connect({
      properties: { receiveMaximum: 2 },
      customHandleAcks: (_topic, _message, _packet, done) => {
        held.push(() => done(null as never, 0));
        wake();
      },
    });
    await answered(client.subscribeAsync("a", { qos: 1 }));
    for (const payload of "12345") await fixture.broker.broker.publish("a", payload, { qos: 1 });
    assertEquals(fixture.outbound.filter(isPublish).length, 2);
    for (const payload of "12345") {
      if (held.length === 0) await patiently("a message", new Promise<void>((resolve) => wake = resolve));
      held.shift()?.();
      await inbox.takeProperties(`a ${payload} 1 0`);
    }
    assertEquals(fixture.outbound.filter(isPublish).length, 5);
  });

  Deno.test(`${title} keeps to the broker's limits, which CONNACK tells`, async () => {
    await using fixture = await Fixture.start(carrier, {
      ...{ maxInflight: 20, maxPacketSize: 1000, maximumQos: 1, maxKeepAlive: 30, responseInformation: "answers/" },
      ...{ retainAvailable: false, wildcardSubscriptionAvailable: false, maxSessionExpiryInterval: 10 },
      ...{ subscriptionIdentifiersAvailable: false, sharedSubscriptionAvailable: false, topicAliasMaximum: 0 },
    });
    const { connack } = await fixture.connect({
      clientId: "",
      properties: { requestResponseInformation: true, sessionExpiryInterval: 20 },
    });
    const { assignedClientIdentifier, ...properties } = connack.properties!;
    assertEquals(assignedClientIdentifier, fixture.broker.broker.clients[0]?.clientIdentifier);
    assertEquals({ ...properties } as Record<string, unknown>, {
      sessionExpiryInterval: 10,
      receiveMaximum: 20,
      maximumQoS: 1,
      retainAvailable: false,
      maximumPacketSize: 1000,
      wildcardSubscriptionAvailable: false,
      subscriptionIdentifiersAvailable: false,
      sharedSubscriptionAvailable: false,
      serverKeepAlive: 30,
      responseInformation: "answers/",
    });
  });

  Deno.test(`${title} is told why it is refused`, async () => {
    const because = { decision: "deny", reasonCode: 0x97, reasonString: "too much" } as const;
    const plugin: Plugin = {
      authorizePublish: (_, { topicName }) => topicName === "no" ? because : "allow",
      authorizeSubscribe: (_, { topicFilter }) => topicFilter === "no" ? because : "allow",
    };
    const authenticate: Plugin["authenticate"] = ({ username }) =>
      username === "x" ? { decision: "deny", reasonCode: 0x8a } : "allow";
    await using fixture = await Fixture.start(carrier, { auth: { plugins: [hooks({ authenticate })] } }, plugin);
    const { client } = await fixture.connect();
    const told: (string | undefined)[] = [];
    client.on("packetreceive", (packet) => {
      const { properties } = packet as { properties?: { reasonString?: string } };
      if (packet.cmd !== "publish") told.push(`${packet.cmd} ${properties?.reasonString}`);
    });
    for (const qos of [1, 2] as const) {
      assertEquals((await refusalOf(client.publishAsync("no", "m", { qos }))).code, 0x97);
    }
    const { packet } = await refusalOf(client.subscribeAsync(["yes", "no"], { qos: 1 }));
    assertEquals((packet as { granted: number[] }).granted, [1, 0x97]);
    assertEquals(told, ["puback too much", "pubrec too much", "suback too much"]);
    assertEquals((await refusalOf(fixture.connect({ username: "x" }))).code, 0x8a);
  });

  Deno.test(`${title} is told why the broker ends the connection`, async () => {
    await using fixture = await Fixture.start(carrier);
    const { client: first } = await fixture.connect({ clientId: "c" });
    const takenOver = farewell(first);
    const { client: second } = await fixture.connect({ clientId: "c" });
    assertEquals(await takenOver, [0x8e, "the client connected anew"]);
    const moved = farewell(second);
    fixture.broker.broker.disconnect("c", 0x9d, { reasonString: "moved", serverReference: "b.example" });
    assertEquals(await moved, [0x9d, "moved"]);
    const { client: third } = await fixture.connect({ keepalive: 10 });
    const silent = farewell(third);
    fixture.broker.clock.advance(16_000);
    assertEquals((await silent)[0], 0x8d);
    const { client: last } = await fixture.connect();
    const shutDown = farewell(last);
    await fixture.broker.broker.shutdown();
    assertEquals((await shutDown)[0], 0x8b);
  });

  Deno.test(`${title} signs in by SCRAM-SHA-256`, async () => {
    const directory = await Deno.makeTempDir();
    const passwordFile = join(directory, "users");
    await setPassword(passwordFile, "alice", "wonderland", { scram: true });
    await using fixture = await Fixture.start(carrier, { auth: { passwordFile } });
    const scram = new ScramClient({ username: "alice", password: "wonderland" });
    const authenticationMethod = "SCRAM-SHA-256";
    const properties = { authenticationMethod, authenticationData: Buffer.from(scram.first()) };
    const { connack } = await fixture.connect({ properties }, (client) => {
      client.handleAuth = async (packet, callback) => {
        const authenticationData = Buffer.from(await scram.final(packet.properties?.authenticationData));
        const properties = { authenticationMethod, authenticationData };
        callback(undefined, { cmd: "auth", reasonCode: 0x18, properties });
      };
    });
    assert(scram.trusts(connack.properties?.authenticationData));
    assertEquals(fixture.broker.broker.clients.map(({ username }) => username), ["alice"]);
    await Deno.remove(directory, { recursive: true });
  });
}
