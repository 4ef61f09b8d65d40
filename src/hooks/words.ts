/** How the words are read that a plugin has for a client beside its decision. */
import { checkText, checkUserProperties } from "../packet/message_properties.ts";
import type { ReasonProperties } from "../packet/packets.ts";

/**
 * Reads the reason string and the user properties of an answer (MQTT 5.0 §2.2.2). The plugin may do with its object
 * what it likes afterwards.
 *
 * @returns those that are there, or a sentence that says what is wrong with one
 */
export function readWords(answer: object): ReasonProperties | string {
  const { reasonString, userProperties } = answer as { reasonString?: unknown; userProperties?: unknown };
  const fault = (reasonString === undefined ? undefined : checkText(reasonString, "reasonString")) ??
    (userProperties === undefined ? undefined : checkUserProperties(userProperties, "userProperties"));
  if (fault !== undefined) return fault;
  // Both have just been checked.
  const words = { reasonString, userProperties } as ReasonProperties;
  return {
    ...words.reasonString !== undefined && { reasonString: words.reasonString },
    ...words.userProperties && { userProperties: words.userProperties.map(([name, value]) => [name, value] as const) },
  };
}

/** Whether there is a word in these words. */
export function says({ reasonString, userProperties }: ReasonProperties): boolean {
  return reasonString !== undefined || userProperties !== undefined;
}
