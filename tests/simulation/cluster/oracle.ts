/** What the log comes to, read from its beginning to its end by the rules alone. */
import { ClusterState } from "../../../src/cluster/cluster_state.ts";
import { decodeEntry } from "../../../src/cluster/entries.ts";
import { decodeRecord } from "../../../src/cluster/record.ts";
import { SHARDS } from "../../../src/cluster/shards.ts";
import { WillBook } from "../../../src/cluster/will_book.ts";
import { TopicNames } from "../../../src/packet/topic_names.ts";
import type { LogEngine } from "./log.ts";

/** What the log says. */
export interface Word {
  /** Payloads by topic name. */
  readonly retained: ReadonlyMap<string, string>;
  /** How many wills are not spent. */
  readonly wills: number;
  /** Payloads of those that were published, in their order, and where in the log. */
  readonly published: readonly (readonly [payload: string, position: number])[];
}

/** Reads it all. */
export function wordOfLog({ records }: LogEngine): Word {
  const state = new ClusterState(SHARDS);
  const names = new TopicNames();
  const wills = new WillBook();
  const retained = new Map<string, string>();
  const published: [string, number][] = [];
  const died = (node: string, incarnation: number, atMs: number) => wills.died({ node, incarnation }, atMs);
  for (const { position, bytes, timeMs } of records) {
    const record = decodeRecord(bytes);
    if ("unreadable" in record) throw new Error(record.text);
    const { writer: node, incarnation, body } = record;
    const former = state.writer(node);
    const wasLive = former?.live === true ? former.incarnation : undefined;
    const verdict = state.apply(record);
    if (verdict.is !== "counts") continue;
    if (body.type === "up" && wasLive !== undefined) died(node, wasLive, timeMs);
    if (body.type === "down") died(body.node, body.incarnation, timeMs);
    if (body.type !== "batch") continue;
    for (const entry of body.entries) {
      if (entry.type !== "message") continue;
      const life = { node, incarnation };
      const said = decodeEntry(entry.content, names, { life, nowMs: 0 });
      if (said.type === "will") wills.set(life, said.key, said.stored);
      else if (said.type === "will-end") wills.end(said.key);
      else if (said.type === "parcel") continue;
      else if (said.will === undefined || wills.end(said.will)) {
        const { topicName, payload, retain } = said.message;
        if (topicName.startsWith("w/")) published.push([new TextDecoder().decode(payload), position]);
        if (!retain) continue;
        if (payload.length === 0) retained.delete(topicName);
        else retained.set(topicName, new TextDecoder().decode(payload).replace(/\.+$/, ""));
      }
    }
  }
  return { retained, wills: [...wills.all()].length, published };
}
