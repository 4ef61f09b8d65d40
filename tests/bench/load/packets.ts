/** Packets a client sends, made once each; the hot ones are copies of a template with a few bytes changed. */

const encoder = new TextEncoder();

/** `4` is MQTT 3.1.1. */
export type Version = 4 | 5;

function text(value: string): number[] {
  const bytes = encoder.encode(value);
  return [bytes.length >> 8, bytes.length & 255, ...bytes];
}

function variableByteInteger(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value;; rest >>>= 7) {
    if (rest < 128) return [...bytes, rest];
    bytes.push(rest & 127 | 128);
  }
}

function packet(firstByte: number, body: readonly number[]): Uint8Array {
  return Uint8Array.from([firstByte, ...variableByteInteger(body.length), ...body]);
}

/** How a client signs in. */
export interface ConnectFields {
  readonly version: Version;
  readonly clientIdentifier: string;
  /** Whether the session outlives the connection. */
  readonly isDurable: boolean;
  /** 5.0 only; 0: the broker must not use topic aliases. */
  readonly topicAliasMaximum: number;
}

/** CONNECT, without keep-alive. */
export function connectPacket(fields: ConnectFields): Uint8Array {
  const { version, clientIdentifier, isDurable, topicAliasMaximum } = fields;
  const properties: number[] = [];
  if (isDurable) properties.push(0x11, 0, 0, 0x0e, 0x10);
  if (topicAliasMaximum > 0) properties.push(0x22, 0, topicAliasMaximum);
  return packet(0x10, [
    ...text("MQTT"),
    version,
    isDurable ? 0 : 2,
    0,
    0,
    ...(version === 5 ? [properties.length, ...properties] : []),
    ...text(clientIdentifier),
  ]);
}

/** SUBSCRIBE with one QoS for all filters. */
export function subscribePacket(
  version: Version,
  packetIdentifier: number,
  topicFilters: readonly string[],
  qos: number,
): Uint8Array {
  return packet(0x82, [
    packetIdentifier >> 8,
    packetIdentifier & 255,
    ...(version === 5 ? [0] : []),
    ...topicFilters.flatMap((filter) => [...text(filter), qos]),
  ]);
}

/** PINGREQ. */
export const PINGREQ: Uint8Array = Uint8Array.of(0xc0, 0);

/** DISCONNECT, as all versions have it. */
export const DISCONNECT: Uint8Array = Uint8Array.of(0xe0, 0);

/** How many digits a number in a topic has, so that all packets of a run are of one length. */
export const DIGITS = 7;
/** Bytes at the beginning of each payload that say which message it is. */
export const STAMP_BYTES = 24;

/** What messages are like. */
export interface TemplateOptions {
  readonly version: Version;
  /** Topic name; each `@` stands for a number. */
  readonly shape: string;
  readonly qos: number;
  readonly isRetained: boolean;
  readonly payloadBytes: number;
  /** 5.0 only: pairs of user properties. */
  readonly userProperties: number;
  /** 5.0 only: `"set"`: topic name and alias 1; `"use"`: alias 1 alone. */
  readonly topicAlias: "none" | "set" | "use";
}

/** A PUBLISH, and where in it the changing parts are; -1: nowhere. */
export interface Template {
  readonly bytes: Uint8Array;
  /** Where the numbers of the topic begin. */
  readonly numbersAt: readonly number[];
  readonly packetIdentifierAt: number;
  /** Where the stamp begins; -1: the payload is empty. */
  readonly stampAt: number;
}

/** Makes the PUBLISH that every message is a copy of. */
export function publishTemplate(options: TemplateOptions): Template {
  const { shape, qos, payloadBytes, topicAlias } = options;
  const topicName = topicAlias === "use" ? "" : shape.replaceAll("@", "0".repeat(DIGITS));
  const head = text(topicName);
  const packetIdentifierOffset = qos > 0 ? head.length : -1;
  if (qos > 0) head.push(0, 0);
  if (options.version === 5) head.push(...publishProperties(options));
  const bytes = packet(0x30 | qos << 1 | (options.isRetained ? 1 : 0), [
    ...head,
    ...new Array(payloadBytes).fill(0x78),
  ]);
  const bodyAt = bytes.length - payloadBytes - head.length;
  const numbersAt: number[] = [];
  for (let i = 0, at = bodyAt + 2; topicName !== "" && i < shape.length; i++) {
    if (shape[i] === "@") numbersAt.push(at);
    at += shape[i] === "@" ? DIGITS : 1;
  }
  return {
    bytes,
    numbersAt,
    packetIdentifierAt: packetIdentifierOffset < 0 ? -1 : bodyAt + packetIdentifierOffset,
    stampAt: payloadBytes >= STAMP_BYTES ? bodyAt + head.length : -1,
  };
}

function publishProperties({ userProperties, topicAlias }: TemplateOptions): number[] {
  const properties: number[] = topicAlias === "none" ? [] : [0x23, 0, 1];
  for (let i = 0; i < userProperties; i++) properties.push(0x26, ...text(`name-${i}`), ...text(`value-${i}`));
  return [...variableByteInteger(properties.length), ...properties];
}

/** Writes a number with leading zeros. */
export function writeNumber(bytes: Uint8Array, at: number, value: number): void {
  for (let i = at + DIGITS - 1, rest = value; i >= at; i--) {
    const tenth = rest / 10 | 0;
    bytes[i] = 48 + rest - tenth * 10;
    rest = tenth;
  }
}
