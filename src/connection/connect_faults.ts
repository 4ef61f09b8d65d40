import type { RefusalKind } from "../hooks/plugin.ts";
import type { FrameReader } from "../packet/frame_reader.ts";
import type { ProtocolError } from "../packet/protocol_error.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { describeHello } from "../transport/hello.ts";

/** What was wrong with what came, or did not come, for the log. */
export interface Fault {
  readonly kind: RefusalKind;
  readonly reason: string;
}

/** A client has not said who it is in time. */
export function silence(reader: FrameReader): Fault {
  const spoken = describeHello(reader.read);
  const came = spoken ?? (reader.bufferedBytes === 0 ? "nothing" : "a part of a packet");
  return { kind: "connect-timeout", reason: `no CONNECT in time (connect-timeout): got ${came}` };
}

/**
 * A client has broken the protocol, or speaks another one.
 *
 * @param reader where its first bytes are; `undefined`: it has spoken MQTT before
 */
export function brokenProtocol(error: ProtocolError, reader: FrameReader | undefined): Fault {
  const spoken = reader && describeHello(reader.read);
  // What begins like CONNECT is a faulty one.
  if (spoken && spoken !== "an MQTT CONNECT") {
    const lacks = spoken === "a TLS hello" ? "has no TLS (ssl)" : "serves plain MQTT, no WebSockets (type: ws)";
    return { kind: "wrong-protocol", reason: `${spoken}, but this listener ${lacks}` };
  }
  const kind = error.reasonCode === ReasonCode.PacketTooLarge ? "packet-too-large" : "protocol-error";
  return { kind, reason: `${error}` };
}
