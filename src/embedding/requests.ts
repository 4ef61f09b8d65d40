/** Request and response (MQTT 5.0 §4.10) for the host program. */
import { errorText } from "../error_text.ts";
import type { PublishOptions, PublishResult } from "../hooks/plugin.ts";
import type { Logger } from "../logger.ts";
import type { Message, Payload } from "../message.ts";
import type { MessageProperties, QoS } from "../packet/packets.ts";
import { parseTopicName } from "../packet/topic.ts";
import { quote } from "../quote.ts";
import type { Subscriber } from "../topics/subscriber.ts";
import { checkSignal, whenAborted } from "./aborting.ts";
import { received } from "./in_process_subscriber.ts";
import type { ReceivedMessage, Subscribed, SubscribeOptions } from "./subscribing.ts";

/**
 * How the host program sends a request.
 *
 * @category Messages
 */
export interface RequestOptions {
  /** Ends the waiting when it is aborted, as `AbortSignal.timeout(5000)` is. @default it lasts until shutdown */
  readonly signal?: AbortSignal;
  /** Quality of service of the request. @default 1 */
  readonly qos?: QoS;
  /** MQTT 5.0 properties that go with the request. */
  readonly properties?: Omit<MessageProperties, "responseTopic" | "correlationData">;
  /**
   * Where the response is to be sent: a topic name. Those who respond over the network need permission to publish to it, and
   * those with a mountpoint cannot respond to one of your own beyond it.
   * @default a topic `$response/…` with a name that nobody can guess
   */
  readonly responseTopic?: string;
}

/**
 * Makes the response to a request: its payload. `undefined`: there is none. What it throws is logged; a program that waits for
 * the response in the same broker is told, a client is not.
 *
 * @category Messages
 */
export type RequestHandler = (
  request: ReceivedMessage,
) => Payload | undefined | void | Promise<Payload | undefined | void>;

/**
 * How the host program responds.
 *
 * @category Messages
 */
export interface RespondOptions {
  /** Ends the responding when it is aborted. @default it lasts until shutdown */
  readonly signal?: AbortSignal;
  /** Highest QoS at which requests come; a response has that of its request. @default 2 */
  readonly qos?: QoS;
  /** Requests that are with the handler at once, a whole number from 1; others wait, up to `queue-limit`. @default 16 */
  readonly concurrency?: number;
}

/** What {@linkcode Requests} work with. */
export interface RequestsParts {
  readonly logger: Logger;
  publish(topicName: string, payload: Payload, options: PublishOptions): Promise<PublishResult>;
  subscribe(topicFilter: string, options: SubscribeOptions): Subscribed;
  /** Subscribes somebody to a topic; returns what ends it. */
  listen(subscriber: Subscriber, topicName: string): () => void;
  /** Topics for responses that clients reach whatever their mountpoint. */
  readonly responseTopics: Set<string>;
  /** Whether who has sent the request may publish the response itself. */
  mayPublish(publisher: string | undefined, topicName: string, payload: Payload, qos: QoS): Promise<boolean>;
  /** A text that nobody can guess. */
  uniqueName(): string;
}

/** A request that waits for its response. */
interface Pending extends PromiseWithResolvers<ReceivedMessage> {
  readonly responseTopic: string;
}

/** Requests handled at once, unless the program says otherwise. */
const DEFAULT_CONCURRENCY = 16;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The requests that wait for a response, and the subscription that brings it. */
export class Requests implements Subscriber {
  readonly clientIdentifier = undefined;
  readonly availability = "ready";
  readonly #parts: RequestsParts;
  /** By their correlation data. */
  readonly #pending = new Map<string, Pending>();
  /** Response topics that are subscribed to: how many requests wait there, and what ends it. */
  readonly #topics = new Map<string, { requests: number; readonly end: () => void }>();
  #ownTopic: string | undefined;
  #ended = false;

  constructor(parts: RequestsParts) {
    this.#parts = parts;
  }

