/** What a plugin may answer to a request: a bare decision, or one with words for the client. */
import type { QoS, UserProperty } from "../packet/packets.ts";
import type { ReasonCode } from "../packet/reason_code.ts";

/**
 * A plugin's word on a request. One `deny` wins, one `allow` is needed, `abstain` counts for nothing; a hook that
 * throws denies.
 */
export type Decision = "allow" | "deny" | "abstain";

/**
 * How a request is allowed in detail. Of several plugins the first that gives a part is heard. A 5.0 client reads it in
 * CONNACK, PUBACK, PUBREC or SUBACK, if it wants to and has room for it; nobody is told at QoS 0, nor of a will.
 */
export interface Permission {
  /** The permission. */
  readonly decision: "allow";
  /** For a 5.0 client, in words for people. */
  readonly reasonString?: string;
  /** For a 5.0 client, in this order. */
  readonly userProperties?: readonly UserProperty[];
}

/** How a sign-in is allowed in detail. */
export interface SignInPermission extends Permission {
  /**
   * Whom the client is let in as: the user name for permissions, sessions and the mountpoint. `undefined`: as in its
   * CONNECT. Of several plugins the first that gives one is heard.
   */
  readonly username?: string;
  /**
   * What the plugin knows of the client, such as its tenant: `attributes` of its snapshot. Of several plugins the
   * first that gives a name is heard. It is not stored: a will of an earlier run comes without.
   */
  readonly attributes?: ClientAttributes;
}

/** What plugins have attached to a client at sign-in, by name. */
export type ClientAttributes = Readonly<Record<string, unknown>>;

/** How a subscription is allowed in detail. SUBACK has one set of words for all of its filters, refusals first. */
export interface SubscriptionPermission extends Permission {
  /** Highest QoS that is granted; the lowest of several plugins counts. `undefined`: as asked for. */
  readonly maximumQoS?: QoS;
}

/** How a request is refused in detail. */
export interface Refusal {
  /** The refusal. */
  readonly decision: "deny";
  /** At least 0x80, and one that the answer may carry (MQTT 5.0 §2.4). @default 0x87 NotAuthorized */
  readonly reasonCode?: ReasonCode;
  /** For a 5.0 client, in words for people. */
  readonly reasonString?: string;
  /** For a 5.0 client, in this order. */
  readonly userProperties?: readonly UserProperty[];
}

/**
 * How a sign-in is refused in detail; `deny` alone means "bad user name or password". 3.x clients get the return code
 * that comes closest.
 */
export interface SignInRefusal extends Refusal {
  /** At least 0x80, and one that CONNACK may carry (MQTT 5.0 §3.2.2.2). */
  readonly reasonCode: ReasonCode;
  /** Where a 5.0 client should go instead; with 0x9C `UseAnotherServer` or 0x9D `ServerMoved`. */
  readonly serverReference?: string;
}

/** The next step of an enhanced authentication: more is needed, the client is who it says, or it is refused. */
export type AuthenticationStep =
  | {
    /** The client is asked for more, in an AUTH packet. */
    readonly decision: "continue";
    /** What the mechanism says to the client. */
    readonly authenticationData?: Uint8Array;
    /** For the AUTH packet, in words for people. */
    readonly reasonString?: string;
    /** For the AUTH packet, in this order. */
    readonly userProperties?: readonly UserProperty[];
  }
  | {
    /** The client is let in. */
    readonly decision: "allow";
    /** Whom it is let in as: the user name for permissions and sessions. `undefined`: as in its CONNECT. */
    readonly username?: string;
    /** What the plugin knows of the client; see {@linkcode SignInPermission.attributes}. */
    readonly attributes?: ClientAttributes;
    /** What the mechanism says to the client at the end. */
    readonly authenticationData?: Uint8Array;
    /** For CONNACK, or for AUTH after a re-authentication, in words for people. */
    readonly reasonString?: string;
    /** For CONNACK, or for AUTH after a re-authentication, in this order. */
    readonly userProperties?: readonly UserProperty[];
  }
  | SignInRefusal;

/** One client's enhanced authentication under way. */
export interface AuthenticationExchange {
  /**
   * Takes what the client says: first in CONNECT or in the AUTH that asks for re-authentication, then in each AUTH. A
   * throw refuses.
   */
  next(authenticationData: Uint8Array | undefined): AuthenticationStep | Promise<AuthenticationStep>;
}
