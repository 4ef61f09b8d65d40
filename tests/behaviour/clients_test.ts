/** A real client, MQTT.js, at both protocol levels and over every kind of listener. */
import { Buffer } from "node:buffer";
import type { IClientOptions, MqttClient } from "mqtt";
import type { ListenerConfig } from "../../src/config/config.ts";
import { makeAuthority, writeServerCertificate } from "../support/certificates.ts";
import { answered, end, type Inbox, lose, MqttJsClients } from "../support/mqtt_js.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

type Carrier = "tcp" | "tls" | "ws" | "wss";

const SCHEMES: Record<Carrier, string> = { tcp: "mqtt", tls: "mqtts", ws: "ws", wss: "wss" };

/** A broker with one listener of this kind, and the way to it. */
class Fixture implements AsyncDisposable {
  readonly #clients = new MqttJsClients();

  private constructor(
    readonly broker: TestBroker,
    readonly carrier: Carrier,
    readonly options: IClientOptions,
    readonly directory: string,
  ) {}

  static async start(carrier: Carrier, protocolVersion: 3 | 4 | 5): Promise<Fixture> {
    const directory = await Deno.makeTempDir();
    const authority = makeAuthority();
    const { certfile, keyfile } = await writeServerCertificate(directory, authority);
    const listener: ListenerConfig = {
      bind: "127.0.0.1:0",
      type: carrier === "tcp" || carrier === "tls" ? "tcp" : "ws",
      ...(carrier === "tls" || carrier === "wss" ? { ssl: true, certfile, keyfile } : {}),
    };
    const broker = await startBroker({ listeners: { listener } });
    return new Fixture(broker, carrier, { protocolVersion, ca: authority.certificate }, directory);
  }

  connect(options: IClientOptions = {}): Promise<{ client: MqttClient; inbox: Inbox }> {
    const { port } = this.broker.broker.addresses.listener!;
    return this.#clients.connect(`${SCHEMES[this.carrier]}://localhost:${port}/mqtt`, { ...this.options, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}

for (const carrier of ["tcp", "tls", "ws", "wss"] as const) {
  for (const protocolVersion of [3, 4] as const) {
    const title = `MQTT.js at level ${protocolVersion} over ${carrier}`;

    Deno.test(`${title} publishes and receives at every QoS [MQTT-7.0.0-2] 3.1.1 [MQTT-7.1.1-1] 3.1.1`, async () => {
      await using fixture = await Fixture.start(carrier, protocolVersion);
      const { client: subscriber, inbox } = await fixture.connect();
      const { client: publisher } = await fixture.connect();
      await answered(subscriber.subscribeAsync("a/#", { qos: 2 }));
      for (const qos of [0, 1, 2] as const) await answered(publisher.publishAsync("a/b", `m${qos}`, { qos }));
      await inbox.expect("a/b m0 0 0", "a/b m1 1 0", "a/b m2 2 0");
      await answered(publisher.publishAsync("a/large", "x".repeat(300_000), { qos: 1 }));
      await inbox.expect(`a/large ${"x".repeat(300_000)} 1 0`);
      await answered(subscriber.unsubscribeAsync("a/#"));
    });

    Deno.test(`${title} gets retained messages and wills`, async () => {
      await using fixture = await Fixture.start(carrier, protocolVersion);
      const will = { topic: "will", payload: Buffer.from("gone"), qos: 1, retain: false } as const;
      const { client: publisher } = await fixture.connect({ will });
      await answered(publisher.publishAsync("kept", "m", { qos: 1, retain: true }));
      const { client: subscriber, inbox } = await fixture.connect();
      await answered(subscriber.subscribeAsync(["kept", "will"], { qos: 1 }));
      await inbox.expect("kept m 1 1");
      await lose(publisher);
      await inbox.expect("will gone 1 0");
    });

    Deno.test(`${title} comes back to its persistent session`, async () => {
      await using fixture = await Fixture.start(carrier, protocolVersion);
      const persistent = { clientId: "session", clean: false };
      const { client: before } = await fixture.connect(persistent);
      await answered(before.subscribeAsync("a", { qos: 2 }));
      await end(before);
      const { client: publisher } = await fixture.connect();
      for (const qos of [1, 2] as const) await answered(publisher.publishAsync("a", `m${qos}`, { qos }));
      const { inbox } = await fixture.connect(persistent);
      await inbox.expect("a m1 1 0", "a m2 2 0");
    });
  }
}