  /** Resolves with the response. @throws {Error} if nobody is subscribed to the topic, or the broker ends */
  async request(topicName: string, body: Payload, options: RequestOptions = {}): Promise<ReceivedMessage> {
    const { signal, qos = 1, properties } = options;
    const place = `Cannot request ${quote(String(topicName))}`;
    checkSignal(signal, place);
    signal?.throwIfAborted();
    if (this.#ended) throw new Error(`${place}: the broker is shut down`);
    const responseTopic = options.responseTopic === undefined ? this.#own() : parseTopicName(options.responseTopic);
    const correlation = this.#parts.uniqueName();
    const pending: Pending = { ...Promise.withResolvers<ReceivedMessage>(), responseTopic };
    this.#pending.set(correlation, pending);
    this.#listen(responseTopic);
    const forget = whenAborted(signal, () => pending.reject(signal?.reason));
    try {
      const correlationData = encoder.encode(correlation);
      const all = { ...properties, responseTopic: parseTopicName(responseTopic), correlationData };
      const published = this.#parts.publish(topicName, body, { qos, properties: all }).then(({ subscribers }) => {
        if (subscribers === 0) throw new Error(`${place}: nobody is subscribed to it`);
        return pending.promise;
      });
      // The response may come before the request is stored.
      return await Promise.race([published, pending.promise]);
    } finally {
      forget();
      this.#pending.delete(correlation);
      this.#unlisten(responseTopic);
    }
  }

  /** Answers what comes by this filter until it is disposed of. */
  respond(topicFilter: string, handler: RequestHandler, options: RespondOptions = {}): Disposable {
    const { signal, qos, concurrency = DEFAULT_CONCURRENCY } = options;
    const place = `Cannot respond to ${quote(String(topicFilter))}`;
    if (typeof handler !== "function") throw new Error(`${place}: the handler must be a function`);
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new Error(`${place}: concurrency must be a whole number from 1: got ${concurrency}`);
    }
    const requests = this.#parts.subscribe(topicFilter, { signal, qos, retained: "none" });
    for (let worker = 0; worker < concurrency; worker++) void this.#serve(requests, handler);
    return { [Symbol.dispose]: () => void requests.return() };
  }

  /** Takes a response. */
  offer(message: Message): boolean {
    const { correlationData } = message.properties ?? {};
    const pending = correlationData && this.#waiting(message.topicName, correlationData);
    pending?.resolve(received(message.keep(), false));
    // Whoever responds too late has done nothing wrong.
    return true;
  }

  /** Whoever waits still is told that the broker has ended. */
  end(): void {
    this.#ended = true;
    for (const { reject } of this.#pending.values()) {
      reject(new Error("Cannot wait for a response: the broker is shut down"));
    }
    for (const { end } of this.#topics.values()) end();
    this.#topics.clear();
  }

  async #serve(requests: Subscribed, handler: RequestHandler): Promise<void> {
    for await (const request of requests) {
      try {
        await this.#answer(request, handler);
      } catch (error) {
        const text = `request to ${quote(request.topicName)} was not answered: ${errorText(error)}`;
        this.#parts.logger.error(`a ${text}`);
        // If the handler has failed, it was told so already.
        this.#reject(request, new Error(`The ${text}`, { cause: error }));
      }
    }
  }

  async #answer(request: ReceivedMessage, handler: RequestHandler): Promise<void> {
    const { responseTopic, correlationData } = request.properties ?? {};
    const body = await this.#handle(request, handler);
    if (body === undefined || responseTopic === undefined) return;
    const { publisher, qos } = request;
    // Else a client could have the program publish where it must not itself.
    if (!await this.#parts.mayPublish(publisher, responseTopic, body, qos)) return;
    await this.#parts.publish(responseTopic, body, { qos, properties: { correlationData } });
  }

  async #handle(request: ReceivedMessage, handler: RequestHandler): Promise<Payload | undefined> {
    try {
      return await handler(request) ?? undefined;
    } catch (cause) {
      const text = `The handler of ${quote(request.topicName)} has failed: ${errorText(cause)}`;
      this.#reject(request, new Error(text, { cause }));
      throw cause;
    }
  }

  /** Whoever waits in this program is told. */
  #reject({ properties }: ReceivedMessage, error: Error): void {
    const { responseTopic, correlationData } = properties ?? {};
    if (responseTopic && correlationData) this.#waiting(responseTopic, correlationData)?.reject(error);
  }

  #waiting(topicName: string, correlationData: Uint8Array): Pending | undefined {
    const pending = this.#pending.get(decoder.decode(correlationData));
    return pending?.responseTopic === topicName ? pending : undefined;
  }

  /** Subscribed to once, since many requests use it. `#` does not match it (MQTT 5.0 §4.7.2). */
  #own(): string {
    if (this.#ownTopic === undefined) {
      this.#listen(this.#ownTopic = `$response/${this.#parts.uniqueName()}`);
      this.#parts.responseTopics.add(this.#ownTopic);
    }
    return this.#ownTopic;
  }

  #listen(topicName: string): void {
    const topic = this.#topics.get(topicName);
    if (topic) topic.requests++;
    else this.#topics.set(topicName, { requests: 1, end: this.#parts.listen(this, topicName) });
  }

  #unlisten(topicName: string): void {
    const topic = this.#topics.get(topicName);
    if (!topic || --topic.requests > 0) return;
    this.#topics.delete(topicName);
    topic.end();
  }
}
