/** From the plugins' words on a request to one decision; whatever goes wrong on the way denies. */
import type { Logger } from "../logger.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { isPromise, returnedWrongly, threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";
import type { Plugin, SignInRefusal } from "./plugin.ts";

/** A request that is refused; the reason is used for sign-ins only. */
export interface Refusal {
  readonly allowed: false;
  readonly reasonCode: ReasonCode;
  /** For the client's people; MQTT 5.0 only. */
  readonly reasonString?: string;
}

/** What one plugin, or all of them together, have said. */
export type Verdict = "allow" | "abstain" | Refusal;

/** The hooks that are answered by a decision. */
export type DecidingHook = "authenticate" | "authorizePublish" | "authorizeSubscribe" | "authorizeReceive";

/** Calls the hook of one plugin. */
export type Call = (plugin: Plugin) => unknown;

/** A plugin said `deny` and no more. */
const denied: Refusal = Object.freeze({ allowed: false, reasonCode: ReasonCode.BadUserNameOrPassword });

/** A plugin failed to answer. */
const failed: Refusal = Object.freeze({ allowed: false, reasonCode: ReasonCode.NotAuthorized });

/** The plugins that serve one deciding hook. */
export class Jury {
  readonly #members: readonly LoadedPlugin[];
  readonly #hook: DecidingHook;
  readonly #logger: Logger;

  /** @param members the plugins that have `hook`, in the order in which they are asked */
  constructor(members: readonly LoadedPlugin[], hook: DecidingHook, logger: Logger) {
    this.#members = members;
    this.#hook = hook;
    this.#logger = logger;
  }

  /** Asks one plugin after the other until one denies. Returns a promise only if a plugin does. */
  decide(call: Call): Verdict | Promise<Verdict> {
    return this.#decideFrom(0, "abstain", call);
  }

  /** As {@linkcode Jury.decide}, for a hook that has to answer at once: a promise denies. */
  decideNow(call: Call): Verdict {
    let outcome: Verdict = "abstain";
    for (const member of this.#members) {
      const verdict = this.#askNow(member, call);
      if (typeof verdict === "object") return verdict;
      if (verdict === "allow") outcome = "allow";
    }
    return outcome;
  }

  #decideFrom(first: number, soFar: "allow" | "abstain", call: Call): Verdict | Promise<Verdict> {
    let outcome = soFar;
    for (let index = first; index < this.#members.length; index++) {
      const verdict = this.#ask(this.#members[index] as LoadedPlugin, call);
      if (verdict instanceof Promise) return this.#decideAfter(verdict, index + 1, outcome, call);
      if (typeof verdict === "object") return verdict;
      if (verdict === "allow") outcome = "allow";
    }
    return outcome;
  }

  async #decideAfter(
    pending: Promise<Verdict>,
    next: number,
    soFar: "allow" | "abstain",
    call: Call,
  ): Promise<Verdict> {
    const verdict = await pending;
    if (typeof verdict === "object") return verdict;
    return await this.#decideFrom(next, verdict === "allow" ? "allow" : soFar, call);
  }

  #ask(member: LoadedPlugin, call: Call): Verdict | Promise<Verdict> {
    try {
      const answer = call(member.plugin);
      return isPromise(answer) ? this.#askAfter(member, answer) : this.#read(member, answer);
    } catch (error) {
      return this.#fail(member, error);
    }
  }

  async #askAfter(member: LoadedPlugin, answer: PromiseLike<unknown>): Promise<Verdict> {
    try {
      return this.#read(member, await answer);
    } catch (error) {
      return this.#fail(member, error);
    }
  }

  #askNow(member: LoadedPlugin, call: Call): Verdict {
    try {
      const answer = call(member.plugin);
      // Nobody waits for it, so its rejection must not end the program.
      if (isPromise(answer)) answer.then(undefined, () => {});
      return this.#read(member, answer);
    } catch (error) {
      return this.#fail(member, error);
    }
  }

  #read(member: LoadedPlugin, answer: unknown): Verdict {
    if (answer === "allow" || answer === "abstain") return answer;
    if (answer === "deny") return denied;
    if (this.#hook === "authenticate" && isSignInRefusal(answer)) {
      const { reasonCode, reasonString } = answer;
      return { allowed: false, reasonCode, ...(reasonString === undefined ? {} : { reasonString }) };
    }
    this.#logger.error(returnedWrongly(member, this.#hook, expectations[this.#hook], answer));
    return failed;
  }

  #fail(member: LoadedPlugin, error: unknown): Refusal {
    this.#logger.error(threw(member, this.#hook, error));
    return failed;
  }
}

const decision = '"allow", "deny" or "abstain"';

const expectations: Readonly<Record<DecidingHook, string>> = {
  authenticate: `${decision}, or a refusal with a reason code from 0x80 to 0x9F`,
  authorizePublish: decision,
  authorizeSubscribe: decision,
  authorizeReceive: `${decision} and no promise`,
};

function isSignInRefusal(answer: unknown): answer is SignInRefusal {
  if (typeof answer !== "object" || answer === null) return false;
  const { decision, reasonCode, reasonString } = answer as Partial<Record<keyof SignInRefusal, unknown>>;
  if (decision !== "deny" || (reasonString !== undefined && typeof reasonString !== "string")) return false;
  return Number.isInteger(reasonCode) && Number(reasonCode) >= 0x80 && Number(reasonCode) <= 0x9f;
}
