import { Histogram } from "../statistics.ts";
import type { Connection, PacketHandler } from "./connection.ts";
import type { Layout } from "./layout.ts";
import { Ledger } from "./ledger.ts";
import { publishTemplate, type Template, type TemplateOptions, writeNumber } from "./packets.ts";
import { Windows } from "./windows.ts";

/** What the messages of a run are. */
export interface TrafficOptions extends Omit<TemplateOptions, "shape" | "topicAlias"> {
  readonly layout: Layout;
  readonly withTopicAlias: boolean;
  readonly window: number;
  /** Messages a second in all, due at fixed times; 0: as the window allows. */
  readonly rate: number;
}

/** Packet types in the high half of a first byte. */
const PUBACK = 4;
const PUBREC = 5;
const PUBREL = 6;
const PUBCOMP = 7;
/** The packet that finishes or continues a publish of QoS 0, 1 and 2. */
const FIRST_ACK = [0, PUBACK, PUBREC] as const;
/** A delivery that is so much later than others is taken for lost, and its place in the window given back. */
const GIVEN_UP_AFTER_MS = 1000;
/** Stops a publisher that goes through many topics from visiting neighbours one after the other; a prime. */
const STRIDE = 7919;

/** Sends messages as windows or schedule allow, and accounts for every delivery. */
export class Traffic implements PacketHandler {
  readonly ledger: Ledger;
  readonly windows: Windows;
  /** Latency of what arrives while {@linkcode Traffic.isMeasuring}. */
  readonly latency = new Histogram();
  isMeasuring = false;
  isSending = false;
  measuredReceived = 0;
  measuredSent = 0;
  /** QoS 2 messages that came and were not released. */
  unreleased = 0;
  /** Messages without a stamp of this run. */
  stray = 0;
  readonly #layout: Layout;
  readonly #options: TrafficOptions;
  readonly #template: Template;
  readonly #aliased: Template | undefined;
  readonly #magic = crypto.getRandomValues(new Uint32Array(1))[0]!;
  readonly #publishers: Connection[];
  readonly #sequence: Uint32Array;
  readonly #position: Uint32Array;
  readonly #batch: number;
  #startedAtMs = 0;
  #scheduled = 0;

