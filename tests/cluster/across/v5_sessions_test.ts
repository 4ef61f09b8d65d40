/** Publisher and subscriber at different nodes. */
import { runAcross } from "./suite.ts";

await runAcross(
  "v5_session",
  "v5_clients",
  "v5_connack",
  "v5_connect",
  "v5_disconnect",
  "v5_expiry",
  "v5_flow_control",
  "v5_will",
  "v5_sent_away",
  "v5_auth",
  "v5_reauthentication",
  "v5_scram",
  "v5_websocket",
  "v5_words",
);
