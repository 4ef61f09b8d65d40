/** How a plugin's permission is read, and what several of them come to. */
import type { QoS, ReasonProperties } from "../packet/packets.ts";
import { checkText } from "../packet/message_properties.ts";
import type { ClientAttributes } from "./answer.ts";
import { readWords, says } from "./words.ts";

/** What a plugin said with `allow`, checked. */
export interface Allowed extends ReasonProperties {
  readonly allowed: true;
  /** Highest QoS that is granted to a subscription; `undefined`: as asked for. */
  readonly maximumQoS?: QoS;
  /** Whom a client is let in as; `undefined`: as it says. */
  readonly username?: string;
  /** What is known of a client that is let in. */
  readonly attributes?: ClientAttributes;
}

/** The authorization for all that is allowed without a word, so that none has to be made. */
export const allowed: Allowed = Object.freeze({ allowed: true });

/** Whether a plugin's answer is meant as a permission in detail. */
export function isPermission(answer: unknown): answer is object {
  return typeof answer === "object" && answer !== null && (answer as { decision?: unknown }).decision === "allow";
}

/**
 * Reads a permission.
 *
 * @param ofSubscription it may limit the QoS
 * @param ofSignIn it may say as whom the client is let in, and what is known of it
 * @returns what it says, {@linkcode allowed} if nothing, or a sentence that says what is wrong with it
 */
export function readPermission(
  permission: object,
  { ofSubscription, ofSignIn = false }: { readonly ofSubscription: boolean; readonly ofSignIn?: boolean },
): Allowed | string {
  const { maximumQoS, reasonCode } = permission as { maximumQoS?: unknown; reasonCode?: unknown };
  if (reasonCode !== undefined) return "reasonCode must come with a refusal only";
  if (maximumQoS !== undefined && !ofSubscription) return "maximumQoS must come from authorizeSubscribe only";
  if (maximumQoS !== undefined && maximumQoS !== 0 && maximumQoS !== 1 && maximumQoS !== 2) {
    return "maximumQoS must be 0, 1 or 2";
  }
  const words = readWords(permission);
  if (typeof words === "string") return words;
  const person = ofSignIn ? readPerson(permission) : NOBODY;
  if (typeof person === "string") return person;
  if (maximumQoS === undefined && person === NOBODY && !says(words)) return allowed;
  return { allowed: true, ...words, ...person, ...maximumQoS !== undefined && { maximumQoS } };
}

/** What a sign-in says of who the client is. */
export type Person = Pick<Allowed, "username" | "attributes">;

const NOBODY: Person = Object.freeze({});

/** Reads user name and attributes of a sign-in's answer; a sentence says what is wrong with one. */
export function readPerson(answer: object): Person | string {
  const { username, attributes } = answer as { readonly username?: unknown; readonly attributes?: unknown };
  if (username === undefined && attributes === undefined) return NOBODY;
  const fault = username === undefined ? undefined : checkText(username, "username");
  if (fault !== undefined) return fault;
  if (
    attributes !== undefined && (typeof attributes !== "object" || attributes === null || Array.isArray(attributes))
  ) {
    return "attributes must be an object";
  }
  return {
    ...username !== undefined && { username: username as string },
    ...attributes !== undefined && { attributes: Object.freeze({ ...attributes }) },
  };
}

/**
 * What plugins have allowed together: of each part the first, of the QoS the lowest.
 *
 * @param former `abstain`: nobody before has allowed anything
 */
export function join(former: "abstain" | Allowed, next: Allowed): Allowed {
  if (former === "abstain" || former === allowed) return next;
  if (next === allowed) return former;
  const maximumQoS = Math.min(former.maximumQoS ?? 2, next.maximumQoS ?? 2) as QoS;
  const attributes = former.attributes && next.attributes &&
    Object.freeze({ ...next.attributes, ...former.attributes });
  return { ...next, ...former, ...maximumQoS < 2 && { maximumQoS }, ...attributes && { attributes } };
}
