/** What one client is given of the broker's messages, where that is not simply the message. */
import type { HookChain } from "../hooks/chain.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import type { Message } from "../message.ts";
import { PublishBody } from "../packet/publish_body.ts";
import type { TopicName } from "../packet/topic.ts";
import { type Mountpoint, unmountedBody, unmountedName } from "./mountpoint.ts";

/** What of a message goes onto the wire. */
export interface Shown extends Pick<Message, "topicName" | "body"> {
  /** Properties that it has beside those of its body, encoded; 5.0 only. */
  readonly extraProperties?: Uint8Array;
  /** It is sent as if it were not retained. */
  readonly isUnretained?: boolean;
  /** It is not told when it ends. */
  readonly hidesExpiry?: boolean;
}

/** How messages look to one who is sent them. */
export interface View {
  /** What of a message is sent; `undefined`: nothing, and the message itself: it as it is. */
  show(message: Message): Shown | undefined;
  /** The message has been sent. */
  forget(): void;
}

/** What a {@linkcode ClientView} works with. */
export interface ViewParts {
  readonly hooks: Pick<HookChain, "transformDelivery">;
  /** Topics that are the same for every client, whatever its mountpoint. */
  readonly responseTopics: ReadonlySet<string>;
}

/** Shows messages to one client: transformed for it, and without its mountpoint. */
export class ClientView implements View {
  readonly #client: ClientSnapshot;
  readonly #mountpoint: Mountpoint | undefined;
  readonly #transform: HookChain["transformDelivery"];
  readonly #responseTopics: ReadonlySet<string>;
  /** It is asked whether a message may be sent, and how, one right after the other. */
  #last: Message | undefined;
  #shown: Shown | undefined;

  private constructor(
    client: ClientSnapshot,
    mountpoint: Mountpoint | undefined,
    { hooks, responseTopics }: ViewParts,
  ) {
    this.#client = client;
    this.#mountpoint = mountpoint;
    this.#transform = hooks.transformDelivery;
    this.#responseTopics = responseTopics;
  }

  /** `undefined`: the client is given every message as it is. */
  static of(
    parts: ViewParts,
    { client, mountpoint }: { readonly client: ClientSnapshot; readonly mountpoint: Mountpoint | undefined },
  ): ClientView | undefined {
    if (mountpoint === undefined && !parts.hooks.transformDelivery) return undefined;
    return new ClientView(client, mountpoint, parts);
  }

  /** What the client is given of a message; `undefined`: nothing. */
  show(message: Message): Shown | undefined {
    if (this.#last === message) return this.#shown;
    const shown = this.#look(message);
    this.#shown = shown;
    this.#last = shown && message;
    return shown;
  }

  /** The message has been sent. */
  forget(): void {
    this.#last = undefined;
    this.#shown = undefined;
  }

  #look(message: Message): Shown | undefined {
    const shown = this.#transform ? this.#transformed(this.#transform, message) : message;
    const mountpoint = this.#mountpoint;
    if (mountpoint === undefined || !shown) return shown;
    const topicName = unmountedName(mountpoint, shown.topicName);
    return topicName && { topicName, body: unmountedBody(mountpoint, shown.body, this.#responseTopics) };
  }

  #transformed(
    transform: NonNullable<HookChain["transformDelivery"]>,
    message: Message,
  ): { readonly topicName: TopicName; readonly body: PublishBody } | undefined {
    const given = message.snapshot();
    const result = transform(this.#client, given);
    if (!result || result === given) return result && message;
    return { topicName: result.topicName, body: PublishBody.of(result.payload, result.properties) };
  }
}
