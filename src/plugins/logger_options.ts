import { key } from "../config/key.ts";
import { flag } from "../config/values.ts";

/** Options of `event_logger` and of `packet_logger`; the section `log` has the key, too. */
export const loggerOptions = {
  excludeSys: key("leaves packets and messages of `$SYS` out", flag, { default: true }),
} as const;
