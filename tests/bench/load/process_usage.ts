/** What a process takes, where the system tells. */
export interface Usage {
  /** Memory in use, KiB; 0: unknown. */
  readonly rssKibibytes: number;
  /** Processor time so far; 0: unknown. */
  readonly cpuSeconds: number;
}

const TICKS_PER_SECOND = 100;

/** Reads /proc; zeros elsewhere, and for process 0. */
export function usageOf(pid: number): Usage {
  try {
    const status = Deno.readTextFileSync(`/proc/${pid}/status`);
    const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      rssKibibytes: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0),
      cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    };
  } catch {
    return { rssKibibytes: 0, cpuSeconds: 0 };
  }
}
