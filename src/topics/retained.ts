import type { TopicFilter, TopicName } from "../packet/topic.ts";
import type { Message } from "../message.ts";
import { TopicTree } from "./topic_tree.ts";

/** Ceilings of the retained messages. */
export interface RetainedLimits {
  readonly maximumMessages: number;
  readonly maximumBytes: number;
}

/** The last message of each topic that was published with RETAIN (MQTT 3.1.1 §3.3.1.3, MQTT 5.0 §3.3.1.3). */
export class RetainedMessages {
  readonly #tree = new TopicTree<Message>();
  readonly #limits: RetainedLimits;
  #bytes = 0;

  constructor(limits: RetainedLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#tree.size;
  }

  /** What the messages take: themselves, and a level of the tree for each level of their topic names. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Replaces the topic's retained message, or clears it if the payload is empty. A message that would exceed a ceiling
   * is not kept, and what it was to replace goes too: no subscriber shall be told a value that is no longer true.
   */
  set(message: Message): "kept" | "cleared" | "full" {
    const old = this.#tree.get(message.topicName);
    // [MQTT-3.3.1-10] 3.1.1, [MQTT-3.3.1-6] 5.0
    if (message.payload.length === 0) {
      this.delete(message.topicName);
      return "cleared";
    }
    const bytes = this.#bytes + costBytes(message) - (old ? costBytes(old) : 0);
    const count = this.count + (old ? 0 : 1);
    if (bytes > this.#limits.maximumBytes || count > this.#limits.maximumMessages) {
      this.delete(message.topicName);
      return "full";
    }
    this.#tree.set(message.topicName, message.keep());
    this.#bytes = bytes;
    return "kept";
  }

  get(topicName: TopicName): Message | undefined {
    return this.#tree.get(topicName);
  }

  delete(topicName: TopicName): boolean {
    const old = this.#tree.get(topicName);
    if (!old) return false;
    this.#bytes -= costBytes(old);
    return this.#tree.delete(topicName);
  }

  /** The retained messages that a topic filter matches. */
  match(topicFilter: TopicFilter): Message[] {
    const found: Message[] = [];
    this.#tree.matchFilter(topicFilter, (message) => found.push(message));
    return found;
  }

  /** All of them, those of `$…` topics included. */
  [Symbol.iterator](): Generator<Message> {
    return this.#tree.values();
  }
}

/** A level of the tree with its map, roughly; counted in full, though names with common levels share them. */
const LEVEL_BYTES = 200;

function costBytes(message: Message): number {
  return message.sizeBytes + message.topicName.split("/").length * LEVEL_BYTES;
}
