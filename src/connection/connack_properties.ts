import type { ResolvedLimits } from "../config/config.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import type { ConnackProperties, ConnectPacket, ReasonProperties } from "../packet/packets.ts";

/** What a client is told that is let in: in the plugins' words, and by the mechanism of an enhanced authentication. */
export interface Greeting extends ReasonProperties {
  readonly authenticationData?: Uint8Array;
}

/** What a client is given. */
export interface Granted {
  readonly client: ClientSnapshot;
  /** What the plugins say. */
  readonly greeting: Greeting;
  /** As {@linkcode grantedExpirySeconds} has it. */
  readonly expirySeconds: number;
}

/** How long the session outlives its connection: as the client asks, within what the listener grants. */
export function grantedExpirySeconds(packet: ConnectPacket, limits: ResolvedLimits): number {
  const { sessionExpiryIntervalSeconds, cleanStart, protocolVersion } = packet;
  if (protocolVersion !== 5) return cleanStart ? 0 : limits.sessionExpiryInterval;
  return Math.min(sessionExpiryIntervalSeconds ?? 0, limits.maxSessionExpiryInterval);
}

/**
 * What CONNACK tells a 5.0 client (MQTT 5.0 §3.2.2.3): whatever is not as its CONNECT asked or as it would take for
 * granted. `undefined` before 5.0.
 */
export function connackProperties(
  limits: ResolvedLimits,
  packet: ConnectPacket,
  { client, greeting, expirySeconds }: Granted,
): ConnackProperties | undefined {
  if (packet.protocolVersion !== 5) return undefined;
  const { reasonString, userProperties, authenticationData } = greeting;
  const { authenticationMethod } = packet;
  return {
    ...availability(limits),
    ...expirySeconds !== packet.sessionExpiryIntervalSeconds && { sessionExpiryIntervalSeconds: expirySeconds },
    // [MQTT-3.2.2-16] 5.0
    ...packet.clientIdentifier === "" && { assignedClientIdentifier: client.clientIdentifier },
    // [MQTT-3.2.2-21] 5.0
    ...client.keepAliveSeconds !== packet.keepAliveSeconds && { serverKeepAliveSeconds: client.keepAliveSeconds },
    // [MQTT-3.1.2-28] 5.0
    ...packet.requestResponseInformation && { responseInformation: limits.responseInformation },
    // [MQTT-4.12.0-5] 5.0
    ...authenticationMethod !== undefined && { authenticationMethod, authenticationData },
    ...reasonString !== undefined && { reasonString },
    ...userProperties && { userProperties },
  };
}

/** What the listener has and takes. */
function availability(limits: ResolvedLimits): ConnackProperties {
  const { maximumQos } = limits;
  return {
    receiveMaximum: limits.maxInflight,
    maximumPacketSizeBytes: limits.maxPacketSize,
    ...limits.topicAliasMaximum > 0 && { topicAliasMaximum: limits.topicAliasMaximum },
    ...maximumQos < 2 && { maximumQoS: maximumQos as 0 | 1 },
    ...!limits.retainAvailable && { retainAvailable: false },
    ...!limits.wildcardSubscriptionAvailable && { wildcardSubscriptionAvailable: false },
    ...!limits.subscriptionIdentifiersAvailable && { subscriptionIdentifiersAvailable: false },
    ...!limits.sharedSubscriptionAvailable && { sharedSubscriptionAvailable: false },
  };
}
