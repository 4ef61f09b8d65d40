import { encodeConnect } from "../packet/encode_client.ts";
import { receiveFromServer } from "../packet/decode_server.ts";
import { FrameReader } from "../packet/frame_reader.ts";
import { OutputBuffer } from "../packet/output_buffer.ts";
import { type ConnackPacket, type ConnectPacket, PacketType } from "../packet/packets.ts";
import { ProtocolError } from "../packet/protocol_error.ts";
import { describeReasonCode, ReasonCode } from "../packet/reason_code.ts";
import { TopicNames } from "../packet/topic_names.ts";
import { quote } from "../quote.ts";
import type { Transport } from "../transport/transport.ts";

/** The remote does not let the bridge in; the message is in its own words where it gives any. */
export class SignInRefused extends Error {
  override readonly name = "SignInRefused";

  /**
   * @param isAboutVersion the remote may speak another version: it says so, or has closed the connection instead of an answer
   * @param isSaid it has said so
   */
  constructor(message: string, readonly isAboutVersion: boolean, readonly isSaid: boolean) {
    super(message);
  }
}

/** What a remote has answered, and where what follows is read. */
export interface SignedInAtRemote {
  readonly connack: ConnackPacket;
  readonly reader: FrameReader;
}

/**
 * Says CONNECT and waits for CONNACK.
 *
 * @param maximumPacketSizeBytes that is read
 * @throws {SignInRefused} if the remote refuses, or says nothing and closes
 * @throws {ProtocolError} if its answer is none
 */
export async function signIn(
  transport: Transport,
  connect: ConnectPacket,
  maximumPacketSizeBytes: number,
): Promise<SignedInAtRemote> {
  const out = new OutputBuffer();
  encodeConnect(out, connect);
  await transport.write(out.take());
  const reader = new FrameReader({ maximumPacketSizeBytes, limitedBy: "max-packet-size" });
  reader.version = connect.protocolVersion;
  try {
    return { connack: await readConnack(transport, reader, connect), reader };
  } catch (error) {
    reader.release();
    throw error;
  }
}

async function readConnack(transport: Transport, reader: FrameReader, connect: ConnectPacket): Promise<ConnackPacket> {
  for (;;) {
    const count = await transport.read(reader.space());
    if (count === null) throw new SignInRefused("the remote closed the connection instead of an answer", true, false);
    reader.filled(count);
    const frame = reader.next();
    if (!frame) continue;
    const packet = receiveFromServer(frame, connect.protocolVersion, new TopicNames());
    if (packet.type !== PacketType.Connack) {
      throw new ProtocolError(ReasonCode.ProtocolError, `first packet must be CONNACK: got packet type ${packet.type}`);
    }
    if (packet.reasonCode === ReasonCode.Success) return packet;
    throw refusalOf(packet);
  }
}

function refusalOf({ reasonCode, properties }: ConnackPacket): SignInRefused {
  const words = (properties as { readonly reasonString?: string } | undefined)?.reasonString;
  const said = words === undefined ? "" : `: ${quote(words)}`;
  const text = `the remote refuses the connection: ${describeReasonCode(reasonCode)}${said}`;
  return new SignInRefused(text, reasonCode === ReasonCode.UnsupportedProtocolVersion, true);
}
