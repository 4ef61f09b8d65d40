import type { RefusalKind } from "../hooks/plugin.ts";
import type { Logger } from "../logger.ts";
import type { RemoteAddress } from "../transport/transport.ts";
import type { Clock } from "../runtime/environment.ts";
import { UNKNOWN_ADDRESS } from "./describe.ts";

/** Lines of one kind and address that are logged as they come; further ones are counted. */
const LINES_AT_ONCE = 5;
/** When what was counted is told first; the time doubles as long as it goes on. */
const FIRST_WINDOW_MS = 10_000;
const LONGEST_WINDOW_MS = 600_000;
/** Addresses and kinds that are told apart; further addresses share one count. */
const MAXIMUM_COUNTS = 4096;

/** What clients bring about without being refused anything. */
export type IncidentKind =
  | "session-replaced"
  | "session-ended"
  | "session-unreadable"
  | "connection-given-up"
  | "will-dropped";

type Kind = RefusalKind | IncidentKind;

/** How a line begins. */
const LEADS: Readonly<Partial<Record<Kind, string>>> = {
  "publish": "publish denied",
  "subscribe": "subscription refused",
  "protocol-error": "protocol error",
  "packet-too-large": "protocol error",
  "session-replaced": "session begins anew",
  "session-ended": "session ended",
  "session-unreadable": "session cannot be read",
  "connection-given-up": "connection given up",
  "will-dropped": "will dropped",
};

/** @default `warn` */
const LEVELS: Readonly<Partial<Record<Kind, "info" | "error">>> = {
  "session-unreadable": "error",
  "will-dropped": "info",
};

interface Count {
  readonly kind: Kind;
  /** For the log. */
  readonly address: string;
  lines: number;
  untold: number;
  windowMs: number;
  dueMs: number;
}

/** What {@linkcode Refusals} works with. */
export interface RefusalsParts {
  readonly logger: Logger;
  readonly clock: Pick<Clock, "now">;
  /** Where they are counted. */
  readonly statistics: { readonly refused: Record<RefusalKind, number> };
}

/**
 * Logs who is refused what, and counts it; and what else clients bring about as often as they like. Of one address and kind
 * the first lines are logged at once and the rest as `… and 1,203 more`, so that nobody can fill the log.
 */
export class Refusals {
  readonly #parts: RefusalsParts;
  readonly #counts = new Map<string, Count>();

  constructor(parts: RefusalsParts) {
    this.#parts = parts;
  }

  /** @param line what is logged behind the kind's first words; asked only if it is */
  tell(kind: RefusalKind, remote: RemoteAddress, line: () => string): void {
    this.#parts.statistics.refused[kind]++;
    this.#limit(kind, remote, line);
  }

  /** As {@linkcode Refusals.tell}, of what is no refusal. */
  mention(kind: IncidentKind, remote: RemoteAddress, line: () => string): void {
    this.#limit(kind, remote, line);
  }

  #limit(kind: Kind, { hostname = UNKNOWN_ADDRESS }: RemoteAddress, line: () => string): void {
    const count = this.#countOf(kind, hostname);
    if (count.lines >= LINES_AT_ONCE) {
      count.untold++;
      return;
    }
    count.lines++;
    this.#log(kind, line());
  }

  /** Tells what was counted in windows that are over. Called by the broker's coarse timer. */
  tick(nowMs: number): void {
    for (const [key, count] of this.#counts) {
      if (nowMs < count.dueMs) continue;
      if (count.untold === 0) this.#counts.delete(key);
      else {
        this.#sumUp(count);
        count.windowMs = Math.min(2 * count.windowMs, LONGEST_WINDOW_MS);
        count.dueMs = nowMs + count.windowMs;
      }
    }
  }

  /** Tells what was counted and not told yet. */
  close(): void {
    for (const count of this.#counts.values()) if (count.untold > 0) this.#sumUp(count);
    this.#counts.clear();
  }

  #countOf(kind: Kind, hostname: string): Count {
    const known = this.#counts.get(`${kind} ${hostname}`);
    if (known) return known;
    const address = this.#counts.size < MAXIMUM_COUNTS ? hostname : "other addresses";
    const key = `${kind} ${address}`;
    const count = this.#counts.get(key) ?? this.#begin(kind, address);
    this.#counts.set(key, count);
    return count;
  }

  #begin(kind: Kind, address: string): Count {
    const dueMs = this.#parts.clock.now() + FIRST_WINDOW_MS;
    return { kind, address, lines: 0, untold: 0, windowMs: FIRST_WINDOW_MS, dueMs };
  }

  #sumUp(count: Count): void {
    const { kind, address, untold } = count;
    count.untold = 0;
    this.#log(kind, `${address}: … and ${untold.toLocaleString("en-US")} more (${kind})`);
  }

  #log(kind: Kind, text: string): void {
    this.#parts.logger[LEVELS[kind] ?? "warn"](`${LEADS[kind] ?? "connection refused"}: ${text}`);
  }
}

/** No refusal of any kind yet. */
export function noRefusals(): Record<RefusalKind, number> {
  return {
    "origin": 0,
    "path": 0,
    "subprotocol": 0,
    "http": 0,
    "http-head-too-large": 0,
    "tls": 0,
    "plain-text": 0,
    "client-certificate": 0,
    "handshake-timeout": 0,
    "wrong-protocol": 0,
    "max-connections": 0,
    "connect-timeout": 0,
    "sign-in": 0,
    "connect": 0,
    "protocol-error": 0,
    "packet-too-large": 0,
    "publish": 0,
    "subscribe": 0,
  };
}
