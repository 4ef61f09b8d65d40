import type { ConnectionContext } from "../connection/connection_context.ts";
import type { Ending } from "../connection/connection_state.ts";
import { subscribeSession, unsubscribeSession } from "../connection/session_subscription.ts";
import type { ClientSnapshot, PublishOptions, PublishResult } from "../hooks/plugin.ts";
import type { Payload } from "../message.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { parseTopicFilter } from "../packet/topic.ts";
import type { Session } from "../session/session.ts";
import type { LocalClient, LocalClientOptions, LocalDelivery, LocalSubscribeOptions } from "./local_client.ts";
import { LocalConnection } from "./local_connection.ts";
import { openLocalSession, storedSince } from "./local_session.ts";
import { parseSubscription } from "./program_subscription.ts";

/** Publishes in the name of a client. */
export type PublishAs = (
  publisher: string,
  topicName: string,
  payload: Payload,
  options?: PublishOptions,
) => Promise<PublishResult>;

/** A {@linkcode LocalClient}: what a program may do with a session that it has. */
export class InProcessClient implements LocalClient {
  readonly clientIdentifier: string;
  readonly sessionPresent: boolean;
  readonly closed: Promise<string>;
  readonly #context: ConnectionContext;
  readonly #session: Session;
  readonly #connection: LocalConnection;
  readonly #publish: PublishAs;

  private constructor(context: ConnectionContext, session: Session, present: boolean, options: {
    readonly client: ClientSnapshot;
    readonly receiveMaximum: number;
    readonly publish: PublishAs;
  }) {
    const { client, receiveMaximum, publish } = options;
    const closed = Promise.withResolvers<string>();
    const onEnd = ({ reason }: Ending) => closed.resolve(reason);
    this.clientIdentifier = session.clientIdentifier;
    this.sessionPresent = present;
    this.closed = closed.promise;
    this.#context = context;
    this.#session = session;
    this.#connection = new LocalConnection(context, { session, client, receiveMaximum, onEnd });
    this.#publish = publish;
    context.connectionBySession.set(session, this.#connection);
  }

  /**
   * Takes the client's session up, or makes one. A client that has it is cut off.
   *
   * @throws {Error} if an option is wrong, or the session cannot be read or stored
   */
  static async open(
    context: ConnectionContext,
    clientIdentifier: string,
    options: LocalClientOptions,
    publish: PublishAs,
  ): Promise<InProcessClient> {
    const { sessionExpiryIntervalSeconds = 0, cleanStart = false, receiveMaximum = 65_535 } = options;
    const place = `Cannot open client ${JSON.stringify(clientIdentifier)}`;
    if (!isClientIdentifier(clientIdentifier)) {
      throw new Error(`${place}: its identifier must be text of 1 to 65,535 bytes`);
    }
    checkRange(place, "sessionExpiryIntervalSeconds", sessionExpiryIntervalSeconds, 0, 0xffff_ffff);
    checkRange(place, "receiveMaximum", receiveMaximum, 1, 65_535);
    const before = context.persistence?.writeQueue.position;
    const { session, present, client } = await openLocalSession(
      context,
      { clientIdentifier, sessionExpiryIntervalSeconds, cleanStart },
      place,
    );
    const local = new InProcessClient(context, session, present, { client, receiveMaximum, publish });
    await local.#stored(before);
    if (!local.#connection.closed) local.#connection.begin();
    return local;
  }

  publish(topicName: string, payload: Payload, options?: PublishOptions): Promise<PublishResult> {
    if (this.#connection.closed) {
      return Promise.reject(new Error(`Cannot publish to ${topicName}: the client has ended`));
    }
    return this.#publish(this.clientIdentifier, topicName, payload, options);
  }

  async subscribe(topicFilter: string, options: LocalSubscribeOptions = {}): Promise<void> {
    const { qos = 2, noLocal = false, retainAsPublished, retained = true } = options;
    const subscription = { ...parseSubscription(topicFilter, qos, { retainAsPublished }), noLocal };
    const shared = subscription.shareName !== undefined;
    // [MQTT-3.8.3-4] 5.0
    if (shared && noLocal) {
      throw new Error(`Cannot subscribe to ${topicFilter}: noLocal must not be set on a shared one`);
    }
    const before = this.#beginChange(`Cannot subscribe to ${topicFilter}`);
    const key = parseTopicFilter(topicFilter);
    subscribeSession(this.#context.subscriptions, this.#session, {
      key,
      subscription,
      withRetained: retained && !shared,
    });
    this.#connection.sendRetained();
    await this.#stored(before);
  }

  async unsubscribe(topicFilter: string): Promise<boolean> {
    const key = parseTopicFilter(topicFilter);
    const before = this.#beginChange(`Cannot unsubscribe from ${topicFilter}`);
    const existed = unsubscribeSession(this.#context.subscriptions, this.#session, key);
    await this.#stored(before);
    return existed;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LocalDelivery, void> {
    for (let next = await this.#connection.next(); next; next = await this.#connection.next()) yield next;
  }

  close(): void {
    this.#connection.close({ reasonCode: ReasonCode.Success, reason: "the program closed the client" });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.close());
  }

  /** Returns the write queue's position before a change that a durable session has to be told of. */
  #beginChange(place: string): number | undefined {
    const writeQueue = this.#context.persistence?.writeQueue;
    if (this.#connection.closed) throw new Error(`${place}: the client has ended`);
    if (writeQueue?.fault && this.#session.durable) throw new Error(`${place}: ${writeQueue.fault.message}`);
    return writeQueue?.position;
  }

  #stored(before: number | undefined): Promise<void> {
    return storedSince(this.#context, before);
  }
}

function isClientIdentifier(text: unknown): boolean {
  return typeof text === "string" && text !== "" && text.isWellFormed() && !text.includes("\0") &&
    new TextEncoder().encode(text).length <= 65_535;
}

function checkRange(place: string, option: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new Error(`${place}: ${option} must be a whole number from ${least} to ${most}: got ${value}`);
}
