import type { HookChain } from "../hooks/chain.ts";
import { type Allowed, allowed, type Authorization, type Denied } from "../hooks/decide.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import type { Transformed } from "../hooks/transform.ts";
import { expiryTime, Message } from "../message.ts";
import type { ReasonProperties } from "../packet/packets.ts";
import { describeReasonCode, ReasonCode } from "../packet/reason_code.ts";
import { quote } from "../quote.ts";
import type { Router } from "./router.ts";
import type { Clock } from "../runtime/environment.ts";
import { describeClient } from "./describe.ts";
import type { Refusals } from "./refusals.ts";
import type { RoutingCallbacks } from "./routing_turns.ts";

/** A message was routed, and a plugin has something to say about it. */
export interface RoutedWithWords {
  readonly allowed: true;
  readonly subscribers: number;
  readonly words: ReasonProperties;
}

/**
 * What became of a message: how many subscribers it was routed to, `full` if the queues of all of them are, why it was
 * not routed, or `abandoned` since its sender has gone.
 */
export type PublishOutcome = number | RoutedWithWords | "full" | Denied | "abandoned";

/**
 * What a client's message is accompanied by. Whether the client is still the one to speak is asked after a plugin has
 * taken its time, too.
 */
export type PublishCallbacks = RoutingCallbacks;

/** What a {@linkcode PublishPipeline} works with. */
export interface PublishPipelineParts {
  readonly hooks: HookChain;
  readonly router: Router;
  /** Where denials are counted. */
  readonly statistics: { publishesDenied: number };
  readonly refusals: Refusals;
  readonly clock: Clock;
}

const NO_CALLBACKS: PublishCallbacks = {};

/** The broker alone speaks on $SYS. */
const reserved: Denied = Object.freeze({ allowed: false, reasonCode: ReasonCode.NotAuthorized });

/** A plugin has thrown where it had to say what becomes of a message. */
const pluginFailed: Denied = Object.freeze({
  allowed: false,
  reasonCode: ReasonCode.ImplementationSpecificError,
  reasonString: "a plugin has failed",
});

/** What every message passes before it is routed, whoever it comes from. Synchronous unless a plugin takes its time
 * or there are very many subscribers. */
export class PublishPipeline {
  readonly #parts: PublishPipelineParts;

  constructor(parts: PublishPipelineParts) {
    this.#parts = parts;
  }

  /** Takes a client's message: permission, transformation, routing. */
  fromClient(
    client: ClientSnapshot,
    message: Message,
    callbacks: PublishCallbacks = NO_CALLBACKS,
  ): PublishOutcome | Promise<PublishOutcome> {
    const { messageReceived } = this.#parts.hooks;
    if (messageReceived !== undefined) messageReceived(client, message.snapshot());
    const authorization = this.authorize(client, message);
    if (authorization === allowed) return this.#transform(client, message, callbacks);
    if (authorization instanceof Promise) return this.#proceedLater(client, message, authorization, callbacks);
    return this.#proceed(client, message, authorization, callbacks);
  }

  /** Takes a message of the broker, a plugin or the host program: transformation and routing. */
  publish(message: Message, callbacks: PublishCallbacks = NO_CALLBACKS): PublishOutcome | Promise<PublishOutcome> {
    return this.#transform(undefined, message, callbacks);
  }

  /** Whether a client may publish a message. A will is asked about at CONNECT, before it is one. */
  authorize(client: ClientSnapshot, message: Message): Authorization | Promise<Authorization> {
    const { topicName } = message;
    if (topicName.charCodeAt(0) === DOLLAR && isReserved(topicName)) return reserved;
    const { authorizePublish } = this.#parts.hooks;
    return authorizePublish === undefined ? allowed : authorizePublish(client, message.snapshot()) ?? allowed;
  }

