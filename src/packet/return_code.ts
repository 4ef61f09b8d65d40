import type { ProtocolVersion } from "./packets.ts";
import { ReasonCode } from "./reason_code.ts";

/** The return codes of CONNACK (MQTT 3.1.1 §3.2.2.3). */
export type ConnectReturnCode = 0 | 1 | 2 | 3 | 4 | 5;

/** Whatever is not named here is the server's trouble: 3, server unavailable. */
const connectReturnCodes: ReadonlyMap<ReasonCode, ConnectReturnCode> = new Map([
  [ReasonCode.Success, 0],
  [ReasonCode.UnsupportedProtocolVersion, 1],
  [ReasonCode.ClientIdentifierNotValid, 2],
  [ReasonCode.BadUserNameOrPassword, 4],
  [ReasonCode.NotAuthorized, 5],
  [ReasonCode.Banned, 5],
  [ReasonCode.BadAuthenticationMethod, 5],
  // A will that may not be published.
  [ReasonCode.TopicNameInvalid, 5],
  [ReasonCode.PayloadFormatInvalid, 5],
  [ReasonCode.RetainNotSupported, 5],
  [ReasonCode.QoSNotSupported, 5],
]);

/** What a 3.x client is told in CONNACK for a reason code. */
export function connectReturnCode(reasonCode: ReasonCode): ConnectReturnCode {
  return connectReturnCodes.get(reasonCode) ?? 3;
}

/**
 * What a 3.x client is told in SUBACK for a reason code. 3.1 has no word for failure: the filter is granted QoS 0, and
 * nothing will come.
 */
export function subscribeReturnCode(reasonCode: ReasonCode, version: ProtocolVersion): number {
  if (reasonCode < 0x80) return reasonCode;
  return version === 3 ? 0 : 0x80;
}
