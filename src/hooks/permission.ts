/** How a plugin's permission is read, and what several of them come to. */
import type { QoS, ReasonProperties } from "../packet/packets.ts";
import { readWords, says } from "./words.ts";

/** What a plugin said with `allow`, checked. */
export interface Allowed extends ReasonProperties {
  readonly allowed: true;
  /** Highest QoS that is granted to a subscription; `undefined`: as asked for. */
  readonly maximumQoS?: QoS;
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
 * @returns what it says, {@linkcode allowed} if nothing, or a sentence that says what is wrong with it
 */
export function readPermission(
  permission: object,
  { ofSubscription }: { ofSubscription: boolean },
): Allowed | string {
  const { maximumQoS, reasonCode } = permission as { maximumQoS?: unknown; reasonCode?: unknown };
  if (reasonCode !== undefined) return "reasonCode must come with a refusal only";
  if (maximumQoS !== undefined && !ofSubscription) return "maximumQoS must come from authorizeSubscribe only";
  if (maximumQoS !== undefined && maximumQoS !== 0 && maximumQoS !== 1 && maximumQoS !== 2) {
    return "maximumQoS must be 0, 1 or 2";
  }
  const words = readWords(permission);
  if (typeof words === "string") return words;
  if (maximumQoS === undefined && !says(words)) return allowed;
  return { allowed: true, ...words, ...maximumQoS !== undefined && { maximumQoS } };
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
  return { ...next, ...former, ...maximumQoS < 2 && { maximumQoS } };
}
