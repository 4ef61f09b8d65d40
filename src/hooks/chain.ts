/** All plugins' hooks as one: what the broker asks and tells. */
import type { Logger } from "../logger.ts";
import type { ApplicationMessage } from "../message.ts";
import { Authenticators, type GuardedExchange } from "./authentication.ts";
import {
  type Authorization,
  type DecidingHook,
  DecidingPlugins,
  type Decision,
  notAuthorized,
  unverified,
} from "./decide.ts";
import { joinLifecycle, type Lifecycle } from "./lifecycle.ts";
import type { LoadedPlugin } from "./loader.ts";
import { joinObservers, type Observers } from "./observe.ts";
import { SignInTally } from "./sign_in_tally.ts";
import type { ClientSnapshot, EnhancedSignIn, Plugin, SignIn, SubscriptionSnapshot } from "./plugin.ts";
import { type Rewriters, rewriters } from "./rewrite.ts";
import { type Transformed, Transformers } from "./transform.ts";

/**
 * The hooks of all plugins. A hook that no plugin has is `undefined`, so that it costs nothing; a promise is returned
 * only where a plugin returned one. No function but those of {@linkcode Lifecycle} throws or rejects.
 */
export interface HookChain extends Observers, Lifecycle, Rewriters {
  /** One deny wins and ends the asking, one allow is needed, a plugin that throws denies. */
  readonly authenticate?: (signIn: SignIn) => Authorization | Promise<Authorization>;
  /**
   * The first plugin that knows the mechanism serves; a plugin that fails is taken for one that knows it and refuses.
   * `undefined` as result: none knows it.
   */
  readonly beginAuthentication?: (signIn: EnhancedSignIn) => GuardedExchange | undefined;
  /** Decided as `authenticate`. */
  readonly authorizePublish?: (
    client: ClientSnapshot,
    message: ApplicationMessage,
  ) => Authorization | Promise<Authorization>;
  /** Decided as `authenticate`. */
  readonly authorizeSubscribe?: (
    client: ClientSnapshot,
    subscription: SubscriptionSnapshot,
  ) => Authorization | Promise<Authorization>;
  /** Decided as `authenticate`, but at once: a plugin that returns a promise denies. */
  readonly authorizeReceive?: (client: ClientSnapshot, message: ApplicationMessage) => boolean;
  /** `undefined` as result: a plugin has dropped the message; `failed`: a plugin has, which is in the log. */
  readonly transformMessage?: (
    message: ApplicationMessage,
    client: ClientSnapshot | undefined,
  ) => Transformed | Promise<Transformed>;
}

/**
 * Joins the hooks of these plugins, which are called in this order.
 *
 * @param plugins may get more later, which lifecycle hooks know at once, and others with {@linkcode fillHookChain}
 * @param logger hears of plugins that fail
 * @param tally where what they say about sign-ins is counted. @default one of its own
 */
export function buildHookChain(
  plugins: readonly LoadedPlugin[],
  logger: Logger,
  tally: SignInTally = new SignInTally(),
): HookChain {
  return {
    authenticate: joinAuthenticate(plugins, logger, tally),
    beginAuthentication: joinBeginAuthentication(plugins, logger, tally),
    ...joinAuthorize(plugins, logger),
    transformMessage: joinTransform(plugins, logger),
    ...rewriters(plugins, logger),
    ...joinObservers(plugins, logger),
    ...joinLifecycle(plugins, logger),
  };
}

/** Puts the hooks of these plugins into a chain that is in use, in place of what it had. */
export function fillHookChain(
  chain: HookChain,
  plugins: readonly LoadedPlugin[],
  logger: Logger,
  tally: SignInTally,
): void {
  Object.assign(chain, buildHookChain(plugins, logger, tally));
}

/** As {@linkcode fillHookChain}, for the observing hooks alone. */
export function fillObservers(chain: HookChain, plugins: readonly LoadedPlugin[], logger: Logger): void {
  Object.assign(chain, joinObservers(plugins, logger));
}

function having(plugins: readonly LoadedPlugin[], hook: keyof Plugin): readonly LoadedPlugin[] | undefined {
  const found = plugins.filter(({ plugin }) => plugin[hook] !== undefined);
  return found.length === 0 ? undefined : found;
}

function juryOf(plugins: readonly LoadedPlugin[], hook: DecidingHook, logger: Logger): DecidingPlugins | undefined {
  const members = having(plugins, hook);
  return members && new DecidingPlugins(members, hook, logger);
}

function joinAuthenticate(
  plugins: readonly LoadedPlugin[],
  logger: Logger,
  tally: SignInTally,
): HookChain["authenticate"] {
  const members = having(plugins, "authenticate");
  if (members === undefined) return undefined;
  for (const { specifier } of members) tally.enter(specifier);
  const decidingPlugins = new DecidingPlugins(members, "authenticate", logger, tally);
  return (signIn) => {
    const decision = decidingPlugins.decide((plugin) => plugin.authenticate?.(signIn));
    return decision instanceof Promise
      ? decision.then((later) => signInRuling(later, signIn))
      : signInRuling(decision, signIn);
  };
}

function signInRuling(decision: Decision, { username, password }: SignIn): Authorization {
  if (decision !== "abstain") return decision;
  const anonymous = username === undefined && password === undefined;
  return anonymous ? notAuthorized : unverified;
}

function joinBeginAuthentication(
  plugins: readonly LoadedPlugin[],
  logger: Logger,
  tally: SignInTally,
): HookChain["beginAuthentication"] {
  const members = having(plugins, "beginAuthentication");
  if (members === undefined) return undefined;
  for (const { specifier } of members) tally.enter(specifier);
  const authenticators = new Authenticators(members, logger, tally);
  return (signIn) => authenticators.begin(signIn);
}

function joinAuthorize(
  plugins: readonly LoadedPlugin[],
  logger: Logger,
): Pick<HookChain, "authorizePublish" | "authorizeSubscribe" | "authorizeReceive"> {
  const publish = juryOf(plugins, "authorizePublish", logger);
  const subscribe = juryOf(plugins, "authorizeSubscribe", logger);
  const receive = juryOf(plugins, "authorizeReceive", logger);
  return {
    authorizePublish: publish &&
      ((client, message) => rulingOf(publish.decide((plugin) => plugin.authorizePublish?.(client, message)))),
    authorizeSubscribe: subscribe &&
      ((client, subscription) =>
        rulingOf(subscribe.decide((plugin) => plugin.authorizeSubscribe?.(client, subscription)))),
    authorizeReceive: receive &&
      ((client, message) => {
        const decision = receive.decideNow((plugin) => plugin.authorizeReceive?.(client, message));
        return decision !== "abstain" && decision.allowed;
      }),
  };
}

function rulingOf(decision: Decision | Promise<Decision>): Authorization | Promise<Authorization> {
  return decision instanceof Promise ? decision.then(requestRuling) : requestRuling(decision);
}

function requestRuling(decision: Decision): Authorization {
  return decision === "abstain" ? notAuthorized : decision;
}

function joinTransform(plugins: readonly LoadedPlugin[], logger: Logger): HookChain["transformMessage"] {
  const transforming = having(plugins, "transformMessage");
  if (transforming === undefined) return undefined;
  const transformers = new Transformers(transforming, logger);
  return (message, client) => transformers.transform(message, client);
}
