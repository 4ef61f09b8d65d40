import type { DisconnectProperties } from "../hooks/plugin.ts";
import { checkText, checkUserProperties } from "../packet/message_properties.ts";
import { describeReasonCode, ReasonCode } from "../packet/reason_code.ts";
import { host } from "../runtime/host.ts";

/** What a server may give as its reason (MQTT 5.0 §3.14.2.1). */
const reasonCodes: ReadonlySet<unknown> = new Set([
  ReasonCode.Success,
  ReasonCode.UnspecifiedError,
  ReasonCode.MalformedPacket,
  ReasonCode.ProtocolError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.NotAuthorized,
  ReasonCode.ServerBusy,
  ReasonCode.ServerShuttingDown,
  ReasonCode.KeepAliveTimeout,
  ReasonCode.SessionTakenOver,
  ReasonCode.TopicFilterInvalid,
  ReasonCode.TopicNameInvalid,
  ReasonCode.ReceiveMaximumExceeded,
  ReasonCode.TopicAliasInvalid,
  ReasonCode.PacketTooLarge,
  ReasonCode.MessageRateTooHigh,
  ReasonCode.QuotaExceeded,
  ReasonCode.AdministrativeAction,
  ReasonCode.PayloadFormatInvalid,
  ReasonCode.RetainNotSupported,
  ReasonCode.QoSNotSupported,
  ReasonCode.UseAnotherServer,
  ReasonCode.ServerMoved,
  ReasonCode.SharedSubscriptionsNotSupported,
  ReasonCode.ConnectionRateExceeded,
  ReasonCode.MaximumConnectTime,
  ReasonCode.SubscriptionIdentifiersNotSupported,
  ReasonCode.WildcardSubscriptionsNotSupported,
]);

/** Whether a server may give it as its reason. */
export function isDisconnectReason(reasonCode: unknown): boolean {
  return reasonCodes.has(reasonCode);
}

type Check = (value: unknown, place: string, reasonCode: unknown) => string | undefined;

const checks: Readonly<Record<keyof DisconnectProperties, Check>> = {
  reasonString: checkText,
  userProperties: checkUserProperties,
  serverReference: checkServerReference,
};

/**
 * Checks what the host program or a plugin wants a DISCONNECT to say, before it gets to the encoder
 * ([MQTT-3.14.2-1], [MQTT-3.14.2-2] 5.0).
 *
 * @returns what is wrong, such as `properties.reasonString must be text: got 5`; `undefined`: nothing
 */
export function checkDisconnect(reasonCode: unknown, properties: unknown): string | undefined {
  if (!isDisconnectReason(reasonCode)) {
    const shown = typeof reasonCode === "number" ? describeReasonCode(reasonCode) : host.inspect(reasonCode);
    return `reason code must be one that DISCONNECT of a server may carry: got ${shown}`;
  }
  if (properties === undefined) return undefined;
  if (typeof properties !== "object" || properties === null || Array.isArray(properties)) {
    return `properties must be an object: got ${host.inspect(properties)}`;
  }
  for (const [name, value] of Object.entries(properties)) {
    const fault = checkProperty(name, value, reasonCode);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function checkProperty(name: string, value: unknown, reasonCode: unknown): string | undefined {
  if (!Object.hasOwn(checks, name)) {
    return `properties must have no others than ${Object.keys(checks).join(", ")}: got ${JSON.stringify(name)}`;
  }
  if (value === undefined) return undefined;
  return checks[name as keyof DisconnectProperties](value, `properties.${name}`, reasonCode);
}

/** MQTT 5.0 §3.14.2.2.5 */
function checkServerReference(value: unknown, place: string, reasonCode: unknown): string | undefined {
  if (reasonCode !== ReasonCode.UseAnotherServer && reasonCode !== ReasonCode.ServerMoved) {
    const shown = describeReasonCode(Number(reasonCode));
    return `${place} must come with reason code 0x9c UseAnotherServer or 0x9d ServerMoved: got ${shown}`;
  }
  return checkText(value, place);
}