  constructor(options: TrafficOptions, publishers: Connection[]) {
    const { layout, window } = options;
    this.#options = options;
    this.#layout = layout;
    this.#publishers = publishers;
    this.#template = publishTemplate({
      ...options,
      shape: layout.shape,
      topicAlias: options.withTopicAlias ? "set" : "none",
    });
    if (options.withTopicAlias) {
      this.#aliased = publishTemplate({ ...options, shape: layout.shape, topicAlias: "use" });
    }
    this.ledger = new Ledger(layout.isShared ? layout.streams : layout.states, layout.states);
    this.windows = new Windows(layout.publishers, window);
    this.#sequence = new Uint32Array(layout.streams);
    this.#position = new Uint32Array(layout.publishers);
    // A quarter of the window at a time: fewer, larger writes, and the window never runs dry.
    this.#batch = options.rate > 0 ? 1 : Math.max(1, window >> 2);
  }

  /** Begins to send. */
  start(): void {
    this.isSending = true;
    this.#startedAtMs = performance.now();
    if (this.#options.rate > 0) return;
    for (let p = 0; p < this.#layout.publishers; p++) this.#refill(p);
  }

  /** Sends what is due by the schedule; what the window does not allow waits, and its time counts from when it was due. */
  sendDue(): void {
    const { rate } = this.#options;
    const due = (performance.now() - this.#startedAtMs) * rate / 1000;
    for (; this.#scheduled <= due; this.#scheduled++) {
      const publisher = this.#scheduled % this.#layout.publishers;
      if (this.windows.free(publisher) === 0) return;
      this.#send(publisher, this.#startedAtMs + this.#scheduled * 1000 / rate);
    }
  }

  packet(connection: Connection, firstByte: number, start: number, end: number): void {
    const type = firstByte >> 4;
    if (type === 3) this.#message(connection, firstByte, start, end);
    else if (type === PUBREL) {
      this.unreleased--;
      connection.sendAck(PUBCOMP << 4, connection.view.getUint16(start));
    } else if (type >= PUBACK && type <= PUBCOMP) this.#ack(connection, type, start, end);
    else if (type !== 13) throw new Error(`packet type ${type} must not come from a broker`);
  }

  /** Gives places in windows back whose deliveries do not come. */
  giveUp(): void {
    const { windows } = this;
    const before = performance.now() - GIVEN_UP_AFTER_MS - 8 * this.latency.quantileMicroseconds(0.5) / 1000;
    for (let i = 0; i < windows.remaining.length; i++) {
      if (windows.remaining[i] === 0 || windows.ack[i] !== 0 || windows.sentAtMs[i]! > before) continue;
      windows.remaining[i] = 1;
      this.#settle(i / windows.size | 0, i % windows.size);
    }
  }

  #refill(publisher: number): void {
    if (!this.isSending || this.#options.rate > 0 || this.windows.free(publisher) < this.#batch) return;
    const nowMs = performance.now();
    while (this.windows.free(publisher) > 0) this.#send(publisher, nowMs);
  }

  #send(publisher: number, sentAtMs: number): void {
    const { windows } = this;
    const slot = windows.take(publisher);
    const stream = this.#nextStream(publisher);
    const sequence = this.#sequence[stream]!++;
    const i = publisher * windows.size + slot;
    windows.stream[i] = stream;
    windows.sequence[i] = sequence;
    windows.remaining[i] = this.#layout.deliveries;
    windows.ack[i] = FIRST_ACK[this.#options.qos]!;
    windows.sentAtMs[i] = sentAtMs;
    this.#write(this.#publishers[publisher]!, slot, i);
    this.ledger.send(this.#layout.deliveries);
    if (this.isMeasuring) this.measuredSent++;
  }

  #write(connection: Connection, slot: number, i: number): void {
    const { windows } = this;
    const stream = windows.stream[i]!;
    const template = this.#aliased !== undefined && windows.sequence[i]! > 0 ? this.#aliased : this.#template;
    connection.reserve(template.bytes.length);
    const at = connection.length;
    const { out, outView } = connection;
    out.set(template.bytes, at);
    connection.length = at + template.bytes.length;
    if (template.numbersAt.length > 0) {
      const numbers = this.#layout.numbers(stream);
      for (let n = 0; n < numbers.length; n++) writeNumber(out, at + template.numbersAt[n]!, numbers[n]!);
    }
    if (template.packetIdentifierAt >= 0) outView.setUint16(at + template.packetIdentifierAt, slot + 1);
    const stampAt = at + template.stampAt;
    outView.setUint32(stampAt, this.#magic);
    outView.setUint32(stampAt + 4, stream);
    outView.setUint32(stampAt + 8, windows.sequence[i]!);
    outView.setUint32(stampAt + 12, slot);
    outView.setFloat64(stampAt + 16, windows.sentAtMs[i]!);
  }

  /** A publisher goes round its streams. */
  #nextStream(publisher: number): number {
    const { publishers, streams } = this.#layout;
    if (streams === publishers) return publisher;
    const count = Math.ceil((streams - publisher) / publishers);
    const position = this.#position[publisher]!;
    this.#position[publisher] = (position + (count % STRIDE === 0 ? 1 : STRIDE)) % count;
    return publisher + position * publishers;
  }

  #message(connection: Connection, firstByte: number, start: number, end: number): void {
    const qos = firstByte >> 1 & 3;
    const { view } = connection;
    if (qos > 0) {
      const packetIdentifier = view.getUint16(start + 2 + view.getUint16(start));
      connection.sendAck(qos === 1 ? PUBACK << 4 : PUBREC << 4, packetIdentifier);
      if (qos === 2 && (firstByte & 8) === 0) this.unreleased++;
    }
    // The payload's length is known, so what stands before it need not be read.
    const at = end - this.#options.payloadBytes;
    if (at < start || view.getUint32(at) !== this.#magic) {
      this.stray++;
      return;
    }
    if (qos !== this.#options.qos) throw new Error(`client ${connection.index}: message with QoS ${qos}`);
    this.#stamped(connection, at);
  }

  #stamped({ index, view, readAtMs }: Connection, at: number): void {
    const stream = view.getUint32(at + 4);
    const sequence = view.getUint32(at + 8);
    const state = this.#layout.stateOf(index, stream);
    if (state < 0) throw new Error(`client ${index}: message of stream ${stream}, which is not for it`);
    const awaited = this.ledger.next(state);
    const arrival = this.ledger.arrive(this.#layout.isShared ? stream : state, state, sequence);
    if (arrival === "duplicate") return;
    if (this.isMeasuring) {
      this.measuredReceived++;
      this.latency.add(readAtMs - view.getFloat64(at + 16));
    }
    const publisher = stream % this.#layout.publishers;
    if (!this.#layout.isShared) {
      // Its place was given back when the gap was seen.
      if (arrival === "late") return;
      if (sequence > awaited) this.#skip(publisher, stream, awaited, sequence);
    }
    const slot = view.getUint32(at + 12);
    const i = publisher * this.windows.size + slot;
    if (this.windows.stream[i] === stream && this.windows.sequence[i] === sequence) this.#settle(publisher, slot);
  }

  /** Messages before this one did not come: they are lost, or late. */
  #skip(publisher: number, stream: number, from: number, to: number): void {
    const { windows } = this;
    for (let slot = 0, i = publisher * windows.size; slot < windows.size; slot++, i++) {
      const sequence = windows.sequence[i]!;
      if (windows.stream[i] === stream && sequence >= from && sequence < to) this.#settle(publisher, slot);
    }
  }

  #settle(publisher: number, slot: number): void {
    if (this.windows.arrived(publisher, slot)) this.#refill(publisher);
  }

  #ack(connection: Connection, type: number, start: number, end: number): void {
    const packetIdentifier = connection.view.getUint16(start);
    const publisher = connection.index - this.#layout.subscribers;
    const slot = packetIdentifier - 1;
    const i = publisher * this.windows.size + slot;
    if (publisher < 0 || slot < 0 || slot >= this.windows.size || this.windows.ack[i] !== type) {
      throw new Error(`client ${connection.index}: packet type ${type} for ${packetIdentifier}, which is not awaited`);
    }
    if (end - start > 2 && connection.bytes[start + 2]! >= 0x80) {
      throw new Error(`client ${connection.index}: publish refused with ${connection.bytes[start + 2]}`);
    }
    if (type === PUBREC) {
      this.windows.ack[i] = PUBCOMP;
      connection.sendAck(PUBREL << 4 | 2, packetIdentifier);
    } else if (this.windows.acknowledged(publisher, slot)) this.#refill(publisher);
  }
}
