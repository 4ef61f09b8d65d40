import { ProtocolError } from "./protocol_error.ts";
import { ReasonCode } from "./reason_code.ts";

/** How much of a kind one packet may hold: a few bytes each are many times that much work and memory. */
export interface DecodeLimits {
  /** Topic filters of a SUBSCRIBE or UNSUBSCRIBE, at least 1. */
  readonly maxFiltersPerPacket: number;
  /** User properties of any packet, and of the will in CONNECT. */
  readonly maxUserProperties: number;
  /** Whose packets are read. @default "client" */
  readonly sender?: "client" | "server";
}

/** Where nothing is to be bounded. */
export const noDecodeLimits: DecodeLimits = { maxFiltersPerPacket: Infinity, maxUserProperties: Infinity };

/** 0x97, with the key that says so. */
export function tooMany(what: string, maximum: number, key: string): ProtocolError {
  return new ProtocolError(ReasonCode.QuotaExceeded, `${what} must be at most ${maximum} (${key})`);
}
