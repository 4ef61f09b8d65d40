/**
 * How two nodes meet over a new connection. First each says who it is and whom it takes the other for, then up to which
 * number it has what the other said. Such numbers mean something between two lives alone: an address outlives a node's life,
 * and who answers there may be the next one, which was told nothing yet.
 */
import { OutputBuffer } from "../packet/output_buffer.ts";
import type { Transport } from "../transport/transport.ts";
import { BATCH_HEAD_BYTES, type BatchReader, sealBatch } from "./batch.ts";
import { ByteSource } from "./bytes.ts";
import type { Life } from "./cluster_state.ts";
import { writeNumber, writeText } from "./frames.ts";

/** What a peer says of itself is no larger: three names of 64 KiB and two numbers. */
const LARGEST_HELLO_BYTES = 200 * 1024;

/** What a node says first. */
export interface Hello {
  /** The cluster's name. */
  readonly cluster: string;
  /** Who says it. */
  readonly from: Life;
  /** Whom it takes the other for. */
  readonly to: Life;
}

/** Tells one life from all others. */
export function keyOf({ node, incarnation }: Life): string {
  return `${incarnation}/${node}`;
}

/** @throws {Error} if the connection breaks */
export function sayHello(transport: Transport, { cluster, from, to }: Hello): Promise<void> {
  return say(transport, (out) => {
    writeText(out, cluster);
    for (const { node, incarnation } of [from, to]) {
      writeText(out, node);
      writeNumber(out, incarnation);
    }
  });
}

/**
 * Resolves with `undefined` if the peer ends before.
 *
 * @throws {BatchError | BytesError} if it is none
 * @throws {Error} if the connection breaks
 */
export async function hearHello(reader: BatchReader): Promise<Hello | undefined> {
  const frames = await reader.next(LARGEST_HELLO_BYTES);
  if (frames === undefined) return undefined;
  const source = new ByteSource(frames);
  const life = () => ({ node: source.text(), incarnation: source.number() });
  return { cluster: source.text(), from: life(), to: life() };
}

/** Says up to which number frames have come. @throws {Error} if the connection breaks */
export function sayReceived(transport: Transport, received: number): Promise<void> {
  return say(transport, (out) => writeNumber(out, received));
}

/** As {@linkcode hearHello}, for what {@linkcode sayReceived} says. */
export async function hearReceived(reader: BatchReader): Promise<number | undefined> {
  const frames = await reader.next(LARGEST_HELLO_BYTES);
  return frames && new ByteSource(frames).number();
}

async function say(transport: Transport, write: (out: OutputBuffer) => void): Promise<void> {
  const out = new OutputBuffer();
  for (let i = 0; i < BATCH_HEAD_BYTES / 4; i++) out.u32(0);
  write(out);
  const bytes = out.take();
  sealBatch(bytes);
  await transport.write(bytes);
}
