/** The hooks that put another message in the place of one that is about to be routed. */
import type { Logger } from "../logger.ts";
import type { ApplicationMessage } from "../message.ts";
import { checkMessageProperties, isReadable } from "../packet/message_properties.ts";
import { parseTopicName, TopicError } from "../packet/topic.ts";
import { isPromise, returnedWrongly, showValue, threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";
import type { ClientSnapshot } from "./plugin.ts";

/** What becomes of a message; `undefined`: a plugin has dropped it; `failed`: a plugin has thrown, or returned none. */
export type Transformed = ApplicationMessage | undefined | "failed";

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

  /** Returns a promise only if a plugin does. A plugin that fails is the last that is asked. */
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
      if (result === undefined || result === "failed") return result;
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
    return message === undefined || message === "failed" ? message : await this.#transformFrom(next, message, client);
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
    const fault = messageFault(result);
    if (fault === undefined) return result as ApplicationMessage;
    const expected = "a message with topicName, payload, qos and retain, or undefined";
    this.#logger.error(returnedWrongly(loaded, hook, fault === "" ? expected : `${expected} (${fault})`, result));
    return "failed";
  }

  #fail(loaded: LoadedPlugin, error: unknown): "failed" {
    this.#logger.error(threw(loaded, hook, error));
    return "failed";
  }
}

/**
 * What is wrong with a message that a plugin has returned; `undefined`: nothing; empty: it is none at all. A plugin may be
 * written in JavaScript, where no type keeps a wildcard or a text for a payload out.
 */
export function messageFault(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "";
  const { topicName, payload, qos, retain, properties } = value as Partial<Record<keyof ApplicationMessage, unknown>>;
  const fault = topicFault(topicName);
  if (fault !== undefined) return fault;
  if (!(payload instanceof Uint8Array)) return `payload must be a Uint8Array: got ${showValue(payload)}`;
  if (!isReadable(payload)) return "payload cannot be read: its buffer was transferred, or has become shorter";
  if (qos !== 0 && qos !== 1 && qos !== 2) return `qos must be 0, 1 or 2: got ${showValue(qos)}`;
  if (typeof retain !== "boolean") return `retain must be true or false: got ${showValue(retain)}`;
  return checkMessageProperties(properties);
}

function topicFault(value: unknown): string | undefined {
  try {
    parseTopicName(value as string);
    return undefined;
  } catch (error) {
    if (error instanceof TopicError) return error.message;
    throw error;
  }
}
