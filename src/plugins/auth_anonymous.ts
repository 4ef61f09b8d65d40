/**
 * `auth.anonymous`: lets clients without a user name in, or keeps them out. Clients with a user name are left to other
 * plugins; one whose user name no plugin verifies is refused.
 *
 * @module
 */
import type { Plugin, PluginFactory, SignIn } from "../hooks/plugin.ts";
import { ReasonCode } from "../packet/reason_code.ts";
import { readOptions, show } from "./options.ts";

/** Options of `auth.anonymous`. */
export interface AuthAnonymousOptions {
  /** Whether clients without a user name may come in. @default true */
  readonly allowAnonymous?: boolean;
}

/** Makes the plugin; its options are {@linkcode AuthAnonymousOptions}. */
const create: PluginFactory = (options: unknown): Plugin => {
  let allowed = readAllowed(options);
  return {
    authenticate(signIn: SignIn) {
      if (signIn.username !== undefined) return "abstain";
      return allowed ? "allow" : { decision: "deny" as const, reasonCode: ReasonCode.NotAuthorized };
    },
    reload(newOptions: unknown) {
      allowed = readAllowed(newOptions);
    },
  };
};

export default create;

function readAllowed(options: unknown): boolean {
  const { allowAnonymous = true } = readOptions(options, ["allowAnonymous"]);
  if (typeof allowAnonymous !== "boolean") {
    throw new Error(`allowAnonymous must be true or false: got ${show(allowAnonymous)}`);
  }
  return allowAnonymous;
}
