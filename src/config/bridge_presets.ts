import type { BridgePreset } from "./bridge_config.ts";
import type { Resolved } from "./key.ts";
import type { bridgeKeys } from "./bridge_table.ts";

type Values = Resolved<typeof bridgeKeys>;

const cloud = { ssl: true, bridgeBit: false } as const;

/** What holds for a remote of this make where the config does not say otherwise. */
export const bridgePresets: Readonly<Record<BridgePreset, Partial<Values>>> = {
  // It ends the connection of who publishes with QoS 2.
  "aws-iot": { ...cloud, maximumQos: 1 },
  // It refuses much of what 5.0 has, and has no QoS 2.
  "azure-event-grid": { ...cloud, version: "3.1.1", maximumQos: 1 },
  "hivemq-cloud": { ...cloud },
};

/** What AWS IoT wants to be offered on the port of HTTPS, where it serves more than MQTT. */
export const AWS_ALPN = "x-amzn-mqtt-ca";
