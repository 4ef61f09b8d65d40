import type { ReceivedPublish } from "../packet/decode.ts";
import { Fifo } from "../session/fifo.ts";

/** What the objects around one message take, roughly. */
const OVERHEAD_BYTES = 512;

/** QoS 2 messages over `max-inflight`, which wait for a PUBREL to make room; 3.x clients only. */
export class DeferredPublishes {
  readonly #packets = new Fifo<ReceivedPublish>();
  readonly #identifiers = new Set<number>();
  #bytes = 0;

  get length(): number {
    return this.#packets.length;
  }

  /** What they take in memory, roughly. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether one with this identifier waits: what comes with it again is a repetition. */
  has(packetIdentifier: number): boolean {
    return this.#identifiers.has(packetIdentifier);
  }

  /** Keeps a message whose identifier is not here yet. */
  push(packet: ReceivedPublish): void {
    packet.body.keep();
    this.#packets.push(packet);
    this.#identifiers.add(packet.packetIdentifier);
    this.#bytes += sizeBytes(packet);
  }

  /** Takes out the one that has waited longest. */
  shift(): ReceivedPublish | undefined {
    const packet = this.#packets.shift();
    if (!packet) return undefined;
    this.#identifiers.delete(packet.packetIdentifier);
    this.#bytes -= sizeBytes(packet);
    return packet;
  }
}

function sizeBytes({ body, topicName }: ReceivedPublish): number {
  return OVERHEAD_BYTES + body.payloadLength + body.propertiesSizeBytes + topicName.length;
}
