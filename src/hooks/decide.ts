/** From the plugins' words on a request to one decision; whatever goes wrong on the way denies. */
import type { Logger } from "../logger.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { isPromise, returnedWrongly, threw } from "./fault.ts";
import type { LoadedPlugin } from "./loader.ts";
import { type Allowed, allowed, isPermission, join, readPermission } from "./permission.ts";
import type { Plugin } from "./plugin.ts";
import { isRefusal, readRefusal, type RefusalReason, type RefusingPacket } from "./refusal.ts";
import type { SignInTally } from "./sign_in_tally.ts";

export { type Allowed, allowed } from "./permission.ts";

/** A request that is refused, and what the client is told of it. */
export interface Denied extends RefusalReason {
  readonly allowed: false;
  /** Who said no; `undefined`: nobody said yes. */
  readonly plugin?: string;
  /** The broker cannot take it now, whoever asks: a client that has no word for a refusal must not believe it was taken. */
  readonly isFault?: true;
}

/** Whether a request is allowed, and what is said about it. */
export type Authorization = Allowed | Denied;

/** Nobody allowed it, a plugin said `deny` and no more, or a plugin failed to answer. */
export const notAuthorized: Denied = Object.freeze({ allowed: false, reasonCode: ReasonCode.NotAuthorized });

/** The sign-in with a user name or password is refused. */
export const badUserNameOrPassword: Denied = Object.freeze({
  allowed: false,
  reasonCode: ReasonCode.BadUserNameOrPassword,
});

/** Nobody has decided about a sign-in with a user name or password; told from what a plugin denies by being this object. */
export const unverified: Denied = Object.freeze({ ...badUserNameOrPassword });

/** What one plugin, or all of them together, have said. */
export type Decision = "abstain" | Authorization;

/** The hooks that are answered by a decision. */
export type DecidingHook = "authenticate" | "authorizePublish" | "authorizeSubscribe" | "authorizeReceive";

/** Calls the hook of one plugin. */
export type Call = (plugin: Plugin) => unknown;

/** The plugins that serve one deciding hook. */
export class DecidingPlugins {
  readonly #members: readonly LoadedPlugin[];
  readonly #hook: DecidingHook;
  readonly #logger: Logger;
  readonly #tally: SignInTally | undefined;
  readonly #denials = new Map<LoadedPlugin, Denied>();

  /**
   * @param members the plugins that have `hook`, in the order in which they are asked
   * @param tally where the word of each is counted. @default nowhere
   */
  constructor(members: readonly LoadedPlugin[], hook: DecidingHook, logger: Logger, tally?: SignInTally) {
    this.#members = members;
    this.#hook = hook;
    this.#logger = logger;
    this.#tally = tally;
  }

  /** Asks one plugin after the other until one denies. Returns a promise only if a plugin does. */
  decide(call: Call): Decision | Promise<Decision> {
    return this.#decideFrom(0, "abstain", call);
  }

  /** As {@linkcode DecidingPlugins.decide}, for a hook that has to answer at once: a promise denies. */
  decideNow(call: Call): Decision {
    let outcome: "abstain" | Allowed = "abstain";
    for (const member of this.#members) {
      const decision = this.#askNow(member, call);
      if (decision === "abstain") continue;
      if (!decision.allowed) return decision;
      outcome = join(outcome, decision);
    }
    return outcome;
  }

  #decideFrom(first: number, soFar: "abstain" | Allowed, call: Call): Decision | Promise<Decision> {
    let outcome = soFar;
    for (let index = first; index < this.#members.length; index++) {
      const decision = this.#ask(this.#members[index] as LoadedPlugin, call);
      if (decision instanceof Promise) return this.#decideAfter(decision, index + 1, outcome, call);
      if (decision === "abstain") continue;
      if (!decision.allowed) return decision;
      outcome = join(outcome, decision);
    }
    return outcome;
  }

  async #decideAfter(
    pending: Promise<Decision>,
    next: number,
    soFar: "abstain" | Allowed,
    call: Call,
  ): Promise<Decision> {
    const decision = await pending;
    if (decision === "abstain") return await this.#decideFrom(next, soFar, call);
    if (!decision.allowed) return decision;
    return await this.#decideFrom(next, join(soFar, decision), call);
  }

  #ask(member: LoadedPlugin, call: Call): Decision | Promise<Decision> {
    try {
      const answer = call(member.plugin);
      return isPromise(answer) ? this.#askAfter(member, answer) : this.#read(member, answer);
    } catch (error) {
      return this.#threw(member, error);
    }
  }

  async #askAfter(member: LoadedPlugin, answer: PromiseLike<unknown>): Promise<Decision> {
    try {
      return this.#read(member, await answer);
    } catch (error) {
      return this.#threw(member, error);
    }
  }

  #askNow(member: LoadedPlugin, call: Call): Decision {
    try {
      const answer = call(member.plugin);
      // Nobody waits for it, so its rejection must not end the program.
      if (isPromise(answer)) answer.then(undefined, () => {});
      return this.#read(member, answer);
    } catch (error) {
      return this.#threw(member, error);
    }
  }

  #read(member: LoadedPlugin, answer: unknown): Decision {
    const decision = this.#understand(member, answer);
    if (decision !== "abstain") this.#tally?.count(member.specifier, decision.allowed ? "allowed" : "denied");
    return decision;
  }

  #understand(member: LoadedPlugin, answer: unknown): Decision {
    if (answer === "allow") return allowed;
    if (answer === "abstain") return answer;
    if (answer === "deny") return this.#denial(member);
    const packet = answers[this.#hook];
    if (packet === undefined) return this.#fail(member, answer);
    if (isPermission(answer)) {
      const permission = readPermission(answer, {
        ofSubscription: packet === "SUBACK",
        ofSignIn: packet === "CONNACK",
      });
      return typeof permission === "string" ? this.#fail(member, answer, permission) : permission;
    }
    if (!isRefusal(answer)) return this.#fail(member, answer);
    const reason = readRefusal(answer, packet);
    return typeof reason === "string"
      ? this.#fail(member, answer, reason)
      : { allowed: false, ...reason, plugin: member.specifier };
  }

  /** What `deny` alone means. One object for each plugin: recipients are refused very often. */
  #denial(member: LoadedPlugin): Denied {
    const known = this.#denials.get(member);
    if (known) return known;
    const bare = this.#hook === "authenticate" ? badUserNameOrPassword : notAuthorized;
    const denial = Object.freeze({ ...bare, plugin: member.specifier });
    this.#denials.set(member, denial);
    return denial;
  }

  #fail(member: LoadedPlugin, answer: unknown, fault?: string): Denied {
    const expected = expectations[this.#hook] + (fault === undefined ? "" : ` (${fault})`);
    this.#logger.error(returnedWrongly(member, this.#hook, expected, answer));
    return { ...notAuthorized, plugin: member.specifier };
  }

  #threw(member: LoadedPlugin, error: unknown): Denied {
    this.#tally?.count(member.specifier, "denied");
    this.#logger.error(threw(member, this.#hook, error));
    return { ...notAuthorized, plugin: member.specifier };
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
