/** Messages and wills of the simulated traffic, and what is promised of wills. */
import type { QoS } from "../../src/packet/packets.ts";

/** A message: its place in what one publisher sends to one topic at one QoS. */
export interface Sent {
  readonly publisher: string;
  readonly topicName: string;
  readonly qos: QoS;
  /** Counts up from 1. */
  readonly number: number;
  readonly retain: boolean;
  /** It has no payload, and so clears what is retained. */
  readonly clears: boolean;
}

/** What a client wants of a subscription. */
export interface Wanted {
  readonly filter: string;
  readonly qos: QoS;
  readonly noLocal: boolean;
}

/** A PUBLISH as it came. */
export interface Arrived {
  readonly topicName: string;
  readonly payload: string;
  readonly qos: QoS;
  readonly retain: boolean;
  /** It has DUP. */
  readonly isAgain: boolean;
  /** When its connection began, as the ledger counts. */
  readonly connectedAt: number;
}

/** What stands in the payload of a message, and what a cleared one is known by. */
export function payloadOf({ publisher, topicName, qos, number }: Sent): string {
  return `${publisher} ${topicName} ${qos} ${number}`;
}

/** Whether a will has to be published. */
type Outcome = "open" | "due" | "void" | "either";

interface WillBook {
  outcome: Outcome;
  isExcused: boolean;
  /** How often each subscriber has got it. */
  readonly counts: Map<string, number>;
}

/** Wills by their payload, one of each connection. */
export class Wills {
  readonly #wills = new Map<string, WillBook>();
  readonly #fault: (text: string) => void;

  constructor(fault: (text: string) => void) {
    this.#fault = fault;
  }

  /** A client sends CONNECT with a will. */
  armed(payload: string): void {
    this.#wills.set(payload, { outcome: "open", isExcused: false, counts: new Map() });
  }

  /** What has to become of a will; the first word counts, but for `either`. */
  decide(payload: string | undefined, outcome: Outcome): void {
    const will = payload === undefined ? undefined : this.#wills.get(payload);
    if (will && (will.outcome === "open" || will.outcome === "either")) will.outcome = outcome;
  }

  outcome(payload: string): Outcome | undefined {
    return this.#wills.get(payload)?.outcome;
  }

  delivered(client: string, payload: string): void {
    const will = this.#wills.get(payload);
    if (!will) return this.#fault(`${client} got ${payload}, which is nobody's will`);
    const count = (will.counts.get(client) ?? 0) + 1;
    will.counts.set(client, count);
    if (count > 1) this.#fault(`${client} got ${payload} twice`);
  }

  /** It may be lost: its node has died while nobody else could know of it. */
  excuse(payload: string): void {
    this.#wills.get(payload)!.isExcused = true;
  }

  /** A cluster's log says that a will was published, whoever was there to hear it. */
  published(payload: string): void {
    this.delivered("the log", payload);
  }

  /** Whether somebody has got it. */
  has(who: string, payload: string): boolean {
    return this.#wills.get(payload)?.counts.has(who) === true;
  }

  /** Wills that were due and have not come. */
  missing(): string[] {
    return [...this.#wills].filter(([, { outcome, isExcused, counts }]) =>
      outcome === "due" && !isExcused && counts.size === 0
    ).map(([payload]) => `${payload} was not published`);
  }

  /** Finds the wills that nobody should have got. */
  finish(): void {
    for (const [payload, { outcome, counts }] of this.#wills) {
      if (outcome === "void" && counts.size > 0) this.#fault(`${payload} was published after DISCONNECT`);
    }
  }
}
