/** How long the kit waits for what must come, in milliseconds; only a failing test waits that long. */
export const WAIT_MS = 5000;

/** Rejects if the promise is not settled in time; `what` says what did not come. */
export async function patiently<T>(what: string, promise: Promise<T>, ms: number = WAIT_MS): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLong = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited for ${what}: nothing came in ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, tooLong]);
  } finally {
    clearTimeout(timer);
  }
}
