import { showValue } from "../hooks/fault.ts";

/** Calls `end` when the signal is aborted, at once if it is already. @returns what takes that back */
export function whenAborted(signal: AbortSignal | undefined, end: () => void): () => void {
  if (signal === undefined || signal.aborted) {
    if (signal) end();
    return () => {};
  }
  signal.addEventListener("abort", end, { once: true });
  return () => signal.removeEventListener("abort", end);
}

/** To be called before anything is done, since a program may be written in JavaScript. @throws {Error} if it is no signal */
export function checkSignal(signal: unknown, place: string): void {
  // Another realm's is one, too.
  const { addEventListener, throwIfAborted } = (signal ?? {}) as Partial<AbortSignal>;
  if (signal === undefined || (typeof addEventListener === "function" && typeof throwIfAborted === "function")) return;
  throw new Error(`${place}: signal must be an AbortSignal: got ${showValue(signal)}`);
}
