/** A client of the broker in the page, over WebSocket. */
import {
  acknowledge,
  connect,
  type ConnectOptions,
  disconnect,
  KEEP_ALIVE_SECONDS,
  pingreq,
  type Publish,
  publish,
  type Received,
  Receiver,
  subscribe,
  Type,
} from "./codec.ts";

/** What a client tells. */
export interface PageClientEvents {
  connected(clientIdentifier: string): void;
  refused(reasonCode: number): void;
  message(message: Publish): void;
  /** The broker's answer to a subscription. */
  subscribed(topicFilter: string, reasonCode: number): void;
  /** The broker's answer to a message with QoS 1 or 2. */
  published(topicName: string, reasonCode: number): void;
  /** @param reasonCode 0 if the broker said none @param opened the broker has answered before */
  closed(reasonCode: number, opened: boolean): void;
}

/** From this reason code on an answer is a refusal. */
export const REFUSAL = 0x80;

export class PageClient {
  readonly #socket: WebSocket;
  readonly #events: PageClientEvents;
  readonly #options: ConnectOptions;
  readonly #receiver = new Receiver();
  /** Topic filters and names that wait for their answer, by packet identifier. */
  readonly #asked = new Map<number, string>();
  #identifier = 0;
  #opened = false;
  #reasonCode = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @throws {SyntaxError} if `url` is none for a WebSocket */
  constructor(url: string, options: ConnectOptions, events: PageClientEvents) {
    this.#events = events;
    this.#options = options;
    this.#socket = new WebSocket(url, "mqtt");
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onopen = () => this.#socket.send(connect(options));
    this.#socket.onmessage = ({ data }: MessageEvent<ArrayBuffer>) => {
      for (const packet of this.#receiver.push(new Uint8Array(data))) this.#handle(packet);
    };
    this.#socket.onclose = () => {
      clearInterval(this.#timer);
      events.closed(this.#reasonCode, this.#opened);
    };
  }

  subscribe(topicFilter: string, qos: number): void {
    this.#socket.send(subscribe(topicFilter, qos, this.#remember(topicFilter)));
  }

  publish(message: Publish): void {
    const identifier = message.qos > 0 ? this.#remember(message.topicName) : 0;
    this.#socket.send(publish(message, identifier));
  }

  close(): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(disconnect());
    this.#socket.close();
  }

  #remember(name: string): number {
    do this.#identifier = this.#identifier % 0xffff + 1; while (this.#asked.has(this.#identifier));
    this.#asked.set(this.#identifier, name);
    return this.#identifier;
  }

  #handle({ type, identifier, reasonCode, publish, assigned }: Received): void {
    switch (type) {
      case Type.Connack:
        return this.#welcomed(reasonCode, assigned);
      case Type.Publish:
        if (publish!.qos > 0) {
          this.#socket.send(acknowledge(publish!.qos === 1 ? Type.Puback : Type.Pubrec, identifier));
        }
        return this.#events.message(publish!);
      case Type.Pubrel:
        return this.#socket.send(acknowledge(Type.Pubcomp, identifier));
      case Type.Pubrec:
        if (reasonCode < REFUSAL) return this.#socket.send(acknowledge(Type.Pubrel, identifier));
        return this.#answered(identifier, (name) => this.#events.published(name, reasonCode));
      case Type.Puback:
      case Type.Pubcomp:
        return this.#answered(identifier, (name) => this.#events.published(name, reasonCode));
      case Type.Suback:
        return this.#answered(identifier, (name) => this.#events.subscribed(name, reasonCode));
      case Type.Disconnect:
        this.#reasonCode = reasonCode;
    }
  }

  #welcomed(reasonCode: number, assigned: string | undefined): void {
    this.#opened = true;
    if (reasonCode >= REFUSAL) return this.#events.refused(reasonCode);
    this.#timer = setInterval(() => {
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(pingreq());
    }, KEEP_ALIVE_SECONDS * 500);
    this.#events.connected(assigned ?? this.#options.clientIdentifier);
  }

  #answered(identifier: number, tell: (name: string) => void): void {
    const name = this.#asked.get(identifier);
    this.#asked.delete(identifier);
    if (name !== undefined) tell(name);
  }
}
