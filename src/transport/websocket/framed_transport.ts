/** A byte stream inside of WebSocket frames. */
import { type WorkBudget, WorkParty } from "../../work_budget.ts";
import type { ClientCertificate, RemoteAddress, Transport } from "../transport.ts";
import { BINARY, CLOSE, encodeFrame, encodeHeader, FrameDecoder, PING, PONG, WebSocketFault } from "./frames.ts";

/** Payloads up to this go out together with their header; larger ones are not copied. */
const COPIED_PAYLOAD_BYTES = 65_536;
const NORMAL_CLOSURE = 1000;

/** What a WebSocket starts from. */
export interface FramedTransportOptions {
  /** A frame that claims more bytes closes the socket. */
  readonly longestFrameBytes: number;
  /** What came behind the HTTP request. */
  readonly rest: Uint8Array;
  /** Where the time for frames without data is taken from. @default nobody looks at it */
  readonly work?: WorkBudget;
}

/**
 * Carries bytes in binary frames over another transport. Frames have no meaning to MQTT: what is read is the payload as it
 * comes, each write is one frame. Nothing is read ahead, so a slow reader slows the peer down.
 */
export class FramedTransport implements Transport {
  readonly kind = "ws";
  readonly secure: boolean;
  readonly remote: RemoteAddress;
  readonly certificate?: ClientCertificate;
  readonly acceptedAt: number;
  readonly #below: Transport;
  readonly #decoder: FrameDecoder;
  readonly #work: WorkBudget | undefined;
  /** For frames without data; `undefined`: none have come by themselves. */
  #party: WorkParty | undefined;
  #rest: Uint8Array;
  /** The write under way: frames must not mix, and pings are answered between those of the broker. */
  #writing: Promise<void> | undefined;
  /** The latest ping that is not answered yet (RFC 6455 §5.5.3: the latest is enough). */
  #pinged: Uint8Array | undefined;
  /** The answer to the latest ping, while a write is under way. */
  #pong: Uint8Array | undefined;
  #closeSent = false;
  #closeReceived = false;
  /** Our answer to the peer's close frame. */
  #farewell: Promise<void> | undefined;

  constructor(below: Transport, options: FramedTransportOptions) {
    this.#below = below;
    this.secure = below.secure;
    this.remote = below.remote;
    this.certificate = below.certificate;
    this.acceptedAt = below.acceptedAt;
    this.#rest = options.rest;
    this.#work = options.work;
    this.#decoder = new FrameDecoder(options.longestFrameBytes, (opcode, payload) => this.#control(opcode, payload));
  }

  get takenBytes(): number | undefined {
    return this.#below.takenBytes;
  }

  unsentBytes(): Promise<number | undefined> {
    return this.#below.unsentBytes?.() ?? Promise.resolve(undefined);
  }

  /** What came with the request is in the request's memory; a frame is not gathered. */
  get bufferedBytes(): number {
    return (this.#rest.length > 0 ? this.#rest.buffer.byteLength : 0) + (this.#below.bufferedBytes ?? 0);
  }

  async read(into: Uint8Array): Promise<number | null> {
    while (!this.#closeReceived) {
      const length = this.#rest.length > 0 ? this.#takeRest(into) : await this.#below.read(into);
      if (length === null) return null;
      this.#work?.begin();
      const count = await this.#decode(into, length);
      if (count > 0) return count;
      await this.#giveWay();
    }
    await this.#farewell;
    return null;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    while (this.#writing) await this.#writing;
    if (this.#closeSent) throw new Error("Cannot write: the WebSocket was closed");
    if (bytes.length <= COPIED_PAYLOAD_BYTES) return await this.#send(encodeFrame(BINARY, bytes));
    await this.#send(encodeHeader(BINARY, bytes.length, 0), bytes);
  }

  async closeWrite(): Promise<void> {
    try {
      await this.#sendClose(NORMAL_CLOSURE);
    } catch {
      // The peer or close() was first: our side has ended already.
    }
  }

  close(): void {
    this.#closeSent = true;
    this.#below.close();
  }

  /** Nobody who reads hears of control frames and empty ones, however many come. */
  async #giveWay(): Promise<void> {
    if (!this.#work) return;
    const party = this.#party ??= new WorkParty();
    if (this.#work.look(party)) await this.#work.turn(party);
  }

  #takeRest(into: Uint8Array): number {
    const count = Math.min(this.#rest.length, into.length);
    into.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    return count;
  }

  async #decode(bytes: Uint8Array, length: number): Promise<number> {
    try {
      const count = this.#decoder.decode(bytes, length);
      this.#sendPong();
      return count;
    } catch (error) {
      if (error instanceof WebSocketFault) await this.#bidFarewell(error.code);
      throw error;
    }
  }

  #control(opcode: number, payload: Uint8Array): void {
    if (opcode === PING) this.#pinged = payload;
    if (opcode !== CLOSE || this.#closeReceived) return;
    this.#closeReceived = true;
    this.#farewell = this.#bidFarewell(NORMAL_CLOSURE);
  }

  /** Sends the close frame. A peer that does not read must not hold the reader up: its frame follows when it can. */
  async #bidFarewell(code: number): Promise<void> {
    const blocked = this.#writing !== undefined;
    const sent = this.#sendClose(code).catch(() => {});
    if (!blocked) await sent;
  }

  #sendPong(): void {
    const payload = this.#pinged;
    this.#pinged = undefined;
    if (!payload || this.#closeSent) return;
    const pong = encodeFrame(PONG, payload);
    if (this.#writing) this.#pong = pong;
    else this.#send(pong).catch(() => {}); // A broken stream shows itself to the reader.
  }

  async #sendClose(code: number): Promise<void> {
    if (this.#closeSent) return;
    this.#closeSent = true;
    while (this.#writing) await this.#writing;
    await this.#send(encodeFrame(CLOSE, Uint8Array.of(code >> 8, code & 0xff)));
  }

  #send(...pieces: Uint8Array[]): Promise<void> {
    const sent = this.#sendAll(pieces);
    const writing = sent.catch(() => {}).then(() => {
      if (this.#writing === writing) this.#writing = undefined;
    });
    this.#writing = writing;
    return sent;
  }

  async #sendAll(pieces: Uint8Array[]): Promise<void> {
    for (const piece of pieces) await this.#below.write(piece);
    while (this.#pong && !this.#closeSent) {
      const pong = this.#pong;
      this.#pong = undefined;
      await this.#below.write(pong);
    }
  }
}
