/** How the user name and the password of a CONNECT are checked: who waits for what, and what need not be computed. */
import type { Logger } from "../../logger.ts";
import type { Decision, SignIn, SignInRefusal } from "../../hooks/plugin.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { quote } from "../../quote.ts";
import { type Origin, originOf } from "./failure_delays.ts";
import { FailureGate, type FailureGateClock } from "./failure_gate.ts";
import { HashCosts } from "./hash_costs.ts";
import { HashQueue, type HashRequest } from "./hash_queue.ts";
import { OpenAttempts } from "./open_attempts.ts";
import { type PasswordHash, verifyPassword } from "./password_hash.ts";
import type { PasswordStore } from "./password_store.ts";
import type { ShaCryptComputer } from "./sha_crypt_thread.ts";
import { VerifiedPairs } from "./verified_pairs.ts";

/** What a {@linkcode PasswordCheck} works with. */
export interface PasswordCheckOptions {
  /** The users as of now. */
  readonly store: () => PasswordStore;
  readonly shaCrypt: ShaCryptComputer;
  /** Hashes computed at once, at least 1. */
  readonly concurrency: number;
  readonly clock: FailureGateClock;
  readonly logger: Logger;
}

/** Answer to a sign-in. */
type Answer = Decision | SignInRefusal;

/** One sign-in under way. */
interface Attempt {
  readonly username: string;
  readonly password: Uint8Array;
  readonly origin: Origin;
  /** What the two are known by in {@linkcode VerifiedPairs}. */
  readonly pair: string;
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
}

/** The default of `connect-timeout`. */
const DEFAULT_TIMEOUT_SECONDS = 10;

/** Checks passwords, and keeps whoever guesses them at a distance. */
export class PasswordCheck {
  /** Where those whose sign-ins failed wait. */
  readonly gate: FailureGate;
  readonly #options: PasswordCheckOptions;
  readonly #queue: HashQueue;
  readonly #costs = new HashCosts();
  readonly #attempts = new OpenAttempts();
  readonly #verified = new VerifiedPairs();

  constructor(options: PasswordCheckOptions) {
    this.#options = options;
    this.#queue = new HashQueue(options.concurrency);
    this.gate = new FailureGate(options.clock);
  }

  /** Sets how many hashes are computed at once. */
  set concurrency(concurrency: number) {
    this.#queue.concurrency = concurrency;
  }

  /** The users have changed. */
  forget(): void {
    this.#verified.clear();
  }

  /** Resolves when no hash is being computed. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  /** @param signIn whose password has been looked at: it is neither empty nor endless */
  async signIn(username: string, password: Uint8Array, signIn: SignIn): Promise<Answer> {
    const { signal, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS } = signIn;
    const origin = originOf(signIn, username);
    const pair = this.#verified.nameOf(username, password);
    const deadlineMs = this.#options.clock.now() + timeoutSeconds * 1000;
    const attempt: Attempt = { username, password, origin, pair, deadlineMs, signal };
    while (!signal.aborted) {
      if (!this.gate.isOpen(origin)) {
        if (await this.gate.enter(origin, signal) !== "full") continue;
        return busy("too many sign-ins of this user from this address wait after failures");
      }
      // Nothing may be looked up while other guesses of this origin are under way: see `OpenAttempts`.
      if (this.#attempts.isIdle(origin) && this.#isVerified(attempt)) return this.#note(origin, true);
      const same = this.#attempts.sameAs(origin, pair);
      if (same === undefined) {
        const answer = await this.#attempts.run(origin, pair, () => this.#compute(attempt));
        if (answer !== "shut") return answer;
      } else if (await same && !signal.aborted) return "allow";
    }
    return "deny";
  }

  /** @returns `shut`: others of the same origin have failed while this one was in the queue */
  async #compute({ username, password, origin, pair, deadlineMs, signal }: Attempt): Promise<Answer | "shut"> {
    const { clock, logger, store } = this.#options;
    const hash = store().find(username) ?? store().decoy(username);
    if (hash === undefined) return this.#note(origin, false);
    const costMs = this.#costs.expectedMs(hash);
    const request: HashRequest = { origin, costMs, patienceMs: deadlineMs - clock.now(), signal };
    const admission = await this.#queue.enter(request);
    if (admission === "full") return busy("more sign-ins wait than can be checked within connect-timeout");
    if (admission === "aborted") return "deny";
    try {
      if (!this.gate.isOpen(origin)) return "shut";
      return this.#note(origin, await this.#verify({ username, password, pair }));
    } catch (fault) {
      logger.error(`user ${quote(username)} cannot be checked: ${(fault as Error).message}`);
      return busy("the password cannot be checked now");
    } finally {
      this.#queue.leave(request);
    }
  }

  async #verify({ username, password, pair }: Pick<Attempt, "username" | "password" | "pair">): Promise<boolean> {
    const { clock, shaCrypt } = this.#options;
    const store = this.#options.store();
    if (this.#isVerified({ username, pair })) return true;
    const known = store.find(username);
    const hash = known ?? store.decoy(username);
    if (hash === undefined) return false;
    const startMs = clock.now();
    const matches = await verifyPassword(hash, password, shaCrypt);
    this.#costs.note(hash, clock.now() - startMs);
    if (!matches || known === undefined) return false;
    // If the file has changed meanwhile, the user has another hash now, for which this does not count.
    this.#verified.add(pair, known);
    return true;
  }

  #isVerified({ username, pair }: Pick<Attempt, "username" | "pair">): boolean {
    const known = this.#find(username);
    return known !== undefined && this.#verified.has(pair, known);
  }

  #find(username: string): PasswordHash | undefined {
    return this.#options.store().find(username);
  }

  #note(origin: Origin, right: boolean): Decision {
    this.gate.note(origin, right ? "succeeded" : "failed");
    return right ? "allow" : "deny";
  }
}

function busy(reasonString: string): SignInRefusal {
  return { decision: "deny", reasonCode: ReasonCode.ServerBusy, reasonString };
}
