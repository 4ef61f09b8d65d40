/** Files as HBMQTT, aMQTT up to 0.10 and Home Assistant's former broker have them, each with a free port, served. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { Broker } from "../../src/broker/broker.ts";
import { loadConfigFile } from "../../src/config/load.ts";
import { setPassword } from "../../src/plugins/password_file.ts";
import { CollectingLogger } from "../support/test_broker.ts";
import { type ConnectOptions, RawClient } from "../support/raw_client.ts";

/** Serves a file with users `homeassistant` (password `secret`) beside it. */
async function served(text: string, body: (broker: Broker, log: CollectingLogger) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await setPassword(join(folder, "passwd"), "homeassistant", "secret");
    await Deno.writeTextFile(join(folder, "broker.yaml"), text);
    const { config, baseDirectory } = await loadConfigFile(join(folder, "broker.yaml"));
    const logger = new CollectingLogger();
    await using broker = Broker.fromYaml(config, { baseDirectory, logger });
    await broker.start();
    await body(broker, logger);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Signs in at a listener; the body gets the client and the CONNACK's return code. */
async function visit(
  broker: Broker,
  options: ConnectOptions,
  body: (client: RawClient, returnCode: number) => Promise<void> | void,
): Promise<void> {
  const { hostname, port } = broker.addresses.default!;
  const client = new RawClient(await Deno.connect({ hostname, port }));
  try {
    await body(client, (await client.connect(options)).reasonCode);
  } finally {
    await client.close();
  }
}

const LISTENERS = "listeners:\n  default:\n    type: tcp\n    bind: 127.0.0.1:0\n";
const user = { username: "homeassistant", password: "secret" };

Deno.test("HBMQTT's default config serves clients without a user name, and no others", async () => {
  const text = `${LISTENERS}sys_interval: 20
auth:
  allow-anonymous: true
plugins:
  - auth_file
  - auth_anonymous
topic-check:
  enabled: False
`;
  await served(text, async (broker, log) => {
    await visit(broker, {}, async (client, returnCode) => {
      assertEquals(returnCode, 0);
      assertEquals(await client.subscribe("a/#", 1), [1]);
      await client.publish("a/b", "x", { qos: 1 });
      await client.expectMessage({ topicName: "a/b", payload: "x" });
    });
    await visit(broker, user, (_, returnCode) => assertEquals(returnCode === 0, false));
    assertEquals(log.complains("auth.file has no password-file"), true);
  });
});

Deno.test("a config as Home Assistant made it with a password serves its user, and nobody else", async () => {
  const text = `${LISTENERS}    max-connections: 50000
auth: {allow-anonymous: false, password-file: passwd}
plugins: [auth_anonymous, auth_file]
topic-check: {enabled: true, plugins: [topic_taboo]}
`;
  await served(text, async (broker) => {
    await visit(broker, {}, (_, returnCode) => assertEquals(returnCode, 5));
    await visit(broker, user, async (client, returnCode) => {
      assertEquals(returnCode, 0);
      assertEquals(await client.subscribe(["a", "prohibited"]), [0, 0x80]);
    });
  });
});

Deno.test("acl under its new name subscribe-acl restricts subscribing only, as it did in aMQTT", async () => {
  const lists = "{service: ['REQ/#'], anonymous: ['REQ/#']}";
  const text = (key: string) =>
    `${LISTENERS}auth: {allow-anonymous: true}\ntopic-check: {enabled: true, plugins: [topic_acl], ${key}: ${lists}}\n`;
  for (const [key, isPublished] of [["subscribe-acl", true], ["acl", false]] as const) {
    await served(text(key), async (broker) => {
      const heard = broker.subscribe("#");
      await visit(broker, {}, async (client) => {
        assertEquals(await client.subscribe(["REQ/1", "ANSWER/1"]), [0, 0x80]);
        await client.publish("ANSWER/1", "x", { qos: 1 });
      });
      await broker.publish("end", "");
      assertEquals((await heard.next()).value?.topicName, isPublished ? "ANSWER/1" : "end");
    });
  }
});
