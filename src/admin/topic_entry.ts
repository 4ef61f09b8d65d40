import type { QoS } from "../packet/packets.ts";
import { Ring } from "./ring.ts";

/** Bytes of a topic's last payload that are remembered. */
export const MAXIMUM_PAYLOAD_BYTES = 4096;
/** Numbers of a topic that are remembered, and how far they lie apart at least. */
const SAMPLES = 120;
const SAMPLE_MS = 1000;
/** Over how long a rate is measured. */
const RATE_MS = 10_000;
/** Refusals of a topic that are remembered. */
const DENIALS = 5;
const LONGEST_NUMBER = 24;

/** A number that a topic has had. */
export interface TopicSample {
  readonly atMs: number;
  readonly value: number;
}

/** Somebody was not allowed to use a topic. */
export interface TopicDenial {
  readonly atMs: number;
  readonly what: "publish" | "subscribe" | "receive";
  readonly clientIdentifier: string;
  readonly username: string | undefined;
  readonly address: string | undefined;
  readonly reason: string;
}

/** Who has published something. */
export interface TopicPublisher {
  /** Name of the client's session. */
  readonly clientIdentifier: string;
  /** `undefined`: the client is anonymous. */
  readonly username: string | undefined;
  /** Host and port; `undefined`: it has no network address. */
  readonly address: string | undefined;
}

const NOTHING = new Uint8Array();
const decoder = new TextDecoder();

/** What is remembered of one topic. The buffer of its payload is used again and again, so that a message costs no new one. */
export class TopicEntry {
  readonly topicName: string;
  /** Neighbours in the order of publishing: the one before was published to earlier. */
  older: TopicEntry | undefined;
  newer: TopicEntry | undefined;
  /** Messages; 0: somebody was denied it, and nothing has come. */
  messages = 0;
  atMs = 0;
  qos: QoS = 0;
  retain = false;
  /** Of the last payload. */
  sizeBytes = 0;
  /** Client identifier; `undefined`: the broker, a plugin or the program. */
  publisherIdentifier: string | undefined;
  publisher: TopicPublisher | undefined;
  /** Clients had come and gone so often when the publisher was looked up. */
  publisherEpoch = -1;
  denials: Ring<TopicDenial> | undefined;
  samples: Ring<TopicSample> | undefined;
  #buffer = NOTHING;
  #sampledAtMs = -Infinity;
  #windowStartMs = 0;
  #windowMessages = 0;
  #rate = 0;

  constructor(topicName: string) {
    this.topicName = topicName;
  }

  /** The beginning of the last payload; it changes with the next message. */
  get payload(): Uint8Array {
    return this.#buffer.subarray(0, Math.min(this.sizeBytes, MAXIMUM_PAYLOAD_BYTES));
  }

  /** What the parts take that grow, roughly. */
  get growingBytes(): number {
    return this.#buffer.length + (this.samples?.length ?? 0) * 48 + (this.denials?.length ?? 0) * 1000;
  }

  /** Takes over the payload of the last of some messages. */
  take(payload: Uint8Array, messages: number, nowMs: number): void {
    this.messages += messages;
    this.atMs = nowMs;
    this.sizeBytes = payload.length;
    const kept = payload.length > MAXIMUM_PAYLOAD_BYTES ? payload.subarray(0, MAXIMUM_PAYLOAD_BYTES) : payload;
    if (this.#buffer.length < kept.length) this.#buffer = new Uint8Array(kept.length);
    this.#buffer.set(kept);
    this.#count(messages, nowMs);
    if (nowMs - this.#sampledAtMs >= SAMPLE_MS) this.#sample(nowMs);
  }

  /** Messages a second, over the last ten seconds or a little more. */
  rate(nowMs: number): number {
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs > 2 * RATE_MS) return this.#windowMessages / (elapsedMs / 1000);
    return this.#rate === 0 ? this.#windowMessages / Math.max(1, elapsedMs / 1000) : this.#rate;
  }

  /** One that repeats itself, such as with each message, is told once. */
  deny(denial: TopicDenial): void {
    const { clientIdentifier, what } = denial;
    const others = (this.denials?.oldestFirst() ?? []).filter((other) =>
      other.clientIdentifier !== clientIdentifier || other.what !== what
    );
    this.denials = new Ring(DENIALS);
    for (const one of [...others, denial]) this.denials.push(one);
  }

  #count(messages: number, nowMs: number): void {
    const elapsedMs = nowMs - this.#windowStartMs;
    if (elapsedMs >= RATE_MS) {
      // One that was silent for long begins anew.
      this.#rate = elapsedMs > 6 * RATE_MS ? 0 : this.#windowMessages / (elapsedMs / 1000);
      this.#windowStartMs = nowMs;
      this.#windowMessages = 0;
    }
    this.#windowMessages += messages;
  }

  #sample(nowMs: number): void {
    this.#sampledAtMs = nowMs;
    if (this.sizeBytes === 0 || this.sizeBytes > LONGEST_NUMBER) return;
    const first = this.#buffer[0]!;
    // Digits, signs, a point, blanks: nothing else can begin a number.
    if (first > 0x39) return;
    const text = decoder.decode(this.payload).trim();
    const value = text === "" ? NaN : Number(text);
    if (Number.isFinite(value)) (this.samples ??= new Ring(SAMPLES)).push({ atMs: nowMs, value });
  }
}
