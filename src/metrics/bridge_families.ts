/** Metrics about each bridge. */
import type { BridgeSnapshot } from "../hooks/figures.ts";
import { counter, type Family, gauge, type Sample } from "./family.ts";
import type { Figures } from "./figures.ts";

const BRIDGE = ["bridge"];

export const bridgeFamilies: readonly Family[] = [
  gauge("amqtt_bridge_up", "1 if it is connected.", ofBridges(({ state }) => Number(state === "connected")), BRIDGE),
  gauge(
    "amqtt_bridge_queued",
    "Messages that wait for the remote.",
    ofBridges(({ messagesQueued }) => messagesQueued),
    BRIDGE,
  ),
  gauge(
    "amqtt_bridge_inflight",
    "QoS 1 and 2 messages that the remote has not acknowledged.",
    ofBridges(({ messagesInflight }) => messagesInflight),
    BRIDGE,
  ),
  counter(
    "amqtt_bridge_sent",
    "Messages sent to the remote, those that were sent again included.",
    ofBridges(({ messagesSent }) => messagesSent),
    BRIDGE,
  ),
  counter(
    "amqtt_bridge_received",
    "Messages of the remote that were published here.",
    ofBridges(({ messagesReceived }) => messagesReceived),
    BRIDGE,
  ),
];

function ofBridges(of: (bridge: BridgeSnapshot) => number): (figures: Figures) => readonly Sample[] {
  return ({ bridges }) => bridges.map((bridge) => ({ labels: { bridge: bridge.name }, value: of(bridge) }));
}
