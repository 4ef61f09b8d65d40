import { PacketType, type UserProperty } from "./packets.ts";
import { ReasonCode } from "./reason_code.ts";
import type { TopicName } from "./topic.ts";

/** How a property's value is written (MQTT 5.0 §1.5); a `boolean` is a byte 0 or 1, a `topicName` a checked string. */
export type PropertyType =
  | "boolean"
  | "byte"
  | "twoByteInteger"
  | "fourByteInteger"
  | "variableByteInteger"
  | "string"
  | "topicName"
  | "binary"
  | "stringPair";

/** Where properties stand: a packet, or the will in CONNECT. */
export type PropertyPlace = PacketType | "will";

/** Every property of MQTT 5.0 under the name that it has in the packet types. */
export interface Properties {
  payloadFormatIndicator?: 0 | 1;
  messageExpiryIntervalSeconds?: number;
  contentType?: string;
  responseTopic?: TopicName;
  correlationData?: Uint8Array;
  subscriptionIdentifier?: number;
  subscriptionIdentifiers?: number[];
  sessionExpiryIntervalSeconds?: number;
  assignedClientIdentifier?: string;
  serverKeepAliveSeconds?: number;
  authenticationMethod?: string;
  authenticationData?: Uint8Array;
  requestProblemInformation?: boolean;
  delayIntervalSeconds?: number;
  requestResponseInformation?: boolean;
  responseInformation?: string;
  serverReference?: string;
  reasonString?: string;
  receiveMaximum?: number;
  topicAliasMaximum?: number;
  topicAlias?: number;
  maximumQoS?: 0 | 1;
  retainAvailable?: boolean;
  userProperties?: UserProperty[];
  maximumPacketSizeBytes?: number;
  wildcardSubscriptionAvailable?: boolean;
  subscriptionIdentifiersAvailable?: boolean;
  sharedSubscriptionAvailable?: boolean;
}

/** One line of the property table. */
export interface PropertyDefinition {
  readonly identifier: number;
  readonly name: keyof Properties;
  readonly type: PropertyType;
  readonly places: readonly PropertyPlace[];
  /** It may stand there more than once, and its value is a list. */
  readonly repeats?: true;
  /** Only this side may send it, though the place is open to both. */
  readonly sender?: "client" | "server";
  /** Smallest value. @default 0 */
  readonly minimum?: number;
  /** Largest value. @default what the type can hold */
  readonly maximum?: number;
  /** What a value out of range is answered with. @default ReasonCode.ProtocolError */
  readonly rangeReasonCode?: ReasonCode;
}

const { Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp } = PacketType;
const { Subscribe, Suback, Unsubscribe, Unsuback, Disconnect, Auth } = PacketType;
const message: readonly PropertyPlace[] = [Publish, "will"];
const signIn: readonly PropertyPlace[] = [Connect, Connack, Auth];
const answers: readonly PropertyPlace[] = [
  ...[Connack, Puback, Pubrec, Pubrel, Pubcomp, Suback, Unsuback, Disconnect, Auth],
];

/** All properties (MQTT 5.0 §2.2.2.2, Table 2-4), in the order in which they are written. */
export const propertyTable: readonly PropertyDefinition[] = [
  { identifier: 0x01, name: "payloadFormatIndicator", type: "byte", places: message, maximum: 1 },
  { identifier: 0x02, name: "messageExpiryIntervalSeconds", type: "fourByteInteger", places: message },
  { identifier: 0x03, name: "contentType", type: "string", places: message },
  { identifier: 0x08, name: "responseTopic", type: "topicName", places: message },
  { identifier: 0x09, name: "correlationData", type: "binary", places: message },
  { identifier: 0x0b, name: "subscriptionIdentifier", type: "variableByteInteger", places: [Subscribe], minimum: 1 },
  {
    identifier: 0x0b,
    name: "subscriptionIdentifiers",
    type: "variableByteInteger",
    places: [Publish],
    repeats: true,
    sender: "server",
    minimum: 1,
  },
  {
    identifier: 0x11,
    name: "sessionExpiryIntervalSeconds",
    type: "fourByteInteger",
    places: [Connect, Connack],
  },
  {
    identifier: 0x11,
    name: "sessionExpiryIntervalSeconds",
    type: "fourByteInteger",
    places: [Disconnect],
    sender: "client",
  },
  { identifier: 0x12, name: "assignedClientIdentifier", type: "string", places: [Connack] },
  { identifier: 0x13, name: "serverKeepAliveSeconds", type: "twoByteInteger", places: [Connack] },
  { identifier: 0x15, name: "authenticationMethod", type: "string", places: signIn },
  { identifier: 0x16, name: "authenticationData", type: "binary", places: signIn },
  { identifier: 0x17, name: "requestProblemInformation", type: "boolean", places: [Connect] },
  { identifier: 0x18, name: "delayIntervalSeconds", type: "fourByteInteger", places: ["will"] },
  { identifier: 0x19, name: "requestResponseInformation", type: "boolean", places: [Connect] },
  { identifier: 0x1a, name: "responseInformation", type: "string", places: [Connack] },
  { identifier: 0x1c, name: "serverReference", type: "string", places: [Connack] },
  { identifier: 0x1c, name: "serverReference", type: "string", places: [Disconnect], sender: "server" },
  { identifier: 0x1f, name: "reasonString", type: "string", places: answers },
  { identifier: 0x21, name: "receiveMaximum", type: "twoByteInteger", places: [Connect, Connack], minimum: 1 },
  { identifier: 0x22, name: "topicAliasMaximum", type: "twoByteInteger", places: [Connect, Connack] },
  {
    identifier: 0x23,
    name: "topicAlias",
    type: "twoByteInteger",
    places: [Publish],
    minimum: 1,
    rangeReasonCode: ReasonCode.TopicAliasInvalid,
  },
  { identifier: 0x24, name: "maximumQoS", type: "byte", places: [Connack], maximum: 1 },
  { identifier: 0x25, name: "retainAvailable", type: "boolean", places: [Connack] },
  {
    identifier: 0x26,
    name: "userProperties",
    type: "stringPair",
    places: [Connect, Publish, "will", Subscribe, Unsubscribe, ...answers],
    repeats: true,
  },
  { identifier: 0x27, name: "maximumPacketSizeBytes", type: "fourByteInteger", places: [Connect, Connack], minimum: 1 },
  { identifier: 0x28, name: "wildcardSubscriptionAvailable", type: "boolean", places: [Connack] },
  { identifier: 0x29, name: "subscriptionIdentifiersAvailable", type: "boolean", places: [Connack] },
  { identifier: 0x2a, name: "sharedSubscriptionAvailable", type: "boolean", places: [Connack] },
];

const byPlace = new Map<PropertyPlace, Map<number, PropertyDefinition>>();
for (const definition of propertyTable) {
  for (const place of definition.places) {
    const there = byPlace.get(place) ?? new Map<number, PropertyDefinition>();
    byPlace.set(place, there.set(definition.identifier, definition));
  }
}

const none: ReadonlyMap<number, PropertyDefinition> = new Map();

/** The properties that may stand at `place`, by identifier. */
export function propertiesAt(place: PropertyPlace): ReadonlyMap<number, PropertyDefinition> {
  return byPlace.get(place) ?? none;
}
