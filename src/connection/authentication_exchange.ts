import type { GuardedExchange } from "../hooks/authentication.ts";
import type { AuthenticationStep, SignInRefusal } from "../hooks/plugin.ts";

/** The step that lets a client in. */
export type AuthenticationSuccess = Extract<AuthenticationStep, { readonly decision: "allow" }>;

/** An enhanced authentication under way (MQTT 5.0 §4.12): at sign-in, or anew on an open connection. */
export interface EnhancedAuthentication {
  readonly method: string;
  readonly exchange: GuardedExchange;
  /** When it has taken too long, in milliseconds of the clock. */
  readonly deadlineMs: number;
  /** Aborted when the client has gone. */
  readonly gone: AbortController;
  succeed(success: AuthenticationSuccess): void | Promise<void>;
  refuse(refusal: SignInRefusal): void;
}
