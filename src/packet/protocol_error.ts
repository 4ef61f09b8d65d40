import { describeReasonCode, ReasonCode } from "./reason_code.ts";

/**
 * The peer broke the protocol, so its connection has to be closed (MQTT 3.1.1 §4.8, MQTT 5.0 §4.13).
 * Thrown by whatever finds the fault, caught in one place: the connection.
 */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";

  /**
   * @param reasonCode what a 5.0 peer is told: 0x81 for bytes that cannot be read, 0x82 for what is read but not allowed
   * @param message what was wrong, with the value that was found
   */
  constructor(readonly reasonCode: ReasonCode, message: string) {
    super(message);
  }

  /** `0x81 MalformedPacket: …`, for the log. */
  override toString(): string {
    return `${describeReasonCode(this.reasonCode)}: ${this.message}`;
  }
}

/** A {@linkcode ProtocolError} for bytes that cannot be read as a packet. */
export function malformed(message: string): ProtocolError {
  return new ProtocolError(ReasonCode.MalformedPacket, message);
}

/** A {@linkcode ProtocolError} for a well-formed packet that the protocol does not allow here. */
export function protocolError(message: string): ProtocolError {
  return new ProtocolError(ReasonCode.ProtocolError, message);
}