  /** The engine lets what a closure holds on to cost time in the whole function around it, so that it has its own. */
  #proceedLater(
    client: ClientSnapshot,
    message: Message,
    authorization: Promise<Authorization>,
    callbacks: PublishCallbacks,
  ): Promise<PublishOutcome> {
    return authorization.then((authorization) =>
      stillConnected(callbacks) ? this.#proceed(client, message, authorization, callbacks) : "abandoned"
    );
  }

  #proceed(
    client: ClientSnapshot,
    message: Message,
    authorization: Authorization,
    callbacks: PublishCallbacks,
  ): PublishOutcome | Promise<PublishOutcome> {
    if (authorization === allowed) return this.#transform(client, message, callbacks);
    if (authorization.allowed) return this.#transformWithWords(client, message, authorization, callbacks);
    this.deny(client, message.topicName, authorization);
    return authorization;
  }

  /** Counts, logs and tells that a client's message is not taken. */
  deny(client: ClientSnapshot, topicName: string, denied: Omit<Denied, "allowed">): void {
    const { reasonCode, reasonString, plugin } = denied;
    this.#parts.statistics.publishesDenied++;
    this.#parts.refusals.tell("publish", client.remote, () => {
      const why = reasonString === undefined ? "" : `: ${quote(reasonString)}`;
      return `${describeClient(client)}, topic ${quote(topicName)}: ${describeReasonCode(reasonCode)}${why}`;
    });
    const what = { action: "publish", client, topic: topicName } as const;
    this.#parts.hooks.denied?.(Object.freeze({ ...what, plugin, reasonCode, reason: reasonString }));
  }

  #transformWithWords(client: ClientSnapshot, message: Message, permission: Allowed, callbacks: PublishCallbacks) {
    const outcome = this.#transform(client, message, callbacks);
    return outcome instanceof Promise
      ? outcome.then((outcome) => withWords(outcome, permission))
      : withWords(outcome, permission);
  }

  #transform(
    client: ClientSnapshot | undefined,
    message: Message,
    callbacks: PublishCallbacks,
  ): PublishOutcome | Promise<PublishOutcome> {
    const { transformMessage } = this.#parts.hooks;
    if (transformMessage === undefined) return this.#route(message, callbacks);
    return this.#transformBy(transformMessage, client, message, callbacks);
  }

  #transformBy(
    transformMessage: NonNullable<HookChain["transformMessage"]>,
    client: ClientSnapshot | undefined,
    message: Message,
    callbacks: PublishCallbacks,
  ): PublishOutcome | Promise<PublishOutcome> {
    const result = transformMessage(message.snapshot(), client);
    if (result instanceof Promise) {
      return result.then((result) =>
        stillConnected(callbacks) ? this.#routeTransformed(client, message, result, callbacks) : "abandoned"
      );
    }
    return this.#routeTransformed(client, message, result, callbacks);
  }

  #routeTransformed(
    client: ClientSnapshot | undefined,
    original: Message,
    result: Transformed,
    callbacks: PublishCallbacks,
  ): PublishOutcome | Promise<PublishOutcome> {
    if (result === "failed") {
      if (client) this.deny(client, original.topicName, pluginFailed);
      return pluginFailed;
    }
    // Without a result the plugins have swallowed it.
    if (!result) {
      callbacks.onRouted?.(0);
      return 0;
    }
    if (result === original.snapshot()) return this.#route(original, callbacks);
    const expiresAtMs = expiryTime(result.properties?.messageExpiryIntervalSeconds, this.#parts.clock.now());
    const message = Message.of({ ...result, publisher: original.publisher, expiresAtMs });
    message.trail = original.trail;
    return this.#route(message, callbacks);
  }

  #route(message: Message, callbacks: PublishCallbacks): PublishOutcome | Promise<PublishOutcome> {
    const { router } = this.#parts;
    const reasonString = router.nodes?.refusalOf(message);
    return reasonString === undefined ? router.publish(message, callbacks) : refusedByNodes(reasonString);
  }
}

const DOLLAR = 0x24;

function isReserved(topicName: string): boolean {
  return topicName === "$SYS" || topicName.startsWith("$SYS/");
}

function refusedByNodes(reasonString: string): Denied {
  return { allowed: false, reasonCode: ReasonCode.QuotaExceeded, reasonString, isFault: true };
}

function stillConnected(callbacks: PublishCallbacks): boolean {
  return callbacks.stillConnected?.() ?? true;
}

/** A message that nobody could be given is refused in the broker's own words. */
function withWords(outcome: PublishOutcome, { reasonString, userProperties }: Allowed): PublishOutcome {
  if (typeof outcome !== "number") return outcome;
  return { allowed: true, subscribers: outcome, words: { reasonString, userProperties } };
}
