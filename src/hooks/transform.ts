/** The hooks that put another message in the place of one that is about to be routed. */
import type { Logger } from "../logger.ts";
import type { ApplicationMessage } from "../message.ts";
import { checkMessageProperties } from "../packet/message_properties.ts";
import { parseTopicName, TopicError } from "../packet/topic.ts";
import { isPromise, returnedWrongly, threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";
import type { ClientSnapshot } from "./plugin.ts";

/** What becomes of a message; `undefined`: it is dropped. */
export type Transformed = ApplicationMessage | undefined;

const hook = "transformMessage";

/** Hands a message from one transforming plugin to the next. */
export class Transformers {
  readonly #plugins: readonly LoadedPlugin[];
  readonly #logger: Logger;

  /** @param plugins those that have `transformMessage`, in the order in which they are called */
  constructor(plugins: readonly LoadedPlugin[], logger: Logger) {
    this.#plugins = plugins;
    this.#logger = logger;
  }

  /** Returns a promise only if a plugin does. A plugin that fails drops the message. */
  transform(message: ApplicationMessage, client: ClientSnapshot | undefined): Transformed | Promise<Transformed> {
    return this.#transformFrom(0, message, client);
  }

  #transformFrom(
    first: number,
    original: ApplicationMessage,
    client: ClientSnapshot | undefined,
  ): Transformed | Promise<Transformed> {
    let message = original;
    for (let index = first; index < this.#plugins.length; index++) {
      const result = this.#call(this.#plugins[index] as LoadedPlugin, message, client);
      if (result instanceof Promise) return this.#transformAfter(result, index + 1, client);
      if (result === undefined) return undefined;
      message = result;
    }
    return message;
  }

  async #transformAfter(
    pending: Promise<Transformed>,
    next: number,
    client: ClientSnapshot | undefined,
  ): Promise<Transformed> {
    const message = await pending;
    return message && await this.#transformFrom(next, message, client);
  }

  #call(
    loaded: LoadedPlugin,
    message: ApplicationMessage,
    client: ClientSnapshot | undefined,
  ): Transformed | Promise<Transformed> {
    try {
      const result: unknown = loaded.plugin.transformMessage?.(message, client);
      return isPromise(result) ? this.#callAfter(loaded, message, result) : this.#read(loaded, message, result);
    } catch (error) {
      return this.#fail(loaded, error);
    }
  }

  async #callAfter(
    loaded: LoadedPlugin,
    given: ApplicationMessage,
    result: PromiseLike<unknown>,
  ): Promise<Transformed> {
    try {
      return this.#read(loaded, given, await result);
    } catch (error) {
      return this.#fail(loaded, error);
    }
  }

  #read(loaded: LoadedPlugin, given: ApplicationMessage, result: unknown): Transformed {
    if (result === given) return given;
    if (result === undefined) return undefined;
    const expected = "a message with topicName, payload, qos and retain, or undefined";
    if (!isMessage(result)) {
      this.#logger.error(returnedWrongly(loaded, hook, expected, result));
      return undefined;
    }
    const fault = checkMessageProperties(result.properties);
    if (fault === undefined) return result;
    this.#logger.error(returnedWrongly(loaded, hook, `${expected} (${fault})`, result));
    return undefined;
  }

  #fail(loaded: LoadedPlugin, error: unknown): undefined {
    this.#logger.error(threw(loaded, hook, error));
    return undefined;
  }
}

/** A plugin may be written in JavaScript, where no type keeps a wildcard or a text for a payload out. */
function isMessage(value: unknown): value is ApplicationMessage {
  if (typeof value !== "object" || value === null) return false;
  const { topicName, payload, qos, retain } = value as Partial<Record<keyof ApplicationMessage, unknown>>;
  return isTopicName(topicName) && payload instanceof Uint8Array && (qos === 0 || qos === 1 || qos === 2) &&
    typeof retain === "boolean";
}

function isTopicName(value: unknown): boolean {
  if (typeof value !== "string") return false;
  try {
    parseTopicName(value);
    return true;
  } catch (error) {
    if (error instanceof TopicError) return false;
    throw error;
  }
}
