/** How long a test waits for what must come; only a failing test waits that long. */
const PATIENCE_MS = 10_000;

/** Rejects if the promise is not settled in a time that is long for any machine; `what` says what did not come. */
export async function patiently<T>(what: string, promise: Promise<T>, patienceMs: number = PATIENCE_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing for ${patienceMs} ms`)), patienceMs);
  });
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
