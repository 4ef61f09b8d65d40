/** What the simulated carriers of bytes have in common: reads and writes that wait, and bytes that come in pieces. */

/** A read under way. */
export interface PendingRead {
  readonly into: Uint8Array;
  readonly resolve: (count: number | null) => void;
  readonly reject: (error: Error) => void;
}

/** A write under way, with what its bytes were when it began; it may be told how much of it was taken. */
export interface PendingWrite<Taken = void> {
  readonly bytes: Uint8Array;
  readonly copy: Uint8Array;
  readonly resolve: (taken: Taken) => void;
  readonly reject: (error: Error) => void;
}

/** Whether the bytes are still those that were to be written. */
export function isUnchanged({ bytes, copy }: Pick<PendingWrite, "bytes" | "copy">): boolean {
  for (let i = 0; i < copy.length; i++) if (bytes[i] !== copy[i]) return false;
  return true;
}

/**
 * Moves what has come first into a read's memory.
 *
 * @param inbox what has come and was not read, at least one; `null`: the end, which stays
 * @param pieceBytes what a read gets at most
 */
export function takePiece(inbox: (Uint8Array | null)[], into: Uint8Array, pieceBytes: number): number | null {
  const first = inbox[0]!;
  if (first === null) return null;
  const count = Math.min(into.length, first.length, pieceBytes);
  into.set(first.subarray(0, count));
  if (count === first.length) inbox.shift();
  else inbox[0] = first.subarray(count);
  return count;
}
