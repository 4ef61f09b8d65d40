/** Random packets for property-based tests: whatever a client or the broker may send in a version. */
import fc from "fast-check";
import {
  type InboundPacket,
  type MessageProperties,
  type OutboundPacket,
  PacketType,
  type ProtocolVersion,
  type UserProperty,
} from "../../src/packet/packets.ts";
import { propertiesAt, type PropertyDefinition, type PropertyPlace } from "../../src/packet/properties.ts";
import type { ReasonCode } from "../../src/packet/reason_code.ts";
import type { TopicFilter, TopicName } from "../../src/packet/topic.ts";

const { Connect, Connack, Publish, Puback, Pubrec, Pubrel, Pubcomp } = PacketType;
const { Subscribe, Suback, Unsubscribe, Unsuback, Pingreq, Pingresp, Disconnect, Auth } = PacketType;

const text = fc.string({ unit: "binary", maxLength: 12 }).map((value) => value.replaceAll("\0", ""));
const bytes = fc.uint8Array({ maxLength: 40 });
const level = text.map((value) => value.replaceAll(/[+#]/g, ""));
const topicName = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"))
  .filter((value) => value !== "") as fc.Arbitrary<unknown> as fc.Arbitrary<TopicName>;
const topicFilter = fc.tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
  .map(([levels, all]) => [...levels, ...all ? ["#"] : []].join("/"))
  .filter((value) => value !== "") as fc.Arbitrary<unknown> as fc.Arbitrary<TopicFilter>;
const qos = fc.constantFrom(0, 1, 2);
const packetIdentifier = fc.integer({ min: 1, max: 65535 });
const userProperty = fc.tuple(text, text) as fc.Arbitrary<UserProperty>;

function value({ type, minimum = 0, maximum }: PropertyDefinition): fc.Arbitrary<unknown> {
  const number = (max: number) => fc.integer({ min: minimum, max: maximum ?? max });
  switch (type) {
    case "boolean":
      return fc.boolean();
    case "byte":
      return number(255);
    case "twoByteInteger":
      return number(65535);
    case "fourByteInteger":
      return number(4294967295);
    case "variableByteInteger":
      return number(268435455);
    case "string":
      return text;
    case "topicName":
      return topicName;
    case "binary":
      return bytes;
    case "stringPair":
      return userProperty;
  }
}

/** Any choice of the properties that `sender` may send at `place`; `undefined` if there are none. */
function properties<T>(place: PropertyPlace, sender: "client" | "server"): fc.Arbitrary<T | undefined> {
  const model: Record<string, fc.Arbitrary<unknown>> = {};
  for (const definition of propertiesAt(place).values()) {
    if (definition.sender !== undefined && definition.sender !== sender) continue;
    const one = value(definition);
    model[definition.name] = definition.repeats ? fc.array(one, { minLength: 1, maxLength: 4 }) : one;
  }
  const any = fc.record(model, { requiredKeys: [], noNullPrototype: true });
  return any.map((found) => Object.keys(found).length > 0 ? found as T : undefined);
}

/** An object without the fields that are `undefined`. */
function present<T extends object>(fields: T): T {
  return Object.fromEntries(Object.entries(fields).filter(([, one]) => one !== undefined)) as T;
}

function only5<T>(version: ProtocolVersion, arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return version === 5 ? arbitrary : fc.constant(undefined);
}

function will(version: ProtocolVersion) {
  type Found = MessageProperties & { delayIntervalSeconds?: number };
  const five = only5(version, properties<Found>("will", "client"));
  return fc.tuple(topicName, bytes, qos, fc.boolean(), five).map(([name, payload, quality, retain, found = {}]) => {
    const { delayIntervalSeconds = 0, ...message } = found;
    const messageProperties = Object.keys(message).length > 0 ? message : undefined;
    return present({
      topicName: name,
      payload,
      qos: quality,
      retain,
      properties: messageProperties,
      delayIntervalSeconds,
    });
  });
}

function connect(version: ProtocolVersion): fc.Arbitrary<InboundPacket> {
  const signIn = fc.record({
    username: fc.option(text, { nil: undefined }),
    password: fc.option(bytes, { nil: undefined }),
    will: fc.option(will(version), { nil: undefined }),
  });
  const plain = fc.record({
    cleanStart: fc.boolean(),
    keepAliveSeconds: fc.integer({ min: 0, max: 65535 }),
    clientIdentifier: text,
    isBridge: fc.constantFrom(...version === 5 ? [undefined] : [undefined, true]),
  });
  const five = only5(version, properties<{ authenticationMethod?: string }>(Connect, "client"));
  return fc.tuple(plain, signIn, five).map(([fields, { username, password, will }, found = {}]) => {
    const method = "authenticationData" in found ? { authenticationMethod: "", ...found } : found;
    return present({
      type: Connect,
      protocolVersion: version,
      ...fields,
      username,
      password: version !== 5 && username === undefined ? undefined : password,
      will,
      receiveMaximum: 65535,
      topicAliasMaximum: 0,
      requestResponseInformation: false,
      requestProblemInformation: true,
      sessionExpiryIntervalSeconds: version === 5 ? 0 : undefined,
      ...method,
    });
  });
}

function publish(version: ProtocolVersion, sender: "client" | "server") {
  type Found = MessageProperties & { topicAlias?: number; subscriptionIdentifiers?: number[] };
  const five = only5(version, properties<Found>(Publish, sender));
  const flags = fc.tuple(qos, fc.boolean(), fc.boolean(), fc.boolean());
  return fc.tuple(flags, topicName, packetIdentifier, bytes, five).map(
    ([[quality, dup, retain, unnamed], name, identifier, payload, found = {}]) => {
      const { topicAlias, subscriptionIdentifiers, ...message } = found;
      return present({
        type: Publish,
        dup: dup && quality > 0,
        qos: quality,
        retain,
        topicName: unnamed && topicAlias !== undefined ? "" as const : name,
        packetIdentifier: quality > 0 ? identifier : 0,
        payload,
        properties: Object.keys(message).length > 0 ? message : undefined,
        topicAlias,
        subscriptionIdentifiers,
      });
    },
  );
}

const ackReasonCodes = {
  [Puback]: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  [Pubrec]: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  [Pubrel]: [0x00, 0x92],
  [Pubcomp]: [0x00, 0x92],
} as const;

function ack(version: ProtocolVersion, sender: "client" | "server") {
  return fc.constantFrom(Puback, Pubrec, Pubrel, Pubcomp).chain((type) =>
    fc.record({
      type: fc.constant(type),
      packetIdentifier,
      reasonCode: fc.constantFrom(...version === 5 ? ackReasonCodes[type] : [0x00 as const]),
      properties: only5(version, properties<object>(type, sender)),
    }, { noNullPrototype: true }).map(present)
  );
}

function subscribe(version: ProtocolVersion): fc.Arbitrary<InboundPacket> {
  const flag = version === 5 ? fc.boolean() : fc.constant(false);
  const subscription = fc.record({
    topicFilter,
    qos,
    noLocal: flag,
    retainAsPublished: flag,
    retainHandling: version === 5 ? fc.constantFrom(0, 1, 2) : fc.constant(0 as const),
  }, { noNullPrototype: true });
  const list = fc.array(subscription, { minLength: 1, maxLength: 5 });
  const five = only5(version, properties<object>(Subscribe, "client"));
  return fc.tuple(packetIdentifier, list, five).map(([identifier, subscriptions, found]) => ({
    type: Subscribe,
    packetIdentifier: identifier,
    subscriptions,
    ...found,
  }));
}

function unsubscribe(version: ProtocolVersion): fc.Arbitrary<InboundPacket> {
  const list = fc.array(topicFilter, { minLength: 1, maxLength: 5 });
  const five = only5(version, properties<object>(Unsubscribe, "client"));
  return fc.tuple(packetIdentifier, list, five).map(([identifier, topicFilters, found]) => ({
    type: Unsubscribe,
    packetIdentifier: identifier,
    topicFilters,
    ...found,
  }));
}

/** DISCONNECT or AUTH of 5.0. */
function reason<T extends typeof Disconnect | typeof Auth>(
  type: T,
  sender: "client" | "server",
  reasonCodes: readonly ReasonCode[],
) {
  return fc.record({
    type: fc.constant(type),
    reasonCode: fc.constantFrom(...reasonCodes),
    properties: properties<object>(type, sender)
      .map((found) => type === Auth ? { authenticationMethod: "m", ...found } : found),
  }, { noNullPrototype: true }).map(present);
}

/** What a client of `version` may send. */
export function inboundPacket(version: ProtocolVersion): fc.Arbitrary<InboundPacket> {
  const common: fc.Arbitrary<InboundPacket>[] = [
    connect(version),
    publish(version, "client"),
    ack(version, "client"),
    subscribe(version),
    unsubscribe(version),
    fc.constant({ type: Pingreq }),
  ];
  if (version !== 5) return fc.oneof(...common, fc.constant({ type: Disconnect, reasonCode: 0 } as const));
  return fc.oneof(
    ...common,
    reason(Disconnect, "client", [0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99]),
    reason(Auth, "client", [0x18, 0x19]),
  );
}

/** What the broker may send to a client of `version`, in words that this version has. */
export function outboundPacket(version: ProtocolVersion): fc.Arbitrary<OutboundPacket> {
  const answer = <T extends typeof Suback | typeof Unsuback>(type: T, reasonCodes: readonly ReasonCode[]) =>
    fc.record({
      type: fc.constant(type),
      packetIdentifier,
      reasonCodes: fc.array(fc.constantFrom(...reasonCodes), { minLength: 1, maxLength: 5 })
        .map((codes) => type === Unsuback && version !== 5 ? [] : codes),
      properties: only5(version, properties<object>(type, "server")),
    }, { noNullPrototype: true }).map(present);
  const common: fc.Arbitrary<OutboundPacket>[] = [
    fc.record({
      type: fc.constant(Connack),
      sessionPresent: version === 3 ? fc.constant(false) : fc.boolean(),
      reasonCode: fc.constant(0 as const),
      properties: only5(version, properties<object>(Connack, "server")),
    }, { noNullPrototype: true }).map(present),
    publish(version, "server"),
    ack(version, "server"),
    answer(Suback, version === 3 ? [0, 1, 2] : version === 4 ? [0, 1, 2, 0x80] : [0, 1, 2, 0x80, 0x87, 0x8f, 0x97]),
    answer(Unsuback, [0, 0x11, 0x80]),
    fc.constant({ type: Pingresp }),
  ];
  if (version !== 5) return fc.oneof(...common);
  return fc.oneof(
    ...common,
    reason(Disconnect, "server", [0x00, 0x81, 0x82, 0x8b, 0x8d, 0x8e, 0x9d]),
    reason(Auth, "server", [0x00, 0x18]),
  );
}
