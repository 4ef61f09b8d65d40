/** A real client, MQTT.js, at both protocol levels and over every kind of listener. */
import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import mqtt, { type IClientOptions, type MqttClient } from "mqtt";
import type { ListenerConfig } from "../../src/config/config.ts";
import { makeAuthority, writeServerCertificate } from "../support/certificates.ts";
import { patiently } from "../support/patience.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

type Carrier = "tcp" | "tls" | "ws" | "wss";

const SCHEMES: Record<Carrier, string> = { tcp: "mqtt", tls: "mqtts", ws: "ws", wss: "wss" };

/** A broker with one listener of this kind, and the way to it. */
class Fixture implements AsyncDisposable {
  readonly #clients: MqttClient[] = [];

  private constructor(
    readonly broker: TestBroker,
    readonly carrier: Carrier,
    readonly options: IClientOptions,
    readonly directory: string,
  ) {}

  static async start(carrier: Carrier, protocolVersion: 3 | 4): Promise<Fixture> {
    const directory = await Deno.makeTempDir();
    const authority = makeAuthority();
    const { certfile, keyfile } = await writeServerCertificate(directory, authority);
    const listener: ListenerConfig = {
      bind: "127.0.0.1:0",
      type: carrier === "tcp" || carrier === "tls" ? "tcp" : "ws",
      ...(carrier === "tls" || carrier === "wss" ? { ssl: true, certfile, keyfile } : {}),
    };
    const broker = await startBroker({ listeners: { listener } });
    const options: IClientOptions = {
      protocolVersion,
      protocolId: protocolVersion === 3 ? "MQIsdp" : "MQTT",
      ca: authority.certificate,
      reconnectPeriod: 0,
      timerVariant: "native",
    };
    return new Fixture(broker, carrier, options, directory);
  }

  /** A client that is connected; its inbox was there before, since messages may come right behind CONNACK. */
  async connect(options: IClientOptions = {}): Promise<{ client: MqttClient; inbox: Inbox }> {
    const { port } = this.broker.broker.addresses.listener!;
    const url = `${SCHEMES[this.carrier]}://localhost:${port}/mqtt`;
    const client = mqtt.connect(url, { ...this.options, ...options });
    this.#clients.push(client);
    const inbox = new Inbox(client);
    const connected = new Promise<void>((resolve, reject) => {
      client.once("connect", () => resolve());
      client.once("error", reject);
    });
    await patiently(`connecting to ${url}`, connected);
    return { client, inbox };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map((client) => end(client)));
    await this.broker[Symbol.asyncDispose]();
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** What MQTT.js promises once the broker has answered. */
const answered = <T>(answer: Promise<T>) => patiently("the broker's answer to MQTT.js", answer);

/** Says goodbye, or (forced) does not, and waits until the socket is closed. */
async function end(client: MqttClient, force = false): Promise<void> {
  if (client.stream.destroyed) return;
  const closed = new Promise<void>((resolve) => client.stream.once("close", () => resolve()));
  if (force) client.stream.destroy();
  await answered(client.endAsync(force));
  await patiently("the client's socket to close", closed);
}

/** The messages of a client as `topic payload qos retain`. */
class Inbox {
  readonly #lines: string[] = [];
  #wake: (() => void) | undefined;

  constructor(client: MqttClient) {
    client.on("message", (topic, payload, { qos, retain }) => {
      this.#lines.push(`${topic} ${new TextDecoder().decode(payload)} ${qos}${retain ? " retained" : ""}`);
      this.#wake?.();
    });
  }

  async expect(...lines: string[]): Promise<void> {
    while (this.#lines.length < lines.length) {
      await patiently("a message", new Promise<void>((resolve) => this.#wake = resolve));
    }
    assertEquals(this.#lines.splice(0, lines.length), lines);
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
      await inbox.expect("a/b m0 0", "a/b m1 1", "a/b m2 2");
      await answered(publisher.publishAsync("a/large", "x".repeat(300_000), { qos: 1 }));
      await inbox.expect(`a/large ${"x".repeat(300_000)} 1`);
      await answered(subscriber.unsubscribeAsync("a/#"));
    });

    Deno.test(`${title} gets retained messages and wills`, async () => {
      await using fixture = await Fixture.start(carrier, protocolVersion);
      const will = { topic: "will", payload: Buffer.from("gone"), qos: 1, retain: false } as const;
      const { client: publisher } = await fixture.connect({ will });
      await answered(publisher.publishAsync("kept", "m", { qos: 1, retain: true }));
      const { client: subscriber, inbox } = await fixture.connect();
      await answered(subscriber.subscribeAsync(["kept", "will"], { qos: 1 }));
      await inbox.expect("kept m 1 retained");
      await end(publisher, true);
      await inbox.expect("will gone 1");
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
      await inbox.expect("a m1 1", "a m2 2");
    });
  }
}
