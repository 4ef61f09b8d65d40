import type { QoS } from "../packet/packets.ts";

/** The quality of service that a message is delivered with ([MQTT-3.8.4-6] 3.1.1, [MQTT-3.8.4-8] 5.0). */
export function deliveryQoS(published: QoS, granted: QoS): QoS {
  return published < granted ? published : granted;
}
