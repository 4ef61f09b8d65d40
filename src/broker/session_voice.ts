import type { DropReason, Message } from "../message.ts";
import type { QueueLimits } from "../session/message_queue.ts";
import type { SenderLimits, SenderOptions } from "../session/sender.ts";
import type { Sessions } from "../session/sessions.ts";
import type { HookChain } from "../hooks/chain.ts";
import type { RetainedMessages } from "../topics/retained.ts";
import type { Drops } from "./drops.ts";
import type { EndedSessions } from "./ended_sessions.ts";
import type { UnreadSessions } from "./unread_sessions.ts";

/** What the sessions of one broker share. */
export interface SessionVoiceParts {
  /** What holds until a client comes, by a listener that may have other limits. */
  readonly limits: SenderLimits;
  readonly retained: RetainedMessages;
  readonly now: () => number;
  readonly hooks: HookChain;
  readonly sessions: Sessions;
  readonly drops: Drops;
  readonly ended: EndedSessions;
  readonly unread: UnreadSessions;
}

/** Says what happens in one session. Every session has one, so that it is an object with methods and not many functions. */
export class SessionVoice implements SenderOptions {
  readonly #parts: SessionVoiceParts;
  readonly #clientIdentifier: string;

  constructor(parts: SessionVoiceParts, clientIdentifier: string) {
    this.#parts = parts;
    this.#clientIdentifier = clientIdentifier;
  }

  get maximumInflight(): number {
    return this.#parts.limits.maximumInflight;
  }

  get queue(): QueueLimits {
    return this.#parts.limits.queue;
  }

  get queueQoS0(): boolean {
    return this.#parts.limits.queueQoS0;
  }

  get retained(): RetainedMessages {
    return this.#parts.retained;
  }

  get now(): () => number {
    return this.#parts.now;
  }

  onDrop(message: Message, reason: DropReason): void {
    this.#parts.drops.dropFor(this.#clientIdentifier, message, reason);
  }

  onLost(messages: number, reason: DropReason): void {
    this.#parts.drops.count(this.#clientIdentifier, reason, messages);
  }

  onQueue(message: Message): void {
    this.#changed();
    this.#parts.hooks.messageQueued?.(this.#clientIdentifier, message.snapshot());
  }

  onFault(error: unknown): void {
    this.#parts.unread.add(this.#clientIdentifier, error);
  }

  later(work: Iterator<void, void>, bytes: number): void {
    this.#parts.ended.giveAway(work, bytes, () => this.#changed());
  }

  #changed(): void {
    const session = this.#parts.sessions.get(this.#clientIdentifier);
    if (session) this.#parts.sessions.changed(session);
  }
}
