import type { ByteReader } from "./byte_reader.ts";
import { type DecodeLimits, noDecodeLimits, tooMany } from "./decode_limits.ts";
import { OutputBuffer } from "./output_buffer.ts";
import type { UserProperty } from "./packets.ts";
import { type Properties, propertiesAt, type PropertyDefinition, type PropertyPlace } from "./properties.ts";
import { malformed, ProtocolError, protocolError } from "./protocol_error.ts";
import { ReasonCode } from "./reason_code.ts";
import { parseTopicName, TopicError } from "./topic.ts";

type PropertyValue = number | boolean | string | Uint8Array | UserProperty;
type PropertyBag = { [name: string]: PropertyValue | PropertyValue[] | undefined };

/**
 * Reads the length and the properties of a packet that was received (MQTT 5.0 §2.2.2).
 *
 * @throws {ProtocolError} 0x81 for a property that is unknown, misplaced or cut short, 0x82 for one that repeats, is not
 * the client's to send or has a value out of range, 0x94 for topic alias 0, 0x97 for more user properties than allowed
 */
export function readProperties(reader: ByteReader, place: PropertyPlace, limits: DecodeLimits): Properties {
  const size = reader.variableByteInteger("property length");
  return size === 0 ? {} : readPropertyBlock(reader.part(size, "properties"), place, limits);
}

/**
 * Reads properties up to the reader's end, without a length in front.
 *
 * @throws {ProtocolError} as {@linkcode readProperties}
 */
export function readPropertyBlock(
  reader: ByteReader,
  place: PropertyPlace,
  { maxUserProperties, sender = "client" }: DecodeLimits = noDecodeLimits,
): Properties {
  const found: PropertyBag = {};
  let userProperties = 0;
  const definitions = propertiesAt(place);
  while (reader.remaining > 0) {
    const identifier = reader.variableByteInteger("property identifier");
    const definition = definitions.get(identifier);
    if (definition === undefined) throw malformed(`property 0x${identifier.toString(16)} must not stand here`);
    if (definition.sender !== undefined && definition.sender !== sender) {
      throw protocolError(`${definition.name} must not be sent by a ${sender}`);
    }
    if (definition.type === "stringPair" && ++userProperties > maxUserProperties) {
      throw tooMany("user properties of one packet", maxUserProperties, "max-user-properties");
    }
    collect(found, definition, readValue(reader, definition));
  }
  return found as Properties;
}

function collect(found: PropertyBag, definition: PropertyDefinition, value: PropertyValue): void {
  const { name } = definition;
  const before = found[name];
  if (definition.repeats) {
    if (before === undefined) found[name] = [value];
    else (before as PropertyValue[]).push(value);
    return;
  }
  if (before !== undefined) throw protocolError(`${name} must not stand more than once`);
  found[name] = value;
}

function readValue(reader: ByteReader, definition: PropertyDefinition): PropertyValue {
  const { name } = definition;
  switch (definition.type) {
    case "boolean":
      return inRange(reader.u8(name), { ...definition, maximum: 1 }) === 1;
    case "byte":
      return inRange(reader.u8(name), definition);
    case "twoByteInteger":
      return inRange(reader.u16(name), definition);
    case "fourByteInteger":
      return inRange(reader.u32(name), definition);
    case "variableByteInteger":
      return inRange(reader.variableByteInteger(name), definition);
    case "string":
      return reader.string(name);
    case "topicName":
      return readTopicName(reader, name);
    case "binary":
      return reader.binary(name);
    case "stringPair":
      return [reader.string(`name in ${name}`), reader.string(`value in ${name}`)];
  }
}

function inRange(value: number, definition: PropertyDefinition): number {
  const { name, minimum = 0, maximum = Infinity, rangeReasonCode = ReasonCode.ProtocolError } = definition;
  if (value >= minimum && value <= maximum) return value;
  const wanted = maximum === Infinity ? `at least ${minimum}` : `${minimum} to ${maximum}`;
  throw new ProtocolError(rangeReasonCode, `${name} must be ${wanted}: got ${value}`);
}

function readTopicName(reader: ByteReader, name: string): string {
  const text = reader.string(name);
  try {
    return parseTopicName(text);
  } catch (error) {
    // [MQTT-3.3.2-14] 5.0
    if (error instanceof TopicError) throw protocolError(`${name}: ${error.message}`);
    throw error;
  }
}

/**
 * The properties of `values` that may stand at `place`, encoded, without their length in front. Values are not checked.
 *
 * @throws {RangeError} if a text or binary value takes more than 65,535 bytes
 */
export function propertyBytes(place: PropertyPlace, values: object | undefined): Uint8Array {
  const out = new OutputBuffer();
  if (values === undefined) return out.take();
  const bag = values as PropertyBag;
  for (const definition of propertiesAt(place).values()) {
    const value = bag[definition.name];
    if (value === undefined) continue;
    if (!definition.repeats) writeValue(out, definition, value as PropertyValue);
    else for (const one of value as PropertyValue[]) writeValue(out, definition, one);
  }
  return out.take();
}

/** Appends {@linkcode propertyBytes} with their length in front. */
export function writeProperties(out: OutputBuffer, place: PropertyPlace, values: object | undefined): void {
  const bytes = propertyBytes(place, values);
  out.variableByteInteger(bytes.length);
  out.set(bytes);
}

function writeValue(out: OutputBuffer, definition: PropertyDefinition, value: PropertyValue): void {
  out.u8(definition.identifier);
  switch (definition.type) {
    case "boolean":
    case "byte":
      return out.u8(Number(value));
    case "twoByteInteger":
      return out.u16(value as number);
    case "fourByteInteger":
      return out.u32(value as number);
    case "variableByteInteger":
      return out.variableByteInteger(value as number);
    case "string":
    case "topicName":
      return out.string(value as string);
    case "binary":
      return out.binary(value as Uint8Array);
    case "stringPair": {
      const [pairName, pairValue] = value as UserProperty;
      out.string(pairName);
      return out.string(pairValue);
    }
  }
}
