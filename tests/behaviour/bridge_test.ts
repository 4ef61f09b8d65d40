/** Bridges of other brokers: the bridge bit of 3.x, their wills, and the real `mosquitto` as one, skipped where it is not installed. */
import { assertEquals } from "@std/assert";
import type { Plugin } from "../../src/hooks/plugin.ts";
import { patiently } from "../support/patience.ts";
import { connectPacket } from "../support/raw_client.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

const STATE = "$SYS/broker/connection/house/state";
/** Where the level stands in a CONNECT, behind the fixed header and the name's length. */
const levelAt = { 3: 2 + 2 + "MQIsdp".length, 4: 2 + 2 + "MQTT".length };

/** A bridge that is signed in. */
async function openBridge(broker: TestBroker, protocolVersion: 3 | 4, clientIdentifier = "bridge", clean = true) {
  const bridge = broker.open();
  const bytes = bridge.encode(connectPacket({ clientIdentifier, protocolVersion, clean }));
  await bridge.send(bytes.with(levelAt[protocolVersion], 0x80 | protocolVersion));
  assertEquals((await bridge.expect("Connack")).reasonCode, 0);
  return bridge;
}

Deno.test("A bridge of 3.1 or 3.1.1 gets no message of its own, and RETAIN as it was published", async () => {
  await using broker = await startBroker();
  const publisher = await broker.connect();
  for (const protocolVersion of [3, 4] as const) {
    const bridge = await openBridge(broker, protocolVersion);
    await bridge.subscribe("a/#", 1);
    await bridge.publish("a/own", "own", { qos: 1 });
    await publisher.publish("a/1", "kept", { qos: 1, retain: true });
    await publisher.publish("a/1", "passing", { qos: 1 });
    await bridge.takeMessage({ payload: "kept", retain: true });
    await bridge.takeMessage({ payload: "passing", retain: false });
    await bridge.expectNothing();
    await bridge.disconnect();
    await publisher.publish("a/1", "", { retain: true });
  }
});

Deno.test("[MQTT-3.8.3-4] 5.0: a bridge may share a subscription, and then gets its own messages too", async () => {
  await using broker = await startBroker();
  const bridge = await openBridge(broker, 4);
  assertEquals(await bridge.subscribe("$share/g/a", 1), [1]);
  await bridge.publish("a", "own", { qos: 1 });
  await bridge.takeMessage({ payload: "own" });
});

Deno.test("What a bridge has subscribed to stays so when it comes back to its session", async () => {
  await using broker = await startBroker();
  const before = await openBridge(broker, 4, "bridge", false);
  await before.subscribe("a", 1);
  await before.disconnect();
  const after = await openBridge(broker, 4, "bridge", false);
  await after.publish("a", "own", { qos: 1 });
  await after.expectNothing();
});

Deno.test("A client without the bridge bit gets its own messages, with RETAIN 0", async () => {
  await using broker = await startBroker();
  const client = await broker.connect();
  await client.subscribe("a", 1);
  await client.publish("a", "own", { qos: 1, retain: true });
  await client.takeMessage({ payload: "own", retain: false });
});

Deno.test("A will on a bridge's state below $SYS lets its client in, is dropped when it is due, and is logged once", async () => {
  for (const protocolVersion of [3, 4, 5] as const) {
    const asked: string[] = [];
    const authorizePublish = (_: unknown, { topicName }: { topicName: string }) => {
      asked.push(topicName);
      return "deny" as const;
    };
    const topicCheck = { enabled: true, plugins: [hooks({ authorizePublish, authorizeSubscribe: () => "allow" })] };
    await using broker = await startBroker({ topicCheck });
    const witness = await broker.connect();
    await witness.subscribe(["$SYS/#", STATE], 1);
    const will = { topicName: STATE, payload: "0", qos: 1, retain: true } as const;
    const bridge = await broker.connect({ clientIdentifier: "house", protocolVersion, will });
    await broker.lose(bridge);
    await witness.expectNothing();
    assertEquals([broker.broker.retained.size, asked], [0, []]);
    assertEquals(broker.log.lines.filter((line) => line.includes(STATE)), [
      `info: will dropped: client "house", unknown address, listener memory, topic "${STATE}": only the broker speaks on $SYS`,
    ]);
  }
});

function isInstalled(): boolean {
  try {
    new Deno.Command("mosquitto", { args: ["-h"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch {
    return false;
  }
}

/** The real `mosquitto`, which bridges `house/#` in both directions with its defaults, as a real config file would. */
class Mosquitto implements AsyncDisposable {
  readonly #directory: string;
  readonly #child: Deno.ChildProcess;
  readonly port: number;

  constructor(broker: TestBroker, version: string) {
    this.port = freePort();
    this.#directory = Deno.makeTempDirSync();
    const { hostname, port } = broker.broker.addresses.tcp!;
    const lines = [
      `listener ${this.port} 127.0.0.1`,
      "allow_anonymous true",
      "connection house",
      `address ${hostname}:${port}`,
      `bridge_protocol_version ${version}`,
      "topic house/# both 1",
    ];
    const file = `${this.#directory}/mosquitto.conf`;
    Deno.writeTextFileSync(file, lines.join("\n"));
    this.#child = new Deno.Command("mosquitto", { args: ["-c", file], stdout: "null", stderr: "null" }).spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    Deno.removeSync(this.#directory, { recursive: true });
  }

  /** Publishes to it. */
  async publish(...args: string[]): Promise<void> {
    const where = ["-h", "127.0.0.1", "-p", `${this.port}`];
    const { code } = await new Deno.Command("mosquitto_pub", { args: [...where, ...args] }).output();
    assertEquals(code, 0);
  }

  /** The next message that it has on a topic. */
  async next(topicFilter: string): Promise<string> {
    const args = ["-h", "127.0.0.1", "-p", `${this.port}`, "-C", "1", "-q", "1", "-F", "%t %p", "-t", topicFilter];
    const { stdout, stderr } = await new Deno.Command("mosquitto_sub", { args }).output();
    return new TextDecoder().decode(stdout.length > 0 ? stdout : stderr).trim();
  }
}

/** A port for a program that cannot pick one itself. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

for (const version of ["mqttv31", "mqttv311", "mqttv50"]) {
  Deno.test({
    name: `mosquitto bridges both ways with its default settings (${version})`,
    ignore: !isInstalled(),
    async fn() {
      const subscribed = Promise.withResolvers<void>();
      const clientSubscribed: Plugin["clientSubscribed"] = (_, { topicFilter }) => {
        if (topicFilter === "house/#") subscribed.resolve();
      };
      await using broker = await startBroker({ plugins: [hooks({ clientSubscribed })] });
      const witness = await broker.connect();
      await witness.subscribe("from/#", 1);
      await using mosquitto = new Mosquitto(broker, version);
      await witness.subscribe("house/out", 1);
      await patiently("the bridge's subscription", subscribed.promise);
      await broker.broker.publish("house/in", "to mosquitto", { qos: 1, retain: true });
      assertEquals(await patiently("mosquitto's message", mosquitto.next("house/in")), "house/in to mosquitto");
      await mosquitto.publish("-q", "1", "-r", "-t", "house/out", "-m", "from mosquitto");
      await witness.takeMessage({ topicName: "house/out", payload: "from mosquitto" });
      await witness.expectNothing();
      assertEquals(broker.log.lines.filter((line) => line.includes("connection refused")), []);
    },
  });
}
