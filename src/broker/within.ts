/** Waits for `work`, but for no more than `ms` milliseconds of the system's time. Rejects as `work` does. */
export async function within(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
  try {
    await Promise.race([work, patience]);
  } finally {
    clearTimeout(timer);
  }
}
