import type { BridgeAddress, ResolvedBridge } from "../config/config.ts";
import type { ConnectionContext } from "../connection/connection_context.ts";
import { type LocalSession, openLocalSession } from "../embedding/local_session.ts";
import { errorText } from "../error_text.ts";
import type { BridgeSnapshot } from "../hooks/figures.ts";
import type { Logger } from "../logger.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { quote } from "../quote.ts";
import { Backoff } from "./backoff.ts";
import { BridgeMemory } from "./bridge_memory.ts";
import { type BridgeEvent, BridgeStatus } from "./bridge_status.ts";
import { Crossings } from "./crossing.ts";
import { type Entered, RemoteDoor } from "./remote_door.ts";
import { RemoteLink } from "./remote_link.ts";
import { RemoteSubscriptions } from "./remote_subscriptions.ts";
import { TopicMap } from "./topic_map.ts";

/** What a {@linkcode Bridge} works with. */
export interface BridgeParts {
  /** Its hooks ask no plugin. */
  readonly context: ConnectionContext;
  readonly bridge: ResolvedBridge;
  readonly logger: Logger;
  /** The machine's name. */
  readonly hostname: string;
  /** Told when {@linkcode Bridge.snapshot} tells of another state. */
  readonly onChange: () => void;
  readonly onEvent: (event: BridgeEvent) => void;
}

/** Seconds a session of a bridge outlives its connections: for ever. */
const NEVER_SECONDS = 0xffff_ffff;

/** One bridge: a session of this broker's that lasts, and a connection to the remote whenever there can be one. */
export class Bridge {
  readonly #parts: BridgeParts;
  readonly #status: BridgeStatus;
  readonly #map: TopicMap;
  readonly #crossings: Crossings;
  readonly #door: RemoteDoor;
  readonly #backoff: Backoff;
  readonly #counts = { sent: 0, received: 0 };
  readonly #gone = new AbortController();
  /** Its connections are made one after the other here. */
  #running: Promise<void> = Promise.resolve();
  #link: RemoteLink | undefined;
  #attempt: { readonly abort: AbortController; readonly endsAtMs: number } | undefined;
  #dueAtMs = 0;
  #wake: (() => void) | undefined;
  #round = 0;
  #idleSinceMs = 0;
  /** Messages that had come at the last look. */
  #receivedBefore = 0;
  #isPaused = false;
  /** The next attempt comes without a wait. */
  #isHurried = false;

