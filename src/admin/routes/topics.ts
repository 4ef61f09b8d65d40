/** Topics as the broker sees them, and what is retained. */
import { z } from "zod";
import { type Call, get, post, type Route } from "../route.ts";
import { page } from "../lists.ts";
import { fieldProblem } from "../problem.ts";
import { flag, limit, listQuery, qos, topic } from "../schemas.ts";
import { payloadView, time, topicBrief } from "../views.ts";
import { filterOf, topicNameOf } from "../parse.ts";
import { parseTopicName } from "../../packet/topic.ts";
import type { TopicBranch } from "../topic_branch.ts";
import type { TopicEntry, TopicPublisher } from "../topic_entry.ts";

const topicsQuery = listQuery(["name", "messages"], { parent: z.string().max(65_535).optional() });

function brief({ host, identity }: Call, entry: TopicEntry | undefined) {
  if (!entry) return null;
  const retained = host.inspection.retained(parseTopicName(entry.topicName)) !== undefined;
  return topicBrief(entry, { nowMs: host.epoch(), retained, payloads: identity.payloads });
}

/** A level of the tree. */
export function branchView(call: Call, { level, path, children, entry, topics }: TopicBranch) {
  const messages = entry?.messages ?? null;
  return { level, topicName: path, children: children.size, messages, below: topics, last: brief(call, entry) };
}

function listTopics(call: Call<z.output<typeof topicsQuery>>) {
  const { recorder, host, query } = call;
  const letRun = () => host.letRun();
  const { root } = recorder.topics;
  if (query.search !== undefined) {
    const text = query.search.toLowerCase();
    return page(query, {
      items: recorder.topics.entries(),
      wanted: ({ topicName }) => topicName.toLowerCase().includes(text),
      key: (entry) => query.sort === "messages" ? entry.messages : entry.topicName,
      identity: ({ topicName }) => topicName,
      show: ({ topicName }) => branchView(call, root.find(topicName)!),
      letRun,
    });
  }
  const branch = query.parent === undefined ? root : root.find(query.parent);
  return page(query, {
    items: branch?.children.values() ?? [],
    key: (child) => query.sort === "messages" ? child.entry?.messages ?? 0 : child.level,
    identity: ({ level }) => level,
    show: (child) => branchView(call, child),
    letRun,
  });
}

function publisherView({ clientIdentifier, username, address }: TopicPublisher) {
  return { clientIdentifier, username: username ?? null, address: address ?? null };
}

/** Subscribers that are named of one topic. */
const SHOWN_SUBSCRIBERS = 1000;
const topicQuery = z.strictObject({ name: topic });

/** All that is known of a topic. */
export function showTopic(call: Call<z.output<typeof topicQuery>>) {
  const { host, recorder, identity, query } = call;
  const name = topicNameOf("name", query.name);
  const entry = recorder.topics.get(name);
  const retained = host.inspection.retained(name);
  const subscribers = host.inspection.subscribers(name).take(SHOWN_SUBSCRIBERS).map((one) => {
    const { clientIdentifier, topicFilter, qos, shareName = null, connected } = one;
    return { clientIdentifier, topicFilter, qos, shareName, connected };
  });
  const { publisher } = entry ?? {};
  return {
    topicName: name,
    brief: brief(call, entry),
    messages: entry?.messages ?? 0,
    publisher: publisher ? publisherView(publisher) : null,
    retainedMessage: retained
      ? {
        qos: retained.qos,
        size: retained.payload.length,
        publisher: retained.publisher ?? null,
        payload: identity.payloads ? payloadView(retained.payload) : null,
      }
      : null,
    subscribers: [...subscribers],
    denied: (entry?.denials?.oldestFirst() ?? []).map(({ atMs, username = null, address = null, ...rest }) => ({
      at: time(atMs),
      username,
      address,
      ...rest,
    })),
    samples: identity.payloads
      ? (entry?.samples?.oldestFirst() ?? []).map(({ atMs, value }) => ({ at: time(atMs), value }))
      : [],
  };
}

const retainedQuery = z.strictObject({
  limit,
  cursor: z.string().max(200_000).optional(),
  order: z.enum(["asc", "desc"]).default("asc"),
  filter: topic.default("#"),
  payload: flag,
});

const publishBody = z.strictObject({
  topicName: topic,
  payload: z.string(),
  encoding: z.enum(["utf8", "base64"]).default("utf8"),
  qos,
  retain: z.boolean().default(false),
});

function payloadOf({ payload, encoding }: z.output<typeof publishBody>): Uint8Array {
  if (encoding === "utf8") return new TextEncoder().encode(payload);
  try {
    return Uint8Array.from(atob(payload), (character) => character.charCodeAt(0));
  } catch {
    throw fieldProblem("payload", "must be base64");
  }
}

export const topicRoutes: readonly Route[] = [
  get("/topics", {
    needs: "viewer",
    summary: "The tree of topics, one branch at a time, or all topics that hold a text",
    query: topicsQuery,
    handle: listTopics,
  }),
  get("/topic", { needs: "viewer", summary: "One topic", query: topicQuery, handle: showTopic }),
  get("/retained", {
    needs: "viewer",
    summary: "The retained messages that a filter matches",
    query: retainedQuery,
    handle: ({ host, identity, query }) =>
      page(query, {
        items: host.inspection.retainedMatching(filterOf("filter", query.filter)),
        identity: ({ topicName }) => topicName,
        show: ({ topicName, qos, publisher = null, payload }) => ({
          topicName,
          qos,
          publisher,
          size: payload.length,
          payload: query.payload === true && identity.payloads ? payloadView(payload) : null,
        }),
        letRun: () => host.letRun(),
      }),
  }),
  post("/publish", {
    needs: "operator",
    summary: "Publishes a message in the broker's own name",
    body: publishBody,
    handle: async ({ host, body }) => {
      const { qos, retain } = body;
      await host.publish(topicNameOf("topicName", body.topicName), payloadOf(body), { qos, retain });
      return { published: true };
    },
  }),
  post("/retained/delete", {
    needs: "operator",
    summary: "Deletes the retained messages that a filter matches; a dry run only counts them",
    body: z.strictObject({ filter: topic, dryRun: z.boolean() }),
    handle: ({ host, body }) => host.deleteRetained(filterOf("filter", body.filter), { dryRun: body.dryRun }),
  }),
];
