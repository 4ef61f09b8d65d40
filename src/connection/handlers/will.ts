import type { ClientSnapshot } from "../../hooks/plugin.ts";
import type { Will } from "../../packet/packets.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { quote } from "../../quote.ts";
import type { Connection, ConnectRefusal } from "../connection.ts";
import { toldRefusal } from "../connection_state.ts";
import { isBridgeState, willMessage } from "../../routing/wills.ts";
import { refusalOfMessage } from "./message_rules.ts";

/** What the listener does not take as a will, whoever leaves it. */
export function refusalOfWill({ listener }: Connection, will: Will): ConnectRefusal | undefined {
  const { limits } = listener;
  const refusal = refusalOfMessage(will, will.topicName, limits);
  if (refusal) return of(refusal.reasonCode, refusal.reason);
  // [MQTT-3.2.2-12] 5.0
  if (will.qos > limits.maximumQos) return of(ReasonCode.QoSNotSupported, `QoS must be at most ${limits.maximumQos}`);
  // [MQTT-3.2.2-13] 5.0
  if (will.retain && !limits.retainAvailable) return of(ReasonCode.RetainNotSupported, "messages are not retained");
  return undefined;
}

/** Asks whether the client may leave its will. */
export async function authorizeWill(
  { context }: Connection,
  client: ClientSnapshot,
): Promise<ConnectRefusal | undefined> {
  const { will, clientIdentifier } = client;
  // Else no bridge would be let in; nobody has to permit what is never published.
  if (!will || isBridgeState(will.topicName)) return undefined;
  const authorization = await context.pipeline.authorize(
    client,
    willMessage(will, clientIdentifier, context.clock.now()),
  );
  if (authorization.allowed) return undefined;
  const { reasonString, userProperties } = authorization;
  // [MQTT-3.2.2-8] 5.0: of what a PUBLISH is refused with, CONNACK has no word for this one.
  const inUse = authorization.reasonCode === ReasonCode.PacketIdentifierInUse;
  const reasonCode = inUse ? ReasonCode.NotAuthorized : authorization.reasonCode;
  const reason = `will to topic ${quote(will.topicName)} is not permitted`;
  return { reasonCode, reason, properties: { reasonString: reasonString ?? reason, userProperties } };
}

function of(reasonCode: ReasonCode, text: string): ConnectRefusal {
  return toldRefusal(reasonCode, `will: ${text}`);
}
