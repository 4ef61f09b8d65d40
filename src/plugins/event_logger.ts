/**
 * `event_logger`: writes what happens to the log: clients that come and go as `info`, everything else as `debug`.
 * Payloads are not written, only their size.
 *
 * @module
 */
import type { ApplicationMessage } from "../message.ts";
import type { ClientSnapshot, Plugin, PluginContext, PluginFactory } from "../hooks/plugin.ts";
import { describeReasonCode } from "../packet/reason_code.ts";
import type { Logger } from "../logger.ts";
import { readOptions } from "./options.ts";
import { quote } from "../quote.ts";

/** Makes the plugin; it has no options. */
const create: PluginFactory = (options: unknown, { logger }: PluginContext): Plugin => {
  readOptions(options, []);
  // A hook that is not there costs the broker nothing.
  const rest = logger.debugEnabled === false ? {} : { ...brokerEvents(logger), ...messageEvents(logger) };
  return { ...connections(logger), ...rest };
};

export default create;

function connections(logger: Logger): Plugin {
  return {
    clientConnected: (client) => logger.info(`${describeClient(client)} connected ${describeOrigin(client)}`),
    clientDisconnected: (client, { reasonCode, reason, clean }) => {
      const manner = clean ? "disconnected" : "was disconnected";
      logger.info(`${describeClient(client)} ${manner}: ${describeReasonCode(reasonCode)}: ${reason}`);
    },
  };
}

function brokerEvents(logger: Logger): Plugin {
  return {
    beforeStart: () => logger.debug("broker starts"),
    afterStart: () => logger.debug("broker has started"),
    beforeShutdown: () => logger.debug("broker shuts down"),
    afterShutdown: () => logger.debug("broker has shut down"),
    clientSubscribed: (client, { topicFilter, shareName, qos }) => {
      const share = shareName === undefined ? "" : ` in share ${quote(shareName)}`;
      logger.debug(`${describeClient(client)} subscribed to ${quote(topicFilter)}${share} at QoS ${qos}`);
    },
    clientUnsubscribed: (client, filter) =>
      logger.debug(`${describeClient(client)} unsubscribed from ${quote(filter)}`),
  };
}

function messageEvents(logger: Logger): Plugin {
  return {
    messageReceived: (client, message) => logger.debug(`${describeClient(client)} sent ${describeMessage(message)}`),
    messageRouted: (message, subscribers) =>
      logger.debug(`${describeMessage(message)} went to ${subscribers} ${subscribers === 1 ? "client" : "clients"}`),
    messageRetained: (message) => {
      const cleared = message.payload.length === 0;
      const topic = quote(message.topicName);
      logger.debug(cleared ? `retained message of ${topic} cleared` : `${describeMessage(message)} retained`);
    },
    messageQueued: (clientIdentifier, message) =>
      logger.debug(`${describeMessage(message)} waits for client ${quote(clientIdentifier)}`),
    messageDropped: (clientIdentifier, message, reason) => {
      const recipient = clientIdentifier === undefined ? "everybody" : `client ${quote(clientIdentifier)}`;
      logger.debug(`${describeMessage(message)} dropped for ${recipient}: ${reason}`);
    },
  };
}

function describeClient({ clientIdentifier, username }: ClientSnapshot): string {
  return `client ${quote(clientIdentifier)} (${username === undefined ? "anonymous" : `user ${quote(username)}`})`;
}

function describeOrigin({ remote, listener, protocolVersion, secure }: ClientSnapshot): string {
  const version = { 3: "3.1", 4: "3.1.1", 5: "5.0" }[protocolVersion];
  const address = remote.hostname === undefined ? "" : ` from ${remote.hostname} port ${remote.port ?? "unknown"}`;
  return `through ${listener}${address}, MQTT ${version}${secure ? ", secure" : ""}`;
}

function describeMessage({ topicName, payload, qos }: ApplicationMessage): string {
  return `message to ${quote(topicName)} (${payload.length} bytes, QoS ${qos})`;
}
