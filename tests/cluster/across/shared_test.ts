/** Publisher and subscriber at different nodes. */
import { runAcross } from "./suite.ts";

await runAcross(
  "shared_delivery",
  "shared_subscription",
  "mqtt31",
  "malformed",
  "many_filters",
  "websocket",
  "amqtt_defects",
);
