import { quantity } from "../config/key.ts";

/** Longest wait in seconds that a timer can do. */
const LONGEST_TIMER = 2_147_483;

const interval = quantity("seconds", 20, [0, LONGEST_TIMER], "between publications of `$SYS`; 0 turns them off", {
  fractional: true,
});

/** Options of `broker_sys`; `sysInterval` is aMQTT's name, and that of the key at the top. */
export const brokerSysOptions = { interval, sysInterval: interval } as const;
