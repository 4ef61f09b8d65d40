/** The wills of a life that was over before the others heard of them. */
import type { TopicNames } from "../packet/topic_names.ts";
import type { StoredWill } from "../store/store.ts";
import type { Life } from "./cluster_state.ts";
import { decodeEntry, encodeWill } from "./entries.ts";

/**
 * Those that nobody else can publish, in the order in which they are due: no other node has heard of the will. Some were
 * published already, in vain, and the others are of clients that were connected to the end.
 *
 * @param unseen what the life has said and what has not come by in the log
 * @param place whose life it was, and now, by the clock that messages expire by
 * @param heard the will of this key that the others know of
 */
export function unheardWills(
  unseen: Iterable<Uint8Array>,
  names: TopicNames,
  place: { readonly life: Life; readonly nowMs: number },
  heard: (key: string) => StoredWill | undefined,
): StoredWill[] {
  const wills = new Map<string, StoredWill>();
  const published: StoredWill[] = [];
  const ended = new Set<string>();
  for (const content of unseen) {
    const entry = decodeEntry(content, names, place);
    if (entry.type === "parcel") continue;
    if (entry.type === "will") {
      const known = ended.has(entry.key) ? undefined : heard(entry.key);
      // That its delay has begun makes no other will of it.
      if (known === undefined || !isSame(known, entry.stored)) wills.set(entry.key, entry.stored);
      continue;
    }
    const key = entry.type === "will-end" ? entry.key : entry.will;
    if (key === undefined) continue;
    ended.add(key);
    const will = wills.get(key);
    if (will !== undefined && entry.type === "message") published.push(will);
    wills.delete(key);
  }
  return [...published, ...wills.values()];
}

function isSame(a: StoredWill, b: StoredWill): boolean {
  const [one, other] = [a, b].map((stored) => encodeWill({ ...stored, dueAt: undefined }));
  return one!.length === other!.length && one!.every((byte, i) => byte === other![i]);
}
