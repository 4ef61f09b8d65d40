import type { HookChain } from "../hooks/chain.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import { type ApplicationMessage, Message } from "../message.ts";
import type { Router } from "../router/router.ts";
import type { Logger } from "../logger.ts";
import type { Statistics } from "./statistics.ts";

/** What became of a message: how many subscribers it was routed to, `denied`, or `abandoned` since its sender has gone. */
export type PipeOutcome = number | "denied" | "abandoned";

/** What every message passes before it is routed, whoever it comes from. Synchronous unless a plugin takes its time. */
export class MessagePipe {
  readonly #hooks: HookChain;
  readonly #router: Router;
  readonly #statistics: Statistics;
  readonly #logger: Logger;

  constructor(parts: { hooks: HookChain; router: Router; statistics: Statistics; logger: Logger }) {
    this.#hooks = parts.hooks;
    this.#router = parts.router;
    this.#statistics = parts.statistics;
    this.#logger = parts.logger;
  }

  /**
   * Takes a client's message: permission, transformation, routing.
   *
   * @param wanted asked again after a plugin has taken its time: is the client still the one to speak?
   */
  fromClient(
    client: ClientSnapshot,
    message: Message,
    wanted: () => boolean = () => true,
  ): PipeOutcome | Promise<PipeOutcome> {
    this.#hooks.messageReceived?.(client, message.snapshot());
    const allowed = this.authorize(client, message);
    if (allowed instanceof Promise) {
      return allowed.then((allowed) => wanted() ? this.#proceed(client, message, allowed, wanted) : "abandoned");
    }
    return this.#proceed(client, message, allowed, wanted);
  }

  /** Takes a message of the broker, a plugin or the host program: transformation and routing. */
  publish(message: Message): PipeOutcome | Promise<PipeOutcome> {
    return this.#transform(undefined, message, () => true);
  }

  /** Whether a client may publish a message. A will is asked about at CONNECT, before it is one. */
  authorize(client: ClientSnapshot, message: Message): boolean | Promise<boolean> {
    // The broker alone speaks on $SYS.
    if (message.topicName === "$SYS" || message.topicName.startsWith("$SYS/")) return false;
    return this.#hooks.authorizePublish?.(client, message.snapshot()) ?? true;
  }

  #proceed(client: ClientSnapshot, message: Message, allowed: boolean, wanted: () => boolean) {
    if (allowed) return this.#transform(client, message, wanted);
    this.#statistics.publishesDenied++;
    this.#logger.debug(`publish denied: client ${client.clientIdentifier}, topic ${message.topicName}`);
    return "denied";
  }

  #transform(
    client: ClientSnapshot | undefined,
    message: Message,
    wanted: () => boolean,
  ): PipeOutcome | Promise<PipeOutcome> {
    if (!this.#hooks.transformMessage) return this.#router.publish(message);
    const result = this.#hooks.transformMessage(message.snapshot(), client);
    if (result instanceof Promise) {
      return result.then((result) => wanted() ? this.#route(message, result) : "abandoned");
    }
    return this.#route(message, result);
  }

  #route(original: Message, result: ApplicationMessage | undefined): number {
    if (!result) return 0;
    if (result === original.snapshot()) return this.#router.publish(original);
    return this.#router.publish(new Message({ ...result, publisher: original.publisher }));
  }
}
