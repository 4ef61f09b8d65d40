import { type Machine, systemTimer } from "./machine.ts";

/**
 * Waits for `work`, but for no more than `ms` milliseconds of the machine's time. Rejects as `work` does.
 *
 * @param machine whose time counts. @default the system's
 */
export async function within(
  ms: number,
  work: Promise<unknown>,
  { after }: Pick<Machine, "after"> = systemTimer,
): Promise<void> {
  let cancel: (() => void) | undefined;
  const patience = new Promise<void>((resolve) => cancel = after(ms, resolve));
  try {
    await Promise.race([work, patience]);
  } finally {
    cancel?.();
  }
}
