/** Bridges of this broker to another one, which here is of the same kind. */
import { assertEquals } from "@std/assert";
import type { BridgeConfig, BridgeTopicConfig, BrokerConfig } from "../../src/config/config.ts";
import { House, MemoryDisk, SqliteDisk, until } from "../support/durable_broker.ts";
import { Relay } from "../support/relay.ts";
import { makeAuthority } from "../support/certificates.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

/** A broker with one bridge, `house`. */
function bridged(address: string, topics: readonly BridgeTopicConfig[], rest: BridgeConfig = {}): BrokerConfig {
  return { bridges: { house: { address, topics, ...rest } } };
}

function addressOf(broker: TestBroker): string {
  const { hostname, port } = broker.broker.addresses.tcp!;
  return `${hostname}:${port}`;
}

function bridgeOf(broker: TestBroker) {
  return broker.broker.bridges()[0]!;
}

async function connected(broker: TestBroker): Promise<void> {
  await until("the bridge is connected", () => bridgeOf(broker).state === "connected");
}

const versions = ["5", "3.1.1"] as const;

for (const version of versions) {
  for (const qos of [0, 1, 2] as const) {
    Deno.test(`MQTT ${version}, QoS ${qos}: a bridge brings messages both ways, each once`, async () => {
      await using remote = await startBroker();
      await using here = await startBroker(
        bridged(addressOf(remote), [{ filter: "a/#", direction: "both", qos, remotePrefix: "there/" }], { version }),
      );
      await connected(here);
      const [mine, theirs] = [await here.connect(), await remote.connect()];
      await mine.subscribe("#", 2);
      await theirs.subscribe("#", 2);
      await mine.publish("a/1", "out", { qos });
      await mine.takeMessage({ topicName: "a/1", payload: "out" });
      await theirs.takeMessage({ topicName: "there/a/1", payload: "out", qos });
      await theirs.publish("there/a/2", "in", { qos });
      await theirs.takeMessage({ topicName: "there/a/2", payload: "in" });
      await mine.takeMessage({ topicName: "a/2", payload: "in", qos });
      await mine.publish("b", "stays", { qos });
      await mine.takeMessage({ payload: "stays" });
      await theirs.expectNothing();
      await mine.expectNothing();
    });
  }
}

Deno.test("Captures tell topics on both sides one from another, and what is excluded stays", async () => {
  await using remote = await startBroker();
  const topics: BridgeTopicConfig[] = [
    { filter: "modules/+/+/#", remote: "dev/$2/$1/$3", direction: "both", exclude: ["modules/+/secret/#"] },
  ];
  await using here = await startBroker(bridged(addressOf(remote), topics));
  await connected(here);
  const [mine, theirs] = [await here.connect(), await remote.connect()];
  await mine.subscribe("#", 1);
  await theirs.subscribe("#", 1);
  await mine.publish("modules/1/secret/x", "secret", { qos: 1 });
  await mine.publish("modules/1/temperature/in/celsius", "20", { qos: 1 });
  for (const payload of ["secret", "20"]) await mine.takeMessage({ payload });
  await theirs.takeMessage({ topicName: "dev/temperature/1/in/celsius", payload: "20" });
  await theirs.publish("dev/set/2", "on", { qos: 1 });
  await theirs.takeMessage({ payload: "on" });
  await mine.takeMessage({ topicName: "modules/2/set", payload: "on" });
  await theirs.expectNothing();
});

const disks = { MemoryStore: () => new MemoryDisk(), SqliteStore: () => new SqliteDisk() };

