/** MQTT.js, a real client, for tests: its connections, its messages, and how they end. */
import { assertEquals } from "@std/assert";
import mqtt, { type IClientOptions, type IConnackPacket, type IPublishPacket, type MqttClient, Store } from "mqtt";
import { patiently } from "./patience.ts";

/** The MQTT.js clients of one test; all that are left are ended with it. */
export class MqttJsClients implements AsyncDisposable {
  readonly #clients: MqttClient[] = [];
  readonly #stores: WatchedStore[] = [];

  /**
   * A client that is connected; its inbox was there before, since messages may come right behind CONNACK. Rejects with
   * what MQTT.js says if the broker refuses it.
   *
   * @param prepare what is to be done before anything comes
   */
  async connect(
    url: string,
    options: IClientOptions = {},
    prepare?: (client: MqttClient) => void,
  ): Promise<{ client: MqttClient; inbox: Inbox; connack: IConnackPacket }> {
    const protocolId = options.protocolVersion === 3 ? "MQIsdp" : "MQTT";
    const outgoingStore = new WatchedStore();
    const usual: IClientOptions = { protocolId, reconnectPeriod: 0, timerVariant: "native", outgoingStore };
    const client = mqtt.connect(url, { ...usual, ...options });
    this.#clients.push(client);
    this.#stores.push(outgoingStore);
    const inbox = new Inbox(client);
    prepare?.(client);
    const connected = new Promise<IConnackPacket>((resolve, reject) => {
      client.once("connect", resolve);
      client.once("error", reject);
    });
    const connack = await patiently(`connecting to ${url}`, connected);
    return { client, inbox, connack };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#clients.map(end));
    await patiently("MQTT.js to close its stores", Promise.all(this.#stores.map((store) => store.idle())));
  }
}

/** MQTT.js reads its store when it has connected, and closes that by a timer which no end of a client waits for. */
class WatchedStore extends Store {
  readonly #closed: Promise<void>[] = [];

  override createStream(): ReturnType<Store["createStream"]> {
    const stream = super.createStream();
    this.#closed.push(new Promise((resolve) => stream.once("close", resolve)));
    return stream;
  }

  /** Resolves when nothing that was read is open. */
  async idle(): Promise<void> {
    await Promise.all(this.#closed);
  }
}

/** What MQTT.js promises once the broker has answered. */
export function answered<T>(answer: Promise<T>): Promise<T> {
  return patiently("the broker's answer to MQTT.js", answer);
}

/** Says goodbye, and waits until the client's socket is closed. */
export async function end(client: MqttClient): Promise<void> {
  if (client.stream.closed) return;
  const closed = socketClosed(client);
  if (!client.stream.destroyed) await answered(client.endAsync());
  await closed;
}

/** Breaks the connection off without DISCONNECT. */
export async function lose(client: MqttClient): Promise<void> {
  const closed = socketClosed(client);
  client.stream.destroy();
  await answered(client.endAsync(true));
  await closed;
}

function socketClosed(client: MqttClient): Promise<void> {
  const closed = new Promise<void>((resolve) => client.stream.once("close", () => resolve()));
  return patiently("the client's socket to close", closed);
}

/** The messages of a client, each to be asked for once: as `topic payload qos retain`, or with all that came with it. */
export class Inbox {
  readonly #messages: { readonly line: string; readonly packet: IPublishPacket }[] = [];
  #wake: (() => void) | undefined;

  constructor(client: MqttClient) {
    client.on("message", (topic, payload, packet) => {
      const { qos, retain } = packet;
      const line = `${topic} ${new TextDecoder().decode(payload)} ${qos} ${Number(retain)}`;
      this.#messages.push({ line, packet });
      this.#wake?.();
    });
  }

  /** Waits for as many messages as are given; they and no others must have come since the last call. */
  async expect(...lines: string[]): Promise<void> {
    await this.#arrived(lines.length);
    assertEquals(this.#messages.splice(0).map(({ line }) => line), lines);
  }

  /** The properties of the next message, which must be this one; `undefined`: none. */
  async takeProperties(line: string): Promise<IPublishPacket["properties"]> {
    await this.#arrived(1);
    const [message] = this.#messages.splice(0, 1);
    assertEquals(message?.line, line);
    return message?.packet.properties;
  }

  async #arrived(count: number): Promise<void> {
    while (this.#messages.length < count) {
      await patiently("a message", new Promise<void>((resolve) => this.#wake = resolve));
    }
  }
}
