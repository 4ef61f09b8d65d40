import type { PublishOptions, PublishResult } from "../hooks/plugin.ts";
import type { ApplicationMessage, Payload } from "../message.ts";
import type { QoS } from "../packet/packets.ts";
import type { ReasonCode } from "../packet/reason_code.ts";

/**
 * What a client of the program's own is opened with.
 *
 * @category Messages
 */
export interface LocalClientOptions {
  /** Seconds its session outlives it, 0 to 4,294,967,295, which is for ever; above 0 it is stored. @default 0 */
  readonly sessionExpiryIntervalSeconds?: number;
  /** Whether it begins with a new session. @default false */
  readonly cleanStart?: boolean;
  /** QoS 1 and 2 messages that it takes before it acknowledges one, 1 to 65,535. @default 65,535 */
  readonly receiveMaximum?: number;
}

/**
 * What a client of the program's own asks for with a topic filter (MQTT 5.0 §3.8.3.1).
 *
 * @category Messages
 */
export interface LocalSubscribeOptions {
  /** Highest QoS of what comes. @default 2 */
  readonly qos?: QoS;
  /** Whether its own messages are kept from it. @default false */
  readonly noLocal?: boolean;
  /** Whether messages keep the RETAIN flag they were published with. @default false */
  readonly retainAsPublished?: boolean;
  /** Whether it is given what is retained now. @default true */
  readonly retained?: boolean;
}

/**
 * A message on its way to a client of the program's own.
 *
 * @category Messages
 */
export interface LocalDelivery {
  /** As it was published. */
  readonly message: ApplicationMessage;
  /** The lower of the message's and the subscription's. */
  readonly qos: QoS;
  /** Whether it was retained, or its subscription keeps RETAIN as published. */
  readonly retain: boolean;
  /** It may have come before: the client had not acknowledged it. */
  readonly duplicate: boolean;
  /**
   * Says that the message has arrived; another one can take its place then. It comes again to the session's next client
   * otherwise. At QoS 0, or once more, it does nothing.
   *
   * @param reasonCode 0x80 and above refuse the message: it is dropped. @default `Success`
   */
  acknowledge(reasonCode?: ReasonCode): void;
}

/**
 * A client inside the broker: a session as any other client's, without a socket. It is asked for no permission, and
 * plugins are told of its messages as of the program's own. What arrives is taken in a loop over it, and is to be
 * acknowledged; the loop ends with the client. Several loops share what arrives.
 *
 * @category Messages
 */
export interface LocalClient extends AsyncDisposable, AsyncIterable<LocalDelivery> {
  /** Name of its session. */
  readonly clientIdentifier: string;
  /** Whether its session was there before (Session Present, MQTT 5.0 §3.2.2.1.1). */
  readonly sessionPresent: boolean;
  /** Resolves when it has ended: to why, such as `the client connected anew`. */
  readonly closed: Promise<string>;

  /**
   * Publishes a message in the client's name: No Local keeps it from the client itself. No permission is asked.
   *
   * @throws {TopicError} if the topic name is wrong
   * @throws {Error} if the client has ended, or as `Broker.publish`
   */
  publish(topicName: string, payload: Payload, options?: PublishOptions): Promise<PublishResult>;

  /**
   * Subscribes, from this call on; resolves when that is stored, if the session is.
   *
   * @param topicFilter may be that of a shared subscription, `$share/{ShareName}/{filter}`
   * @throws {TopicError} if the topic filter is wrong
   * @throws {Error} if No Local is asked for on a shared subscription, the client has ended, or nothing can be stored
   */
  subscribe(topicFilter: string, options?: LocalSubscribeOptions): Promise<void>;

  /**
   * Ends a subscription; false: there is none by this filter.
   *
   * @param topicFilter as it was given to {@linkcode LocalClient.subscribe}
   * @throws {Error} if the client has ended, or nothing can be stored
   */
  unsubscribe(topicFilter: string): Promise<boolean>;

  /** Ends it; its session stays as long as was asked for. May be called again. */
  close(): void;
}
