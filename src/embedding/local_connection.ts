import type { ResolvedListener } from "../config/config.ts";
import type { ClientConnection, ConnectionContext } from "../connection/connection_context.ts";
import type { Ending, SignedIn } from "../connection/connection_state.ts";
import { sendRetained } from "../connection/handlers/retained_delivery.ts";
import type { ClientSnapshot } from "../hooks/plugin.ts";
import type { DropReason } from "../message.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import type { Delivery } from "../session/delivery.ts";
import { Fifo } from "../session/fifo.ts";
import type { OutboundLink } from "../session/sender.ts";
import type { Session } from "../session/session.ts";
import type { WorkParty } from "../work_budget.ts";
import type { LocalDelivery } from "./local_client.ts";
import { PROGRAM, signedIn } from "./local_session.ts";

/** What a {@linkcode LocalConnection} is made with. */
export interface LocalConnectionOptions {
  readonly session: Session;
  readonly client: ClientSnapshot;
  readonly receiveMaximum: number;
  /** Called once, when it has ended. */
  readonly onEnd: (ending: Ending) => void;
}

/** Serves a session inside the process: what is sent waits in a bounded queue until the program takes it. */
export class LocalConnection implements ClientConnection, OutboundLink {
  readonly context: ConnectionContext;
  readonly listener: ResolvedListener;
  readonly work: WorkParty;
  readonly receiveMaximum: number;
  #open: SignedIn | undefined;
  readonly #session: Session;
  readonly #onEnd: (ending: Ending) => void;
  readonly #arrived = new Fifo<LocalDelivery>();
  readonly #takers = new Fifo<(delivery: LocalDelivery | undefined) => void>();
  #bytes = 0;

  constructor(context: ConnectionContext, { session, client, receiveMaximum, onEnd }: LocalConnectionOptions) {
    this.context = context;
    this.listener = { ...context.config.handedIn, name: PROGRAM, maxConnections: 0 };
    this.work = context.work.newcomer();
    this.receiveMaximum = receiveMaximum;
    this.#session = session;
    this.#onEnd = onEnd;
    this.#open = signedIn({ session, client });
  }

  get open(): SignedIn | undefined {
    return this.#open;
  }

  get closed(): boolean {
    return this.#open === undefined;
  }

  get heldBytes(): number {
    return this.#bytes;
  }

  get waitingBytes(): number {
    return this.#bytes;
  }

  sharedBytes(): number {
    return 0;
  }

  /** What is the session's begins to come. */
  begin(): void {
    this.#session.attach(this);
    this.sendRetained();
  }

  /** Sends what its subscriptions still have to bring of the retained messages. */
  sendRetained(): void {
    if (this.#open) void sendRetained(this, this.#open);
  }

  /** The next message that has arrived, once there is one; `undefined`: the connection has ended. */
  next(): Promise<LocalDelivery | undefined> {
    const wasCongested = this.congested;
    const delivery = this.#arrived.shift();
    if (!delivery) {
      return this.closed ? Promise.resolve(undefined) : new Promise((resolve) => this.#takers.push(resolve));
    }
    this.#bytes -= delivery.message.payload.length;
    if (wasCongested && !this.congested) this.#session.sender.pump();
    return Promise.resolve(delivery);
  }

  close(ending: Ending): void {
    if (!this.#open) return;
    this.#open = undefined;
    const { connectionBySession, sessions, clock } = this.context;
    connectionBySession.delete(this.#session);
    sessions.detach(this.#session, clock.now());
    if (this.#session.expiryIntervalSeconds === 0) sessions.end(this.#session);
    // What was not taken is either the session's still, or was at QoS 0.
    while (this.#arrived.shift());
    this.#bytes = 0;
    for (let taker = this.#takers.shift(); taker; taker = this.#takers.shift()) taker(undefined);
    this.#onEnd(ending);
  }

  cut(): void {
    this.close({ reasonCode: ReasonCode.UnspecifiedError, reason: "the connection was cut" });
  }

  get congested(): boolean {
    const { queueLimit, queueLimitBytes } = this.listener.limits;
    return this.#arrived.length >= queueLimit || this.#bytes >= queueLimitBytes;
  }

  refusal({ message }: Delivery): DropReason | undefined {
    if (message.expiresAtMs === undefined || message.isForNow) return undefined;
    return message.isExpired(this.context.clock.now()) ? "message-expired" : undefined;
  }

  sendPublish({ message, qos, retain }: Delivery, packetIdentifier: number, dup: boolean): void {
    let waits = qos > 0;
    const acknowledge = (reasonCode: ReasonCode = ReasonCode.Success) => {
      if (!waits || this.closed) return;
      waits = false;
      if (qos === 1) this.#session.sender.puback(packetIdentifier, reasonCode);
      else this.#session.sender.pubrec(packetIdentifier, reasonCode);
    };
    const delivery = { message: message.snapshot(), qos, retain, duplicate: dup, acknowledge };
    const taker = this.#takers.shift();
    if (taker) return taker(delivery);
    this.#arrived.push(delivery);
    this.#bytes += delivery.message.payload.length;
  }

  /** Nobody has to be asked; later, since the sender is in the middle of what it sends. */
  sendPubrel(packetIdentifier: number): void {
    queueMicrotask(() => {
      if (!this.closed) this.#session.sender.pubcomp(packetIdentifier);
    });
  }
}
