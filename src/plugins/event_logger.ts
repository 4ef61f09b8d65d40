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
import { loggerOptions } from "./logger_options.ts";
import { readOptions } from "./options.ts";
import { quote } from "../quote.ts";

/** Options of `event_logger`. */
export interface EventLoggerOptions {
  /** Leaves messages of `$SYS` out. @default true */
  readonly excludeSys?: boolean;
}

/** Makes the plugin; its options are {@linkcode EventLoggerOptions}. */
const create: PluginFactory = (options: unknown, { logger }: PluginContext): Plugin => {
  const { excludeSys = loggerOptions.excludeSys.default } = readOptions(options, loggerOptions);
  // A hook that is not there costs the broker nothing.
  const rest = logger.debugEnabled === false
    ? {}
    : { ...brokerEvents(logger), ...messageEvents(logger, excludeSys !== false) };
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

function messageEvents(logger: Logger, excludeSys: boolean): Plugin {
  const log = (message: ApplicationMessage, text: () => string) => {
    if (!excludeSys || !message.topicName.startsWith("$SYS/")) logger.debug(text());
  };
  return {
    messageReceived: (client, message) =>
      log(message, () => `${describeClient(client)} sent ${describeMessage(message)}`),
    messageRouted: (message, subscribers) =>
      log(
        message,
        () => `${describeMessage(message)} went to ${subscribers} ${subscribers === 1 ? "client" : "clients"}`,
      ),
    messageRetained: (message) =>
      log(
        message,
        () =>
          message.payload.length === 0
            ? `retained message of ${quote(message.topicName)} cleared`
            : `${describeMessage(message)} retained`,
      ),
    messageQueued: (clientIdentifier, message) =>
      log(message, () => `${describeMessage(message)} waits for client ${quote(clientIdentifier)}`),
    messageDropped: (clientIdentifier, message, reason) =>
      log(message, () => {
        const recipient = clientIdentifier === undefined ? "everybody" : `client ${quote(clientIdentifier)}`;
        return `${describeMessage(message)} dropped for ${recipient}: ${reason}`;
      }),
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
