import type { PluginContext, PublishOptions } from "../hooks/plugin.ts";
import { type Logger, loggerOf } from "../logger.ts";
import { expiryTime, Message } from "../message.ts";
import { checkMessageProperties } from "../packet/message_properties.ts";
import type { QoS } from "../packet/packets.ts";
import { parseTopicName } from "../packet/topic.ts";
import { quote } from "../quote.ts";
import { errorText } from "../error_text.ts";

/** What the broker lets a plugin do. */
export interface PluginPowers {
  readonly baseDirectory: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly statistics: PluginContext["statistics"];
  /** Milliseconds of the broker's clock. */
  now(): number;
  publish(message: Message): void;
  retain(message: Message): void;
  readonly clients: PluginContext["clients"];
  readonly sessions: PluginContext["sessions"];
  readonly session: PluginContext["session"];
  readonly disconnect: PluginContext["disconnect"];
  subscribe(clientIdentifier: string, topicFilter: string, qos: QoS): boolean;
  every(seconds: number, tick: () => void): void;
}

/** The context of one plugin. */
export function pluginContext(specifier: string, powers: PluginPowers): PluginContext {
  const { baseDirectory, signal, statistics } = powers;
  const logger = loggerOf(powers.logger, specifier);
  const make = (topicName: string, payload: Uint8Array | string, options?: PublishOptions) =>
    makeMessage(topicName, payload, { ...options, nowMs: powers.now() });
  const say = (level: "debug" | "info" | "warn" | "error") => (text: string) => logger[level](`${specifier}: ${text}`);
  return {
    specifier,
    baseDirectory,
    signal,
    statistics,
    logger: {
      get debugEnabled() {
        return logger.debugEnabled;
      },
      debug: say("debug"),
      info: say("info"),
      warn: say("warn"),
      error: say("error"),
    },
    publish: (topicName, payload, options) => powers.publish(make(topicName, payload, options)),
    retain: (topicName, payload, options) => powers.retain(make(topicName, payload, { ...options, retain: true })),
    clients: () => powers.clients(),
    sessions: () => powers.sessions(),
    session: (clientIdentifier) => powers.session(clientIdentifier),
    disconnect: (...who) => powers.disconnect(...who),
    subscribe: (clientIdentifier, topicFilter, qos = 0) => powers.subscribe(clientIdentifier, topicFilter, qos),
    every: (seconds, tick) => {
      if (!(seconds > 0 && seconds <= LONGEST_PERIOD_SECONDS)) {
        throw new Error(`seconds must be above 0 and at most ${LONGEST_PERIOD_SECONDS}: got ${seconds}`);
      }
      powers.every(seconds, guarded(tick, say("error")));
    },
  };
}

/** What the system's timers can count. */
const LONGEST_PERIOD_SECONDS = 2_147_483;

/** A plugin's timer must not take the broker with it when it fails. */
function guarded(tick: () => void, complain: (text: string) => void): () => Promise<void> {
  return async () => {
    try {
      await tick();
    } catch (error) {
      complain(`timer: ${errorText(error)}`);
    }
  };
}

const encoder = new TextEncoder();

/** What a message of a plugin or the host program is made with. */
export interface MakeMessageOptions extends PublishOptions {
  /** Milliseconds of the broker's clock. */
  readonly nowMs: number;
  /** In whose name it is published. @default nobody's */
  readonly publisher?: string;
}

/**
 * A message of a plugin or the host program; the payload is copied.
 *
 * @throws {TopicError} if the topic name is wrong
 * @throws {Error} if a property is wrong
 */
export function makeMessage(topicName: string, payload: Uint8Array | string, options: MakeMessageOptions): Message {
  const { qos, retain, properties, nowMs, publisher } = options;
  const fault = properties && checkMessageProperties(properties);
  if (fault) throw new Error(`Cannot publish to ${quote(topicName)}: ${fault}`);
  return Message.of({
    topicName: parseTopicName(topicName),
    payload: typeof payload === "string" ? encoder.encode(payload) : payload.slice(),
    qos,
    retain,
    publisher,
    properties: properties && { ...properties },
    expiresAtMs: expiryTime(properties?.messageExpiryIntervalSeconds, nowMs),
  });
}
