/** What the host program asks for and gets when it subscribes. */
import type { ApplicationMessage } from "../message.ts";
import type { QoS } from "../packet/packets.ts";

/**
 * How the host program subscribes.
 *
 * @category Messages
 */
export interface SubscribeOptions {
  /** Highest QoS of what comes. @default 2 */
  readonly qos?: QoS;
  /** Ends the subscription, and the loop over it, when it is aborted. @default the subscription ends with its loop */
  readonly signal?: AbortSignal;
  /** `none`: what is retained does not come. A shared subscription gets none anyway. @default "send" */
  readonly retained?: "send" | "none";
  /**
   * Messages that may wait for the program, a whole number from 1; `queue-limit-bytes` bounds their bytes.
   * @default `queue-limit` of the config
   */
  readonly limit?: number;
  /**
   * What happens when more would have to wait. `drop`: the oldest goes, and is counted. `throw`: the subscription ends, and
   * after what waits the loop gets an error. @default "drop"
   */
  readonly onOverflow?: "drop" | "throw";
}

/**
 * A message as the host program gets it.
 *
 * @category Messages
 */
export interface ReceivedMessage extends ApplicationMessage {
  /** It was retained before, and came because of the subscription; `false`: it was published since. */
  readonly replayed: boolean;
}

/**
 * A subscription of the host program, which is a loop's to read. It ends when the loop is left, with `await using`, by its
 * signal, or at shutdown.
 *
 * @category Messages
 */
export interface Subscribed extends AsyncIterableIterator<ReceivedMessage>, AsyncDisposable {
  /** Messages that were given up because the program did not take them in time. */
  readonly dropped: number;
  /** The next message, once there is one; `done`: the subscription has ended. */
  next(): Promise<IteratorResult<ReceivedMessage>>;
  /** Ends the subscription; what waits is forgotten. */
  return(): Promise<IteratorResult<ReceivedMessage>>;
}
