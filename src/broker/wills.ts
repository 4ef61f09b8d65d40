import type { ClientSnapshot } from "../hooks/plugin.ts";
import type { Logger } from "../logger.ts";
import { expiryTime, Message } from "../message.ts";
import type { Will } from "../packet/packets.ts";
import type { Session } from "../session/session.ts";
import type { Clock } from "./environment.ts";
import type { MessagePipe } from "./message_pipe.ts";

interface PendingWill {
  readonly will: Will;
  readonly client: ClientSnapshot;
  readonly dueAtMs: number;
}

/** The wills of clients that were lost, from the loss to their publication (MQTT 5.0 §3.1.2.5, §3.1.3.2.2). */
export class Wills {
  readonly #pending = new Map<Session, PendingWill>();
  readonly #pipe: MessagePipe;
  readonly #clock: Clock;
  readonly #logger: Logger;

  constructor({ pipe, clock, logger }: { pipe: MessagePipe; clock: Clock; logger: Logger }) {
    this.#pipe = pipe;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** A client was lost: its will is published now, or when its delay is over. */
  lost(session: Session, client: ClientSnapshot, will: Will): void {
    if (will.delayIntervalSeconds === 0) return void this.publish(client, will);
    const dueAtMs = this.#clock.now() + will.delayIntervalSeconds * 1000;
    this.#pending.set(session, { will, client, dueAtMs });
  }

  /** The client is back in time ([MQTT-3.1.3-9] 5.0). */
  cancel(session: Session): void {
    this.#pending.delete(session);
  }

  /** The session has ended: there is nothing to wait for any longer. */
  ended(session: Session): void {
    const pending = this.#pending.get(session);
    if (!pending) return;
    this.#pending.delete(session);
    void this.publish(pending.client, pending.will);
  }

  /** Called by the broker's coarse timer. */
  tick(nowMs: number): void {
    for (const [session, { dueAtMs }] of this.#pending) {
      if (nowMs >= dueAtMs) this.ended(session);
    }
  }

  /** Publishes those that wait; resolves when they are routed. */
  async publishAll(): Promise<void> {
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    await Promise.all(pending.map(({ client, will }) => this.publish(client, will)));
  }

  /** Publishes a will; resolves when it is routed and never rejects. */
  async publish(client: ClientSnapshot, will: Will): Promise<void> {
    const { clientIdentifier } = client;
    try {
      await this.#pipe.fromClient(client, willMessage(will, clientIdentifier, this.#clock.now()));
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.#logger.error(`will of client ${clientIdentifier} was not published: ${reason}`);
    }
  }
}

/** The message that a will becomes. */
export function willMessage(will: Will, publisher: string, nowMs: number): Message {
  const { topicName, payload, qos, retain, properties } = will;
  const expiresAtMs = expiryTime(properties, nowMs);
  return new Message({ topicName, payload, qos, retain, properties, publisher, expiresAtMs });
}
