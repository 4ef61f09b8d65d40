import type { DropReason } from "../message.ts";
import { type ClientEvent, DropEvent, type EventKind, short } from "./event.ts";
import { Ring } from "./ring.ts";

/** Events of one client that are remembered. */
export const EVENTS_OF_A_CLIENT = 100;
/** Events of all clients together that are remembered in their order. */
const EVENTS_OF_ALL = 1000;
/** What an event takes beside its text, and a client beside its events; measured roughly. */
const EVENT_BYTES = 120;
const CLIENT_BYTES = 400;

/** How much is remembered. */
export interface TimelineLimits {
  readonly maximumClients: number;
  readonly maximumBytes: number;
}

/** What is remembered of one client. */
interface Line {
  readonly clientIdentifier: string;
  readonly events: Ring<ClientEvent>;
  /** How many there have been. */
  count: number;
  bytes: number;
}

/** One client of whom something is remembered. */
export interface TimelineSummary {
  readonly clientIdentifier: string;
  /** Events that there have been, also those that are forgotten. */
  readonly events: number;
  readonly last: ClientEvent;
}

/**
 * What has happened to each client, in words: the last {@linkcode EVENTS_OF_A_CLIENT} events, also of clients that never
 * got in. Bounded in clients and bytes; the client to whom nothing has happened for longest is forgotten first.
 */
export class Timelines {
  readonly #limits: TimelineLimits;
  /** The one to whom nothing has happened for longest first. */
  readonly #lines = new Map<string, Line>();
  readonly #all = new Ring<ClientEvent>(EVENTS_OF_ALL);
  readonly #listeners = new Set<(event: ClientEvent) => void>();
  #bytes = 0;
  #forgotten = 0;

  constructor(limits: TimelineLimits) {
    this.#limits = limits;
  }

  /** Clients of whom something is remembered. */
  get clients(): number {
    return this.#lines.size;
  }

  /** What that takes, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Clients that were forgotten for want of room. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** Something has happened to a client. */
  add(kind: EventKind, clientIdentifier: string, text: string, atMs: number): void {
    this.#enter({ atMs, kind, clientIdentifier, text: short(text) });
  }

  /** A message was given up for a client, or for all. */
  drop(clientIdentifier: string | undefined, topicName: string, reason: DropReason, atMs: number): void {
    const line = clientIdentifier === undefined ? undefined : this.#lines.get(clientIdentifier);
    const last = clientIdentifier === undefined ? this.#all.last : line?.events.last;
    const same = last instanceof DropEvent && last.reason === reason && last.clientIdentifier === clientIdentifier;
    const event = same ? last : new DropEvent(clientIdentifier, reason, atMs);
    event.messages++;
    event.atMs = atMs;
    event.topicName = short(topicName);
    if (!same) this.#enter(event);
  }

  /** What has happened to a client, oldest first; `undefined`: nothing is remembered of it. */
  of(clientIdentifier: string): readonly ClientEvent[] | undefined {
    return this.#lines.get(clientIdentifier)?.events.oldestFirst();
  }

  /** What has happened to all, newest first. */
  newestFirst(): Iterable<ClientEvent> {
    return this.#all.newestFirst();
  }

  /** The clients of whom something is remembered, in no particular order. */
  *summaries(): Generator<TimelineSummary> {
    for (const { clientIdentifier, events, count } of this.#lines.values()) {
      yield { clientIdentifier, events: count, last: events.last! };
    }
  }

  /** Tells of each event as it happens, until the returned function is called. */
  listen(listener: (event: ClientEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  #enter(event: ClientEvent): void {
    this.#all.push(event);
    for (const listener of this.#listeners) listener(event);
    const { clientIdentifier } = event;
    if (clientIdentifier === undefined) return;
    const line = this.#lines.get(clientIdentifier) ?? this.#begin(clientIdentifier);
    const old = line.events.push(event);
    line.count++;
    const bytes = costBytes(event) - (old ? costBytes(old) : 0);
    line.bytes += bytes;
    this.#bytes += bytes;
    this.#lines.delete(clientIdentifier);
    this.#lines.set(clientIdentifier, line);
    this.#makeRoom();
  }

  #begin(clientIdentifier: string): Line {
    const bytes = CLIENT_BYTES + 2 * clientIdentifier.length;
    this.#bytes += bytes;
    return { clientIdentifier, events: new Ring(EVENTS_OF_A_CLIENT), count: 0, bytes };
  }

  #makeRoom(): void {
    const { maximumBytes, maximumClients } = this.#limits;
    for (const [clientIdentifier, { bytes }] of this.#lines) {
      if (this.#lines.size <= maximumClients && this.#bytes <= maximumBytes) return;
      this.#lines.delete(clientIdentifier);
      this.#bytes -= bytes;
      this.#forgotten++;
    }
  }
}

/** That of a drop whose topic changes is what it can be at most. */
function costBytes(event: ClientEvent): number {
  return EVENT_BYTES + (event instanceof DropEvent ? 800 : 2 * event.text.length);
}
