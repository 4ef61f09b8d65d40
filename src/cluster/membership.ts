/**
 * Who lives, as this node sees it and says it in the log. Driven by the clock and by what comes from the log; nothing here
 * waits. Who is silent for one and a half times the failure timeout is declared dead by the lowest node that is not.
 */
import type { ClusterState, Life } from "./cluster_state.ts";
import type { RecordBody } from "./record.ts";

/** How often a node says that it lives, as a part of the failure timeout, and at least each second. */
const HEARTBEATS_PER_TIMEOUT = 5;
const LONGEST_HEARTBEAT_MS = 1000;
/** A node is silent for so many failure timeouts before it is declared dead: by then it knows itself that it is cut off. */
const SILENT_TIMEOUTS = 1.5;

/** What {@linkcode Membership} works with. */
export interface MembershipParts {
  readonly node: string;
  readonly failureTimeoutMs: number;
  readonly state: Pick<ClusterState, "writers" | "isLive">;
  /** Milliseconds that only grow. */
  now(): number;
  /** Says something in the log. */
  say(body: RecordBody): void;
  /** Up to which position this node has read. */
  position(): number;
  /** This node is cut off from the log, or no longer. */
  onCutOff(isCutOff: boolean): void;
}

/** Says that this node lives, and who does not. */
export class Membership {
  readonly #parts: MembershipParts;
  /** When each was heard of, by name. */
  readonly #heardAtMs = new Map<string, number>();
  #saidAtMs = -Infinity;
  #seenAtMs: number;
  #isCutOff = false;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    this.#seenAtMs = parts.now();
  }

  /** Whether this node's own word has not come back for the failure timeout. */
  get isCutOff(): boolean {
    return this.#isCutOff;
  }

  /** Milliseconds since this node's own word came by. */
  get silenceMs(): number {
    return this.#parts.now() - this.#seenAtMs;
  }

  /** How often to call {@linkcode Membership.tick}, in milliseconds. */
  get periodMs(): number {
    return Math.min(LONGEST_HEARTBEAT_MS, this.#parts.failureTimeoutMs / HEARTBEATS_PER_TIMEOUT);
  }

  /** A node's word has come by in the log, and counted. */
  heard(node: string): void {
    const nowMs = this.#parts.now();
    this.#heardAtMs.set(node, nowMs);
    if (node !== this.#parts.node) return;
    // Nobody was heard while this node was cut off: the others, who may have been so too, get their time anew.
    if (nowMs - this.#seenAtMs >= this.#parts.failureTimeoutMs) {
      for (const name of this.#heardAtMs.keys()) this.#heardAtMs.set(name, nowMs);
    }
    this.#seenAtMs = nowMs;
    this.#setCutOff(false);
  }

  /** Called regularly, at least as often as a heartbeat is due. */
  tick(): void {
    const { failureTimeoutMs, position, say, now } = this.#parts;
    const nowMs = now();
    if (nowMs - this.#saidAtMs >= this.periodMs) {
      this.#saidAtMs = nowMs;
      say({ type: "heartbeat", safe: position() });
    }
    if (nowMs - this.#seenAtMs >= failureTimeoutMs) this.#setCutOff(true);
    // Who hears nothing, itself included, cannot tell who is silent.
    if (nowMs - this.#seenAtMs < failureTimeoutMs / 2) this.#declareSilent(nowMs);
  }

  #declareSilent(nowMs: number): void {
    const { node, failureTimeoutMs, state, say } = this.#parts;
    const silentMs = SILENT_TIMEOUTS * failureTimeoutMs;
    const live = [...state.writers()].filter((writer) => writer.live);
    // Of whom nothing was heard since this node began to read, the time begins now.
    for (const writer of live) if (!this.#heardAtMs.has(writer.node)) this.#heardAtMs.set(writer.node, nowMs);
    const isSilent = (name: string) => nowMs - this.#heardAtMs.get(name)! >= silentMs;
    const speaker = lowest(live.filter((writer) => !isSilent(writer.node)));
    if (speaker?.node !== node) return;
    for (const { node: name, incarnation } of live) {
      if (name === node || !isSilent(name)) continue;
      say({ type: "down", node: name, incarnation });
      // Its word may be lost: it is said again after a while.
      this.#heardAtMs.set(name, nowMs - silentMs + failureTimeoutMs / 2);
    }
  }

  #setCutOff(isCutOff: boolean): void {
    if (this.#isCutOff === isCutOff) return;
    this.#isCutOff = isCutOff;
    this.#parts.onCutOff(isCutOff);
  }
}

/** The first in the order of names; `undefined`: there is none. */
export function lowest<Who extends Life>(lives: Iterable<Who>): Who | undefined {
  let first: Who | undefined;
  for (const life of lives) if (first === undefined || life.node < first.node) first = life;
  return first;
}
