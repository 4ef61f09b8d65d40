/** From the plugins' words on a request to one decision; whatever goes wrong on the way denies. */
import type { Logger } from "../logger.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { isPromise, returnedWrongly, threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";
import { type Allowance, allowed, isPermission, join, readPermission } from "./permission.ts";
import type { Plugin } from "./plugin.ts";
import { isRefusal, readRefusal, type RefusalReason, type RefusingPacket } from "./refusal.ts";

export { type Allowance, allowed } from "./permission.ts";

/** A request that is refused, and what the client is told of it. */
export interface Denial extends RefusalReason {
  readonly allowed: false;
}

/** Whether a request is allowed, and what is said about it. */
export type Ruling = Allowance | Denial;

/** Nobody allowed it, a plugin said `deny` and no more, or a plugin failed to answer. */
export const notAuthorized: Denial = Object.freeze({ allowed: false, reasonCode: ReasonCode.NotAuthorized });

/** The sign-in with a user name or password is refused. */
export const badUserNameOrPassword: Denial = Object.freeze({
  allowed: false,
  reasonCode: ReasonCode.BadUserNameOrPassword,
});

/** Nobody has decided about a sign-in with a user name or password; told from what a plugin denies by being this object. */
export const unverified: Denial = Object.freeze({ ...badUserNameOrPassword });

/** What one plugin, or all of them together, have said. */
export type Verdict = "abstain" | Ruling;

/** The hooks that are answered by a decision. */
export type DecidingHook = "authenticate" | "authorizePublish" | "authorizeSubscribe" | "authorizeReceive";

/** Calls the hook of one plugin. */
export type Call = (plugin: Plugin) => unknown;

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
    let outcome: "abstain" | Allowance = "abstain";
    for (const member of this.#members) {
      const verdict = this.#askNow(member, call);
      if (verdict === "abstain") continue;
      if (!verdict.allowed) return verdict;
      outcome = join(outcome, verdict);
    }
    return outcome;
  }

  #decideFrom(first: number, soFar: "abstain" | Allowance, call: Call): Verdict | Promise<Verdict> {
    let outcome = soFar;
    for (let index = first; index < this.#members.length; index++) {
      const verdict = this.#ask(this.#members[index] as LoadedPlugin, call);
      if (verdict instanceof Promise) return this.#decideAfter(verdict, index + 1, outcome, call);
      if (verdict === "abstain") continue;
      if (!verdict.allowed) return verdict;
      outcome = join(outcome, verdict);
    }
    return outcome;
  }

  async #decideAfter(
    pending: Promise<Verdict>,
    next: number,
    soFar: "abstain" | Allowance,
    call: Call,
  ): Promise<Verdict> {
    const verdict = await pending;
    if (verdict === "abstain") return await this.#decideFrom(next, soFar, call);
    if (!verdict.allowed) return verdict;
    return await this.#decideFrom(next, join(soFar, verdict), call);
  }

  #ask(member: LoadedPlugin, call: Call): Verdict | Promise<Verdict> {
    try {
      const answer = call(member.plugin);
      return isPromise(answer) ? this.#askAfter(member, answer) : this.#read(member, answer);
    } catch (error) {
      return this.#threw(member, error);
    }
  }

  async #askAfter(member: LoadedPlugin, answer: PromiseLike<unknown>): Promise<Verdict> {
    try {
      return this.#read(member, await answer);
    } catch (error) {
      return this.#threw(member, error);
    }
  }

  #askNow(member: LoadedPlugin, call: Call): Verdict {
    try {
      const answer = call(member.plugin);
      // Nobody waits for it, so its rejection must not end the program.
      if (isPromise(answer)) answer.then(undefined, () => {});
      return this.#read(member, answer);
    } catch (error) {
      return this.#threw(member, error);
    }
  }

  #read(member: LoadedPlugin, answer: unknown): Verdict {
    if (answer === "allow") return allowed;
    if (answer === "abstain") return answer;
    if (answer === "deny") return this.#hook === "authenticate" ? badUserNameOrPassword : notAuthorized;
    const packet = answers[this.#hook];
    if (packet === undefined) return this.#fail(member, answer);
    if (isPermission(answer)) {
      const allowance = readPermission(answer, { ofSubscription: packet === "SUBACK" });
      return typeof allowance === "string" ? this.#fail(member, answer, allowance) : allowance;
    }
    if (!isRefusal(answer)) return this.#fail(member, answer);
    const reason = readRefusal(answer, packet);
    return typeof reason === "string" ? this.#fail(member, answer, reason) : { allowed: false, ...reason };
  }

  #fail(member: LoadedPlugin, answer: unknown, fault?: string): Denial {
    const expected = expectations[this.#hook] + (fault === undefined ? "" : ` (${fault})`);
    this.#logger.error(returnedWrongly(member, this.#hook, expected, answer));
    return notAuthorized;
  }

  #threw(member: LoadedPlugin, error: unknown): Denial {
    this.#logger.error(threw(member, this.#hook, error));
    return notAuthorized;
  }
}

/** The packets that carry what is said; whom a message is for or kept from is told nothing. */
const answers: Readonly<Record<DecidingHook, RefusingPacket | undefined>> = {
  authenticate: "CONNACK",
  authorizePublish: "PUBACK",
  authorizeSubscribe: "SUBACK",
  authorizeReceive: undefined,
};

const decision = '"allow", "deny" or "abstain"';
const decisionOrMore = `${decision}, a permission or a refusal`;

const expectations: Readonly<Record<DecidingHook, string>> = {
  authenticate: decisionOrMore,
  authorizePublish: decisionOrMore,
  authorizeSubscribe: decisionOrMore,
  authorizeReceive: `${decision} and no promise`,
};
