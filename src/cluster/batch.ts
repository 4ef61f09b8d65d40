/**
 * What goes over a link at once: `A7`, the version, two bytes that are 0, the length and the CRC-32 of the frames that
 * follow, all big-endian.
 */
import { crc32 } from "node:zlib";
import type { Transport } from "../transport/transport.ts";

/** Bytes in front of the frames. */
export const BATCH_HEAD_BYTES = 12;
/** The version that is written, and the only one that is read. */
export const LINK_VERSION = 3;
const MARK = 0xa7;
/** What a reader begins with, and goes back to after a larger batch. */
const READ_BYTES = 256 * 1024;
/** No node writes a larger one: a message of the largest size with what stands around it. */
const LARGEST_BYTES = 2 ** 28 + 2 ** 20;

/** What came over a link is not what a node of this kind sends. */
export class BatchError extends Error {
  /** Tells this error from others. */
  override readonly name = "BatchError";
}

/** Writes the head of a batch over its first {@linkcode BATCH_HEAD_BYTES} bytes, which were left free. */
export function sealBatch(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, BATCH_HEAD_BYTES);
  view.setUint32(0, (MARK << 24 | LINK_VERSION << 16) >>> 0);
  view.setUint32(4, bytes.length - BATCH_HEAD_BYTES);
  view.setUint32(8, crc32(bytes.subarray(BATCH_HEAD_BYTES)));
}

/** Reads batches from a transport, one after the other. */
export class BatchReader {
  readonly #transport: Transport;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(READ_BYTES);
  #from = 0;
  #to = 0;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /**
   * The frames of the next batch, which are good until the next call; `undefined`: the peer has ended.
   *
   * @param largestBytes what is larger is not read
   * @throws {BatchError} if it is damaged, too large, or of another version
   * @throws {Error} if the connection breaks
   */
  async next(largestBytes = LARGEST_BYTES): Promise<Uint8Array | undefined> {
    if (!await this.#fill(BATCH_HEAD_BYTES)) return undefined;
    const view = new DataView(this.#bytes.buffer, this.#from, BATCH_HEAD_BYTES);
    const [mark, version, length] = [view.getUint8(0), view.getUint8(1), view.getUint32(4)];
    if (mark !== MARK) throw new BatchError(`link: ${mark} came as the first byte of a batch, expected ${MARK}`);
    if (version !== LINK_VERSION) throw new BatchError(`link: a batch of version ${version}, expected ${LINK_VERSION}`);
    if (length > largestBytes) {
      throw new BatchError(`link: a batch of ${length} bytes, expected ${largestBytes} at most`);
    }
    const told = view.getUint32(8);
    if (!await this.#fill(BATCH_HEAD_BYTES + length)) return undefined;
    const frames = this.#bytes.subarray(this.#from + BATCH_HEAD_BYTES, this.#from + BATCH_HEAD_BYTES + length);
    const found = crc32(frames);
    if (told !== found) throw new BatchError(`link: the checksum of a batch is ${told}, expected ${found}`);
    this.#from += BATCH_HEAD_BYTES + length;
    return frames;
  }

  /** Reads until there are so many bytes; false: the peer has ended before. */
  async #fill(count: number): Promise<boolean> {
    while (this.#to - this.#from < count) {
      this.#makeRoom(count);
      const read = await this.#transport.read(this.#bytes.subarray(this.#to));
      if (read === null) return false;
      this.#to += read;
    }
    return true;
  }

  #makeRoom(count: number): void {
    if (this.#from + count <= this.#bytes.length && this.#to < this.#bytes.length) return;
    const size = Math.max(READ_BYTES, count);
    const rest = this.#bytes.subarray(this.#from, this.#to);
    if (size === this.#bytes.length) this.#bytes.copyWithin(0, this.#from, this.#to);
    else {
      this.#bytes = new Uint8Array(size);
      this.#bytes.set(rest);
    }
    this.#to -= this.#from;
    this.#from = 0;
  }
}
