import type { ResolvedBridge } from "../config/config.ts";
import type { ConnectionContext } from "../connection/connection_context.ts";
import { type LocalSession, openLocalSession } from "../embedding/local_session.ts";
import { quote } from "../quote.ts";
import type { Sender } from "../session/sender.ts";
import type { Session } from "../session/session.ts";
import { BridgeMemory } from "./bridge_memory.ts";
import type { Crossings } from "./crossing.ts";
import type { TopicMap } from "./topic_map.ts";

/** Seconds a session of a bridge outlives its connections: for ever. */
const NEVER_SECONDS = 0xffff_ffff;

/** A bridge's session with this broker, in which messages wait for the remote. */
export class BridgeSession {
  /** Its name, which no client of the network can take up. */
  readonly clientIdentifier: string;
  readonly #context: ConnectionContext;
  readonly #bridge: ResolvedBridge;
  readonly #map: TopicMap;
  readonly #crossings: Crossings;

  constructor(context: ConnectionContext, bridge: ResolvedBridge, map: TopicMap, crossings: Crossings) {
    this.clientIdentifier = `bridge:${bridge.name}`;
    this.#context = context;
    this.#bridge = bridge;
    this.#map = map;
    this.#crossings = crossings;
  }

  /** What is under way to the remote and waits for it; `undefined`: there is no session. */
  get sender(): Sender | undefined {
    return this.#session?.sender;
  }

  /** Something is to be sent. */
  get holds(): boolean {
    const { sender } = this;
    return sender !== undefined && sender.queued + sender.inflight > 0;
  }

  /**
   * The remote may have a session of one that was lost here, and take identifiers of this one for those of it: QoS 2 messages
   * would be lost.
   */
  get beginsAnew(): boolean {
    const session = this.#session;
    if (session && this.memoryOf({ session }).isKnown) return false;
    return this.#map.localFilters.some(({ qos }) => qos === 2);
  }

  /**
   * Takes the session up, or makes it, with what this bridge wants of it.
   *
   * @throws {Error} if it cannot be read or stored
   */
  async take(): Promise<LocalSession> {
    const [context, bridge, { clientIdentifier }] = [this.#context, this.#bridge, this];
    const options = { clientIdentifier, sessionExpiryIntervalSeconds: NEVER_SECONDS, cleanStart: false };
    const local = await openLocalSession(context, options, `Cannot open bridge ${quote(bridge.name)}`);
    const { session, present } = local;
    const limits = context.senderLimits.get(context.config.handedIn.limits);
    session.sender.limitTo({ ...limits, queueQoS0: bridge.queueQos0 });
    const now = () => context.clock.now();
    session.admission = {
      concernsAll: !this.#map.takesAllPlain,
      admit: (message) => this.#crossings.admit(message, now),
    };
    this.memoryOf(local).subscribeHere(this.#map.localFilters, !present);
    return local;
  }

  /**
   * Takes the session up for a connection on which the remote has let the bridge in. What was under way on the last one is
   * stored before the remote hears more of it.
   *
   * @param isNew the remote has no session of this bridge
   * @throws {Error} if it cannot be read or stored
   */
  async takeFor(isNew: boolean): Promise<LocalSession> {
    const local = await this.take();
    const memory = this.memoryOf(local);
    if (isNew) {
      local.session.receiver.forget();
      local.session.sender.startAnew();
      memory.forgetRemote();
      // Before the first connection nothing has left, so that what is retained since then waits already.
      if (memory.isKnown) memory.askForRetained(this.#map.localFilters);
      else memory.askForMissed(this.#map.localFilters);
    }
    memory.noteKnown();
    const writeQueue = this.#context.persistence?.writeQueue;
    if (writeQueue && !writeQueue.fault) await writeQueue.settled();
    return local;
  }

  /** What the session remembers of the remote. */
  memoryOf({ session }: Pick<LocalSession, "session">): BridgeMemory {
    return new BridgeMemory(this.#context, session, this.#bridge.name);
  }

  get #session(): Session | undefined {
    return this.#context.sessions.get(this.clientIdentifier);
  }
}
