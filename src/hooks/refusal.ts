/** How a plugin's refusal is read: it may say only what the answer to the client can carry. */
import { checkText } from "../packet/message_properties.ts";
import type { ReasonProperties } from "../packet/packets.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { readWords } from "./words.ts";

/** Why a request is refused, checked. */
export interface RefusalReason extends ReasonProperties {
  /** At least 0x80. */
  readonly reasonCode: ReasonCode;
  /** Where the client should go instead; sign-ins and MQTT 5.0 only. */
  readonly serverReference?: string;
}

/** The packets that carry a refusal; PUBREC has the codes of PUBACK. */
export type RefusingPacket = "CONNACK" | "PUBACK" | "SUBACK";

const everywhere: readonly ReasonCode[] = [
  ReasonCode.UnspecifiedError,
  ReasonCode.ImplementationSpecificError,
  ReasonCode.NotAuthorized,
  ReasonCode.QuotaExceeded,
];

/** The codes from 0x80 up of MQTT 5.0 §3.2.2.2, §3.4.2.1 (the same as §3.5.2.1) and §3.9.3. */
const reasonCodes: Readonly<Record<RefusingPacket, ReadonlySet<unknown>>> = {
  CONNACK: new Set([
    ...everywhere,
    ReasonCode.MalformedPacket,
    ReasonCode.ProtocolError,
    ReasonCode.UnsupportedProtocolVersion,
    ReasonCode.ClientIdentifierNotValid,
    ReasonCode.BadUserNameOrPassword,
    ReasonCode.ServerUnavailable,
    ReasonCode.ServerBusy,
    ReasonCode.Banned,
    ReasonCode.BadAuthenticationMethod,
    ReasonCode.TopicNameInvalid,
    ReasonCode.PacketTooLarge,
    ReasonCode.PayloadFormatInvalid,
    ReasonCode.RetainNotSupported,
    ReasonCode.QoSNotSupported,
    ReasonCode.UseAnotherServer,
    ReasonCode.ServerMoved,
    ReasonCode.ConnectionRateExceeded,
  ]),
  PUBACK: new Set([
    ...everywhere,
    ReasonCode.TopicNameInvalid,
    ReasonCode.PacketIdentifierInUse,
    ReasonCode.PayloadFormatInvalid,
  ]),
  SUBACK: new Set([
    ...everywhere,
    ReasonCode.TopicFilterInvalid,
    ReasonCode.PacketIdentifierInUse,
    ReasonCode.SharedSubscriptionsNotSupported,
    ReasonCode.SubscriptionIdentifiersNotSupported,
    ReasonCode.WildcardSubscriptionsNotSupported,
  ]),
};

/** Whether a plugin's answer is meant as a refusal in detail. */
export function isRefusal(answer: unknown): answer is object {
  return typeof answer === "object" && answer !== null && (answer as { decision?: unknown }).decision === "deny";
}

/**
 * Reads a refusal that `packet` is to carry. The plugin may do with its object what it likes afterwards.
 *
 * @returns the reason, or a sentence that says what is wrong with the refusal
 */
export function readRefusal(refusal: object, packet: RefusingPacket): RefusalReason | string {
  const { reasonCode = ReasonCode.NotAuthorized, serverReference } = refusal as Partial<
    Record<keyof RefusalReason, unknown>
  >;
  const fault = checkReasonCode(reasonCode, packet) ??
    (serverReference === undefined ? undefined : checkServerReference(serverReference, reasonCode));
  if (fault !== undefined) return fault;
  const words = readWords(refusal);
  if (typeof words === "string") return words;
  // Both have just been checked.
  const reason = { reasonCode, serverReference } as RefusalReason;
  return {
    reasonCode: reason.reasonCode,
    ...words,
    ...reason.serverReference !== undefined && { serverReference: reason.serverReference },
  };
}

function checkReasonCode(reasonCode: unknown, packet: RefusingPacket): string | undefined {
  return reasonCodes[packet].has(reasonCode) ? undefined : `reasonCode must be one that ${packet} may carry`;
}

/** The codes that go with it are CONNACK's only, so no other answer gets one (MQTT 5.0 §4.13). */
function checkServerReference(value: unknown, reasonCode: unknown): string | undefined {
  if (reasonCode !== ReasonCode.UseAnotherServer && reasonCode !== ReasonCode.ServerMoved) {
    return "serverReference must come with reasonCode 0x9c or 0x9d only";
  }
  return checkText(value, "serverReference");
}
