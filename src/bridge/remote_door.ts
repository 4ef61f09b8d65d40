import type { BridgeAddress, ResolvedBridge } from "../config/config.ts";
import type { ConnectPacket, ProtocolVersion } from "../packet/packets.ts";
import { PacketType } from "../packet/packets.ts";
import { encodeGoodbye } from "../packet/encode_client.ts";
import { OutputBuffer } from "../packet/output_buffer.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { host } from "../runtime/host.ts";
import type { Machine } from "../runtime/machine.ts";
import { dial, type DialTls } from "../transport/dial.ts";
import type { Transport } from "../transport/transport.ts";
import { type SignedInAtRemote, signIn, SignInRefused } from "./sign_in.ts";

/** A version of MQTT as a bridge speaks it. */
interface Dialect {
  readonly version: ProtocolVersion;
  /** Whether it tells that it is a bridge; 5.0 needs no word for it. */
  readonly isBridge: boolean;
}

/** What a {@linkcode RemoteDoor} works with. */
export interface RemoteDoorOptions {
  readonly bridge: ResolvedBridge;
  readonly clientIdentifier: string;
  /** What the bridge takes at once. */
  readonly receiveMaximum: number;
  readonly maximumPacketSizeBytes: number;
  readonly maxInboundBytes: number;
  readonly connect: Machine["connect"];
}

/** A connection on which the remote has let the bridge in. */
export interface Entered extends SignedInAtRemote {
  readonly transport: Transport;
  readonly version: ProtocolVersion;
}

/** Connects to the remote and signs in, in a version that it speaks. */
export class RemoteDoor {
  readonly #options: RemoteDoorOptions;
  readonly #dialects: readonly Dialect[];
  /** The one to begin with. */
  #dialect = 0;

  constructor(options: RemoteDoorOptions) {
    this.#options = options;
    this.#dialects = dialectsOf(options.bridge);
  }

  /**
   * Tries one address. A remote that says that it does not speak the version is asked in the next one at once; one that
   * just closes the connection may have another reason, and is asked so the next time.
   *
   * @throws {Error} if there is no way in
   */
  async enter(address: BridgeAddress, cleanStart: boolean, signal: AbortSignal): Promise<Entered> {
    for (let tries = 1;; tries++) {
      try {
        const dialect = this.#dialects[this.#dialect]!;
        if (cleanStart && dialect.version !== 5) await this.#forget(dialect, address, signal);
        return await this.#enterIn(dialect, address, cleanStart && dialect.version === 5, signal);
      } catch (error) {
        if (!(error instanceof SignInRefused) || !error.isAboutVersion) throw error;
        this.#dialect = (this.#dialect + 1) % this.#dialects.length;
        if (!error.isSaid || tries >= this.#dialects.length) throw error;
      }
    }
  }

  /** Before 5.0 a clean session ends with its connection, so that it takes one to begin anew (MQTT 3.1.1 §3.1.2.4). */
  async #forget(dialect: Dialect, address: BridgeAddress, signal: AbortSignal): Promise<void> {
    const { transport, reader } = await this.#enterIn(dialect, address, true, signal);
    const out = new OutputBuffer();
    encodeGoodbye(out, ReasonCode.Success, dialect.version);
    try {
      await transport.write(out.take());
      await transport.closeWrite();
    } finally {
      transport.close();
      reader.release();
    }
  }

  async #enterIn(
    { version, isBridge }: Dialect,
    { hostname, port }: BridgeAddress,
    cleanStart: boolean,
    signal: AbortSignal,
  ): Promise<Entered> {
    const { bridge, maximumPacketSizeBytes, maxInboundBytes, connect } = this.#options;
    const tls = bridge.tls && await tlsOf(bridge.tls);
    const password = await passwordOf(bridge);
    const { type, path } = bridge;
    const where = { type, hostname, port, path, subprotocol: "mqtt" };
    const transport = await dial({ ...where, tls, maxInboundBytes, signal, connect });
    const cut = () => transport.close();
    signal.addEventListener("abort", cut);
    try {
      const hello = { ...this.#connect(version, password), isBridge, cleanStart };
      return { ...await signIn(transport, hello, maximumPacketSizeBytes), transport, version };
    } catch (error) {
      transport.close();
      throw signal.aborted ? signal.reason : error;
    } finally {
      signal.removeEventListener("abort", cut);
    }
  }

  #connect(protocolVersion: ProtocolVersion, password: Uint8Array | undefined): Omit<ConnectPacket, "cleanStart"> {
    const { bridge, clientIdentifier, receiveMaximum, maximumPacketSizeBytes } = this.#options;
    return {
      type: PacketType.Connect,
      protocolVersion,
      keepAliveSeconds: bridge.keepAlive,
      clientIdentifier,
      username: bridge.username ?? (password && protocolVersion !== 5 ? "" : undefined),
      password,
      sessionExpiryIntervalSeconds: bridge.sessionExpiryInterval,
      receiveMaximum,
      maximumPacketSizeBytes,
      topicAliasMaximum: 0,
      requestResponseInformation: false,
      requestProblemInformation: true,
    };
  }
}

function dialectsOf({ version, bridgeBit }: ResolvedBridge): readonly Dialect[] {
  const five: Dialect = { version: 5, isBridge: false };
  const four: readonly Dialect[] = [
    ...bridgeBit ? [{ version: 4, isBridge: true } as const] : [],
    { version: 4, isBridge: false },
  ];
  if (version === "5") return [five];
  return version === "3.1.1" ? four : [five, ...four];
}

async function tlsOf(tls: NonNullable<ResolvedBridge["tls"]>): Promise<DialTls> {
  const { cafile, certfile, keyfile, serverName, alpn } = tls;
  return {
    serverName,
    alpn,
    ...cafile !== undefined && { authorities: await readText("cafile", cafile) },
    ...certfile !== undefined && {
      certificate: {
        chain: await readText("certfile", certfile),
        key: await readText("keyfile", keyfile ?? certfile),
      },
    },
  };
}

async function passwordOf({ password, passwordFile }: ResolvedBridge): Promise<Uint8Array | undefined> {
  const text = passwordFile === undefined ? password : firstLine(await readText("password-file", passwordFile));
  return text === undefined ? undefined : new TextEncoder().encode(text);
}

function firstLine(text: string): string {
  return text.split(/\r?\n/, 1)[0] ?? "";
}

async function readText(key: string, path: string): Promise<string> {
  try {
    return await host.readTextFile(path);
  } catch (error) {
    throw new Error(`${key} "${path}" cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}