  constructor(parts: BridgeParts) {
    const { bridge, context, hostname, logger, onChange, onEvent } = parts;
    const { maxInflight, maxPacketSize, maxInboundBytes } = context.config.limits;
    this.#parts = parts;
    this.#status = new BridgeStatus({ name: bridge.name, logger, onChange, onEvent });
    this.#map = new TopicMap(bridge.topics);
    this.#crossings = new Crossings(this.#map, bridge.maxHops);
    this.#backoff = new Backoff(() => context.machine.random());
    this.#door = new RemoteDoor({
      bridge,
      clientIdentifier: bridge.clientId ?? `${hostname}.${bridge.name}`,
      receiveMaximum: maxInflight,
      maximumPacketSizeBytes: maxPacketSize,
      maxInboundBytes,
      connect: (options) => context.machine.connect(options),
    });
  }

  /** Its key in `bridges`. */
  get name(): string {
    return this.#parts.bridge.name;
  }

  /** What it is and does now. */
  get snapshot(): BridgeSnapshot {
    const { bridge: { name }, context } = this.#parts;
    const sender = context.sessions.get(this.clientIdentifier)?.sender;
    const { state, address, error } = this.#status;
    return Object.freeze({
      name,
      state,
      address,
      error,
      clientIdentifier: this.clientIdentifier,
      messagesQueued: sender?.queued ?? 0,
      messagesInflight: sender?.inflight ?? 0,
      messagesSent: this.#counts.sent,
      messagesReceived: this.#counts.received,
    });
  }

  /** The name of its session, which no client of the network can take up. */
  get clientIdentifier(): string {
    return `bridge:${this.#parts.bridge.name}`;
  }

  /**
   * Opens its session: what is published from now on waits for the remote.
   *
   * @throws {Error} if the session cannot be read or stored
   */
  async open(): Promise<void> {
    const { context } = this.#parts;
    const { session } = await this.#openSession();
    context.sessions.detach(session, context.clock.now());
  }

  /** Begins to connect. */
  start(): void {
    this.#running = this.#run();
  }

  /** Ends the connection; the session stays. Resolves when all is over. */
  async stop(): Promise<void> {
    this.#gone.abort();
    this.#leave(GOODBYE);
    this.#wake?.();
    await this.#running;
    this.#status.become("stopped");
  }

  /** Ends the connection, and makes no other one until {@linkcode Bridge.resume}. What is for the remote waits. */
  pause(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    this.#status.paused();
    this.#leave(PAUSED);
    this.#wake?.();
  }

  /** Connects again, at once. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#status.resumed();
    this.#hurry();
  }

  /** Ends the connection, if there is one, and connects anew at once. */
  reconnect(): void {
    if (this.#isPaused) return this.resume();
    this.#leave(ANEW);
    this.#hurry();
  }

  #hurry(): void {
    this.#backoff.reset();
    this.#isHurried = true;
    this.#dueAtMs = 0;
    this.#wake?.();
  }

  #leave(reason: string): void {
    this.#attempt?.abort.abort(new Error(reason));
    this.#link?.close({ reasonCode: ReasonCode.Success, reason });
  }

  /** Called by the broker's coarse timer. */
  tick(nowMs: number): void {
    this.#link?.tick(nowMs);
    if (this.#attempt && nowMs >= this.#attempt.endsAtMs) {
      this.#attempt.abort.abort(new Error("the remote did not answer in time (connect-timeout)"));
    }
    if (this.#parts.bridge.start === "lazy") this.#rest(nowMs);
    if (nowMs >= this.#dueAtMs && this.#isWanted) this.#wake?.();
  }

  /** A lazy bridge is wanted while something waits. */
  get #isWanted(): boolean {
    if (this.#isPaused) return false;
    return this.#isHurried || this.#parts.bridge.start === "automatic" || this.#holds;
  }

  get #holds(): boolean {
    const sender = this.#parts.context.sessions.get(this.clientIdentifier)?.sender;
    return sender !== undefined && sender.queued + sender.inflight > 0;
  }

  #rest(nowMs: number): void {
    if (!this.#link || this.#holds || this.#counts.received !== this.#receivedBefore) this.#idleSinceMs = nowMs;
    this.#receivedBefore = this.#counts.received;
    if (this.#link && nowMs - this.#idleSinceMs >= this.#parts.bridge.idleTimeout * 1000) {
      this.#link.close({ reasonCode: ReasonCode.Success, reason: IDLE });
    }
  }

  async #run(): Promise<void> {
    const { context: { clock }, bridge: { start } } = this.#parts;
    this.#dueAtMs = clock.now();
    while (!this.#gone.signal.aborted) {
      if (clock.now() < this.#dueAtMs || !this.#isWanted) {
        this.#status.become(this.#isPaused ? "paused" : start === "lazy" && !this.#isWanted ? "idle" : "waiting");
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = undefined;
        continue;
      }
      this.#isHurried = false;
      try {
        await this.#tryAll();
      } catch (error) {
        this.#status.failed(errorText(error));
      }
      if (!this.#isHurried) this.#dueAtMs = clock.now() + this.#backoff.next();
    }
  }

  /** One round through the addresses, until one of them has let the bridge in and that connection is over. */
  async #tryAll(): Promise<void> {
    const { addresses, addressOrder } = this.#parts.bridge;
    const first = addressOrder === "first" ? 0 : this.#round++ % addresses.length;
    for (let i = 0; i < addresses.length && this.#isGoingOn; i++) {
      const address = addresses[(first + i) % addresses.length]!;
      this.#status.tries(address);
      const entered = await this.#enter(address);
      if (!entered) continue;
      return await this.#serve(entered);
    }
  }

  get #isGoingOn(): boolean {
    return !this.#gone.signal.aborted && !this.#isPaused && !this.#isHurried;
  }

  async #enter(address: BridgeAddress): Promise<Entered | undefined> {
    const { context: { clock, config } } = this.#parts;
    const abort = new AbortController();
    this.#attempt = { abort, endsAtMs: clock.now() + config.limits.connectTimeout * 1000 };
    try {
      return await this.#door.enter(address, this.#beginsAnew, abort.signal);
    } catch (error) {
      if (this.#isGoingOn) this.#status.failed(errorText(error));
    } finally {
      this.#attempt = undefined;
    }
  }

  /**
   * The remote may have a session of one that was lost here, and take identifiers of this one for those of it: QoS 2 messages
   * would be lost.
   */
  get #beginsAnew(): boolean {
    const session = this.#parts.context.sessions.get(this.clientIdentifier);
    if (session && this.#memoryOf(session).isKnown) return false;
    return this.#map.localFilters.some(({ qos }) => qos === 2);
  }

  /** Serves a connection to its end. */
  async #serve(entered: Entered): Promise<void> {
    const { context: { clock } } = this.#parts;
    const link = await this.#makeLink(entered);
    if (!link) return;
    const sinceMs = clock.now();
    this.#link = link;
    if (!this.#isGoingOn) link.close({ reasonCode: ReasonCode.Success, reason: GOODBYE });
    const serving = link.serve();
    await link.begin();
    const wasGood = !link.closed;
    if (wasGood) {
      this.#idleSinceMs = clock.now();
      this.#status.connected(entered.version);
    }
    const reason = await link.ended;
    await serving;
    this.#link = undefined;
    this.#backoff.lasted(clock.now() - sinceMs);
    if (wasGood) this.#status.disconnected(reason);
    if (OWN_WISH.has(reason)) this.#backoff.reset();
    else if (this.#isGoingOn) wasGood ? this.#status.lost(reason) : this.#status.failed(reason);
  }

  async #makeLink({ transport, connack, reader, version }: Entered): Promise<RemoteLink | undefined> {
    const { context, bridge } = this.#parts;
    try {
      const local = await this.#openSession();
      const { session } = local;
      const memory = this.#memoryOf(session);
      const isNew = !connack.sessionPresent;
      if (isNew) {
        session.receiver.forget();
        session.sender.startAnew();
        memory.forgetRemote();
        // Before the first connection nothing has left, so that what is retained since then waits already.
        if (memory.isKnown) memory.askForRetained(this.#map.localFilters);
        else memory.askForMissed(this.#map.localFilters);
      }
      memory.noteKnown();
      // What was under way on the last connection is stored before the remote hears more of it.
      const writeQueue = context.persistence?.writeQueue;
      if (writeQueue && !writeQueue.fault) await writeQueue.settled();
      const onRefused = (text: string) => this.#status.refused(text);
      const subscriptions = new RemoteSubscriptions(memory, this.#map.remoteFilters, onRefused);
      return new RemoteLink(context, {
        bridge,
        local,
        transport,
        reader,
        version,
        granted: connack.properties ?? {},
        isNew,
        crossings: this.#crossings,
        subscriptions,
        counts: this.#counts,
        onRefused,
      });
    } catch (error) {
      transport.close();
      reader.release();
      this.#status.failed(errorText(error));
    }
  }

  /** Takes the session up, with what this bridge wants of it. */
  async #openSession(): Promise<LocalSession> {
    const { context, bridge } = this.#parts;
    const { clientIdentifier } = this;
    const options = { clientIdentifier, sessionExpiryIntervalSeconds: NEVER_SECONDS, cleanStart: false };
    const local = await openLocalSession(context, options, `Cannot open bridge ${quote(bridge.name)}`);
    const { session } = local;
    const limits = context.senderLimits.get(context.config.handedIn.limits);
    session.sender.limitTo({ ...limits, queueQoS0: bridge.queueQos0 });
    session.admit = (message) => this.#crossings.admit(message, context.clock.now());
    this.#memoryOf(session).subscribeHere(this.#map.localFilters, !local.present);
    return local;
  }

  #memoryOf(session: LocalSession["session"]): BridgeMemory {
    return new BridgeMemory(this.#parts.context, session, this.#parts.bridge.name);
  }
}

const GOODBYE = "the broker is shutting down";
const IDLE = "nothing was to be sent for a while (idle-timeout)";
const PAUSED = "the bridge is paused";
const ANEW = "the bridge is to connect anew";
/** Ends that are no failure. */
const OWN_WISH: ReadonlySet<string> = new Set([GOODBYE, IDLE, PAUSED, ANEW]);
