import type { ClientSnapshot } from "../hooks/plugin.ts";
import type { Logger } from "../logger.ts";
import { expiryTime, Message } from "../message.ts";
import { quote } from "../quote.ts";
import type { Will } from "../packet/packets.ts";
import type { TopicName } from "../packet/topic.ts";
import { compactWill } from "../packet/will.ts";
import type { Session } from "../session/session.ts";
import type { WillChange, WillEndChange } from "../store/change.ts";
import type { Times } from "../persistence/stored_message.ts";
import type { StoredWill } from "../store/store.ts";
import type { Clock } from "../runtime/environment.ts";
import { errorText } from "../error_text.ts";
import { describeClient } from "./describe.ts";
import type { PublishPipeline } from "./publish_pipeline.ts";
import type { Chores, WorkSteps } from "../work_budget.ts";
import type { Refusals } from "./refusals.ts";

/** What it takes to publish a will beside its way to its subscribers, and to look at one that is not due, as the budget counts. */
const WILL_STEPS = 8;
const LOOK_STEPS = 1 / 8;

/** A will that was taken from a connection. */
export interface TakenWill {
  readonly session: Session;
  readonly client: ClientSnapshot;
  readonly will: Will;
}

interface PendingWill {
  readonly will: Will;
  readonly client: ClientSnapshot;
  readonly dueAtMs: number;
  /** It outlives the process with its session. */
  readonly durable: boolean;
}

/** Where wills are taken down. */
export interface WillLog {
  readonly writeQueue: { append(change: WillChange | WillEndChange): unknown };
  readonly times: Times;
}

/** What {@linkcode Wills} work with. */
export interface WillsParts {
  readonly pipeline: Pick<PublishPipeline, "fromClient">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly refusals: Pick<Refusals, "mention">;
  /** What is due together is published in pieces. */
  readonly chores: Pick<Chores, "add">;
  readonly work: WorkSteps;
  /** Takes wills down for the next run; `undefined`: they end with the process. */
  persistence(): WillLog | undefined;
  /** Names a client's will in the log of a cluster, by which all its nodes know it. @default there is none */
  willKey?(clientIdentifier: string): string | undefined;
}

/** The wills of clients, from CONNECT to their publication (MQTT 5.0 §3.1.2.5, §3.1.3.2.2). */
export class Wills {
  /** Those that wait for their delay, by client identifier. */
  readonly #pending = new Map<string, PendingWill>();
  #pendingBytes = 0;
  /**
   * Whose will the write queue has for each client identifier, so that the end of an older one, which a plugin has taken its time for,
   * does not end a newer. There is one of each client: a crash while a plugin still decides loses one that was replaced.
   */
  readonly #noted = new Map<string, ClientSnapshot>();
  readonly #parts: WillsParts;
  /** The pending ones are being looked at. */
  #isLooking = false;

  constructor(parts: WillsParts) {
    this.#parts = parts;
  }

  /** What the wills of clients that are gone take in memory, roughly. */
  get heldBytes(): number {
    return this.#pendingBytes;
  }

