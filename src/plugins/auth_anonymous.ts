/**
 * `auth.anonymous`: lets clients without a user name in, or keeps them out. Clients with a user name are left to other
 * plugins; one whose user name no plugin verifies is refused, unless the option says `any-username`: then a name is taken
 * for what the client says, as Mosquitto does without a password file.
 *
 * @module
 */
import type { Plugin, PluginFactory, SignIn } from "../hooks/plugin.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { authAnonymousOptions } from "./auth_anonymous_options.ts";
import { readOptions, show } from "./options.ts";

/** Who may come in without being verified: nobody, who gives no user name, or anybody. */
export type Anonymity = boolean | "any-username";

/** Options of `auth.anonymous`. */
export interface AuthAnonymousOptions {
  /**
   * Whether clients without a user name may come in; `any-username`: those with one, too, unless another plugin denies
   * them. @default true
   */
  readonly allowAnonymous?: Anonymity;
}

/** Makes the plugin; its options are {@linkcode AuthAnonymousOptions}. */
const create: PluginFactory = (options: unknown): Plugin => {
  let allowed = readAllowed(options);
  return {
    authenticate(signIn: SignIn) {
      if (signIn.username !== undefined) return allowed === "any-username" ? "allow" : "abstain";
      return allowed ? "allow" : { decision: "deny" as const, reasonCode: ReasonCode.NotAuthorized };
    },
    reload(newOptions: unknown) {
      allowed = readAllowed(newOptions);
    },
  };
};

export default create;

function readAllowed(options: unknown): Anonymity {
  const { allowAnonymous = true } = readOptions(options, authAnonymousOptions);
  if (typeof allowAnonymous !== "boolean" && allowAnonymous !== "any-username") {
    throw new Error(`allowAnonymous must be true, false or any-username: got ${show(allowAnonymous)}`);
  }
  return allowAnonymous;
}