for (const [name, disk] of Object.entries(disks)) {
  for (const end of ["shutdown", "crash"] as const) {
    Deno.test(`${name}, after a ${end} here: what waited for the remote arrives in its order`, async () => {
      await using remote = await startBroker();
      await using relay = new Relay();
      await using house = new House(disk(), bridged(relay.address, [{ filter: "a", qos: 2 }]));
      const before = await house.start();
      for (const [index, qos] of ([1, 2, 1, 2] as const).entries()) {
        await before.broker.publish("a", `${index}`, { qos });
      }
      await before.broker.publish("a", "at QoS 0");
      const theirs = await remote.connect();
      await theirs.subscribe("a", 2);
      // Otherwise the attempt that is under way would deliver, and be cut off before the acknowledgements come.
      await until("the remote was not there", () => relay.connections > 0 && bridgeOf(before).state === "waiting");
      relay.target = remote.broker.addresses.tcp!;
      const after = await house.restart(end);
      await connected(after);
      for (const payload of ["0", "1", "2", "3"]) await theirs.takeMessage({ payload });
      await theirs.expectNothing();
      await until("all is acknowledged", () => bridgeOf(after).messagesInflight === 0);
    });

    Deno.test(`${name}, after a ${end} of the remote: each message comes once, both ways`, async () => {
      await using relay = new Relay();
      await using house = new House(disk());
      const before = await house.start();
      relay.target = before.broker.addresses.tcp!;
      await using here = await startBroker({
        ...bridged(relay.address, [{ filter: "a/#", qos: 2, direction: "both" }]),
        persistence: { type: "./store_plugin.ts", store: new MemoryDisk().store() },
      });
      await connected(here);
      const mine = await here.connect();
      await mine.subscribe("a/in/#", 2);
      const keeper = await before.connect5({ clientIdentifier: "k", clean: false, sessionExpiryIntervalSeconds: 1000 });
      await keeper.subscribe("a/out/#", 2);
      await before.lose(keeper);
      await here.broker.publish("a/out/1", "1", { qos: 2 });
      await until("it is there", () => bridgeOf(here).messagesSent === 1 && bridgeOf(here).messagesInflight === 0);
      relay.target = undefined;
      relay.cut();
      await until("the bridge has noticed", () => bridgeOf(here).state === "waiting");
      await here.broker.publish("a/out/2", "2", { qos: 2 });
      await before.broker.publish("a/in/1", "in", { qos: 2 });
      const after = await house.restart(end);
      relay.target = after.broker.addresses.tcp!;
      here.clock.advance(2000);
      await connected(here);
      await mine.takeMessage({ topicName: "a/in/1", payload: "in", qos: 2 });
      const back = await after.connect5({ clientIdentifier: "k", clean: false, sessionExpiryIntervalSeconds: 1000 });
      for (const payload of ["1", "2"]) await back.takeMessage({ payload, qos: 2 });
      await back.expectNothing();
      await mine.expectNothing();
    });
  }
}

Deno.test("In a ring of three brokers with bridges in both directions each message comes once to each", async () => {
  await using doors = new AsyncDisposableStack();
  const relays = [0, 1, 2].map(() => doors.use(new Relay()));
  const brokers: TestBroker[] = [];
  for (let i = 0; i < 3; i++) {
    const config = bridged(relays[(i + 1) % 3]!.address, [{ filter: "#", direction: "both", qos: 1 }], {
      clientId: `bridge-of-${i}`,
    });
    brokers.push(doors.use(await startBroker(config)));
  }
  brokers.forEach((broker, i) => relays[i]!.target = broker.broker.addresses.tcp!);
  for (const broker of brokers) {
    await until("the bridge waits or is connected", () => bridgeOf(broker).state !== "connecting");
    broker.clock.advance(2000);
    await connected(broker);
  }
  const clients = await Promise.all(brokers.map((broker) => broker.connect()));
  for (const client of clients) await client.subscribe("a", 1);
  for (const [i, client] of clients.entries()) {
    await client.publish("a", `of ${i}`, { qos: 1 });
    for (const other of clients) await other.takeMessage({ payload: `of ${i}` });
  }
  await until("nothing is under way", () => brokers.every((broker) => bridgeOf(broker).messagesInflight === 0));
  for (const client of clients) await client.expectNothing();
});

