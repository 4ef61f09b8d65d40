/** Names that clients choose, in every line of the log that has one. */
import { assert, assertEquals } from "@std/assert";
import type { BrokerConfig } from "../../src/config/config.ts";
import type { Plugin, PluginContext } from "../../src/hooks/plugin.ts";
import { hooks, startBroker, type TestBroker } from "../support/test_broker.ts";

/** What a name must not be able to say in a line, unless its quotation marks are escaped. */
const FORGED = 'a", user "root';
const LONG = "y".repeat(20_000);
const HOSTILE = `${FORGED}\u202e${LONG}`;
const TOPIC = `t/${HOSTILE}`;

const persistent = { clientIdentifier: HOSTILE, clean: false } as const;

/** Everybody under every name but `stranger`, nothing below `no/`, and a plugin that does wrong with the names it is told. */
function config(): BrokerConfig {
  const wrong = (context: PluginContext): Plugin => ({
    clientSubscribed: ({ clientIdentifier }) => void context.disconnect(clientIdentifier, 0x8c),
    clientUnsubscribed: (_, topicFilter) =>
      context.publish(topicFilter, "", { properties: { contentType: "\0" } } as never),
  });
  const rules = hooks({
    authenticate: ({ username }) =>
      username?.startsWith("stranger")
        ? { decision: "deny", reasonCode: 0x86, reasonString: `no ${username}` }
        : "allow",
    authorizePublish: (_, { topicName }) => topicName.startsWith("no/") ? "deny" : "allow",
    authorizeSubscribe: (_, { topicFilter }) => topicFilter.startsWith("no/") ? "deny" : "allow",
  });
  return {
    auth: { plugins: [rules] },
    topicCheck: { enabled: true, plugins: [rules] },
    plugins: ["event_logger", "packet_logger", hooks(wrong)],
  };
}

/** One walk through whatever is logged of a client, with names that want to be taken for the log's own words. */
async function walk(broker: TestBroker): Promise<void> {
  const first = await broker.connect({ ...persistent, username: HOSTILE });
  await first.subscribe(TOPIC, 1);
  await first.subscribe(`$share/${HOSTILE.replaceAll("/", "")}/a`, 1);
  await first.subscribe(`no/${HOSTILE}`, 1);
  await first.publish(TOPIC, "x", { qos: 1, retain: true });
  await first.publish(`no/${HOSTILE}`, "x", { qos: 1 });
  await first.unsubscribe(TOPIC);
  const refused = [
    { ...persistent, username: "another" },
    { clientIdentifier: HOSTILE, username: `stranger ${HOSTILE}`, password: "x" },
  ];
  for (const options of refused) assert((await broker.open().connect(options)).reasonCode !== 0);
  await first.close();
  await broker.log.line(/^info: event_logger: client .* was disconnected/);
  const state = `$SYS/broker/connection/${FORGED}${LONG}/state`;
  const will = { topicName: state, payload: "0", qos: 1, retain: true } as const;
  await (await broker.connect({ ...persistent, username: `another ${HOSTILE}`, will })).close();
  await broker.log.line(/will dropped/);
  const faulty = broker.open();
  await faulty.connect({ protocolVersion: 5, clientIdentifier: HOSTILE, authenticationMethod: HOSTILE });
}

Deno.test("No name that a client has chosen forges or fills a line of the log, whatever the line is about", async () => {
  await using broker = await startBroker(config());
  await walk(broker);
  await broker.broker.shutdown();
  const { lines } = broker.log;
  for (const words of ["begins anew", "will dropped", "publish denied", "subscription refused", "connection refused"]) {
    assert(lines.some((line) => line.includes(words)), `no line says: ${words}`);
  }
  for (const words of ["threw: Cannot disconnect client", "threw: Cannot publish", "subscribed to", "--> CONNECT"]) {
    assert(lines.some((line) => line.includes(words)), `no line says: ${words}`);
  }
  const forged = lines.filter((line) => line.includes(FORGED) || /[\n\u202e]/.test(line));
  assertEquals(forged.map((line) => line.slice(0, 300)), []);
  assertEquals(lines.filter((line) => line.length > 1500).map((line) => `${line.length}: ${line.slice(0, 300)}`), []);
});

Deno.test("A client that comes as another user each time is told of in a few lines and a number", async () => {
  await using broker = await startBroker({ auth: { plugins: [hooks({ authenticate: () => "allow" })] } });
  for (let index = 0; index < 25; index++) {
    await broker.lose(await broker.connect({ clientIdentifier: "c", clean: false, username: `u${index}` }));
  }
  broker.clock.advance(10_000);
  const lines = broker.log.lines.filter((line) => line.startsWith("warn: session begins anew"));
  assertEquals(lines.length, 6);
  assertEquals(lines.at(-1), "warn: session begins anew: unknown address: … and 19 more (session-replaced)");
});
