/** Publisher and subscriber at different nodes. */
import { runAcross } from "./suite.ts";

await runAcross(
  "connect",
  "delivery",
  "publish",
  "subscribe",
  "queue",
  "redelivery",
  "session",
  "session_end",
  "sessions",
  "clients",
  "user_names",
  "keep_alive",
  "limits",
  "packet_limits",
);
