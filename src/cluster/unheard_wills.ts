/** The wills of a life that was over before the others heard of them. */
import type { TopicNames } from "../packet/topic_names.ts";
import type { StoredWill } from "../store/store.ts";
import type { Life } from "./cluster_state.ts";
import { decodeEntry } from "./entries.ts";

/**
 * Those that nobody else can publish: their clients are closed, or were lost before.
 *
 * @param unseen what the life has said and what has not come by in the log
 */
export function unheardWills(unseen: Iterable<Uint8Array>, names: TopicNames, life: Life): Iterable<StoredWill> {
  const wills = new Map<string, StoredWill>();
  for (const content of unseen) {
    const entry = decodeEntry(content, names, { life, nowMs: 0 });
    if (entry.type === "will") wills.set(entry.key, entry.stored);
    else if (entry.type === "will-end") wills.delete(entry.key);
  }
  return wills.values();
}
