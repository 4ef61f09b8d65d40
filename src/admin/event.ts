import type { DropReason } from "../message.ts";
import { quote } from "../quote.ts";

/** What an event is about. */
export type EventKind =
  | "connected"
  | "disconnected"
  | "refused"
  | "subscribed"
  | "unsubscribed"
  | "denied"
  | "dropped"
  // A bridge has not reached its remote, or somebody has paused or resumed it.
  | "failed"
  | "paused"
  | "resumed";

/** Something that has happened to a client, in words. */
export interface ClientEvent {
  /** When: milliseconds since the Unix epoch, to a quarter of a second. */
  readonly atMs: number;
  /** What it is about. */
  readonly kind: EventKind;
  /** `undefined`: it happened to nobody in particular. */
  readonly clientIdentifier: string | undefined;
  /** For people. May hold what clients have sent, shortened and with unseen characters escaped. */
  readonly text: string;
}

/** Messages that were dropped one after the other for one client and one reason are one event, which counts them. */
export class DropEvent implements ClientEvent {
  readonly kind = "dropped";
  readonly clientIdentifier: string | undefined;
  readonly reason: DropReason;
  atMs: number;
  /** Of the last one. */
  topicName = "";
  messages = 0;

  constructor(clientIdentifier: string | undefined, reason: DropReason, atMs: number) {
    this.clientIdentifier = clientIdentifier;
    this.reason = reason;
    this.atMs = atMs;
  }

  get text(): string {
    const what = this.messages === 1 ? "1 message" : `${this.messages.toLocaleString("en-US")} messages`;
    return `${what} dropped: ${this.reason} (${this.messages === 1 ? "topic" : "last topic"} ${quote(this.topicName)})`;
  }
}

const LONGEST_TEXT = 300;

/** A text of a client's that is not longer than a line. */
export function short(text: string): string {
  return text.length <= LONGEST_TEXT ? text : `${text.slice(0, LONGEST_TEXT)}…`;
}
