import { malformed, type ProtocolError, protocolError } from "./protocol_error.ts";

/**
 * Reads a packet identifier.
 *
 * @throws {ProtocolError} 0x81 if the body ends before it does, 0x82 if it is 0; `what` names the packet
 */
export function packetIdentifierAt(bytes: Uint8Array, at: number, end: number, what: string): number {
  const packetIdentifier = bytes[at]! << 8 | bytes[at + 1]!;
  if (at + 2 > end || packetIdentifier === 0) throw notAnIdentifier(end - at, what);
  return packetIdentifier;
}

function notAnIdentifier(sizeBytes: number, what: string): ProtocolError {
  if (sizeBytes < 2) return malformed(`${what}: packet identifier must have 2 bytes: got ${sizeBytes}`);
  // [MQTT-2.3.1-1] 3.1.1, [MQTT-2.2.1-3] 5.0
  return protocolError(`${what}: packet identifier must not be 0`);
}
