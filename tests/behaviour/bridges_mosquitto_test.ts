/** Bridges of this broker to the real `mosquitto`, skipped where it is not installed. */
import { assertEquals, assertMatch } from "@std/assert";
import type { BridgeConfig, BrokerConfig } from "../../src/config/config.ts";
import { until } from "../support/durable_broker.ts";
import { hasMosquitto, Mosquitto, writeCertificates } from "../support/mosquitto.ts";
import { startBroker, type TestBroker } from "../support/test_broker.ts";

const open = ["allow_anonymous true"];

/** Names that differ on both sides, and in each direction. */
const topics: BridgeConfig["topics"] = [
  { filter: "house/#", direction: "both", qos: 2, localPrefix: "near/", remotePrefix: "far/" },
  { filter: "sensors/+/+", remote: "by-kind/$2/$1", direction: "out" },
];

function bridged({ port }: Mosquitto, rest: BridgeConfig): BrokerConfig {
  return { bridges: { house: { address: `127.0.0.1:${port}`, topics, ...rest } } };
}

const bridgeOf = ({ broker }: TestBroker) => broker.bridges()[0]!;

async function connected(here: TestBroker): Promise<void> {
  await until("the bridge is connected", () => {
    if (bridgeOf(here).state === "waiting") here.clock.advance(1000);
    return bridgeOf(here).state === "connected";
  });
}

async function allAcknowledged(here: TestBroker): Promise<void> {
  await until("all is acknowledged", () => bridgeOf(here).messagesQueued + bridgeOf(here).messagesInflight === 0);
}

for (const version of ["5", "3.1.1"] as const) {
  const test = (name: string, fn: () => Promise<void>) =>
    Deno.test({ name: `${name}, MQTT ${version}`, ignore: !hasMosquitto, fn });

  test("a bridge to mosquitto brings messages both ways by their names there", async () => {
    await using mosquitto = new Mosquitto(open);
    await using here = await startBroker(bridged(mosquitto, { version }));
    await connected(here);
    const witness = await here.connect();
    await witness.subscribe("#", 2);
    await mosquitto.publish("-q", "2", "-t", "far/house/in", "-m", "from mosquitto");
    await witness.takeMessage({ topicName: "near/house/in", payload: "from mosquitto", qos: 2 });
    await here.broker.publish("near/house/out", "to mosquitto", { qos: 2, retain: true });
    await witness.takeMessage({ topicName: "near/house/out" });
    assertEquals(await mosquitto.retained("far/house/out"), "far/house/out 1 to mosquitto");
    await here.broker.publish("sensors/kitchen/temperature", "21", { qos: 1, retain: true });
    await witness.takeMessage({ topicName: "sensors/kitchen/temperature" });
    assertEquals(await mosquitto.retained("by-kind/#"), "by-kind/temperature/kitchen 1 21");
    await allAcknowledged(here);
    await witness.expectNothing();
  });

  test("what is retained before a bridge to mosquitto is there crosses both ways, and so does its clearing", async () => {
    await using mosquitto = new Mosquitto(open);
    await using here = await startBroker(bridged(mosquitto, { version }));
    here.broker.pauseBridge("house");
    await here.broker.publish("near/house/mine", "mine", { qos: 1, retain: true });
    here.broker.resumeBridge("house");
    await connected(here);
    here.broker.pauseBridge("house");
    await until("it is paused", () => bridgeOf(here).state === "paused");
    await mosquitto.publish("-q", "1", "-r", "-t", "far/house/theirs", "-m", "theirs");
    here.broker.resumeBridge("house");
    await connected(here);
    assertEquals(await mosquitto.retained("far/house/mine"), "far/house/mine 1 mine");
    await until("theirs is here", () => here.broker.retained.has("near/house/theirs"));
    await mosquitto.publish("-q", "1", "-r", "-n", "-t", "far/house/theirs");
    await until("theirs is cleared here", () => !here.broker.retained.has("near/house/theirs"));
    await here.broker.publish("near/house/mine", "", { qos: 1, retain: true });
    await here.broker.publish("near/house/last", "last", { qos: 1, retain: true });
    assertEquals(await mosquitto.retained("far/house/last"), "far/house/last 1 last");
    await mosquitto.assertNothingRetained("far/house/mine");
  });

  test("a will crosses a bridge to mosquitto both ways, with its flag", async () => {
    await using mosquitto = new Mosquitto(open);
    await using here = await startBroker(bridged(mosquitto, { version }));
    await connected(here);
    const will = { topicName: "near/house/will", payload: "gone", qos: 1, retain: true } as const;
    await here.lose(await here.connect({ will }));
    assertEquals(await mosquitto.retained("far/house/will"), "far/house/will 1 gone");
    await mosquitto.dieWithWill("far/house/theirs", "gone, too", "--will-retain");
    await until("their will is here", () => here.broker.retained.has("near/house/theirs"));
    const { payload } = here.broker.retained.get("near/house/theirs")!;
    assertEquals(new TextDecoder().decode(payload), "gone, too");
  });

  test("a bridge reaches mosquitto over TLS, and does not speak to one that it does not trust", async () => {
    const folder = await Deno.makeTempDir();
    try {
      const { cafile, certfile, keyfile } = await writeCertificates(folder);
      await using mosquitto = new Mosquitto([...open, `certfile ${certfile}`, `keyfile ${keyfile}`]);
      await using here = await startBroker(bridged(mosquitto, { version, ssl: true, cafile }));
      await connected(here);
      await here.broker.publish("near/house/out", "secret", { qos: 2, retain: true });
      await allAcknowledged(here);
      const args = ["--cafile", cafile];
      assertEquals(await mosquitto.retained("far/house/out", ...args), "far/house/out 1 secret");
      await using stranger = await startBroker(bridged(mosquitto, { version, ssl: true }));
      await until("it has failed", () => bridgeOf(stranger).error !== undefined);
      assertMatch(bridgeOf(stranger).error!, /certificate/i);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}
