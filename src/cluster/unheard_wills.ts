/** The wills of a life that was over before the others heard of them. */
import type { Message } from "../message.ts";
import type { TopicNames } from "../packet/topic_names.ts";
import type { StoredWill } from "../store/store.ts";
import type { Life } from "./cluster_state.ts";
import { decodeEntry } from "./entries.ts";

/** What is left to say of them. */
export interface Unheard {
  /** Of clients that were connected to the end. */
  readonly wills: readonly StoredWill[];
  /** Wills that were published already, in vain. */
  readonly messages: readonly Message[];
}

/**
 * Those that nobody else can publish: no other node has heard of the will.
 *
 * @param unseen what the life has said and what has not come by in the log
 * @param nowMs by the clock that messages expire by
 */
export function unheardWills(unseen: Iterable<Uint8Array>, names: TopicNames, life: Life, nowMs: number): Unheard {
  const wills = new Map<string, StoredWill>();
  const messages: Message[] = [];
  for (const content of unseen) {
    const entry = decodeEntry(content, names, { life, nowMs });
    if (entry.type === "will") wills.set(entry.key, entry.stored);
    else if (entry.type === "will-end") wills.delete(entry.key);
    else if (entry.will !== undefined && wills.delete(entry.will)) messages.push(entry.message);
  }
  return { wills: [...wills.values()], messages };
}
