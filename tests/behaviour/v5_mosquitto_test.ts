/** Mosquitto's clients at 5.0; skipped where they are not installed. */
import { assertEquals } from "@std/assert";
import type { Plugin } from "../../src/hooks/plugin.ts";
import { type InboundPacket, PacketType } from "../../src/packet/packets.ts";
import { patiently } from "../support/patience.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

function isInstalled(): boolean {
  try {
    new Deno.Command("mosquitto_sub", { args: ["--help"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch {
    return false;
  }
}

const ignore = !isInstalled();

/** A `mosquitto_sub` that is subscribed. */
interface Subscriber {
  /** Its lines once it has got as many messages as it was to get. */
  lines(): Promise<string[]>;
  /** Breaks its connection off, and waits until the broker has noticed. */
  kill(): Promise<void>;
}

/** A broker on TCP, and Mosquitto's clients for it. */
class Fixture implements AsyncDisposable {
  readonly #subscribed = new Map<string, () => void>();
  readonly #gone = new Map<string, () => void>();
  readonly #running: Deno.ChildProcess[] = [];
  readonly inbound: InboundPacket[] = [];
  #clients = 0;
  broker!: TestBroker;

  static async start(): Promise<Fixture> {
    const fixture = new Fixture();
    const observer: Plugin = {
      clientSubscribed: ({ clientIdentifier }) => fixture.#subscribed.get(clientIdentifier)?.(),
      clientDisconnected: ({ clientIdentifier }) => fixture.#gone.get(clientIdentifier)?.(),
      packetReceived: (_, packet) => void fixture.inbound.push(packet),
    };
    fixture.broker = await startBroker({ plugins: [hooks(observer)] });
    return fixture;
  }

  /** Runs `mosquitto_pub` to its end. */
  async publish(...args: string[]): Promise<void> {
    const child = this.#spawn("mosquitto_pub", args);
    const { code, stderr } = await patiently("mosquitto_pub", child.output());
    assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  }

  async subscribe(...args: string[]): Promise<Subscriber> {
    const given = args.indexOf("-i");
    const clientIdentifier = given < 0 ? `mosquitto${this.#clients++}` : args[given + 1]!;
    const subscribed = new Promise<void>((resolve) => this.#subscribed.set(clientIdentifier, resolve));
    const gone = new Promise<void>((resolve) => this.#gone.set(clientIdentifier, resolve));
    const child = this.#spawn("mosquitto_sub", [...given < 0 ? ["-i", clientIdentifier] : [], ...args]);
    await patiently("the subscription", subscribed);
    return {
      lines: async () => {
        const { stdout } = await patiently("mosquitto_sub", child.output());
        await patiently("the broker to notice", gone);
        return new TextDecoder().decode(stdout).split("\n").slice(0, -1);
      },
      kill: async () => {
        child.kill("SIGKILL");
        await child.output();
        await patiently("the broker to notice", gone);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#running) {
      try {
        child.kill("SIGKILL");
        await child.output();
      } catch {
        // It has ended, and its output was read.
      }
    }
    await this.broker[Symbol.asyncDispose]();
  }

  #spawn(command: string, args: string[]): Deno.ChildProcess {
    const { hostname, port } = this.broker.broker.addresses.tcp!;
    const version = args.includes("-V") ? [] : ["-V", "5"];
    const where = ["-h", hostname, "-p", `${port}`, ...version];
    const child = new Deno.Command(command, { args: [...where, ...args], stdout: "piped", stderr: "piped" }).spawn();
    this.#running.push(child);
    return child;
  }
}

/** `-D command name value …` for each property. */
const properties = (command: string, ...list: readonly string[][]) => list.flatMap((one) => ["-D", command, ...one]);

Deno.test({
  name: "mosquitto_pub and mosquitto_sub at 5.0 pass on every property",
  ignore,
  async fn() {
    await using fixture = await Fixture.start();
    const format = "%t %p %C %D %E %F %R %P";
    const subscriber = await fixture.subscribe("-q", "2", "-C", "3", "-F", format, "-t", "a/#");
    const sent = properties(
      "publish",
      ["content-type", "text/plain"],
      ["correlation-data", "x1"],
      ["message-expiry-interval", "60"],
      ["payload-format-indicator", "1"],
      ["response-topic", "answers"],
      ["user-property", "a", "1"],
      ["user-property", "b", "2"],
      ["user-property", "a", "3"],
    );
    for (const qos of ["0", "1", "2"]) await fixture.publish("-q", qos, "-t", `a/${qos}`, "-m", "m", ...sent);
    const rest = "m text/plain x1 60 1 answers a:1 b:2 a:3";
    assertEquals((await subscriber.lines()).sort(), [`a/0 ${rest}`, `a/1 ${rest}`, `a/2 ${rest}`]);
  },
});

Deno.test({
  name: "mosquitto_sub at 5.0 gets a retained message with the time that it has left, and none that has expired",
  ignore,
  async fn() {
    await using fixture = await Fixture.start();
    const expiring = properties("publish", ["message-expiry-interval", "60"]);
    await fixture.publish("-q", "1", "-r", "-t", "brief", "-m", "m", ...expiring);
    await fixture.publish("-q", "1", "-r", "-t", "kept", "-m", "m");
    fixture.broker.clock.advance(20_000);
    const first = await fixture.subscribe("-C", "1", "-F", "%t %r %E", "-t", "brief");
    assertEquals(await first.lines(), ["brief 1 40"]);
    fixture.broker.clock.advance(41_000);
    const second = await fixture.subscribe("-C", "1", "-F", "%t %r", "-t", "brief", "-t", "kept");
    assertEquals(await second.lines(), ["kept 1"]);
  },
});

Deno.test({
  name: "mosquitto_pub at 5.0 sends by topic alias",
  ignore,
  async fn() {
    await using fixture = await Fixture.start();
    const subscriber = await fixture.subscribe("-q", "1", "-C", "3", "-F", "%t %p", "-t", "#");
    const aliased = properties("publish", ["topic-alias", "3"]);
    await fixture.publish("-q", "1", "-t", "long/topic", "-m", "m", "--repeat", "3", ...aliased);
    assertEquals(await subscriber.lines(), ["long/topic m", "long/topic m", "long/topic m"]);
    const used = fixture.inbound.flatMap((packet) => packet.type === PacketType.Publish ? [packet.topicAlias] : []);
    assertEquals(used, [3, 3, 3]);
  },
});

Deno.test({
  name: "mosquitto_sub at 5.0 gets the identifiers of its subscriptions",
  ignore,
  async fn() {
    await using fixture = await Fixture.start();
    const identifier = properties("subscribe", ["subscription-identifier", "42"]);
    const subscriber = await fixture.subscribe("-C", "1", "-F", "%t %S", ...identifier, "-t", "a/+");
    await fixture.publish("-t", "a/b", "-m", "m");
    assertEquals(await subscriber.lines(), ["a/b 42"]);
  },
});

Deno.test({
  name: "mosquitto_sub at 5.0 comes back to its session until -x is over",
  ignore,
  async fn() {
    await using fixture = await Fixture.start();
    const session = ["-c", "-i", "s", "-x", "60", "-q", "1", "-F", "%t %p", "-t", "a"];
    const first = await fixture.subscribe(...session, "-E");
    assertEquals(await first.lines(), []);
    await fixture.publish("-q", "1", "-t", "a", "-m", "meanwhile");
    fixture.broker.clock.advance(50_000);
    const second = await fixture.subscribe(...session, "-C", "1");
    assertEquals(await second.lines(), ["a meanwhile"]);
    fixture.broker.clock.advance(61_000);
    const late = await fixture.broker.open().connect({ protocolVersion: 5, clientIdentifier: "s", clean: false });
    assertEquals([late.reasonCode, late.sessionPresent], [0, false]);
  },
});

Deno.test({
  name: "mosquitto_sub at 5.0 leaves a will with properties and delay",
  ignore,
  async fn() {
    await using fixture = await Fixture.start();
    const witness = await fixture.subscribe("-C", "1", "-F", "%t %p %q %C %P", "-q", "1", "-t", "will");
    const will = ["--will-topic", "will", "--will-payload", "gone", "--will-qos", "1"];
    const said = properties(
      "will",
      ["will-delay-interval", "30"],
      ["content-type", "text/plain"],
      ["user-property", "a", "b"],
    );
    const mortal = await fixture.subscribe("-i", "mortal", "-x", "100", "-t", "other", ...will, ...said);
    await mortal.kill();
    fixture.broker.clock.advance(31_000);
    assertEquals(await witness.lines(), ["will gone 1 text/plain a:b"]);
  },
});

Deno.test({
  name: "Two of mosquitto_sub, at 5.0 and 3.1.1, share a subscription",
  ignore,
  async fn() {
    await using fixture = await Fixture.start();
    const share = ["-q", "1", "-C", "2", "-F", "%t %p", "-t", "$share/group/jobs/#"];
    const one = await fixture.subscribe(...share);
    const two = await fixture.subscribe(...share, "-V", "311");
    for (const payload of ["1", "2", "3", "4"]) await fixture.publish("-q", "1", "-t", "jobs/x", "-m", payload);
    assertEquals([await one.lines(), await two.lines()], [["jobs/x 1", "jobs/x 3"], ["jobs/x 2", "jobs/x 4"]]);
  },
});

Deno.test({
  name: "Mosquitto's clients at 5.0, 3.1.1 and 3.1 meet on the same topic",
  ignore,
  async fn() {
    await using fixture = await Fixture.start();
    const versions = ["5", "311", "31"];
    const options = ["-q", "2", "-C", "3", "-F", "%t %p %q", "-t", "a"];
    const subscribers: Subscriber[] = [];
    for (const version of versions) subscribers.push(await fixture.subscribe(...options, "-V", version));
    for (const [qos, version] of versions.entries()) {
      await fixture.publish("-q", `${qos}`, "-t", "a", "-m", `from ${version}`, "-V", version);
    }
    for (const subscriber of subscribers) {
      assertEquals((await subscriber.lines()).sort(), ["a from 31 2", "a from 311 1", "a from 5 0"]);
    }
  },
});
