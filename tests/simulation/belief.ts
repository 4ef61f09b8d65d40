/** What a simulated client may believe of its session and its wills while it is away. */
import type { Wire } from "./network.ts";
import type { ClientWorld, Profile } from "./profile.ts";

/** How a connection ended, as far as its client knows. */
export type Ending = "goodbye" | "ended" | "vanish";

/** A connection that is over. */
export interface Lost {
  readonly wire: Wire;
  readonly welcome: boolean;
  /** Its will, and the delay. */
  readonly will: string | undefined;
  readonly willDelay: number | undefined;
}

/** Milliseconds that an end which everybody was told of may take to be noticed. */
const NOTICED_MS = 5000;
/** Seconds within which a session's end cannot be foretold. */
const VAGUE_SECONDS = 20;

/** Only what is sure is held against the broker. */
export class Belief {
  readonly #profile: Profile;
  readonly #shared: ClientWorld;
  /** The client believes in a session. */
  #hasSession = false;
  #mayHaveEnded = false;
  #mayHaveBegunAnew = false;
  /** After an attempt whose end is not known: it may still come through, and take the place of the next. */
  #vagueConnections = 0;
  #lostAtMs = 0;
  #lossWasTold = false;
  #lifeAtLoss = 0;
  #attemptLife = 0;
  #sessionLife = 0;
  #goodbye: { readonly wire: Wire; isOvertaken: boolean } | undefined;
  /** One that waits for its delay. */
  #delayedWill: { readonly payload: string; readonly delay: number; readonly isTold: boolean } | undefined;

  constructor(profile: Profile, shared: ClientWorld) {
    this.#profile = profile;
    this.#shared = shared;
  }

  /** The client has wanted to begin anew, and does not know whether that was heard. */
  get mayHaveBegunAnew(): boolean {
    return this.#mayHaveBegunAnew;
  }

  /** The session that the client is told of may be one that began without its knowledge. */
  get mayBeAnother(): boolean {
    const { cluster, life } = this.#shared;
    if (cluster !== undefined && life() !== this.#sessionLife) return true;
    return this.#awaySeconds > this.#profile.expirySeconds - 1;
  }

  /** The client sends CONNECT. */
  connecting(clean: boolean): void {
    this.#attemptLife = this.#shared.life();
    // The next connection may come before the goodbye.
    if (this.#goodbye && !this.#goodbye.wire.closedByBroker) this.#goodbye.isOvertaken = true;
    this.#decideDelayedWill();
    // Whether it ends depends on whether this arrives.
    if (clean) this.#mayHaveEnded = this.#mayHaveBegunAnew = true;
  }

  /** The client is told whether it has a session. */
  check(clean: boolean, present: boolean): void {
    const fault = (text: string) => this.#shared.ledger.fault(`${this.#profile.name} ${text}`);
    if (clean) {
      if (present) fault("is told of a session that it did not want");
      return;
    }
    if (this.#mayHaveEnded || this.#vagueConnections-- > 0) return;
    if (this.#shared.cluster !== undefined && this.#shared.life() !== this.#sessionLife) return;
    const { expirySeconds } = this.#profile;
    const seconds = this.#awaySeconds;
    const isSameLife = this.#shared.life() === this.#lifeAtLoss;
    if (this.#hasSession && !present && seconds < expirySeconds - 1) {
      fault(`has lost its session after ${seconds} s of ${expirySeconds}`);
    }
    if (!this.#hasSession && present) fault("is told of a session that it never had");
    if (present && this.#lossWasTold && isSameLife && seconds > expirySeconds + VAGUE_SECONDS) {
      fault(`still has its session after ${seconds} s of ${expirySeconds}`);
    }
  }

  /** The client is signed in. */
  welcomed(expirySeconds: number): void {
    this.#hasSession = expirySeconds > 0;
    this.#sessionLife = this.#attemptLife;
    this.#mayHaveEnded = this.#mayHaveBegunAnew = false;
  }

  /** The client has sent DISCONNECT, which makes its will void once it is heard. */
  saidGoodbye({ wire, will }: Lost): void {
    const { ledger, world, life, storeFailedAtMs } = this.#shared;
    ledger.wills.decide(will, "either");
    const [before, since] = [life(), world.nowMs];
    const goodbye = this.#goodbye = { wire, isOvertaken: false };
    world.after(NOTICED_MS, () => {
      const isHeard = before > 0 && life() === before && storeFailedAtMs() < since && !goodbye.isOvertaken;
      if (isHeard) ledger.wills.decide(will, "void");
    });
  }

  /** A connection is over. */
  lost({ wire, welcome, will, willDelay }: Lost, why: Ending): void {
    const { ledger, world, life } = this.#shared;
    this.#lossWasTold = welcome && why !== "vanish";
    this.#lifeAtLoss = life();
    if (!welcome) {
      this.#vagueConnections = 2;
      return ledger.wills.decide(will, "either");
    }
    this.#lostAtMs = Math.min(world.nowMs, wire.endedAtMs);
    if (will === undefined || why === "goodbye") return;
    const delay = this.#profile.version === 5 ? willDelay! : 0;
    if (delay === 0) return ledger.wills.decide(will, "due");
    const isTold = why !== "vanish" || this.#profile.keepAliveSeconds > 0;
    this.#delayedWill = { payload: will, delay, isTold };
  }

  /** Time cannot be told: whether the session and a delayed will are over is not known. */
  becomeUncertain(): void {
    this.#mayHaveEnded = true;
    this.#lossWasTold = false;
    if (this.#delayedWill) this.#shared.ledger.wills.decide(this.#delayedWill.payload, "either");
    this.#delayedWill = undefined;
  }

  get #awaySeconds(): number {
    return (this.#shared.world.nowMs - this.#lostAtMs) / 1000;
  }

  /** A will whose delay was over before the client came back had to be published. */
  #decideDelayedWill(): void {
    const will = this.#delayedWill;
    this.#delayedWill = undefined;
    if (!will) return;
    // A silent client is noticed by its keep-alive.
    const isOver = will.isTold && this.#awaySeconds > will.delay + VAGUE_SECONDS + 60;
    this.#shared.ledger.wills.decide(will.payload, isOver ? "due" : "either");
  }
}
