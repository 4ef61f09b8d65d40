/** What the figures were taken on. */
export interface Machine {
  readonly cores: number;
  /** `undefined`: the system does not tell. */
  readonly processor: string | undefined;
  readonly memoryGibibytes: number;
  readonly system: string;
  readonly deno: string;
}

/** The machine this runs on, without its name. */
export async function thisMachine(): Promise<Machine> {
  const information = await Deno.readTextFile("/proc/cpuinfo").catch(() => "");
  return {
    cores: navigator.hardwareConcurrency,
    processor: /^model name\s*:\s*(.+)$/m.exec(information)?.[1]?.trim(),
    memoryGibibytes: Math.round(Deno.systemMemoryInfo().total / 2 ** 30),
    system: `${Deno.build.os} ${Deno.build.arch}`,
    deno: Deno.version.deno,
  };
}

/** In one line. */
export function describe({ cores, processor, memoryGibibytes, system, deno }: Machine): string {
  const of = processor === undefined ? "" : ` of ${processor}`;
  return `${cores} cores${of}, ${memoryGibibytes} GiB, ${system}, Deno ${deno}`;
}
