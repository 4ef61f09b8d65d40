import type { HookChain } from "../hooks/chain.ts";
import { type Allowance, allowed, type Denial, type Ruling } from "../hooks/decide.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import { type ApplicationMessage, expiryTime, Message } from "../message.ts";
import type { ReasonProperties } from "../packet/packets.ts";
import { describeReasonCode, ReasonCode } from "../packet/reason_code.ts";
import { quote } from "../quote.ts";
import type { Router } from "./router.ts";
import type { Clock } from "../runtime/environment.ts";
import { describeClient } from "./describe.ts";
import type { Refusals } from "./refusals.ts";

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
export type PipeOutcome = number | RoutedWithWords | "full" | Denial | "abandoned";

/** What a client's message is accompanied by. */
export interface Passage {
  /** Asked again after a plugin has taken its time: is the client still the one to speak? @default yes */
  wanted?(): boolean;
  /** Told in the same turn as subscribers are given the message, so that the journal has both in one batch. */
  routed?(outcome: number | "full"): void;
}

/** What a {@linkcode MessagePipe} works with. */
export interface PipeParts {
  readonly hooks: HookChain;
  readonly router: Router;
  /** Where denials are counted. */
  readonly statistics: { publishesDenied: number };
  readonly refusals: Refusals;
  readonly clock: Clock;
}

/** The broker alone speaks on $SYS. */
const reserved: Denial = Object.freeze({ allowed: false, reasonCode: ReasonCode.NotAuthorized });

/** What every message passes before it is routed, whoever it comes from. Synchronous unless a plugin takes its time. */
export class MessagePipe {
  readonly #parts: PipeParts;

  constructor(parts: PipeParts) {
    this.#parts = parts;
  }

  /** Takes a client's message: permission, transformation, routing. */
  fromClient(
    client: ClientSnapshot,
    message: Message,
    passage: Passage = {},
  ): PipeOutcome | Promise<PipeOutcome> {
    this.#parts.hooks.messageReceived?.(client, message.snapshot());
    const ruling = this.authorize(client, message);
    if (ruling instanceof Promise) {
      return ruling.then((ruling) => wanted(passage) ? this.#proceed(client, message, ruling, passage) : "abandoned");
    }
    return this.#proceed(client, message, ruling, passage);
  }

  /** Takes a message of the broker, a plugin or the host program: transformation and routing. */
  publish(message: Message): PipeOutcome | Promise<PipeOutcome> {
    return this.#transform(undefined, message, {});
  }

  /** Whether a client may publish a message. A will is asked about at CONNECT, before it is one. */
  authorize(client: ClientSnapshot, message: Message): Ruling | Promise<Ruling> {
    if (message.topicName === "$SYS" || message.topicName.startsWith("$SYS/")) return reserved;
    return this.#parts.hooks.authorizePublish?.(client, message.snapshot()) ?? allowed;
  }

  #proceed(
    client: ClientSnapshot,
    message: Message,
    ruling: Ruling,
    passage: Passage,
  ): PipeOutcome | Promise<PipeOutcome> {
    if (ruling === allowed) return this.#transform(client, message, passage);
    if (ruling.allowed) return this.#transformWithWords(client, message, ruling, passage);
    this.deny(client, message.topicName, ruling);
    return ruling;
  }

  /** Counts and logs that a client's message is not taken. */
  deny(client: ClientSnapshot, topicName: string, { reasonCode, reasonString }: Omit<Denial, "allowed">): void {
    this.#parts.statistics.publishesDenied++;
    this.#parts.refusals.tell("publish", client.remote, () => {
      const why = reasonString === undefined ? "" : `: ${quote(reasonString)}`;
      return `${describeClient(client)}, topic ${quote(topicName)}: ${describeReasonCode(reasonCode)}${why}`;
    });
  }

  #transformWithWords(client: ClientSnapshot, message: Message, allowance: Allowance, passage: Passage) {
    const outcome = this.#transform(client, message, passage);
    return outcome instanceof Promise
      ? outcome.then((outcome) => withWords(outcome, allowance))
      : withWords(outcome, allowance);
  }

  #transform(
    client: ClientSnapshot | undefined,
    message: Message,
    passage: Passage,
  ): PipeOutcome | Promise<PipeOutcome> {
    const { hooks } = this.#parts;
    if (!hooks.transformMessage) return this.#route(message, passage);
    const result = hooks.transformMessage(message.snapshot(), client);
    if (result instanceof Promise) {
      return result.then((result) =>
        wanted(passage) ? this.#route(this.#transformed(message, result), passage) : "abandoned"
      );
    }
    return this.#route(this.#transformed(message, result), passage);
  }

  /** `undefined`: the plugins have swallowed it. */
  #transformed(original: Message, result: ApplicationMessage | undefined): Message | undefined {
    if (!result) return undefined;
    if (result === original.snapshot()) return original;
    const expiresAtMs = expiryTime(result.properties?.messageExpiryIntervalSeconds, this.#parts.clock.now());
    return new Message({ ...result, publisher: original.publisher, expiresAtMs });
  }

  #route(message: Message | undefined, passage: Passage): number | "full" {
    const outcome = message ? this.#parts.router.publish(message) : 0;
    passage.routed?.(outcome);
    return outcome;
  }
}

function wanted(passage: Passage): boolean {
  return passage.wanted?.() ?? true;
}

/** A message that nobody could be given is refused in the broker's own words. */
function withWords(outcome: PipeOutcome, { reasonString, userProperties }: Allowance): PipeOutcome {
  if (typeof outcome !== "number") return outcome;
  return { allowed: true, subscribers: outcome, words: { reasonString, userProperties } };
}