  /** A client has signed in: what it left before is void ([MQTT-3.1.3-9] 5.0), what it leaves now is remembered. */
  signedIn(client: ClientSnapshot): void {
    const { clientIdentifier, will } = client;
    // One that was due already comes late, but it comes.
    if (this.#isDue(clientIdentifier)) this.ended(clientIdentifier);
    const old = this.#takePending(clientIdentifier);
    if (will) this.#note(client, will);
    else if (old) this.#forget(old.client);
  }

  /** A client has said goodbye: its will is void. */
  discard(client: ClientSnapshot): void {
    this.#forget(client);
  }

  /**
   * A client was lost: its will is published now, or when its delay is over.
   *
   * @returns resolves when it is routed, if that is now
   */
  lost(session: Session, client: ClientSnapshot, will: Will): void | Promise<void> {
    if (will.delayIntervalSeconds === 0) return this.publish(client, will);
    const dueAtMs = this.#parts.clock.now() + will.delayIntervalSeconds * 1000;
    this.#keepPending({ will, client, dueAtMs, durable: session.durable });
    this.#note(client, will, dueAtMs);
  }

  /**
   * Takes in what the store has since the last run. Of a client that was connected to the end the delay begins now; one
   * whose session is gone has nothing to wait for.
   */
  restore(stored: StoredWill, session: Session | undefined, times: Times): void {
    const { clientIdentifier, username, dueAt } = stored;
    const will = compactWill(stored.will);
    const nowMs = this.#parts.clock.now();
    const delayedMs = dueAt === undefined ? nowMs + will.delayIntervalSeconds * 1000 : times.fromStored(dueAt);
    const client = ghost(clientIdentifier, username, will);
    const durable = session !== undefined;
    this.#keepPending({ will, client, dueAtMs: durable ? delayedMs : nowMs, durable });
    this.#noted.set(clientIdentifier, client);
    // Else the delay would begin anew with each crash.
    if (dueAt === undefined && durable) this.#note(client, will, delayedMs);
  }

  /** Publishes the will of a client whose node is dead, which has this key in the log of the cluster. */
  inherited({ clientIdentifier, username, will }: StoredWill, key: string): void {
    void this.publish(ghost(clientIdentifier, username, will), will, key);
  }

  /** A session has ended: there is nothing to wait for any longer. */
  ended(clientIdentifier: string): void {
    const pending = this.#takePending(clientIdentifier);
    if (pending) void this.publish(pending.client, pending.will);
  }

  /** Called by the broker's coarse timer. Those that are due are published by and by. */
  tick(nowMs: number): void {
    if (this.#isLooking || this.#pending.size === 0) return;
    this.#isLooking = true;
    this.#parts.chores.add(this.#publishDue(nowMs));
  }

  /**
   * The broker shuts down: publishes what has nothing to wait for in the next run; resolves when it is routed.
   *
   * @param taken those of the clients that are still connected
   */
  async publishLast(taken: readonly TakenWill[]): Promise<void> {
    // One that is due must not be left: a client that is just signing in would put its new one in its place.
    const nowMs = this.#parts.clock.now();
    const last = [...this.#pending.values()].filter(({ durable, dueAtMs }) => !durable || nowMs >= dueAtMs);
    this.#pending.clear();
    this.#pendingBytes = 0;
    const publishings = [
      ...last.map(({ client, will }) => () => this.publish(client, will)),
      // One whose delay the session outlives with the store is left to the next run.
      ...taken.map(({ session, client, will }) => () =>
        session.durable ? this.lost(session, client, will) : this.publish(client, will)
      ),
    ];
    const routings: (void | Promise<void>)[] = [];
    await new Promise<void>((resolve) => this.#parts.chores.add(this.#publishing(publishings, routings, resolve)));
    await Promise.all(routings);
  }

  /**
   * Publishes a will; resolves when it is routed and never rejects. It ends in the batch of the write queue in which its
   * message begins, so that a crash while a plugin decides on it does not lose it.
   *
   * @param key the will's in the log of a cluster. @default that of the client's will at this node
   */
  async publish(
    client: ClientSnapshot,
    will: Will,
    key = this.#parts.willKey?.(client.clientIdentifier),
  ): Promise<void> {
    const { clientIdentifier } = client;
    const { pipeline, clock, logger, refusals } = this.#parts;
    if (isBridgeState(will.topicName)) {
      refusals.mention("will-dropped", client.remote, () => {
        return `${describeClient(client)}, topic ${quote(will.topicName)}: only the broker speaks on $SYS`;
      });
      return this.#forget(client);
    }
    const onRouted = () => this.#forget(client);
    try {
      const message = willMessage(will, clientIdentifier, clock.now());
      if (key !== undefined) message.trail = { will: key };
      await pipeline.fromClient(client, message, { onRouted });
    } catch (error) {
      logger.error(`will of client ${quote(clientIdentifier)} was not published: ${errorText(error)}`);
    }
    // One that was denied was not routed, but has had its time.
    this.#forget(client);
  }

  *#publishDue(nowMs: number): Generator<void, void> {
    const { work } = this.#parts;
    for (const [clientIdentifier, { dueAtMs }] of this.#pending) {
      const isDue = nowMs >= dueAtMs;
      if (isDue) this.ended(clientIdentifier);
      work.steps += isDue ? WILL_STEPS : LOOK_STEPS;
      yield;
    }
    this.#isLooking = false;
  }

  *#publishing(
    publishings: readonly (() => void | Promise<void>)[],
    routings: (void | Promise<void>)[],
    onBegun: () => void,
  ): Generator<void, void> {
    for (const publish of publishings) {
      routings.push(publish());
      this.#parts.work.steps += WILL_STEPS;
      yield;
    }
    onBegun();
  }

  #keepPending(pending: PendingWill): void {
    const { clientIdentifier } = pending.client;
    this.#takePending(clientIdentifier);
    this.#pending.set(clientIdentifier, pending);
    this.#pendingBytes += costBytes(pending);
  }

  #takePending(clientIdentifier: string): PendingWill | undefined {
    const pending = this.#pending.get(clientIdentifier);
    if (!pending) return undefined;
    this.#pending.delete(clientIdentifier);
    this.#pendingBytes -= costBytes(pending);
    return pending;
  }