Deno.test("A remote that closes at once, or says what is no MQTT, is tried again no sooner than the backoff says", async () => {
  for (const words of [undefined, "HTTP/1.1 400 Bad Request\r\n\r\n"]) {
    let attempts = 0;
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepting = (async () => {
      for await (const connection of listener) {
        attempts++;
        if (words) await connection.write(new TextEncoder().encode(words)).catch(() => {});
        connection.close();
      }
    })();
    {
      await using here = await startBroker(
        bridged(`127.0.0.1:${listener.addr.port}`, [{ filter: "a", qos: 1 }], { version: "5" }),
      );
      const failed = (count: number) =>
        until("the attempt has failed", () => attempts === count && bridgeOf(here).state === "waiting");
      await failed(1);
      await here.broker.publish("a", "waits", { qos: 1 });
      here.clock.advance(700);
      await failed(1);
      here.clock.advance(600);
      await failed(2);
      here.clock.advance(1400);
      await failed(2);
      // The coarse timer looks every 250 ms.
      here.clock.advance(1300);
      await failed(3);
      assertEquals(bridgeOf(here).messagesQueued, 1);
      assertEquals(here.log.lines.filter((line) => line.startsWith("warn: bridge")).length, 1);
    }
    listener.close();
    await accepting;
  }
});

Deno.test("A subscription that the remote refuses is told, and the others work", async () => {
  const topicCheck = { enabled: true, acl: { anonymous: ["allowed/#"] } };
  await using remote = await startBroker({ topicCheck });
  const topics: BridgeTopicConfig[] = ["allowed/#", "secret/#"].map((filter) => ({ filter, direction: "in" }));
  await using here = await startBroker(bridged(addressOf(remote), topics));
  await connected(here);
  await here.log.line(
    /^warn: bridge house to .*: the remote refuses the subscription to "secret\/#": 0x87 NotAuthorized$/,
  );
  const mine = await here.connect();
  await mine.subscribe("#", 1);
  await remote.broker.publish("allowed/1", "in", { qos: 1 });
  await mine.takeMessage({ topicName: "allowed/1", payload: "in" });
});

Deno.test("What is retained crosses with its flag, its clearing too, and a state is kept below $SYS", async () => {
  await using remote = await startBroker();
  await using here = await startBroker(bridged(addressOf(remote), [{ filter: "a/#", qos: 1 }]));
  await connected(here);
  await here.broker.publish("a/1", "kept", { qos: 1, retain: true });
  await until("it is retained there", () => remote.broker.retained.has("a/1"));
  await here.broker.publish("a/1", "", { qos: 1, retain: true });
  await until("it is cleared there", () => !remote.broker.retained.has("a/1"));
  const state = here.broker.retained.get("$SYS/broker/connection/house/state");
  assertEquals(new TextDecoder().decode(state?.payload), "1");
});

Deno.test("A bridge shows its certificate over TLS, and knows the remote by its authority and name", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const authority = makeAuthority();
    const write = async (name: string, text: string) => {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      return `${folder}/${name}`;
    };
    const cafile = await write("ca.pem", authority.certificate);
    const server = authority.issue({ commonName: "remote.example", sans: ["DNS:remote.example"] });
    const client = authority.issue({ commonName: "house", usage: "client" });
    const serverFile = await write("server.pem", server.certificate + server.key);
    const clientFile = await write("client.pem", client.certificate + client.key);
    const users: string[] = [];
    const clientConnected = ({ username }: { username?: string }) => void users.push(username ?? "");
    await using remote = await startBroker({
      listeners: {
        tcp: {
          bind: "127.0.0.1:0",
          ssl: true,
          certfile: serverFile,
          cafile,
          clientCertificate: "required",
          usernameFromCertificate: "cn",
        },
      },
      plugins: [hooks({ clientConnected })],
    });
    const tls = { ssl: true, cafile, certfile: clientFile, serverName: "remote.example" };
    await using here = await startBroker(bridged(addressOf(remote), [{ filter: "a", qos: 2 }], tls));
    await connected(here);
    await here.broker.publish("a", "secret", { qos: 2 });
    await until("it is acknowledged", () => bridgeOf(here).messagesSent === 1 && bridgeOf(here).messagesInflight === 0);
    assertEquals(users, ["house"]);
    await using stranger = await startBroker(
      bridged(addressOf(remote), [{ filter: "a" }], { ...tls, serverName: "other.example" }),
    );
    await until("it does not connect", () => bridgeOf(stranger).state === "waiting");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
