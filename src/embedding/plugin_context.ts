import type { PluginContext, PublishOptions, PublishResult } from "../hooks/plugin.ts";
import { type Logger, loggerOf } from "../logger.ts";
import type { Message, Payload } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import { errorText } from "../error_text.ts";
import { makeMessage } from "./program_message.ts";

/** What the broker lets a plugin do. */
export interface PluginPowers {
  readonly baseDirectory: string;
  readonly signal: AbortSignal;
  readonly logger: Logger;
  statistics(): PluginContext["statistics"];
  /** Milliseconds of the broker's clock. */
  now(): number;
  publish(message: Message): Promise<PublishResult>;
  readonly retained: PluginContext["retained"];
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
  const { baseDirectory, signal } = powers;
  const logger = loggerOf(powers.logger, specifier);
  const make = (topicName: string, payload: Payload, options?: PublishOptions, retain?: true) =>
    makeMessage(topicName, payload, options, { nowMs: powers.now(), retain });
  const say = (level: "debug" | "info" | "warn" | "error") => (text: string) => logger[level](`${specifier}: ${text}`);
  return {
    specifier,
    baseDirectory,
    signal,
    get statistics() {
      return powers.statistics();
    },
    logger: {
      get debugEnabled() {
        return logger.debugEnabled;
      },
      debug: say("debug"),
      info: say("info"),
      warn: say("warn"),
      error: say("error"),
    },
    publish(topicName, payload, options) {
      // Not after a turn: what is published first comes first.
      const published = (async () => await powers.publish(make(topicName, payload, options)))();
      // A plugin that does not wait for it must not end the program.
      published.catch((error) => say("error")(errorText(error)));
      return published;
    },
    retained: (topicFilter) => powers.retained(topicFilter),
    retain: (topicName, payload, options) => powers.retain(make(topicName, payload, options, true)),
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
