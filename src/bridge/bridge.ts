import type { BridgeAddress, ResolvedBridge } from "../config/config.ts";
import type { ConnectionContext } from "../connection/connection_context.ts";
import { errorText } from "../error_text.ts";
import type { BridgeSnapshot } from "../hooks/figures.ts";
import type { Logger } from "../logger.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { Backoff } from "./backoff.ts";
import { BridgeSession } from "./bridge_session.ts";
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

/** One bridge: a session of this broker's that lasts, and a connection to the remote whenever there can be one. */
export class Bridge {
  readonly #parts: BridgeParts;
  readonly #status: BridgeStatus;
  readonly #map: TopicMap;
  readonly #crossings: Crossings;
  readonly #session: BridgeSession;
  readonly #door: RemoteDoor;
  readonly #backoff: Backoff;
  /** Messages that have crossed; those of the present connection are not among the sent ones. */
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
    this.#session = new BridgeSession(context, bridge, this.#map, this.#crossings);
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
    const { bridge: { name } } = this.#parts;
    const { sender } = this.#session;
    const { state, address, error } = this.#status;
    return Object.freeze({
      name,
      state,
      address,
      error,
      clientIdentifier: this.clientIdentifier,
      messagesQueued: sender?.queued ?? 0,
      messagesInflight: sender?.inflight ?? 0,
      messagesSent: this.#counts.sent + (this.#link?.publishesSent ?? 0),
      messagesReceived: this.#counts.received,
    });
  }

  /** The name of its session, which no client of the network can take up. */
  get clientIdentifier(): string {
    return this.#session.clientIdentifier;
  }

  /**
   * Opens its session: what is published from now on waits for the remote.
   *
   * @throws {Error} if the session cannot be read or stored
   */
  async open(): Promise<void> {
    const { context } = this.#parts;
    const { session } = await this.#session.take();
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
    return this.#isHurried || this.#parts.bridge.start === "automatic" || this.#session.holds;
  }

  #rest(nowMs: number): void {
    if (!this.#link || this.#session.holds || this.#counts.received !== this.#receivedBefore) this.#idleSinceMs = nowMs;
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
      return await this.#door.enter(address, this.#session.beginsAnew, abort.signal);
    } catch (error) {
      if (this.#isGoingOn) this.#status.failed(errorText(error));
    } finally {
      this.#attempt = undefined;
    }
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
    this.#counts.sent += link.publishesSent;
    this.#backoff.lasted(clock.now() - sinceMs);
    if (wasGood) this.#status.disconnected(reason);
    if (OWN_WISH.has(reason)) this.#backoff.reset();
    else if (this.#isGoingOn) wasGood ? this.#status.lost(reason) : this.#status.failed(reason);
  }

  async #makeLink({ transport, connack, reader, version }: Entered): Promise<RemoteLink | undefined> {
    const { context, bridge } = this.#parts;
    try {
      const local = await this.#session.takeFor(!connack.sessionPresent);
      const onRefused = (text: string) => this.#status.refused(text);
      const subscriptions = new RemoteSubscriptions(this.#session.memoryOf(local), this.#map.remoteFilters, onRefused);
      return new RemoteLink(context, {
        bridge,
        local,
        transport,
        reader,
        version,
        granted: connack.properties ?? {},
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
}

const GOODBYE = "the broker is shutting down";
const IDLE = "nothing was to be sent for a while (idle-timeout)";
const PAUSED = "the bridge is paused";
const ANEW = "the bridge is to connect anew";
/** Ends that are no failure. */
const OWN_WISH: ReadonlySet<string> = new Set([GOODBYE, IDLE, PAUSED, ANEW]);
