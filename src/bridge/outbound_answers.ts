import { type AckPacket, PacketType, type QoS } from "../packet/packets.ts";
import { describeReasonCode, ReasonCode } from "../packet/reason_code.ts";
import { quote } from "../quote.ts";
import type { Sender } from "../session/sender.ts";
import { Backoff } from "./backoff.ts";

/** What {@linkcode OutboundAnswers} works with. */
export interface OutboundAnswersOptions {
  /** Holds what the remote answers. */
  readonly sender: Sender;
  /** The highest that the remote takes; what was to go at a higher one has gone at this one. */
  readonly maximumQoS: QoS;
  readonly now: () => number;
  /** From 0 to below 1. */
  readonly random: () => number;
  readonly sendPubrel: (packetIdentifier: number) => void;
  /** Told in words what the remote refuses, each reason once. */
  readonly onRefused: (text: string) => void;
}

/** The remote may take it later. Of what PUBACK and PUBREC can say (MQTT 5.0 §3.4.2.1, §3.5.2.1), this alone means so. */
const PASSING = ReasonCode.QuotaExceeded;

/** It does not say whether it may: it is asked some more times. */
const UNCLEAR: ReadonlySet<ReasonCode> = new Set([
  ReasonCode.UnspecifiedError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.PacketIdentifierInUse,
]);

/** How often a message is sent that is refused for a reason that may pass or not: for about two minutes. */
const TRIES = 8;

/** How long answers to other messages are waited for, once what was refused could go out again. */
const PATIENCE_MS = 60_000;

/**
 * What the remote says to messages that it was sent. One that it refuses for now stays under way, and so does its order:
 * nothing more leaves until all others are answered and a wait is over. Then the first that was refused goes out again
 * alone, and if the remote takes it, the others in their order, and what came after them behind them.
 */
export class OutboundAnswers {
  readonly #options: OutboundAnswersOptions;
  readonly #backoff: Backoff;
  /** How often each was refused that is under way, by packet identifier. */
  readonly #refusals = new Map<number, number>();
  /** Those that were refused since they were sent last. */
  readonly #refused = new Set<number>();
  readonly #told = new Set<ReasonCode>();
  #dueAtMs = 0;
  /** When the one was sent that tries whether the remote takes something again; `undefined`: its answer is not awaited. */
  #probedAtMs: number | undefined;

  constructor(options: OutboundAnswersOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.random);
  }

  /**
   * PUBACK. What was sent at QoS 1 may be the session's at QoS 2.
   *
   * @throws {ProtocolError} 0x82 if it answers something else
   */
  puback(packet: AckPacket): void {
    const { sender, maximumQoS } = this.#options;
    const { packetIdentifier, reasonCode } = packet;
    if (this.#isCalm && maximumQoS === 2 && reasonCode < ReasonCode.UnspecifiedError) {
      if (sender.puback(packetIdentifier, reasonCode)) this.#backoff.reset();
      return;
    }
    const qos = sender.qosOf(packetIdentifier);
    if (!sender.uses(packetIdentifier)) return;
    if ((qos === 1 || maximumQoS < 2) && this.#isForNow(packet)) return;
    if (maximumQoS < 2 && qos === 2) sender.pubrec(packetIdentifier, reasonCode);
    else sender.puback(packetIdentifier, reasonCode);
  }

  /**
   * PUBREC.
   *
   * @throws {ProtocolError} 0x82 if it answers something else
   */
  pubrec(packet: AckPacket): void {
    const { sender, sendPubrel } = this.#options;
    const { packetIdentifier, reasonCode } = packet;
    if (sender.qosOf(packetIdentifier) === 2 && this.#isForNow(packet)) return;
    if (!sender.pubrec(packetIdentifier, reasonCode) && reasonCode < ReasonCode.UnspecifiedError) {
      sendPubrel(packetIdentifier);
    }
  }

  /** Called by the broker's coarse timer. `stuck`: there is an answer that does not come, for which all others wait. */
  tick(nowMs: number): "stuck" | undefined {
    const { sender } = this.#options;
    if (this.#probedAtMs !== undefined) return nowMs >= this.#probedAtMs + PATIENCE_MS ? "stuck" : undefined;
    if (this.#refused.size === 0 || nowMs < this.#dueAtMs) return undefined;
    if (sender.outstanding > this.#refused.size) return nowMs >= this.#dueAtMs + PATIENCE_MS ? "stuck" : undefined;
    for (const packetIdentifier of this.#refused) {
      if (!sender.expireRefused(packetIdentifier)) continue;
      this.#refused.delete(packetIdentifier);
      this.#refusals.delete(packetIdentifier);
    }
    const probe = sender.probe();
    if (probe === undefined) {
      this.#refused.clear();
      return undefined;
    }
    this.#refused.delete(probe);
    this.#probedAtMs = nowMs;
  }

  /** The remote refuses nothing of what is under way. */
  get #isCalm(): boolean {
    return this.#refusals.size === 0 && this.#refused.size === 0 && this.#probedAtMs === undefined;
  }

  /** The remote has dealt with one: if all waited for that, they follow. */
  #passed(): void {
    if (this.#probedAtMs === undefined) {
      if (this.#refused.size === 0) this.#backoff.reset();
      return;
    }
    this.#probedAtMs = undefined;
    this.#refused.clear();
    this.#options.sender.release();
  }

  /** Whether the remote refuses the message for now only: it is then still under way. */
  #isForNow(packet: AckPacket): boolean {
    const { packetIdentifier, reasonCode } = packet;
    const { sender, now } = this.#options;
    if (reasonCode < ReasonCode.UnspecifiedError) {
      this.#refusals.delete(packetIdentifier);
      this.#passed();
      return false;
    }
    const times = (this.#refusals.get(packetIdentifier) ?? 0) + 1;
    const again = reasonCode === PASSING || (UNCLEAR.has(reasonCode) && times < TRIES);
    this.#tell(packet, again);
    if (!again) {
      this.#refusals.delete(packetIdentifier);
      if (this.#probedAtMs !== undefined) this.#passed();
      return false;
    }
    this.#refusals.set(packetIdentifier, times);
    if (this.#refused.size === 0 || this.#probedAtMs !== undefined) {
      this.#probedAtMs = undefined;
      this.#dueAtMs = now() + this.#backoff.next();
      sender.hold();
    }
    this.#refused.add(packetIdentifier);
    return true;
  }

  #tell({ type, reasonCode, properties }: AckPacket, again: boolean): void {
    if (this.#told.has(reasonCode)) return;
    this.#told.add(reasonCode);
    const words = properties?.reasonString;
    const said = words === undefined ? "" : `: ${quote(words)}`;
    const what = type === PacketType.Puback ? "QoS 1" : "QoS 2";
    const then = again ? "it is tried again" : "it is dropped";
    this.#options.onRefused(
      `the remote refuses a message of ${what}, ${then}: ${describeReasonCode(reasonCode)}${said}`,
    );
  }
}
