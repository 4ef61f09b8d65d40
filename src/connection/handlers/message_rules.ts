import type { ResolvedLimits } from "../../config/config.ts";
import type { MessageProperties } from "../../packet/packets.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import type { TopicFilter, TopicName } from "../../packet/topic.ts";
import type { StoreError } from "../../store/store.ts";

/** Why a message is not taken. */
export interface MessageRefusal {
  readonly reasonCode: ReasonCode;
  readonly reason: string;
}

interface MessageContent {
  readonly payload: Uint8Array;
  readonly properties?: MessageProperties;
}

/** What a listener does not take as a message, in a PUBLISH or as a will. */
export function refusalOfMessage(
  message: MessageContent,
  topicName: TopicName,
  limits: ResolvedLimits,
): MessageRefusal | undefined {
  if (hasTooManyLevels(topicName, limits)) return tooManyLevels(limits);
  return limits.checkPayloadFormat ? refusalOfFormat(message) : undefined;
}

function tooManyLevels({ maxTopicLevels }: ResolvedLimits): MessageRefusal {
  const reason = `topic name must have at most ${maxTopicLevels} levels (max-topic-levels)`;
  return { reasonCode: ReasonCode.TopicNameInvalid, reason };
}

function refusalOfFormat({ payload, properties }: MessageContent): MessageRefusal | undefined {
  if (properties?.payloadFormatIndicator !== 1 || isUtf8(payload)) return undefined;
  const reason = "payload must be UTF-8, as its payload format indicator says";
  return { reasonCode: ReasonCode.PayloadFormatInvalid, reason };
}

/** What a 5.0 client is told while the store fails. */
export function reasonCodeOf({ full }: StoreError): ReasonCode {
  return full ? ReasonCode.QuotaExceeded : ReasonCode.ImplementationSpecificError;
}

/** Whether a topic name or filter has more levels than the listener takes. */
export function hasTooManyLevels(topic: TopicName | TopicFilter, { maxTopicLevels }: ResolvedLimits): boolean {
  // A text that is shorter than so many levels need not be looked into.
  return topic.length >= maxTopicLevels && levelsOf(topic) > maxTopicLevels;
}

function levelsOf(topic: string): number {
  let levels = 1;
  for (let at = topic.indexOf("/"); at >= 0; at = topic.indexOf("/", at + 1)) levels++;
  return levels;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
