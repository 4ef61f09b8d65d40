/** Publisher and subscriber at different nodes. */
import { runAcross } from "./suite.ts";

await runAcross(
  "v5_acknowledgement",
  "v5_delivery",
  "v5_mosquitto",
  "v5_packets",
  "v5_publish",
  "v5_publish_retain",
  "v5_subscribe",
  "v5_subscribe_refusals",
  "v5_subscription_options",
  "v5_topic_alias",
  "v5_topics",
  "v5_unsubscribe",
);