  /** Takes a will down in place of the client's last one. `dueAtMs`: its delay runs. */
  #note(client: ClientSnapshot, will: Will, dueAtMs?: number): void {
    const persistence = this.#parts.persistence();
    if (!persistence) return;
    const { clientIdentifier, username } = client;
    this.#noted.set(clientIdentifier, client);
    const dueAt = dueAtMs === undefined ? {} : { dueAt: persistence.times.toStored(dueAtMs) };
    persistence.writeQueue.append({ type: "will", clientIdentifier, username, will, ...dueAt });
  }

  #isDue(clientIdentifier: string): boolean {
    const pending = this.#pending.get(clientIdentifier);
    return pending !== undefined && this.#parts.clock.now() >= pending.dueAtMs;
  }

  /** A client's will is over; that of its next connection stays. */
  #forget(client: ClientSnapshot): void {
    const { clientIdentifier } = client;
    if (this.#noted.get(clientIdentifier) !== client) return;
    this.#noted.delete(clientIdentifier);
    this.#parts.persistence()?.writeQueue.append({ type: "will-end", clientIdentifier });
  }
}

/** Where a bridge of Mosquitto leaves its will, though none but the broker itself publishes below `$SYS`. */
export function isBridgeState(topicName: TopicName): boolean {
  return topicName.startsWith("$SYS/broker/connection/") && topicName.endsWith("/state");
}

/** What a will takes beside its texts and bytes, with its client; and each of that one's user properties. */
const WILL_BYTES = 1024;
const USER_PROPERTY_BYTES = 200;

function costBytes({ will, client }: PendingWill): number {
  const userProperties = client.userProperties?.length ?? 0;
  // A will's properties lie in front of its payload.
  return WILL_BYTES + 2 * will.topicName.length + will.payload.buffer.byteLength + userProperties * USER_PROPERTY_BYTES;
}

/** A client of an earlier run, of whom no more is known. */
function ghost(clientIdentifier: string, username: string | undefined, will: Will): ClientSnapshot {
  return Object.freeze({
    clientIdentifier,
    username,
    protocolVersion: 5,
    listener: "",
    remote: Object.freeze({}),
    secure: false,
    cleanStart: false,
    keepAliveSeconds: 0,
    will: Object.freeze(will),
  });
}

/** The message that a will becomes. */
export function willMessage(will: Will, publisher: string, nowMs: number): Message {
  const { topicName, payload, qos, retain, properties } = will;
  const expiresAtMs = expiryTime(properties?.messageExpiryIntervalSeconds, nowMs);
  return Message.of({ topicName, payload, qos, retain, properties, publisher, expiresAtMs });
}
