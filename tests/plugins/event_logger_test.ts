import { assertEquals, assertThrows } from "@std/assert";
import type { Plugin } from "../../src/hooks/plugin.ts";
import { Message } from "../../src/message.ts";
import { ReasonCode } from "../../src/packet/reason_code.ts";
import { parseTopicFilter, parseTopicName } from "../../src/packet/topic.ts";
import create from "../../src/plugins/event_logger.ts";
import { clientSnapshot, pluginContext } from "../support/plugin_context.ts";

const client = clientSnapshot({ username: "alice" });
const message = Message.of({ topicName: parseTopicName("a/b"), payload: new TextEncoder().encode("private"), qos: 1 });
const cleared = Message.of({ topicName: parseTopicName("a/b"), payload: new Uint8Array() });
const topicFilter = parseTopicFilter("a/+");

const events: readonly (readonly [call: (plugin: Plugin) => unknown, line: string])[] = [
  [(plugin) => plugin.beforeStart?.(), "debug: broker starts"],
  [(plugin) => plugin.afterStart?.(), "debug: broker has started"],
  [(plugin) => plugin.beforeShutdown?.(), "debug: broker shuts down"],
  [(plugin) => plugin.afterShutdown?.(), "debug: broker has shut down"],
  [
    (plugin) => plugin.clientConnected?.(client),
    'info: client "client-1" (user "alice") connected through tcp from 192.0.2.1 port 40000, MQTT 3.1.1',
  ],
  [
    (plugin) => plugin.clientConnected?.(clientSnapshot({ remote: {}, secure: true, protocolVersion: 5 })),
    'info: client "client-1" (anonymous) connected through tcp, MQTT 5.0, secure',
  ],
  [
    (plugin) => plugin.clientDisconnected?.(client, { reasonCode: ReasonCode.Success, reason: "goodbye", clean: true }),
    'info: client "client-1" (user "alice") disconnected: 0x00 Success: goodbye',
  ],
  [
    (plugin) =>
      plugin.clientDisconnected?.(client, {
        reasonCode: ReasonCode.KeepAliveTimeout,
        reason: "silent for 90 s",
        clean: false,
      }),
    'info: client "client-1" (user "alice") was disconnected: 0x8d KeepAliveTimeout: silent for 90 s',
  ],
  [
    (plugin) => plugin.clientSubscribed?.(client, { topicFilter, qos: 1 }),
    'debug: client "client-1" (user "alice") subscribed to "a/+" at QoS 1',
  ],
  [
    (plugin) => plugin.clientSubscribed?.(client, { topicFilter, shareName: "s", qos: 0 }),
    'debug: client "client-1" (user "alice") subscribed to "a/+" in share "s" at QoS 0',
  ],
  [
    (plugin) => plugin.clientUnsubscribed?.(client, topicFilter),
    'debug: client "client-1" (user "alice") unsubscribed from "a/+"',
  ],
  [
    (plugin) => plugin.messageReceived?.(client, message),
    'debug: client "client-1" (user "alice") sent message to "a/b" (7 bytes, QoS 1)',
  ],
  [(plugin) => plugin.messageRouted?.(message, 1), 'debug: message to "a/b" (7 bytes, QoS 1) went to 1 client'],
  [(plugin) => plugin.messageRouted?.(message, 3), 'debug: message to "a/b" (7 bytes, QoS 1) went to 3 clients'],
  [(plugin) => plugin.messageRetained?.(message), 'debug: message to "a/b" (7 bytes, QoS 1) retained'],
  [(plugin) => plugin.messageRetained?.(cleared), 'debug: retained message of "a/b" cleared'],
  [
    (plugin) => plugin.messageQueued?.("c", message),
    'debug: message to "a/b" (7 bytes, QoS 1) waits for client "c"',
  ],
  [
    (plugin) => plugin.messageDropped?.("c", message, "queue-limit"),
    'debug: message to "a/b" (7 bytes, QoS 1) dropped for client "c": queue-limit',
  ],
  [
    (plugin) => plugin.messageDropped?.(undefined, message, "max-retained"),
    'debug: message to "a/b" (7 bytes, QoS 1) dropped for everybody: max-retained',
  ],
];

for (const [call, line] of events) {
  Deno.test(`event_logger writes "${line}"`, () => {
    const context = pluginContext();
    call(create(undefined, context) as Plugin);
    assertEquals(context.log, [line]);
  });
}

Deno.test("event_logger does not let a client's names break or flood the log", () => {
  const context = pluginContext();
  const clientIdentifier = `a\n\u2028\u009b${"x".repeat(1000)}`;
  (create({}, context) as Plugin).clientConnected?.(clientSnapshot({ clientIdentifier }));
  const expected = `info: client "a\\n\\u2028\\u009b${"x".repeat(196)}…" (anonymous) connected`;
  assertEquals(context.log[0]?.slice(0, expected.length), expected);
});

Deno.test("event_logger serves the hooks of every message only if somebody hears them", () => {
  const context = pluginContext();
  const plugin = create({}, { ...context, logger: { ...context.logger, debugEnabled: false } }) as Plugin;
  assertEquals(Object.keys(plugin), ["clientConnected", "clientDisconnected"]);
});

Deno.test("event_logger has no other option than excludeSys", () => {
  assertThrows(() => create({ level: "info" }, pluginContext()), Error, "unknown option level: known are excludeSys");
});

Deno.test("event_logger leaves messages of $SYS out unless it is told not to", async () => {
  const logged = async (options: unknown) => {
    const context = pluginContext();
    const { messageRouted } = create(options, context) as Plugin;
    for (const topicName of ["$SYS/broker/time", "a"]) {
      await messageRouted?.(
        { topicName: parseTopicName(topicName), payload: new Uint8Array(), qos: 0, retain: false },
        1,
      );
    }
    return context.log.map((line) => /"(.*?)"/.exec(line)?.[1]);
  };
  assertEquals(await logged({}), ["a"]);
  assertEquals(await logged({ excludeSys: false }), ["$SYS/broker/time", "a"]);
});
