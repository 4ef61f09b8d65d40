/** Calls `end` when the signal is aborted, at once if it is already. @returns what takes that back */
export function whenAborted(signal: AbortSignal | undefined, end: () => void): () => void {
  if (signal === undefined || signal.aborted) {
    if (signal) end();
    return () => {};
  }
  signal.addEventListener("abort", end, { once: true });
  return () => signal.removeEventListener("abort", end);
}
