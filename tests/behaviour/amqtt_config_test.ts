/** A config file as aMQTT's documentation shows it, with its placeholders filled: every listener serves 3.1 and 3.1.1. */
import { assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import type { IClientOptions, MqttClient } from "mqtt";
import { Broker } from "../../src/broker/broker.ts";
import { loadConfigFile } from "../../src/config/load.ts";
import { setPassword } from "../../src/plugins/password_file.ts";
import { makeAuthority, writeServerCertificate } from "../support/certificates.ts";
import { answered, type Inbox, lose, MqttJsClients } from "../support/mqtt_js.ts";
import { patiently } from "../support/patience.ts";
import { CollectingLogger } from "../support/test_broker.ts";

const SCHEMES = {
  "my-tcp-1": "mqtt",
  "my-tcp-2": "mqtt",
  "my-tcp-ssl-1": "mqtts",
  "my-ws-1": "ws",
  "my-ws-ssl-1": "wss",
} as const;
type Listener = keyof typeof SCHEMES;
const LISTENERS = Object.keys(SCHEMES) as Listener[];

const VERSIONS = [
  { name: "3.1", mosquitto: "mqttv31", protocolVersion: 3 },
  { name: "3.1.1", mosquitto: "mqttv311", protocolVersion: 4 },
] as const;
type Version = (typeof VERSIONS)[number];

const USER = { username: "username1", password: "sesame" };

/** The documentation's example; authorities for client certificates come from all three places that it names. */
function configText(directory: string, authority: string): string {
  const indented = authority.trim().split("\n").map((line) => `      ${line}`).join("\n");
  return `listeners:
  default:
    max-connections: 50000
    type: tcp
  my-tcp-1:
    bind: 127.0.0.1:0
  my-tcp-2:
    bind: 127.0.0.1:0
    max-connections: 1000
  my-tcp-ssl-1:
    bind: 127.0.0.1:0
    ssl: on
    cafile: ${directory}/authority.pem
    capath: ${directory}/authorities
    cadata: |
${indented}
    certfile: ${directory}/certificate.pem
    keyfile: key.pem
  my-ws-1:
    bind: 0.0.0.0:0
    type: ws
  my-ws-ssl-1:
    bind: 127.0.0.1:0
    type: ws
    ssl: on
    certfile: ${directory}/certificate.pem
    keyfile: ${directory}/key.pem
timeout-disconnect-delay: 2
auth:
  plugins: ['auth.anonymous', 'auth.file'] #List of plugins to activate for authentication among all registered plugins
  allow-anonymous: true
  password-file: ${directory}/passwd_file
topic-check:
  enabled: true # Set to False if topic filtering is not needed
  plugins: ['topic_acl'] #List of plugins to activate for topic filtering among all registered plugins
  acl:
    # username: [list of allowed topics]
    username1: ['repositories/+/master', 'calendar/#', 'data/memes'] # List of topics on which client1 can publish and subscribe
    username2: ['data/memes']
    anonymous: [] # List of topics on which an anonymous client can publish and subscribe
`;
}

/** A broker that runs the example, and the clients of one test. */
class Example implements AsyncDisposable {
  readonly #clients = new MqttJsClients();

  private constructor(readonly broker: Broker, readonly directory: string, readonly authority: string) {}

  static async start(): Promise<Example> {
    const directory = await Deno.makeTempDir();
    const authority = makeAuthority();
    await Deno.mkdir(`${directory}/authorities`);
    await Promise.all([
      Deno.writeTextFile(`${directory}/authority.pem`, authority.certificate),
      Deno.writeTextFile(`${directory}/authorities/other.pem`, makeAuthority("Other Authority").certificate),
      writeServerCertificate(directory, authority),
      Deno.writeTextFile(
        `${directory}/broker.yaml`,
        configText(directory, makeAuthority("Third Authority").certificate),
      ),
      setPassword(`${directory}/passwd_file`, USER.username, USER.password),
    ]);
    const { config, baseDirectory, warnings } = await loadConfigFile(`${directory}/broker.yaml`);
    // What differs from aMQTT is said, and nothing else.
    assertEquals(warnings.map((warning) => /^\S+: (\S+):/.exec(warning)?.[1]), [
      "listeners.my-ws-1.hosts",
      "topic-check.acl",
      "listeners.default",
    ]);
    const broker = Broker.fromYaml(config, { baseDirectory, logger: new CollectingLogger() });
    await broker.start();
    return new Example(broker, directory, authority.certificate);
  }

  port(listener: Listener): number {
    return this.broker.addresses[listener]!.port;
  }

  /** An MQTT.js client that is connected, and its inbox. */
  async connect(listener: Listener, version: Version, more: IClientOptions = {}): Promise<[MqttClient, Inbox]> {
    const url = `${SCHEMES[listener]}://localhost:${this.port(listener)}`;
    const options: IClientOptions = { ca: this.authority, protocolVersion: version.protocolVersion, ...more };
    const { client, inbox } = await this.#clients.connect(url, options);
    return [client, inbox];
  }

  /** What both Mosquitto commands are told. */
  mosquittoArguments(listener: Listener, version: Version): string[] {
    return [
      ...["-h", "127.0.0.1", "-p", String(this.port(listener)), "-V", version.mosquitto],
      ...["-u", USER.username, "-P", USER.password],
      ...(SCHEMES[listener] === "mqtts" ? ["--cafile", `${this.directory}/authority.pem`] : []),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#clients[Symbol.asyncDispose]();
    await this.broker.shutdown();
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** A `mosquitto_sub` that prints messages as {@linkcode Inbox} has them, and ends after `count` of them. */
class MosquittoSub implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(count: number, topicFilter: string, args: string[]) {
    const own = ["-C", String(count), "-W", "30", "-q", "2", "-F", "%t %p %q %r", "-t", topicFilter];
    const command = new Deno.Command("mosquitto_sub", { args: [...args, ...own], stdin: "null", stdout: "piped" });
    this.#process = command.spawn();
    this.#reader = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  async expect(line: string): Promise<void> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await patiently("a line of mosquitto_sub", this.#reader.read());
      if (done) throw new Error(`mosquitto_sub ended before it printed ${line}`);
      this.#text += value;
    }
    const [first, ...rest] = this.#text.split("\n");
    this.#text = rest.join("\n");
    assertEquals(first, line);
  }

  /** Waits until it has ended by itself. */
  async ended(): Promise<void> {
    assertEquals((await patiently("mosquitto_sub to end", this.#process.status)).code, 0, "exit code of mosquitto_sub");
  }

  /** Ends it as a crash does: its connection breaks off without DISCONNECT. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#reader.cancel();
    await this.#process.status;
  }
}

async function mosquittoPub(args: string[]): Promise<void> {
  const command = new Deno.Command("mosquitto_pub", { args, stdin: "null" });
  const { code, stderr } = await patiently("mosquitto_pub to end", command.output());
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""], "exit code and errors of mosquitto_pub");
}

function isInstalled(command: string): boolean {
  try {
    new Deno.Command(command, { args: ["--help"] }).outputSync();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

const hasMosquitto = ["mosquitto_sub", "mosquitto_pub"].every(isInstalled);

for (const listener of LISTENERS) {
  for (const version of VERSIONS) {
    const title = `aMQTT's example config, ${listener}, MQTT ${version.name}`;

    Deno.test(`${title}: MQTT.js passes every QoS, retained messages and wills`, async () => {
      await using example = await Example.start();
      const will = { topic: "calendar/will", payload: Buffer.from("gone"), qos: 1, retain: false } as const;
      const [publisher] = await example.connect(listener, version, { ...USER, will });
      await answered(publisher.publishAsync("calendar/kept", "kept", { qos: 1, retain: true }));
      const [subscriber, inbox] = await example.connect(listener, version, USER);
      const granted = await answered(subscriber.subscribeAsync(["calendar/#", "repositories/+/master"], { qos: 2 }));
      assertEquals(granted.map(({ qos }) => qos), [2, 2]);
      await inbox.expect("calendar/kept kept 1 1");
      for (const qos of [0, 1, 2] as const) {
        await answered(publisher.publishAsync("repositories/a/master", `m${qos}`, { qos }));
        await inbox.expect(`repositories/a/master m${qos} ${qos} 0`);
      }
      await lose(publisher);
      await inbox.expect("calendar/will gone 1 0");
    });

    Deno.test(`${title}: topics that are not in a client's list are refused`, async () => {
      await using example = await Example.start();
      const [user, inbox] = await example.connect(listener, version, USER);
      await answered(user.subscribeAsync("calendar/#", { qos: 1 }));
      const [anonymous, nothing] = await example.connect(listener, version);
      await refused(anonymous, "calendar/#", version);
      await refused(user, "data/other", version);
      const routed = example.broker.subscribe("#");
      anonymous.publish("calendar/a", "anonymous", { qos: 0 });
      await answered(anonymous.publishAsync("calendar/a", "anonymous", { qos: 1 }));
      await answered(user.publishAsync("data/other", "not in the list", { qos: 1 }));
      await answered(user.publishAsync("calendar/a", "user", { qos: 1 }));
      await inbox.expect("calendar/a user 1 0");
      const { value } = await patiently("the message that is allowed", routed.next());
      assertEquals([value.topicName, new TextDecoder().decode(value.payload)], ["calendar/a", "user"]);
      await routed.return?.();
      await example.broker.publish("data/other", "not for the user");
      // UNSUBACK comes behind whatever was sent before it.
      await answered(anonymous.unsubscribeAsync("calendar/#"));
      await answered(user.unsubscribeAsync("data/other"));
      await nothing.expect();
      await inbox.expect();
    });
  }
}

for (const version of VERSIONS) {
  Deno.test(`aMQTT's example config, MQTT ${version.name}: a password that is not the file's is refused`, async () => {
    await using example = await Example.start();
    for (const listener of LISTENERS) {
      const connecting = example.connect(listener, version, { ...USER, password: "guessed" });
      await assertRejects(() => connecting, Error, "Bad username or password");
    }
  });
}

/** SUBACK of 3.1 knows no refusal: the filter is granted QoS 0 there, and nothing comes. */
async function refused(client: MqttClient, topicFilter: string, { name }: Version): Promise<void> {
  const answer = answered(client.subscribeAsync(topicFilter, { qos: 1 }));
  if (name === "3.1.1") await assertRejects(() => answer, Error, "Subscribe error");
  else assertEquals((await answer).map(({ qos }) => qos), [0]);
}

for (const listener of ["my-tcp-1", "my-tcp-2", "my-tcp-ssl-1"] as const) {
  for (const version of VERSIONS) {
    Deno.test({
      name: `aMQTT's example config, ${listener}, MQTT ${version.name}: Mosquitto's commands pass every QoS, ` +
        "retained messages and wills",
      ignore: !hasMosquitto,
      fn: async () => {
        await using example = await Example.start();
        const common = example.mosquittoArguments(listener, version);
        await mosquittoPub([...common, "-q", "1", "-r", "-t", "calendar/kept", "-m", "kept"]);
        await using subscriber = new MosquittoSub(5, "calendar/#", common);
        await subscriber.expect("calendar/kept kept 1 1");
        for (const qos of [0, 1, 2]) {
          await mosquittoPub([...common, "-q", String(qos), "-t", "calendar/a", "-m", `m${qos}`]);
          await subscriber.expect(`calendar/a m${qos} ${qos} 0`);
        }
        const will = ["--will-topic", "calendar/will", "--will-payload", "gone", "--will-qos", "1"];
        {
          await using doomed = new MosquittoSub(2, "calendar/kept", [...common, ...will]);
          await doomed.expect("calendar/kept kept 1 1");
        }
        await subscriber.expect("calendar/will gone 1 0");
        await subscriber.ended();
      },
    });
  }
}
