import { malformed, protocolError } from "./protocol_error.ts";

/**
 * Reads a packet identifier.
 *
 * @throws {ProtocolError} 0x81 if the body ends before it does, 0x82 if it is 0; `what` names the packet
 */
export function packetIdentifierAt(bytes: Uint8Array, at: number, end: number, what: string): number {
  if (at + 2 > end) throw malformed(`${what}: packet identifier must have 2 bytes: got ${end - at}`);
  const packetIdentifier = bytes[at]! << 8 | bytes[at + 1]!;
  // [MQTT-2.3.1-1] 3.1.1, [MQTT-2.2.1-3] 5.0
  if (packetIdentifier === 0) throw protocolError(`${what}: packet identifier must not be 0`);
  return packetIdentifier;
}
