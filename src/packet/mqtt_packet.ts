/**
 * The only importer of `mqtt-packet`, which reads the rare packets of 3.1 and 3.1.1. It lets through much
 * that the specification forbids, so whatever it read is written back and compared with what came.
 */
import { Buffer } from "node:buffer";
import type { Packet } from "mqtt-packet";
import { OutputBuffer } from "./output_buffer.ts";
import { malformed } from "./protocol_error.ts";
import { withoutEnvironment } from "./without_environment.ts";

const { parser } = await withoutEnvironment(() => import("mqtt-packet"));

/** CONNECT of 3.1 or 3.1.1 as it was read: texts are UTF-8, everything else is still to be checked. */
export interface ParsedConnect {
  readonly cleanSession: boolean;
  readonly keepAliveSeconds: number;
  readonly clientIdentifier: string;
  readonly username?: string;
  readonly password?: Uint8Array;
  readonly will?: {
    readonly topicName: string;
    readonly payload: Uint8Array;
    readonly qos: number;
    readonly retain: boolean;
  };
}

const CONNECT_BYTE = 0x10;

/**
 * Reads the body of a CONNECT whose protocol name and level were found to be of 3.1 or 3.1.1. Binary fields are copies.
 *
 * @throws {ProtocolError} 0x81 if it cannot be read, has text that is not UTF-8, or goes on behind its last field
 */
export function parseConnect(body: Uint8Array): ParsedConnect {
  const packet = parse(CONNECT_BYTE, body);
  if (packet.cmd !== "connect") throw malformed("CONNECT cannot be read");
  const { will } = packet;
  const parsed: ParsedConnect = {
    cleanSession: packet.clean === true,
    keepAliveSeconds: packet.keepalive ?? 0,
    clientIdentifier: packet.clientId,
    ...packet.username !== undefined && { username: packet.username },
    ...packet.password !== undefined && { password: new Uint8Array(packet.password) },
    ...will !== undefined && {
      will: {
        topicName: will.topic,
        payload: new Uint8Array(Buffer.from(will.payload)),
        qos: Number(will.qos),
        retain: will.retain === true,
      },
    },
  };
  compare(body, "CONNECT", (out) => writeConnectPayload(out, body, parsed));
  return parsed;
}

/** A parser for each packet: it keeps a CONNECT, password and all, for as long as it lives. */
function parse(firstByte: number, body: Uint8Array): Packet {
  const frame = new OutputBuffer();
  frame.u8(firstByte);
  frame.variableByteInteger(body.length);
  frame.set(body);
  const found: Packet[] = [];
  const faults: Error[] = [];
  const reader = parser({ protocolVersion: 4 });
  reader.on("packet", (packet) => found.push(packet));
  reader.on("error", (error) => faults.push(error));
  reader.parse(Buffer.from(frame.take()));
  const packet = found[0];
  if (packet === undefined || faults.length > 0) throw malformed(faults[0]?.message ?? "packet cannot be read");
  return packet;
}

function writeConnectPayload(out: OutputBuffer, body: Uint8Array, parsed: ParsedConnect): void {
  // Protocol name, level and flags were looked at by whoever called; the keep-alive is two bytes of any value.
  const nameSize = body[0]! << 8 | body[1]!;
  out.set(body.subarray(0, 2 + nameSize + 4));
  out.string(parsed.clientIdentifier);
  if (parsed.will !== undefined) {
    out.string(parsed.will.topicName);
    out.binary(parsed.will.payload);
  }
  if (parsed.username !== undefined) out.string(parsed.username);
  if (parsed.password !== undefined) out.binary(parsed.password);
}

function compare(body: Uint8Array, what: string, write: (out: OutputBuffer) => void): void {
  const out = new OutputBuffer();
  try {
    write(out);
  } catch (error) {
    // A text that was not UTF-8 can have become too long.
    if (!(error instanceof RangeError)) throw error;
  }
  const written = out.take();
  for (let i = 0; i < body.length; i++) {
    if (body[i] === written[i]) continue;
    throw malformed(`${what} must be UTF-8 text and end with its last field: byte ${i} of its body is neither`);
  }
}
