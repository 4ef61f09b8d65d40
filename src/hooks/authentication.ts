/** Enhanced authentication (MQTT 5.0 §4.12): which plugin conducts it, and a guard around what that plugin does. */
import type { Logger } from "../logger.ts";
import { checkBinary } from "../packet/message_properties.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { isPromise, returnedWrongly, threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";
import { readPerson } from "./permission.ts";
import type { AuthenticationExchange, AuthenticationStep, EnhancedSignIn } from "./plugin.ts";
import { isRefusal, readRefusal } from "./refusal.ts";
import type { SignInTally } from "./sign_in_tally.ts";
import { readWords } from "./words.ts";

/** An exchange whose steps have been checked. */
export interface GuardedExchange {
  /** The plugin that conducts it, as the config names it. */
  readonly plugin: string;
  /**
   * Takes what the client says; see {@linkcode AuthenticationExchange}. Never throws or rejects: where the plugin does,
   * or returns what is no step, the client is refused.
   */
  next(authenticationData: Uint8Array | undefined): AuthenticationStep | Promise<AuthenticationStep>;
}

const hook = "beginAuthentication";
const nextOfHook = "next of beginAuthentication";

/** A plugin failed. */
const refused: AuthenticationStep = Object.freeze({ decision: "deny", reasonCode: ReasonCode.NotAuthorized });

/** The plugins that know mechanisms of enhanced authentication. */
export class Authenticators {
  readonly #plugins: readonly LoadedPlugin[];
  readonly #logger: Logger;
  readonly #tally: SignInTally;

  /** @param plugins those that have `beginAuthentication`, in the order in which they are asked */
  constructor(plugins: readonly LoadedPlugin[], logger: Logger, tally: SignInTally) {
    this.#plugins = plugins;
    this.#logger = logger;
    this.#tally = tally;
  }

  /**
   * The exchange of the first plugin that knows the mechanism; `undefined` if none does. A plugin that fails ends the
   * asking: it may be the one that was to guard the mechanism.
   */
  begin(signIn: EnhancedSignIn): GuardedExchange | undefined {
    for (const loaded of this.#plugins) {
      const exchange = this.#ask(loaded, signIn);
      if (exchange !== undefined) return exchange;
    }
    return undefined;
  }

  #ask(loaded: LoadedPlugin, signIn: EnhancedSignIn): GuardedExchange | undefined {
    try {
      const answer: unknown = loaded.plugin.beginAuthentication?.(signIn);
      if (answer === undefined) return undefined;
      // Nobody waits for it, so its rejection must not end the program.
      if (isPromise(answer)) answer.then(undefined, () => {});
      else if (isExchange(answer)) return new Guard(loaded, answer, this.#logger, this.#tally);
      const expected = "an object with a function next, or undefined, and no promise";
      this.#logger.error(returnedWrongly(loaded, hook, expected, answer));
    } catch (error) {
      this.#logger.error(threw(loaded, hook, error));
    }
    this.#tally.count(loaded.specifier, "denied");
    // A plugin that fails at the beginning is taken for one that refuses.
    return { plugin: loaded.specifier, next: () => refused };
  }
}

function isExchange(value: unknown): value is AuthenticationExchange {
  return typeof value === "object" && value !== null && typeof (value as { next?: unknown }).next === "function";
}

/** Stands between the broker and the exchange of one plugin. */
class Guard implements GuardedExchange {
  readonly #loaded: LoadedPlugin;
  readonly #exchange: AuthenticationExchange;
  readonly #logger: Logger;
  readonly #tally: SignInTally;

  constructor(loaded: LoadedPlugin, exchange: AuthenticationExchange, logger: Logger, tally: SignInTally) {
    this.#loaded = loaded;
    this.#exchange = exchange;
    this.#logger = logger;
    this.#tally = tally;
  }

  get plugin(): string {
    return this.#loaded.specifier;
  }

  next(authenticationData: Uint8Array | undefined): AuthenticationStep | Promise<AuthenticationStep> {
    try {
      const answer: unknown = this.#exchange.next(authenticationData);
      return isPromise(answer) ? this.#nextAfter(answer) : this.#read(answer);
    } catch (error) {
      return this.#threw(error);
    }
  }

  async #nextAfter(answer: PromiseLike<unknown>): Promise<AuthenticationStep> {
    try {
      return this.#read(await answer);
    } catch (error) {
      return this.#threw(error);
    }
  }

  #read(answer: unknown): AuthenticationStep {
    const step = readStep(answer);
    if (typeof step !== "string") return this.#counted(step);
    const expected = `a step whose decision is "continue", "allow" or "deny" (${step})`;
    this.#logger.error(returnedWrongly(this.#loaded, nextOfHook, expected, answer));
    return this.#counted(refused);
  }

  #threw(error: unknown): AuthenticationStep {
    this.#logger.error(threw(this.#loaded, nextOfHook, error));
    return this.#counted(refused);
  }

  #counted(step: AuthenticationStep): AuthenticationStep {
    if (step.decision === "allow") this.#tally.count(this.#loaded.specifier, "allowed");
    if (step.decision === "deny") this.#tally.count(this.#loaded.specifier, "denied");
    return step;
  }
}

/** The step, or a sentence that says what is wrong with it. */
function readStep(answer: unknown): AuthenticationStep | string {
  if (typeof answer !== "object" || answer === null) return "it must be an object";
  if (isRefusal(answer)) {
    const reason = readRefusal(answer, "CONNACK");
    return typeof reason === "string" ? reason : { decision: "deny", ...reason };
  }
  const { decision, authenticationData } = answer as Readonly<Record<string, unknown>>;
  if (decision !== "continue" && decision !== "allow") return "its decision is none of these";
  const fault = authenticationData === undefined ? undefined : checkBinary(authenticationData, "authenticationData");
  if (fault !== undefined) return fault;
  const words = readWords(answer);
  if (typeof words === "string") return words;
  const data = authenticationData === undefined ? {} : { authenticationData: authenticationData as Uint8Array };
  if (decision === "continue") return { decision, ...data, ...words };
  const person = readPerson(answer);
  return typeof person === "string" ? person : { decision, ...person, ...data, ...words };
}
