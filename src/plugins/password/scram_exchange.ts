import type { AuthenticationExchange, AuthenticationStep, EnhancedSignIn } from "../../hooks/plugin.ts";
import { ReasonCode } from "../../packet/reason_code.ts";
import { originOf } from "./failure_delays.ts";
import type { FailureGate } from "./failure_gate.ts";
import type { ScramCredentials } from "./scram_credentials.ts";
import { ScramMessageError } from "./scram_message.ts";
import { challengeClient, concludeExchange, type ScramChallenge } from "./scram_server.ts";

/** What an exchange needs of the plugin. */
export interface ScramExchangeOptions {
  /** The credentials of any user name, see `fakeScramCredentials`. */
  readonly find: (username: string) => ScramCredentials;
  /** Resolves when `find` may be called. */
  readonly ready: () => Promise<void>;
  /** Where those wait whose sign-ins failed. */
  readonly gate: FailureGate;
}

type State =
  | { readonly at: "begin" }
  | { readonly at: "awaiting-client-first" }
  | { readonly at: "awaiting-client-final"; readonly challenge: ScramChallenge }
  | { readonly at: "over" };

/**
 * One sign-in by SCRAM-SHA-256 (MQTT 5.0 §4.12). Whatever goes wrong is refused with 0x87 `NotAuthorized`, and users who
 * do not exist in the same step and words as a wrong password.
 */
export class ScramExchange implements AuthenticationExchange {
  readonly #options: ScramExchangeOptions;
  readonly #signIn: EnhancedSignIn;
  #state: State = { at: "begin" };

  constructor(signIn: EnhancedSignIn, options: ScramExchangeOptions) {
    this.#options = options;
    this.#signIn = signIn;
  }

  async next(authenticationData: Uint8Array | undefined): Promise<AuthenticationStep> {
    const state = this.#state;
    // Whatever fails from here on leaves nothing to go on with.
    this.#state = { at: "over" };
    try {
      return await this.#step(state, authenticationData ?? NOTHING);
    } catch (error) {
      if (error instanceof ScramMessageError) return refuse(error.message);
      throw error;
    }
  }

  #step(state: State, data: Uint8Array): AuthenticationStep | Promise<AuthenticationStep> {
    switch (state.at) {
      case "begin":
        if (data.length > 0) return this.#challenge(data);
        this.#state = { at: "awaiting-client-first" };
        return { decision: "continue" };
      case "awaiting-client-first":
        return this.#challenge(data);
      case "awaiting-client-final":
        return this.#conclude(state.challenge, data);
      case "over":
        return refuse("the exchange is over: expected a new one");
    }
  }

  async #challenge(data: Uint8Array): Promise<AuthenticationStep> {
    await this.#options.ready();
    const challenge = challengeClient(data, this.#options);
    this.#state = { at: "awaiting-client-final", challenge };
    return { decision: "continue", authenticationData: encoder.encode(challenge.serverFirstMessage) };
  }

  /** Nothing is awaited between the look at the gate and the proof, so that of many sent at once few are looked at. */
  async #conclude(challenge: ScramChallenge, data: Uint8Array): Promise<AuthenticationStep> {
    const { gate } = this.#options;
    const origin = originOf(this.#signIn, challenge.username);
    while (!gate.isOpen(origin)) {
      const admission = await gate.enter(origin, this.#signIn.signal);
      if (admission === "full") return TOO_MANY;
      if (admission === "aborted") return refuse();
    }
    const serverFinalMessage = concludeExchange(challenge, data);
    gate.note(origin, serverFinalMessage === undefined ? "failed" : "succeeded");
    if (serverFinalMessage === undefined) return refuse();
    const authenticationData = encoder.encode(serverFinalMessage);
    return { decision: "allow", username: challenge.username, authenticationData };
  }
}

const encoder = new TextEncoder();
const NOTHING = new Uint8Array(0);
const TOO_MANY: AuthenticationStep = {
  decision: "deny",
  reasonCode: ReasonCode.ServerBusy,
  reasonString: "too many sign-ins of this user from this address wait after failures",
};

function refuse(reasonString?: string): AuthenticationStep {
  return {
    decision: "deny",
    reasonCode: ReasonCode.NotAuthorized,
    ...(reasonString === undefined ? {} : { reasonString }),
  };
}
