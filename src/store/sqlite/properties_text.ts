/** The properties of a message as one line of text, the form in which they are stored. */
import type { MessageProperties, UserProperty } from "../../packet/packets.ts";
import type { TopicName } from "../../packet/topic.ts";

/** Short names, since they are written with every message. Correlation data are in base64, user properties a list. */
interface Compact {
  readonly f?: 0 | 1;
  readonly e?: number;
  readonly c?: string;
  readonly r?: TopicName;
  readonly d?: string;
  readonly u?: readonly UserProperty[];
}

/** Nothing is lost but that a property was given as `undefined`; `null`: there are no properties. */
export function encodeProperties(properties: MessageProperties | undefined): string | null {
  if (properties === undefined) return null;
  const compact: Compact = {
    f: properties.payloadFormatIndicator,
    e: properties.messageExpiryIntervalSeconds,
    c: properties.contentType,
    r: properties.responseTopic,
    d: properties.correlationData?.toBase64(),
    u: properties.userProperties,
  };
  return JSON.stringify(compact);
}

/** Takes back what {@linkcode encodeProperties} has made. */
export function decodeProperties(text: string | null): MessageProperties | undefined {
  if (text === null) return undefined;
  const { f, e, c, r, d, u } = JSON.parse(text) as Compact;
  return {
    ...f !== undefined && { payloadFormatIndicator: f },
    ...e !== undefined && { messageExpiryIntervalSeconds: e },
    ...c !== undefined && { contentType: c },
    ...r !== undefined && { responseTopic: r },
    ...d !== undefined && { correlationData: Uint8Array.fromBase64(d) },
    ...u !== undefined && { userProperties: u },
  };
}
