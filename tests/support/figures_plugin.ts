/**
 * A plugin of the broker under test that tells how the process is: a message to `figures/ask` is answered at `figures`,
 * as JSON. With the payload `collect` garbage is collected before.
 */
import vm from "node:vm";
import v8 from "node:v8";
import type { BrokerStatistics, Plugin, PluginContext } from "../../src/hooks/plugin.ts";

/** What the process holds. */
export interface Figures {
  readonly rssBytes: number;
  /** The most that was seen since the last answer. */
  readonly rssPeakBytes: number;
  /** The JavaScript heap and the buffers beside it. */
  readonly heapBytes: number;
  /** Timers that were set and have neither run nor been cleared; intervals included. */
  readonly timers: number;
  /** Open file descriptors; `undefined` where the system does not tell. */
  readonly descriptors: number | undefined;
  readonly statistics: BrokerStatistics;
}

const LOOK_SECONDS = 0.05;

export default function create(_options: unknown, context: PluginContext): Plugin {
  const timers = countTimers();
  let rssPeakBytes = 0;
  const look = () => rssPeakBytes = Math.max(rssPeakBytes, Deno.memoryUsage().rss);
  const answer = (collect: boolean) => {
    if (collect) collectGarbage();
    look();
    const { rss: rssBytes, heapUsed, external } = Deno.memoryUsage();
    const heapBytes = heapUsed + external;
    const { statistics } = context;
    const figures: Figures = {
      ...{ rssBytes, rssPeakBytes, heapBytes, statistics },
      ...{ timers: timers(), descriptors: countDescriptors() },
    };
    rssPeakBytes = 0;
    context.publish("figures", JSON.stringify(figures));
  };
  return {
    afterStart: () => context.every(LOOK_SECONDS, look),
    messageRouted: ({ topicName, payload }) => {
      if (topicName !== "figures/ask") return;
      const collect = new TextDecoder().decode(payload) === "collect";
      queueMicrotask(() => answer(collect));
    },
  };
}

function collectGarbage(): void {
  v8.setFlagsFromString("--expose-gc");
  (vm.runInNewContext("gc") as () => void)();
}

function countDescriptors(): number | undefined {
  try {
    // The folder itself is open while it is read.
    return Array.from(Deno.readDirSync("/proc/self/fd")).length - 1;
  } catch {
    return undefined;
  }
}

/** Counts from now on what is set and cleared. */
function countTimers(): () => number {
  const waiting = new Set<unknown>();
  const { setTimeout, setInterval, clearTimeout, clearInterval } = globalThis;
  globalThis.setTimeout = ((run: (...values: unknown[]) => void, ms?: number, ...values: unknown[]) => {
    const timer = setTimeout(() => {
      waiting.delete(timer);
      run(...values);
    }, ms);
    waiting.add(timer);
    return timer;
  }) as typeof globalThis.setTimeout;
  globalThis.setInterval = ((run: () => void, ms?: number) => {
    const timer = setInterval(run, ms);
    waiting.add(timer);
    return timer;
  }) as typeof globalThis.setInterval;
  const forgetting = (clear: typeof clearTimeout): typeof clearTimeout => (timer) => {
    if (timer !== undefined) waiting.delete(timer);
    clear(timer);
  };
  globalThis.clearTimeout = forgetting(clearTimeout);
  globalThis.clearInterval = forgetting(clearInterval);
  return () => waiting.size;
}
